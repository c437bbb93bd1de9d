"""AVIF and HEIC on paper: boxes, the primary item with its properties, and whether its bytes are all in the file.

Sources: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF: items, properties, transformations), the AV1 Image File Format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watchd.formats import holes
from watchd.formats.jpeg2000 import boxes
from watchd.formats.picture import Format, Incomplete, Picture, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_FTYP: Final = slice(4, 8)
_AVIF: Final = frozenset({b"avif", b"avis"})
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_GENERAL: Final = frozenset({b"mif1", b"msf1", b"miaf"})
_SEQUENCES: Final = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})
_ALPHA: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_HEAD_BYTES: Final = 12
_TAIL: Final = 64
_MOST_ITEMS: Final = 100_000
_TURNS: Final[dict[tuple[int, ...], int]] = {
    (0, 1, 2, 3): 1, (1, 0, 3, 2): 2, (2, 3, 0, 1): 3, (3, 2, 1, 0): 4,
    (0, 3, 2, 1): 5, (3, 0, 1, 2): 6, (2, 1, 0, 3): 7, (1, 2, 3, 0): 8,
}  # fmt: skip
"""EXIF's orientation by which corner of the stored picture comes to stand at the top left, and clockwise from there."""


@dataclass(slots=True)
class _Meta:
    """What the `meta` box says; offsets are of the file."""

    primary: int = 0
    kinds: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    properties: list[tuple[bytes, int, int]] = field(default_factory=list)
    of_item: dict[int, list[int]] = field(default_factory=dict)


