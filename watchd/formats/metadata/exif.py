"""EXIF on paper: reads and patches the few tags that a result must get right, in a block that may be hostile.

Source: Exif 2.32 (CIPA DC-008), TIFF 6.0. A block is bytes that begin with the TIFF header, without PREFIX.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import ifd

if TYPE_CHECKING:
    from collections.abc import Collection

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
_GPS_IFD: Final = 0x8825
_INTEROP_IFD: Final = 0xA005
_XMP: Final = 0x02BC
_IPTC: Final = 0x83BB
_COLOUR_SPACE: Final = 0xA001
_SRGB: Final = 1
_INTEROP_INDEX: Final = 0x0001
_INTEROP_OF_SRGB: Final = b"R98\0"
_COMPONENTS: Final = 0x9101
_COMPRESSED_BITS: Final = 0x9102
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_STALE: Final = ifd.STRUCTURAL - {_IMAGE_WIDTH, _IMAGE_LENGTH, _EXIF_IFD, _GPS_IFD, 0x0213}
"""Tags of a first directory that say how pixels lie in a file that is not this one."""
_PIXEL_X: Final = 0xA002
_PIXEL_Y: Final = 0xA003
_ASCII: Final = 2
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
_MOVABLE: Final = (b"Nikon\0\2", b"FUJIFILM", b"OLYMPUS\0", b"OM SYSTEM\0", b"Apple iOS\0", b"PENTAX \0")
"""How MakerNotes begin whose offsets are counted from their own beginning."""


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


def says_orientation(block: bytes) -> bool:
    """Whether the tag is there at all."""
    return _ORIENTATION in _directory(block, _first(block))


def packet(block: bytes) -> bytes | None:
    """An XMP packet in the first directory, where programs that write TIFF put it."""
    return _raw(block, _XMP)


def iptc_records(block: bytes) -> bytes | None:
    """IPTC's records in the first directory."""
    return _raw(block, _IPTC)


def _raw(block: bytes, tag: int) -> bytes | None:
    found = next((entry for entry in ifd.read(block, _first(block)) if entry.tag == tag), None)
    return found.values if found is not None and found.type in {ifd.BYTE, ifd.UNDEFINED} else None


def is_movable(maker_note: bytes) -> bool:
    """Whether a MakerNote can be read wherever it lies."""
    return maker_note.startswith(_MOVABLE)


def describing(block: bytes, *, width: int, height: int, orientation: int, in_srgb: bool = False) -> bytes:
    """The block as it is true of a result of `width` x `height` stored pixels, turned by `orientation` to be shown.

    Patched in place, so that no offset moves and MakerNotes stay readable: the four tags that hold the picture's size,
    the orientation where there is one, the colour space where the colours were converted (`in_srgb`), and the second
    directory, which goes with its thumbnail of the old picture. What cannot be found is left as it is.
    """
    patched = bytearray(block)
    first = _first(block)
    tags = _directory(block, first)
    inner_at = _integer(block, tags.get(_EXIF_IFD))
    inner = _directory(block, inner_at)
    for entry, value in (
        (tags.get(_IMAGE_WIDTH), width),
        (tags.get(_IMAGE_LENGTH), height),
        (tags.get(_ORIENTATION), orientation),
        (inner.get(_PIXEL_X), width),
        (inner.get(_PIXEL_Y), height),
    ):
        _patch(patched, entry, value)
    if in_srgb:
        _patch(patched, inner.get(_COLOUR_SPACE), _SRGB)
        index = _directory(block, _integer(block, inner.get(_INTEROP_IFD))).get(_INTEROP_INDEX)
        if index is not None and (index.type, index.count) == (_ASCII, len(_INTEROP_OF_SRGB)):
            patched[index.at : index.at + index.count] = _INTEROP_OF_SRGB
    if first is not None:
        _cut_thumbnail(patched, block, first)
        _remove(patched, first, _STALE)
    if inner_at is not None and inner_at != first:
        _remove(patched, inner_at, {_COMPRESSED_BITS})
    return bytes(patched)


