"""Directories of TIFF, which EXIF is made of too: read from a block that may be hostile, and laid out anew.

Source: TIFF 6.0, sections 2 and 8; Exif 2.32 (CIPA DC-008). Values are little-endian here, whatever they were.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BYTE: Final = 1
ASCII: Final = 2
SHORT: Final = 3
LONG: Final = 4
RATIONAL: Final = 5
UNDEFINED: Final = 7
TYPES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
STRUCTURAL: Final = frozenset({
    0x00FE, 0x00FF, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x010A, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x013D,
    0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x014A, 0x0152, 0x0153, 0x015B, 0x0201, 0x0202, 0x0212, 0x0213, 0x0214,
    0x02BC, 0x83BB, 0x8649, 0x8769, 0x8773, 0x8825, 0xA005,
})  # fmt: skip
"""Tags that say how pixels lie in a file, where another directory is, or what is carried in a form of its own."""
_ELEMENT: Final = {3: 2, 8: 2, 4: 4, 9: 4, 11: 4, 13: 4, 5: 4, 10: 4, 12: 8}
_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY: Final = 12
_INLINE: Final = 4
_MOST_ENTRIES: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag; `values` as they stand in a little-endian file."""

    tag: int
    type: int
    values: bytes

    @property
    def count(self) -> int:
        """How many values these are."""
        return len(self.values) // TYPES[self.type]

    def first(self) -> int | None:
        """The first value where it is a whole number."""
        if self.type == LONG and len(self.values) >= 4:  # noqa: PLR2004 -- bytes
            return int(struct.unpack_from("<I", self.values)[0])
        if self.type == SHORT and len(self.values) >= 2:  # noqa: PLR2004 -- bytes
            return int(struct.unpack_from("<H", self.values)[0])
        return None


def short(tag: int, *values: int) -> Entry:
    """An entry of 16-bit numbers."""
    return Entry(tag, SHORT, struct.pack(f"<{len(values)}H", *values))


def long(tag: int, *values: int) -> Entry:
    """An entry of 32-bit numbers."""
    return Entry(tag, LONG, struct.pack(f"<{len(values)}I", *values))


def rational(tag: int, numerator: int, denominator: int) -> Entry:
    """An entry of one fraction."""
    return Entry(tag, RATIONAL, struct.pack("<II", numerator, denominator))


def byte_order(block: bytes) -> str:
    """The byte order of a block that begins as TIFF does, as `struct` names it."""
    return _ORDERS.get(block[:4], "<")


def first_directory(block: bytes) -> int | None:
    """Where the first directory of a block lies that begins as TIFF does; None: it does not."""
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:  # noqa: PLR2004 -- bytes of a TIFF header
        return None
    return int(struct.unpack_from(order + "I", block, 4)[0])


def read(block: bytes, at: int | None) -> list[Entry]:
    """The entries of the directory at offset `at` whose values lie in the block; the first of each tag counts."""
    order = _ORDERS.get(block[:4])
    found: dict[int, Entry] = {}
    if order is None or at is None or at + 2 > len(block):
        return []
    (count,) = struct.unpack_from(order + "H", block, at)
    room = len(block)  # values that lie over one another would come to more
    for start in range(at + 2, at + 2 + min(count, _MOST_ENTRIES) * _ENTRY, _ENTRY):
        if start + _ENTRY > len(block):
            break
        tag, kind, number = struct.unpack_from(order + "HHI", block, start)
        size = TYPES.get(kind, 0) * number
        where = start + 8 if size <= _INLINE else struct.unpack_from(order + "I", block, start + 8)[0]
        if 0 < size <= room and where + size <= len(block):
            room -= size
            found.setdefault(tag, Entry(tag, kind, little(block[where : where + size], kind, order)))
    return list(found.values())


def little(values: bytes, kind: int, order: str) -> bytes:
    """Values of a type as a little-endian file has them; `order` is `<` or `>` as in `struct`."""
    width = _ELEMENT.get(kind, 1)
    if order == "<" or width == 1:
        return values
    turned = bytearray(len(values))
    for place in range(width):
        turned[place::width] = values[width - 1 - place :: width]
    return bytes(turned)


def laid_out(entries: Iterable[Entry], at: int, order: str = "<") -> bytes:
    """A directory that begins at the even offset `at` of its file, followed by its values, padded to an even length.

    `order`: the byte order of the file.
    """
    ordered: Sequence[Entry] = sorted(entries, key=lambda entry: entry.tag)
    head = bytearray(struct.pack(order + "H", len(ordered)))
    values = bytearray()
    after = at + 2 + _ENTRY * len(ordered) + 4
    after += after % 2
    for entry in ordered:
        head += struct.pack(order + "HHI", entry.tag, entry.type, entry.count)
        said = little(entry.values, entry.type, order)  # turning is its own reverse
        if len(said) <= _INLINE:
            head += said.ljust(_INLINE, b"\0")
        else:
            head += struct.pack(order + "I", after + len(values))
            values += said + bytes(len(said) % 2)
    head += bytes(4)
    return bytes(head) + bytes(len(head) % 2) + bytes(values)
