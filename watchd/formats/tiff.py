"""TIFF on paper: its directories, and whether all that they point at lies in the file. BigTIFF too.

Sources: TIFF 6.0; Adobe's technical notes on it; the BigTIFF design (AWare Systems); DNG 1.7 for what is a camera raw.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import holes
from watchd.formats.metadata import ifd
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 0x00FE, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 0x0111, 0x0117, 0x0144, 0x0145
EXTRA_SAMPLES, SAMPLE_FORMAT, SUB_DIRECTORIES = 0x0152, 0x0153, 0x014A
XMP, IPTC, PHOTOSHOP, ICC, EXIF, GPS = 0x02BC, 0x83BB, 0x8649, 0x8773, 0x8769, 0x8825
_DNG_VERSION: Final = 0xC612
_MOST_PAGES: Final = 1000
_MOST_ENTRIES: Final = 4096
_MOST_VALUES: Final = 2_000_000
_TYPES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_COLOURS: Final = {
    0: Colour.GREY, 1: Colour.GREY, 2: Colour.RGB, 3: Colour.PALETTE, 5: Colour.CMYK, 6: Colour.RGB,
}  # fmt: skip
_OF_A_SENSOR: Final = frozenset({32803, 34892})
_FLOAT: Final = 3
_FLOAT_BITS: Final = 32
_REDUCED: Final = 1
_MASK: Final = 4
_RAW: Final = "a camera raw file made like a TIFF"


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry: its type, how many values, and the offset at which they lie in the file."""

    type: int
    count: int
    at: int

    @property
    def size(self) -> int:
        """Bytes of all its values; 0 for a type that nobody knows."""
        return _TYPES.get(self.type, 0) * self.count


class Reader:
    """Reads directories of `data`, which begins as a TIFF does, whatever its bytes are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:1] == b"I" else ">"
        self._big = data[2:4] in {b"+\0", b"\0+"}

    def _numbers(self, form: str, at: int) -> tuple[int, ...] | None:
        form = self._order + form
        if at < 0 or at + struct.calcsize(form) > len(self._data):
            return None
        return struct.unpack_from(form, self._data, at)

    def first(self) -> int | None:
        """The offset of the first directory; None: the file ends before that is told."""
        found = self._numbers("Q", 8) if self._big else self._numbers("I", 4)
        return None if found is None else found[0]

    def directory(self, at: int) -> tuple[dict[int, Tag], int] | None:
        """The tags of a directory, the first of each, and the offset of the next (0: none); None: it is not whole."""
        head, entry, link = ("Q", "HHQ", "Q") if self._big else ("H", "HHI", "I")
        counted = self._numbers(head, at)
        if counted is None:
            return None
        at += struct.calcsize("=" + head)
        step, inline = (20, 8) if self._big else (12, 4)
        tags: dict[int, Tag] = {}
        for start in range(at, at + step * min(counted[0], _MOST_ENTRIES), step):
            found = self._numbers(entry, start)
            if found is None or start + step > len(self._data):
                return None
            tag, kind, count = found
            where: int | None = start + step - inline
            if _TYPES.get(kind, 0) * count > inline:
                pointed = self._numbers(link, start + step - inline)
                where = None if pointed is None else pointed[0]
            if where is None:
                return None
            tags.setdefault(tag, Tag(kind, count, where))
        after = self._numbers(link, at + step * counted[0])
        return None if after is None else (tags, after[0])

    def pages(self) -> Iterator[dict[int, Tag] | None]:
        """Each directory of the chain; None for one that is not all there, which is the last."""
        at, met = self.first(), set[int]()
        while at and at not in met and len(met) < _MOST_PAGES:
            met.add(at)
            found = self.directory(at)
            if found is None:
                yield None
                return
            tags, at = found
            yield tags

    def integers(self, tag: Tag | None) -> tuple[int, ...]:
        """The values of a tag that holds whole numbers; nothing where it does not, or where they are not all there."""
        letter = _INTEGERS.get(tag.type) if tag is not None else None
        if tag is None or letter is None or tag.count > _MOST_VALUES:
            return ()
        return self._numbers(f"{tag.count}{letter}", tag.at) or ()

    def integer(self, tag: Tag | None, default: int = 0) -> int:
        """The first of them."""
        return next(iter(self.integers(tag)), default)

    def raw(self, tag: Tag | None) -> bytes | None:
        """The bytes of all values as they stand in the file."""
        if tag is None or not tag.size or tag.at + tag.size > len(self._data):
            return None
        return self._data[tag.at : tag.at + tag.size]

    def has_hole(self, start: int, end: int) -> bool:
        """Whether whole pages of zeros stand between two offsets, as in a file that is still being copied."""
        return holes.whole_pages_missing(self._data, start, end) is not None

    def entries(self, tags: dict[int, Tag]) -> Iterator[ifd.Entry]:
        """The same as entries of a directory of EXIF, whose values are little-endian."""
        for number, tag in tags.items():
            values = self.raw(tag)
            if values is not None and tag.type in ifd.TYPES:
                yield ifd.Entry(number, tag.type, ifd.little(values, tag.type, self._order))


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins as a TIFF does, holds everything that its directories point at.

    Of several pages the first of full size is the picture.
    """
    reader = Reader(data)
    first = reader.first()
    if first is None:
        return Incomplete("it ends inside its header")
    if not first:
        return _odd(data, "it has no directory")
    if data[8:10] == b"CR":
        return Unreadable(f"it is {_RAW} (CR2)")
    pages: list[dict[int, Tag]] = []
    for tags in reader.pages():
        if tags is None:
            return Incomplete("it ends inside a directory")
        reason = _missing(reader, tags, len(data))
        if reason is not None:
            return Incomplete(reason)
        pages.append(tags)
    return _judge(data, reader, pages)