def without_orientation(block: bytes) -> bytes:
    """The block without the tag, for a container that says itself how it is turned."""
    patched = bytearray(block)
    first = _first(block)
    if first is not None:
        _remove(patched, first, {_ORIENTATION})
    return bytes(patched)


def as_in_tiff(block: bytes) -> bytes:
    """The block without what only a compressed file may say in it (Exif 2.32, 4.6.8)."""
    patched = bytearray(block)
    inner = _integer(block, _directory(block, _first(block)).get(_EXIF_IFD))
    if inner is not None:
        _remove(patched, inner, {_COMPONENTS, _PIXEL_X, _PIXEL_Y})
    return bytes(patched)


def _cut_thumbnail(patched: bytearray, block: bytes, first: int) -> None:
    """Forget the second directory, and the picture that it points at unless something else lies there too."""
    link = _link(block, first)
    if link is None:
        return
    (second,) = struct.unpack_from(_order(block) + "I", block, link)
    patched[link : link + 4] = bytes(4)
    tags = _directory(block, second)
    start, size = _integer(block, tags.get(_THUMBNAIL)), _integer(block, tags.get(_THUMBNAIL_BYTES))
    if not second or not start or not size or start < _extent(block, first) or start <= second < start + size:
        return
    if start + size >= len(block):
        del patched[start:]
    else:
        patched[start : start + size] = bytes(size)


def _extent(block: bytes, first: int) -> int:
    """Where everything ends that the directories but the second say."""
    tags = _directory(block, first)
    inner = _integer(block, tags.get(_EXIF_IFD))
    places = (first, inner, _integer(block, tags.get(_GPS_IFD)),
              _integer(block, _directory(block, inner).get(_INTEROP_IFD)))  # fmt: skip
    ends = [0]
    for at in places:
        for entry in _directory(block, at).values():
            size = ifd.TYPES.get(entry.type, 0) * entry.count
            inline = size <= 4  # noqa: PLR2004 -- bytes of a value that stands in its entry
            start = entry.at if inline else int(struct.unpack_from(_order(block) + "I", block, entry.at)[0])
            ends += [entry.at + 8] if inline else [entry.at + 8, start + size]
    return max(ends)


def _remove(block: bytearray, at: int, tags: Collection[int]) -> None:
    """Take entries out of a directory; the others move up, what they point at does not."""
    link = _link(block, at)
    if link is None:
        return
    order = _order(block)
    entries = [bytes(block[start : start + _ENTRY_BYTES]) for start in range(at + 2, link, _ENTRY_BYTES)]
    kept = [entry for entry in entries if struct.unpack(order + "H", entry[:2])[0] not in tags]
    rest = b"".join(kept) + bytes(block[link : link + 4])
    block[at : link + 4] = struct.pack(order + "H", len(kept)) + rest.ljust(link + 2 - at, b"\0")


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
    """Set a whole number; one of 16 bits becomes one of 32 where it has to, for which every entry has the room."""
    if entry is None or entry.count != 1 or entry.type not in _INTEGERS:
        return
    order = _order(block)
    kind = _SHORT if entry.type == _SHORT and value <= 0xFFFF else _LONG  # noqa: PLR2004 -- what 16 bits hold
    struct.pack_into(order + "H", block, entry.at - _VALUE + 2, kind)
    struct.pack_into(order + _INTEGERS[kind], block, entry.at, value)


def _link(block: bytes | bytearray, at: int) -> int | None:
    """Where the offset of the next directory stands, behind the entries of the one at `at`."""
    if at + 2 > len(block):
        return None
    (count,) = struct.unpack_from(_order(block) + "H", block, at)
    link = int(at + 2 + count * _ENTRY_BYTES)
    return link if link + 4 <= len(block) else None
