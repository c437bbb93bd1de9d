"""A TIFF said so plainly that decoders agree on it: which samples are alpha, and which are Lab.

Pillow takes a fourth sample for alpha where ExtraSamples is missing, and knows Lab in one of its forms. Both are said
anew in a directory at the end of a copy, without tags whose values the file does not hold; the pixels stay as they are.

Sources: TIFF 6.0, sections 18 (ExtraSamples) and 23 (CIELAB); Adobe Photoshop TIFF technical notes (ICCLAB).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from watchd.formats import tiff

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SAMPLES: Final = 0x0115
_RGB, _CMYK = 2, 5
_COLOURS: Final = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}
"""Samples of a colour by photometric interpretation."""
_MOST_SAMPLES: Final = 16
_SHORT: Final = 3


class Lab(StrEnum):
    """How a and b of CIE L*a*b* are stored."""

    SIGNED = "signed"
    """CIELAB."""
    OFFSET = "offset"
    """ICCLAB: 128 more."""


_LABS: Final = {8: Lab.SIGNED, 9: Lab.OFFSET}


@dataclass(frozen=True, slots=True)
class PlainTiff:
    """What a decoder is given. `lab`: what it will take for red, green and blue are L, a and b."""

    data: bytes
    lab: Lab | None


def plainly(data: bytes) -> PlainTiff:
    """The same bytes where its first directory leaves no doubt, and where it cannot be read."""
    reader = tiff.Reader(data)
    at = reader.first()
    found = reader.directory(at) if at else None
    if at is None or found is None:
        return PlainTiff(data, None)
    tags, changes = found[0], dict[int, tuple[int, ...]]()
    kind = reader.integer(tags.get(tiff.PHOTOMETRIC), -1)
    lab = _LABS.get(kind)
    if lab is not None:
        changes[tiff.PHOTOMETRIC] = (_RGB,)
    said = reader.integers(tags.get(tiff.EXTRA_SAMPLES))
    beyond = reader.integer(tags.get(_SAMPLES), 1) - _COLOURS.get(kind, _MOST_SAMPLES)
    if 0 < beyond <= _MOST_SAMPLES and (len(said) < beyond or (kind == _CMYK and any(said))):
        # A result has no alpha beside ink, and what nobody called alpha is none.
        known = () if kind == _CMYK else said
        changes[tiff.EXTRA_SAMPLES] = known + (0,) * (beyond - len(known))
    outside = frozenset(number for number, tag in tags.items() if not reader.lies_inside(tag))
    return PlainTiff(_changed(data, at, changes, outside) if changes or outside else data, lab)


def _changed(data: bytes, at: int, changes: Mapping[int, tuple[int, ...]], left_out: Collection[int]) -> bytes:
    """A copy whose first directory, at offset `at`, has these SHORTs in place of its own, and lacks some tags."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in {b"+\0", b"\0+"}
    head, entry, link, inline, pointer = ("Q", "HHQ", "Q", 8, 8) if big else ("H", "HHI", "I", 4, 4)
    (count,) = struct.unpack_from(order + head, data, at)
    step = struct.calcsize("=" + entry) + inline
    begin = at + struct.calcsize("=" + head)
    entries = dict[int, bytes]()
    for start in range(begin, begin + step * count, step):
        entries.setdefault(struct.unpack_from(order + "H", data, start)[0], data[start : start + step])
    for tag in left_out:
        entries.pop(tag, None)
    padding = bytes(len(data) % 2)
    tail, begun = bytearray(), len(data) + len(padding)
    for tag, values in changes.items():
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > inline:
            tail, packed = tail + packed, struct.pack(order + link, begun + len(tail))
        entries[tag] = struct.pack(order + entry, tag, _SHORT, len(values)) + packed.ljust(inline, b"\0")
    where = struct.pack(order + link, begun + len(tail))
    tail += struct.pack(order + head, len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    after = begin + step * count
    tail += data[after : after + len(where)]
    view = memoryview(data)  # one copy of a file that may be large
    return b"".join((view[:pointer], where, view[pointer + len(where) :], padding, tail))