def _odd(data: bytes, reason: str) -> Incomplete | Unreadable:
    if holes.explains_damage(data, 0, 16):
        return Incomplete(f"{reason}, and zeros stand there: it may still be copied")
    return Unreadable(reason)


def _missing(reader: Reader, tags: dict[int, Tag], length: int) -> str | None:
    """Why a page may not be all there."""
    if any(tag.at + tag.size > length for tag in tags.values()):
        return "what a directory says lies beyond its end"
    for places, sizes in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
        starts, counts = reader.integers(tags.get(places)), reader.integers(tags.get(sizes))
        end = max((start + count for start, count in zip(starts, counts, strict=False)), default=0)
        if end > length:
            return f"it is {end - length} bytes short of the end of its pixels"
        if end and reader.integer(tags.get(COMPRESSION), 1) > 1 and reader.has_hole(min(starts), end):
            return "zeros stand where its pixels should: it may still be copied"
    return None


def _judge(data: bytes, reader: Reader, pages: list[dict[int, Tag]]) -> Picture | Incomplete | Unreadable:
    if not pages or not any(STRIPS in page or TILES in page for page in pages):
        return _odd(data, "it holds no picture")
    full = [page for page in pages if not reader.integer(page.get(SUBFILE)) & (_REDUCED | _MASK)]
    if _is_raw(reader, pages[0]):
        return Unreadable(f"it is {_RAW}")
    page = shown_page(reader, pages)
    width, height = reader.integer(page.get(WIDTH)), reader.integer(page.get(HEIGHT))
    if not width or not height:
        return _odd(data, f"its header claims {width} x {height} pixels")
    bits = max(reader.integers(page.get(BITS)), default=1)
    if reader.integer(page.get(SAMPLE_FORMAT), 1) == _FLOAT:
        bits = max(bits, _FLOAT_BITS)
    colour = _COLOURS.get(reader.integer(page.get(PHOTOMETRIC), 1), Colour.OTHER)
    alpha = any(reader.integers(page.get(EXTRA_SAMPLES))) and colour is not Colour.CMYK
    return Picture(Format.TIFF, width, height, colour, max(8, bits), alpha=alpha, frames=max(1, len(full)))


def shown_page(reader: Reader, pages: list[dict[int, Tag]]) -> dict[int, Tag]:
    """The page that is the picture: the first of full size, or else the first. There is one at least."""
    full = (page for page in pages if not reader.integer(page.get(SUBFILE)) & (_REDUCED | _MASK))
    return next(full, pages[0])


def _is_raw(reader: Reader, first: dict[int, Tag]) -> bool:
    """Whether the pixels are a sensor's, or the first page only previews others that are."""
    reduced = bool(reader.integer(first.get(SUBFILE)) & _REDUCED)
    return (
        _DNG_VERSION in first
        or reader.integer(first.get(PHOTOMETRIC)) in _OF_A_SENSOR
        or (reduced and SUB_DIRECTORIES in first)
    )