def kind_of(data: bytes) -> Format | None:
    """AVIF or HEIC by the brands of the file; None: another one that is made of boxes."""
    if data[_FTYP] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), 512)
    brands = [data[8:12]] + [data[at : at + 4] for at in range(16, end - 3, 4)]
    if brands[0] in _AVIF or (brands[0] in _GENERAL and _AVIF & set(brands)):
        return Format.AVIF
    return Format.HEIC if brands[0] in _HEIC | _GENERAL and (_HEIC | _GENERAL) & set(brands) else None


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data` holds every box whole, and every byte of every item; the size is after `irot`, as it is shown."""
    if len(data) <= _HEAD_BYTES:
        return Incomplete("only its first bytes are there")
    kind = kind_of(data)
    if kind is None:
        return Unreadable("it is a film or another file made of boxes, no AVIF or HEIC picture")
    meta = _Meta()
    for box in boxes(data, 0, len(data)):
        if box.end > len(data):
            return Incomplete(f"it is {box.end - len(data)} bytes short of the end of a box")
        if box.kind == b"meta":
            meta = _read_meta(data, box.start + 4, box.end)
        elif box.kind == b"mdat" and _is_unwritten(data, box.start, box.end):
            return Incomplete("zeros stand where its pixels should: it may still be copied")
    return _judge(data, kind, meta)


def _judge(data: bytes, kind: Format, meta: _Meta) -> Picture | Incomplete | Unreadable:
    if not meta.primary:
        return Incomplete("its picture is not described")
    places = [place for of_item in meta.places.values() for place in of_item]
    furthest = max((at + size for at, size in places), default=0)
    if furthest > len(data):
        return Incomplete(f"it is {furthest - len(data)} bytes short of the end of its pixels")
    return _measure(data, kind, meta)


def _is_unwritten(data: bytes, start: int, end: int) -> bool:
    """Whether the bytes of an item may have holes: no compressed picture ends in so many zeros."""
    tail = data[max(start, end - _TAIL) : end]
    return (len(tail) == _TAIL and not any(tail)) or holes.whole_pages_missing(data, start, end) is not None


def _measure(data: bytes, kind: Format, meta: _Meta) -> Picture | Incomplete | Unreadable:
    width = height = 0
    depth = 8
    for name, start, end in _properties(meta, meta.primary):
        body = data[start:end]
        if name == b"ispe" and len(body) >= 12:  # noqa: PLR2004 -- version, flags, two numbers
            width, height = struct.unpack_from(">II", body, 4)
        elif name == b"pixi" and len(body) > 5:  # noqa: PLR2004 -- version, flags, count, bits
            depth = max(body[5 : 5 + body[4]], default=8)
        elif name == b"clap" and len(body) >= 16:  # noqa: PLR2004 -- bytes of two fractions
            across, parts, down, pieces = struct.unpack_from(">IIII", body)
            width, height = across // max(1, parts), down // max(1, pieces)
        elif name == b"irot" and body and body[0] & 3 in {1, 3}:
            width, height = height, width
    if not width or not height:
        return Unreadable(f"its header claims {width} x {height} pixels")
    frames = 2 if data[8:12] in _SEQUENCES else 1
    return Picture(kind, width, height, depth=max(8, depth), alpha=_has_alpha(data, meta), frames=frames)


def _has_alpha(data: bytes, meta: _Meta) -> bool:
    for name, start, end in meta.properties:
        if name == b"auxC" and data[start + 4 : end].split(b"\0", 1)[0] in _ALPHA:
            return True
    return False


def _properties(meta: _Meta, item: int) -> Iterator[tuple[bytes, int, int]]:
    for number in meta.of_item.get(item, ()):
        if 0 < number <= len(meta.properties):
            yield meta.properties[number - 1]


def _read_meta(data: bytes, start: int, end: int) -> _Meta:
    """All that is asked of a `meta` box; what is damaged in it is absent."""
    meta = _Meta()
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
    except IndexError:
        return _Meta()
    return meta


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _read_items(data: bytes, start: int, end: int, meta: _Meta) -> None:
    at = start + (6 if _number(data, start, 1) == 0 else 8)
    for box in boxes(data, at, end):
        if box.kind == b"infe" and box.end <= end and data[box.start] >= 2:  # noqa: PLR2004 -- its version
            wide = 2 if data[box.start] == 2 else 4  # noqa: PLR2004 -- its version
            item = _number(data, box.start + 4, wide)
            body = box.start + 4 + wide + 2
            meta.kinds[item] = data[body : body + 4], data[body + 4 : box.end]


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

    def read(self, meta: _Meta) -> None:
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


def _read_properties(data: bytes, start: int, end: int, meta: _Meta) -> None:
    for box in boxes(data, start, end):
        if box.end > end:
            return
        if box.kind == b"ipco":
            meta.properties = [(one.kind, one.start, one.end) for one in boxes(data, box.start, box.end)]
        elif box.kind == b"ipma":
            _read_associations(data, box.start, box.end, meta)


def _read_associations(data: bytes, at: int, end: int, meta: _Meta) -> None:
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


def turn(data: bytes) -> int:
    """The orientation, 1 to 8 as in EXIF, that the turns and mirrors of the picture come to, in their order."""
    meta = _meta_of(data)
    corners: tuple[int, ...] = (0, 1, 2, 3)
    for name, start, end in () if meta is None else _properties(meta, meta.primary):
        said = data[start] if end > start else 0
        if name == b"irot":  # quarters, anticlockwise
            quarters = said & 3
            corners = corners[quarters:] + corners[:quarters]
        elif name == b"imir":  # 1 exchanges left and right, 0 top and bottom
            top_left, top_right, bottom_right, bottom_left = corners
            if said & 1:
                corners = top_right, top_left, bottom_left, bottom_right
            else:
                corners = bottom_left, bottom_right, top_right, top_left
    return _TURNS[corners]


def _meta_of(data: bytes) -> _Meta | None:
    outer = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta" and box.end <= len(data)), None)
    return None if outer is None else _read_meta(data, outer.start + 4, outer.end)


@dataclass(frozen=True, slots=True)
class Said:
    """What such a file says beside its pixels; what it has not is None. `exif` begins with the TIFF header."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None


def said(data: bytes) -> Said:
    """EXIF, XMP and the colour profile, of a file that may be hostile."""
    meta = _meta_of(data)
    if meta is None:
        return Said()
    exif = xmp = icc = None
    for item, (kind, rest) in meta.kinds.items():
        if kind == b"Exif" and exif is None:
            body = _bytes_of(data, meta, item)
            skipped = 4 + int.from_bytes(body[:4], "big")
            exif = body[skipped:] or None
        elif kind == b"mime" and b"application/rdf+xml" in rest and xmp is None:
            xmp = _bytes_of(data, meta, item) or None
    for name, start, end in _properties(meta, meta.primary):
        if name == b"colr" and data[start : start + 4] in {b"prof", b"rICC"}:
            icc = data[start + 4 : end]
    return Said(exif, xmp, icc)


def _bytes_of(data: bytes, meta: _Meta, item: int) -> bytes:
    return b"".join(data[at : at + size] for at, size in meta.places.get(item, ()))
