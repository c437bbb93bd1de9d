"""TIFF on paper: its directories, and whether all that its pixels need lies in the file. BigTIFF too.

Sources: TIFF 6.0; Adobe's technical notes on it; the BigTIFF design (AWare Systems); DNG 1.7 for what is a camera raw;
libtiff 4 for the sloppy counts that every reader repairs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from watchd.formats import holes, tiff_pixels
from watchd.formats.metadata import ifd
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unended, Unreadable, counted

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
_MOST_ENTRIES_IN_ALL: Final = 100_000
"""And values of all further pages that are looked at: more are made to keep a reader busy."""
_MOST_VALUES: Final = 2_000_000
_TYPES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_COLOURS: Final = {
    0: Colour.GREY, 1: Colour.GREY, 2: Colour.RGB, 3: Colour.PALETTE, 5: Colour.CMYK, 6: Colour.RGB,
}  # fmt: skip
_OF_A_SENSOR: Final = frozenset({32803, 34892})
_FLOAT: Final = 3
_FLOAT_BITS: Final = 32
_REDUCED: Final = 1
_MASK: Final = 4
_OLD_SUBFILE: Final = 0x00FF
_OLD_REDUCED: Final = 2
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


_Link: TypeAlias = tuple[int, dict[int, Tag], bool]


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
        found = self._entries(at)
        return None if found is None or found[1] is None else (found[0], found[1])

    def _entries(self, at: int) -> tuple[dict[int, Tag], int | None] | None:
        """The same of one that may be cut, which has no next; None: not even its count is there."""
        head, entry, link = ("Q", "HHQ", "Q") if self._big else ("H", "HHI", "I")
        told = self._numbers(head, at)
        if told is None:
            return None
        at += struct.calcsize("=" + head)
        step, inline = (20, 8) if self._big else (12, 4)
        tags: dict[int, Tag] = {}
        for start in range(at, at + step * min(told[0], _MOST_ENTRIES), step):
            found = self._numbers(entry, start)
            pointed = self._numbers(link, start + step - inline)
            if found is None or pointed is None:
                return tags, None
            tag, kind, count = found
            is_inline = _TYPES.get(kind, 0) * count <= inline
            tags.setdefault(tag, Tag(kind, count, start + step - inline if is_inline else pointed[0]))
        after = self._numbers(link, at + step * told[0])
        return tags, None if after is None else after[0]

    def chain(self) -> Iterator[_Link]:
        """Each directory: its offset, its tags, and whether it is all there; one that is not is the last."""
        at, met, entries = self.first(), set[int](), 0
        while at and at not in met and len(met) < _MOST_PAGES and entries < _MOST_ENTRIES_IN_ALL:
            met.add(at)
            entries += min((self._numbers("Q" if self._big else "H", at) or (0,))[0], _MOST_ENTRIES)
            tags, following = self._entries(at) or ({}, None)
            yield at, tags, following is not None
            at = following

    def pages(self) -> Iterator[dict[int, Tag] | None]:
        """The tags of each; None for one that is not all there, which is the last."""
        for _, tags, is_whole in self.chain():
            yield tags if is_whole else None

    def integers(self, tag: Tag | None) -> tuple[int, ...]:
        """The values of a tag that holds whole numbers; nothing where it does not, or where they are not all there."""
        letter = _INTEGERS.get(tag.type) if tag is not None else None
        if tag is None or letter is None or tag.count > _MOST_VALUES:
            return ()
        return self._numbers(f"{tag.count}{letter}", tag.at) or ()

    def integer(self, tag: Tag | None, default: int = 0) -> int:
        """The first of them."""
        return next(iter(self.integers(None if tag is None else Tag(tag.type, min(tag.count, 1), tag.at))), default)

    def raw(self, tag: Tag | None) -> bytes | None:
        """The bytes of all values as they stand in the file."""
        if tag is None or not tag.size or tag.at + tag.size > len(self._data):
            return None
        return self._data[tag.at : tag.at + tag.size]

    def lies_inside(self, tag: Tag) -> bool:
        """Whether all values of a tag lie in the file."""
        return tag.at + tag.size <= len(self._data)

    def has_hole(self, start: int, end: int) -> bool:
        """Whether whole pages of zeros stand between two offsets, as in a file that is still being copied."""
        return holes.whole_pages_missing(self._data, start, end) is not None

    def entries(self, tags: dict[int, Tag]) -> Iterator[ifd.Entry]:
        """The same as entries of a directory of EXIF, whose values are little-endian."""
        for number, tag in tags.items():
            values = self.raw(tag)
            if values is not None and tag.type in ifd.TYPES:
                yield ifd.Entry(number, tag.type, ifd.little(values, tag.type, self._order))


def main_page(reader: Reader) -> dict[int, Tag] | None:
    """The directory that is the picture: the first with pixels of full size, else the first with any."""
    pages = [tags for _, tags, _ in reader.chain() if _has_pixels(tags)]
    return next((tags for tags in pages if _is_full(reader, tags)), pages[0] if pages else None)


def _has_pixels(tags: dict[int, Tag]) -> bool:
    return STRIPS in tags or TILES in tags


def _is_full(reader: Reader, tags: dict[int, Tag]) -> bool:
    """Whether a page is neither a smaller copy of another nor its mask."""
    is_reduced = reader.integer(tags.get(SUBFILE)) & (_REDUCED | _MASK)
    return not is_reduced and reader.integer(tags.get(_OLD_SUBFILE)) != _OLD_REDUCED


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins as a TIFF does, holds everything that its directories point at.

    Of several pages the first of full size is the picture. What its pixels do not need, other pages too, may still be
    on its way; if nothing more comes, it is the picture all the same.
    """
    reader = Reader(data)
    first = reader.first()
    if first is None:
        return Incomplete("it ends inside its header")
    if not first:
        return _odd(data, "it has no directory")
    if data[8:10] == b"CR":
        return Unreadable(f"it is {_RAW} (CR2)")
    return _judge(data, reader, list(reader.chain()))


