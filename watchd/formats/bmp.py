"""BMP on paper: its headers, and how long the file must be for its rows to be all there.

Source: Microsoft's BITMAPFILEHEADER and BITMAPINFOHEADER family; OS/2 1.x's BITMAPCOREHEADER.
"""

from __future__ import annotations

import struct
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unended, Unreadable

START: Final = b"BM"
_FILE_HEADER: Final = struct.Struct("<2sIHHI")
_CORE_BYTES: Final = 12
_INFO: Final = struct.Struct("<IiiHHIIiiII")
_ALPHA_MASK: Final = slice(66, 70)  # of headers from V3 on: four masks at 54
_LONG_HEADER: Final = 56
_DEPTHS: Final = (1, 2, 4, 8, 16, 24, 32)
_PALETTE_UP_TO: Final = 8
_PLAIN, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA = 0, 1, 2, 3, 6
_MOST_HEADER: Final = 4096
_COLOURS_USED_AT: Final = 46
_END_OF_BITMAP: Final = b"\0\1"


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins with BM, holds all the rows that its header announces."""
    if len(data) < _FILE_HEADER.size + 4:
        return Incomplete("it ends inside its header")
    (header_bytes,) = struct.unpack_from("<I", data, _FILE_HEADER.size)
    if not _CORE_BYTES <= header_bytes <= _MOST_HEADER:
        return _odd(data, f"its header claims to be {header_bytes} bytes long")
    if len(data) < _FILE_HEADER.size + header_bytes:
        return Incomplete("it ends inside its header")
    if header_bytes == _CORE_BYTES:
        width, height, _, depth = struct.unpack_from("<HHHH", data, _FILE_HEADER.size + 4)
        return _measure(data, width, height, depth, _PLAIN, alpha=False)
    if header_bytes < _INFO.size:
        return _odd(data, f"its header of {header_bytes} bytes is of an unknown kind")
    _, width, height, _, depth, compression, *_ = _INFO.unpack_from(data, _FILE_HEADER.size)
    alpha = header_bytes >= _LONG_HEADER and any(data[_ALPHA_MASK]) and compression in {_MASKS, _MASKS_WITH_ALPHA}
    return _measure(data, width, abs(height), depth, compression, alpha=alpha)


def _odd(data: bytes, reason: str) -> Incomplete | Unreadable:
    if holes.explains_damage(data, 0, _FILE_HEADER.size + 4):
        return Incomplete(f"{reason}, and zeros stand there: it may still be copied")
    return Unreadable(reason)


def _measure(
    data: bytes, width: int, height: int, depth: int, compression: int, *, alpha: bool
) -> Picture | Incomplete | Unreadable:
    if width <= 0 or height <= 0 or depth not in _DEPTHS:
        return _odd(data, f"its header claims {width} x {height} pixels of {depth} bits")
    announced, start = struct.unpack_from("<I", data, 2)[0], struct.unpack_from("<I", data, 10)[0]
    start = start or _behind_palette(data, depth, compression)
    if compression not in {_PLAIN, _MASKS, _MASKS_WITH_ALPHA, _RLE8, _RLE4}:
        return Unreadable(f"its pixels are compressed in a way (number {compression}) that few programs read")
    if start < _FILE_HEADER.size + _CORE_BYTES:
        return _odd(data, f"its pixels would begin at byte {start}, inside its header")
    colour = Colour.PALETTE if depth <= _PALETTE_UP_TO else Colour.RGB
    picture = Picture(Format.BMP, width, height, colour, alpha=alpha)
    if compression in {_RLE8, _RLE4}:
        return _packed(data, start, announced, picture)
    return _plain(data, start, (width * depth + 7) // 8, picture)


def _plain(data: bytes, start: int, row: int, picture: Picture) -> Picture | Incomplete:
    padded = start + (row + 3) // 4 * 4 * picture.height
    missing = padded - len(data)
    if missing <= 0:
        return picture
    # What fills up the last row to four bytes shows nothing.
    perhaps = Unended(picture, len(data)) if missing <= -row % 4 else None
    return Incomplete(f"it is {missing} bytes short of the {padded} that it announces", perhaps)


def _packed(data: bytes, start: int, announced: int, picture: Picture) -> Picture | Incomplete:
    needed = max(announced, start + 2)
    if len(data) < needed:
        reason = f"it is {needed - len(data)} bytes short of the {needed} that it announces"
        ends = data.endswith(_END_OF_BITMAP) and len(data) > start
        return Incomplete(reason, Unended(picture, len(data)) if ends else None)
    hole = holes.whole_pages_missing(data, start, needed)
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    return picture


def _behind_palette(data: bytes, depth: int, compression: int) -> int:
    """Where pixels begin whose header does not say so."""
    (header_bytes,) = struct.unpack_from("<I", data, _FILE_HEADER.size)
    is_core = header_bytes == _CORE_BYTES
    used = 0 if is_core else struct.unpack_from("<I", data, _COLOURS_USED_AT)[0]
    colours = used or (1 << depth if depth <= _PALETTE_UP_TO else 0)
    masks = 12 if compression == _MASKS and header_bytes == _INFO.size else 0
    return _FILE_HEADER.size + int(header_bytes) + masks + colours * (3 if is_core else 4)
