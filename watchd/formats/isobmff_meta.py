"""The `meta` box of AVIF and HEIC: which items a file has, what they are, how they belong together, where they lie.

Sources: ISO/IEC 14496-12 (boxes, items, references), 23008-12 (HEIF: properties, derived and auxiliary pictures).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watchd.formats.jpeg2000 import boxes

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ITEMS: Final = 100_000
_HIDDEN: Final = 1
_COUNTED: Final = struct.Struct(">III")  # version and flags, the size of all samples, their count


@dataclass(slots=True)
class Meta:
    """What it says; offsets are of the file. `references`: their kind, the item they begin at, those they lead to."""

    primary: int = 0
    kinds: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    properties: list[tuple[bytes, int, int]] = field(default_factory=list)
    of_item: dict[int, list[int]] = field(default_factory=dict)
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    def led_to(self, kind: bytes) -> dict[int, list[int]]:
        """The items that references of a kind lead to, by the item that they begin at."""
        found: dict[int, list[int]] = {}
        for name, start, ends in self.references:
            if name == kind:
                found.setdefault(start, []).extend(ends)
        return found


def properties(meta: Meta, item: int) -> Iterator[tuple[bytes, int, int]]:
    """The properties of an item: name, and where its body begins and ends."""
    for number in meta.of_item.get(item, ()):
        if 0 < number <= len(meta.properties):
            yield meta.properties[number - 1]


def read_meta(data: bytes, start: int, end: int) -> Meta:
    """All that is asked of a `meta` box; what is damaged in it is absent."""
    meta = Meta()
    inner = {box.kind: box for box in boxes(data, start, end) if box.end <= end}
    try:
        if b"pitm" in inner:
            at = inner[b"pitm"].start
            meta.primary = _number(data, at + 4, 2 if data[at] == 0 else 4)
        if b"iinf" in inner:
            _read_items(data, inner[b"iinf"].start, inner[b"iinf"].end, meta)
        if b"iloc" in inner:
            idat = inner[b"idat"].start if b"idat" in inner else 0
            _Places(data, inner[b"iloc"].start, inner[b"iloc"].end, idat).read(meta)
        if b"iprp" in inner:
            _read_properties(data, inner[b"iprp"].start, inner[b"iprp"].end, meta)
        if b"iref" in inner:
            _read_references(data, inner[b"iref"].start, inner[b"iref"].end, meta)
    except IndexError:
        return Meta()
    return meta


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _read_items(data: bytes, start: int, end: int, meta: Meta) -> None:
    at = start + (6 if _number(data, start, 1) == 0 else 8)
    for box in boxes(data, at, end):
        if box.kind == b"infe" and box.end <= end and data[box.start] >= 2:  # noqa: PLR2004 -- its version
            wide = 2 if data[box.start] == 2 else 4  # noqa: PLR2004 -- its version
            item = _number(data, box.start + 4, wide)
            body = box.start + 4 + wide + 2
            meta.kinds[item] = data[body : body + 4], data[body + 4 : box.end]
            if _number(data, box.start + 1, 3) & _HIDDEN:
                meta.hidden.add(item)


def _read_references(data: bytes, start: int, end: int, meta: Meta) -> None:
    wide = 2 if _number(data, start, 1) == 0 else 4
    left = _MOST_ITEMS
    for box in boxes(data, start + 4, end):
        count = _number(data, box.start + wide, 2)
        first = box.start + wide + 2
        left -= count
        if first + wide * count > end or left < 0:
            return
        leads_to = [_number(data, first + wide * place, wide) for place in range(count)]
        meta.references.append((box.kind, _number(data, box.start, wide), leads_to))


@dataclass(slots=True)
class _Places:
    """The `iloc` box: where the bytes of each item lie."""

    data: bytes
    at: int
    end: int
    idat: int

    def _take(self, size: int) -> int:
        if self.at + size > self.end:
            raise IndexError(self.at)
        value = _number(self.data, self.at, size)
        self.at += size
        return value

    def read(self, meta: Meta) -> None:
        version = self._take(1)
        self._take(3)
        sizes = self._take(2)
        offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        wide = 2 if version < 2 else 4  # noqa: PLR2004 -- versions
        for _ in range(min(self._take(wide), _MOST_ITEMS)):
            item = self._take(wide)
            method = self._take(2) & 15 if version else 0
            self._take(2)
            base = self._take(base_bytes)
            extents = []
            for _ in range(min(self._take(2), _MOST_ITEMS)):
                if version and index_bytes:
                    self._take(index_bytes)
                start, size = self._take(offset_bytes), self._take(length_bytes)
                extents.append((base + start + (self.idat if method == 1 else 0), size))
            if method in {0, 1}:
                meta.places[item] = extents


def _read_properties(data: bytes, start: int, end: int, meta: Meta) -> None:
    for box in boxes(data, start, end):
        if box.end > end:
            return
        if box.kind == b"ipco":
            meta.properties = [(one.kind, one.start, one.end) for one in boxes(data, box.start, box.end)]
        elif box.kind == b"ipma":
            _read_associations(data, box.start, box.end, meta)


def _read_associations(data: bytes, at: int, end: int, meta: Meta) -> None:
    version, flags = _number(data, at, 1), _number(data, at + 1, 3)
    count = _number(data, at + 4, 4)
    at += 8
    wide, index = (2 if version == 0 else 4), (2 if flags & 1 else 1)
    for _ in range(min(count, _MOST_ITEMS)):
        item, number = _number(data, at, wide), _number(data, at + wide, 1)
        at += wide + 1
        if at + index * number > end:
            return
        mask = 0x7FFF if flags & 1 else 0x7F
        meta.of_item[item] = [_number(data, at + index * place, index) & mask for place in range(number)]
        at += index * number


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a sequence: its handler (`pict`, `vide`, `auxv`, `soun`) and how many samples it has."""

    handler: bytes
    samples: int


def tracks(data: bytes, start: int, end: int) -> Iterator[Track]:
    """The tracks of a `moov` box."""
    for track in boxes(data, start, end):
        for media in boxes(data, track.start, min(track.end, end)) if track.kind == b"trak" else ():
            if media.kind == b"mdia":
                yield _track(data, media.start, min(media.end, end))


def _track(data: bytes, start: int, end: int) -> Track:
    inner = {box.kind: box for box in boxes(data, start, end)}
    handler = data[inner[b"hdlr"].start + 8 :][:4] if b"hdlr" in inner else b""
    samples = 0
    for path in (b"minf", b"stbl", b"stsz"):
        if path not in inner:
            return Track(handler, 0)
        found = inner[path]
        if path == b"stsz" and found.start + _COUNTED.size <= len(data):
            samples = _COUNTED.unpack_from(data, found.start)[2]
        inner = {box.kind: box for box in boxes(data, found.start, min(found.end, end))} if path != b"stsz" else {}
    return Track(handler, samples)
