"""Whether the pixels of a TIFF's page are all in the file, whatever its counts claim.

Sources: TIFF 6.0; Adobe's technical note 2 (JPEG); ITU-T T.6 for the code that ends a Group 4 strip; libtiff 4, which
goes by the rows where pixels are not compressed, and reads to the end of the file where a count is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import holes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 256, 257, 258, 259, 262, 277, 284
_STRIPS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILES, _TILE_WIDTH, _TILE_HEIGHT, _TILE_BYTES = 324, 322, 323, 325
_NEEDED: Final = frozenset(
    {
        _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _STRIPS, _TILES, _TILE_WIDTH,
        _TILE_HEIGHT,
        266, 292, 293, 317, 320, 332, 338, 339, 347, *range(512, 522), 529, 530,
    }
)  # fmt: skip
"""Also fill order, fax options, predictor, palette, inks, extra samples, JPEG tables, subsampling."""
_PLAIN, _GROUP4 = 1, 4
_JPEGS: Final = (6, 7)
_TELL_THEIR_END: Final = frozenset({5, 8, 32773, 32946, 34925, 50000})
"""LZW, deflate, PackBits, LZMA, Zstandard: their decoders miss what is missing."""
_SUBSAMPLED: Final = 6
_SEPARATE: Final = 2
_EOI: Final = b"\xff\xd9"
_EOFB: Final = "000000000001" * 2
_TAIL: Final = 8


@dataclass(frozen=True, slots=True)
class Lack:
    """Why pixels may be missing. `may_be_whole`: where nothing more comes, decoding tells."""

    reason: str
    may_be_whole: bool


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked of a directory: the values of a tag (nothing: it has none), and its tags beyond the file's end."""

    values: Callable[[int], tuple[int, ...]]
    outside: Collection[int]

    def value(self, tag: int, default: int) -> int:
        """The first of them."""
        return next(iter(self.values(tag)), default)


def lack(page: Page, data: bytes, reached: int) -> Lack | None:
    """Why pixels of a page may be missing. `reached`: an offset up to which all has been written."""
    if _NEEDED.intersection(page.outside) or (_STRIP_BYTES in page.outside and page.value(_COMPRESSION, 1) != _PLAIN):
        return Lack("what a directory says of its pixels lies beyond its end", may_be_whole=False)
    is_tiled = _TILES in page.outside or bool(page.values(_TILES))
    starts = page.values(_TILES if is_tiled else _STRIPS)
    counts = page.values(_TILE_BYTES if is_tiled else _STRIP_BYTES)
    if page.value(_COMPRESSION, 1) == _PLAIN:
        return _plain(page, data, starts, counts, is_tiled=is_tiled)
    return _packed(page, data, starts, counts, reached)


def _plain(page: Page, data: bytes, starts: tuple[int, ...], counts: tuple[int, ...], *, is_tiled: bool) -> Lack | None:
    told = max((start + count for start, count in zip(starts, counts, strict=False)), default=0)
    if page.value(_PHOTOMETRIC, 1) == _SUBSAMPLED:
        end = told
    else:
        sizes = _tile_sizes(page) if is_tiled else _strip_sizes(page)
        end = max((start + size for start, size in zip(starts, sizes, strict=False) if start), default=0)
    if end <= len(data):
        return None
    # Rows may be packed in a way that is not known here.
    return Lack(_short(end, data), may_be_whole=0 < told <= len(data) and all(counts))


def _short(end: int, data: bytes) -> str:
    return f"it is {end - len(data)} bytes short of the end of its pixels"


def _bits(page: Page) -> tuple[int, ...]:
    """Of each sample of a pixel."""
    samples, bits = max(1, page.value(_SAMPLES, 1)), page.values(_BITS) or (1,)
    return bits[:samples] if len(bits) >= samples else bits[:1] * min(samples, len(_NEEDED) * 8)


def _planes(page: Page) -> tuple[int, ...]:
    """Bits a pixel of each plane."""
    bits = _bits(page)
    return bits if page.value(_PLANAR, 1) == _SEPARATE else (sum(bits),)


def _strip_sizes(page: Page) -> Iterator[int]:
    width, height = page.value(_WIDTH, 0), page.value(_HEIGHT, 0)
    rows = page.value(_ROWS_PER_STRIP, 0) or height
    for bits in _planes(page):
        for row in range(0, height, max(1, rows)):
            yield (width * bits + 7) // 8 * min(rows, height - row)


def _tile_sizes(page: Page) -> Iterator[int]:
    width, height = page.value(_TILE_WIDTH, 0), page.value(_TILE_HEIGHT, 0)
    across, down = -(-page.value(_WIDTH, 0) // max(1, width)), -(-page.value(_HEIGHT, 0) // max(1, height))
    for bits in _planes(page):
        for _ in range(across * down):
            yield (width * bits + 7) // 8 * height


def _packed(page: Page, data: bytes, starts: tuple[int, ...], counts: tuple[int, ...], reached: int) -> Lack | None:
    counts += (0,) * (len(starts) - len(counts))
    end = max((start + count for start, count in zip(starts, counts, strict=False)), default=0)
    if end > len(data):
        return Lack(_short(end, data), may_be_whole=False)
    if end and holes.whole_pages_missing(data, min(starts), end) is not None:
        return Lack("zeros stand where its pixels should: it may still be copied", may_be_whole=False)
    endless = [start for start, count in zip(starts, counts, strict=False) if start and not count]
    if not endless or max(endless) < reached:
        return None
    return Lack("where its pixels end is not told", may_be_whole=_has_end(page.value(_COMPRESSION, 1), data))


def _has_end(compression: int, data: bytes) -> bool:
    """Whether what stands last in a file is the end of a strip, or would not be taken for one by its decoder."""
    tail = data[-4096:].rstrip(b"\0")
    if compression in _JPEGS:
        return tail.endswith(_EOI)
    if compression == _GROUP4:
        bits = "".join(f"{byte:08b}" for byte in tail[-_TAIL:])
        return bits.rstrip("0").endswith(_EOFB.rstrip("0"))
    return compression in _TELL_THEIR_END
