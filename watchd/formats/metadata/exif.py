"""EXIF on paper: reads and patches the few tags that a result must get right, in a block that may be hostile.

Source: Exif 2.32 (CIPA DC-008), TIFF 6.0. A block is bytes that begin with the TIFF header, without PREFIX.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

PREFIX: Final = b"Exif\0\0"
UPRIGHT: Final = 1
ORIENTATIONS: Final = range(1, 9)
_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_IMAGE_WIDTH: Final = 0x0100
_IMAGE_LENGTH: Final = 0x0101
_ORIENTATION: Final = 0x0112
_X_RESOLUTION: Final = 0x011A
_Y_RESOLUTION: Final = 0x011B
_RESOLUTION_UNIT: Final = 0x0128
_EXIF_IFD: Final = 0x8769
_PIXEL_X: Final = 0xA002
_PIXEL_Y: Final = 0xA003
_SHORT: Final = 3
_LONG: Final = 4
_RATIONAL: Final = 5
_INTEGERS: Final = {_SHORT: "H", _LONG: "I"}
_PER_METRE: Final = {2: 1 / 0.0254, 3: 100.0}  # by resolution unit: inch, centimetre
_INCH: Final = 2
_HEADER_BYTES: Final = 8
_ENTRY_BYTES: Final = 12
_VALUE: Final = 8  # offset of the value in an entry
_MOST_PER_METRE: Final = 2**31 - 1  # what pHYs can hold


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag of a directory; `at` is the offset of its value, or of the value's offset, in the block."""

    type: int
    count: int
    at: int


def is_block(block: bytes) -> bool:
    """Whether it begins as TIFF does."""
    return block[:4] in _ORDERS


def orientation(block: bytes) -> int:
    """Tag 0x0112 of the first directory: 1 to 8; 1 (upright) if it is absent or damaged."""
    value = _integer(block, _directory(block, _first(block)).get(_ORIENTATION))
    return value if value is not None and value in ORIENTATIONS else UPRIGHT


def pixels_per_metre(block: bytes) -> tuple[int, int] | None:
    """Horizontal and vertical resolution of the first directory, rounded; None if it has none that makes sense."""
    tags = _directory(block, _first(block))
    unit = _PER_METRE.get(_integer(block, tags.get(_RESOLUTION_UNIT)) or _INCH)
    x, y = _rational(block, tags.get(_X_RESOLUTION)), _rational(block, tags.get(_Y_RESOLUTION))
    if unit is None or not x or not y:
        return None
    found = round(x * unit), round(y * unit)
    return found if all(0 < value <= _MOST_PER_METRE for value in found) else None


def only_orientation(value: int) -> bytes:
    """The smallest block that turns a picture: one directory with one tag, 26 bytes."""
    return b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, _ORIENTATION, _SHORT, 1, value, 0)


def describing(block: bytes, *, width: int, height: int, orientation: int) -> bytes:
    """The block as it is true of a result of `width` x `height` stored pixels, turned by `orientation` to be shown.

    Patched in place, so that no offset moves and MakerNotes stay readable: the four tags that hold the picture's size
    (where their type can hold the new one), the orientation where there is one, and the link to the second directory,
    which is cut since its thumbnail is the old picture. What cannot be found is left as it is.
    """
    patched = bytearray(block)
    first = _first(block)
    tags = _directory(block, first)
    inner = _directory(block, _integer(block, tags.get(_EXIF_IFD)))
    for entry, value in (
        (tags.get(_IMAGE_WIDTH), width),
        (tags.get(_IMAGE_LENGTH), height),
        (tags.get(_ORIENTATION), orientation),
        (inner.get(_PIXEL_X), width),
        (inner.get(_PIXEL_Y), height),
    ):
        _patch(patched, entry, value)
    if first is not None:
        _cut_chain(patched, first)
    return bytes(patched)


def _order(block: bytes | bytearray) -> str:
    return _ORDERS.get(bytes(block[:4]), "<")


def _first(block: bytes) -> int | None:
    """The offset of the first directory."""
    if not is_block(block) or len(block) < _HEADER_BYTES:
        return None
    return int(struct.unpack_from(_order(block) + "I", block, 4)[0])


def _directory(block: bytes, at: int | None) -> dict[int, _Entry]:
    """The entries of the directory at offset `at` that lie inside the block; the first of each tag counts."""
    entries: dict[int, _Entry] = {}
    if at is None or at + 2 > len(block):
        return entries
    order = _order(block)
    (count,) = struct.unpack_from(order + "H", block, at)
    for start in range(at + 2, min(at + 2 + count * _ENTRY_BYTES, len(block) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
        tag, kind, values = struct.unpack_from(order + "HHI", block, start)
        entries.setdefault(tag, _Entry(kind, values, start + _VALUE))
    return entries


def _integer(block: bytes, entry: _Entry | None) -> int | None:
    if entry is None or entry.count != 1 or entry.type not in _INTEGERS:
        return None
    return int(struct.unpack_from(_order(block) + _INTEGERS[entry.type], block, entry.at)[0])


def _rational(block: bytes, entry: _Entry | None) -> float | None:
    if entry is None or entry.count != 1 or entry.type != _RATIONAL:
        return None
    (at,) = struct.unpack_from(_order(block) + "I", block, entry.at)
    if at + 8 > len(block):
        return None
    numerator, denominator = struct.unpack_from(_order(block) + "II", block, at)
    return float(numerator / denominator) if denominator else None


def _patch(block: bytearray, entry: _Entry | None, value: int) -> None:
    if entry is None or entry.count != 1 or entry.type not in _INTEGERS:
        return
    form = struct.Struct(_order(block) + _INTEGERS[entry.type])
    if value < 1 << 8 * form.size:
        form.pack_into(block, entry.at, value)


def _cut_chain(block: bytearray, first: int) -> None:
    """Zero the offset of the next directory that follows the entries of the one at `first`."""
    if first + 2 > len(block):
        return
    (count,) = struct.unpack_from(_order(block) + "H", block, first)
    link = first + 2 + count * _ENTRY_BYTES
    if link + 4 <= len(block):
        block[link : link + 4] = bytes(4)