def _judge(data: bytes, reader: Reader, chain: list[_Link]) -> Picture | Incomplete | Unreadable:
    if _is_raw(reader, chain[0][1]):
        return Unreadable(f"it is {_RAW}")
    page = main_page(reader)
    if page is None:
        is_whole = chain[-1][2]
        return _odd(data, "it holds no picture") if is_whole else Incomplete("it ends inside a directory")
    lack = tiff_pixels.lack(_asked(reader, page), data, max(at for at, _, _ in chain))
    if lack is not None and not lack.may_be_whole:
        return Incomplete(lack.reason)
    picture = _measured(data, reader, page, sum(_has_pixels(tags) and _is_full(reader, tags) for _, tags, _ in chain))
    reason = lack.reason if lack is not None else _lacks_beside(reader, chain, data)
    if reason is None or not isinstance(picture, Picture):
        return picture
    return Incomplete(reason, Unended(picture, len(data)))


def _odd(data: bytes, reason: str) -> Incomplete | Unreadable:
    if holes.explains_damage(data, 0, 16):
        return Incomplete(f"{reason}, and zeros stand there: it may still be copied")
    return Unreadable(reason)


def _asked(reader: Reader, tags: dict[int, Tag]) -> tiff_pixels.Page:
    outside = {number for number, tag in tags.items() if not reader.lies_inside(tag)}
    return tiff_pixels.Page(lambda number: reader.integers(tags.get(number)), outside)


def _lacks_beside(reader: Reader, chain: list[_Link], data: bytes) -> str | None:
    """Why something may be missing that the picture itself does not need."""
    values = 0
    for _, tags, is_whole in chain:
        values += sum(tags[one].count for one in (STRIPS, TILES) if one in tags)
        if values > _MOST_VALUES:
            return None
        if not is_whole:
            return "it ends inside a directory"
        if not all(reader.lies_inside(tag) for tag in tags.values()):
            return "what a directory says lies beyond its end"
        lack = tiff_pixels.lack(_asked(reader, tags), data, len(data))
        if lack is not None:
            return f"of a further page: {lack.reason}"
    return None


def _measured(data: bytes, reader: Reader, page: dict[int, Tag], pages: int) -> Picture | Incomplete | Unreadable:
    width, height = reader.integer(page.get(WIDTH)), reader.integer(page.get(HEIGHT))
    if width <= 0 or height <= 0:
        return _odd(data, f"its header claims {width} x {height} pixels")
    bits = max(reader.integers(page.get(BITS)), default=1)
    if reader.integer(page.get(SAMPLE_FORMAT), 1) == _FLOAT:
        bits = max(bits, _FLOAT_BITS)
    colour = _COLOURS.get(reader.integer(page.get(PHOTOMETRIC), 1), Colour.OTHER)
    alpha = any(reader.integers(page.get(EXTRA_SAMPLES))) and colour is not Colour.CMYK
    beside = (counted(pages - 1, "page"),) if pages > 1 else ()
    return Picture(
        Format.TIFF, width, height, colour, max(8, bits), alpha=alpha, frames=max(1, pages), besides=beside
    )  # fmt: skip


def _is_raw(reader: Reader, first: dict[int, Tag]) -> bool:
    """Whether the pixels are a sensor's, or the first page only previews others that are."""
    reduced = bool(reader.integer(first.get(SUBFILE)) & _REDUCED)
    return (
        _DNG_VERSION in first
        or reader.integer(first.get(PHOTOMETRIC)) in _OF_A_SENSOR
        or (reduced and SUB_DIRECTORIES in first)
    )
