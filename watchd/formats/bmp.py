"""BMP on paper: its headers, and how long the file must be for its rows to be all there.

Source: Microsoft's BITMAPFILEHEADER and BITMAPINFOHEADER family; OS/2 1.x's BITMAPCOREHEADER.
"""

from __future__ import annotations

import struct
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable

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
    if compression in {_PLAIN, _MASKS, _MASKS_WITH_ALPHA}:
        needed = start + (width * depth + 31) // 32 * 4 * height
    elif compression in {_RLE8, _RLE4}:
        needed = max(announced, start + 2)
    else:
        return Unreadable(f"its pixels are compressed in a way (number {compression}) that few programs read")
    if start < _FILE_HEADER.size + _CORE_BYTES:
        return _odd(data, f"its pixels would begin at byte {start}, inside its header")
    if len(data) < needed:
        return Incomplete(f"it is {needed - len(data)} bytes short of the {needed} that it announces")
    hole = holes.whole_pages_missing(data, start, needed) if compression in {_RLE8, _RLE4} else None
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    colour = Colour.PALETTE if depth <= _PALETTE_UP_TO else Colour.RGB
    return Picture(Format.BMP, width, height, colour, alpha=alpha)
