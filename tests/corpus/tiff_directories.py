"""TIFF: its directories, orientation, pages, words, counts that are wrong and offsets that lead nowhere.

All generated here; sources: TIFF 6.0 section 2 and 8, TIFF Technical Note 1 (SubIFDs), libtiff's own repairs.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image

from tests.corpus import icc
from tests.corpus.chart import converted, saved
from tests.corpus.entry import Done, Failed, Shelf
from tests.corpus.packets import iptc, packet, resources, title
from tests.corpus.png_bytes import with_alpha
from tests.corpus.tiff_bytes import (
    ASCII,
    BYTE,
    COUNTS,
    DESCRIPTION,
    DOUBLE,
    HEIGHT,
    LONG,
    MAKE,
    OFFSETS,
    RATIONAL,
    ROWS,
    SHORT,
    UNDEFINED,
    WIDTH,
    Page,
    baseline,
    tiff,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.corpus.entry import Maker
    from tests.corpus.tiff_bytes import Value

SHELF = Shelf("tiff")
TIFF = "TIFF 6.0"
EXACT = 4
FINE = Done(tolerance=EXACT)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What makes a picture upright that says this orientation."""
SCANNER = "python-pillow/Pillow#7381, #8554, #4053: scanners and copiers write it, and Pillow turns a TIFF by itself"


def tagged(
    *,
    order: str = "<",
    strips: int = 1,
    raw: Mapping[int, tuple[int, int, int]] | None = None,
    drop: frozenset[int] = frozenset(),
    then: int | None = None,
    backwards: bool = False,
    **tags: Value | int,
) -> Maker:
    """A maker: uncompressed RGB with more tags, entries written as they are, or some left out."""

    def make(chart: Image.Image) -> bytes:
        page = baseline(chart, strips, **tags)
        return tiff(Page(page.tags, page.pieces, raw or {}, drop, then, backwards), order=order)

    return make


def numbered(tags: Mapping[int, Value], order: str = "<") -> Maker:
    """A maker: uncompressed RGB with more tags, by number."""

    def make(chart: Image.Image) -> bytes:
        page = baseline(chart)
        return tiff(Page({**page.tags, **tags}, page.pieces), order=order)

    return make


for _orientation, _turn in TURNS.items():
    _look = Done(partial(Image.Image.transpose, method=_turn), tolerance=EXACT)
    SHELF.add(f"turned-{_orientation}.tif", tagged(orientation=_orientation), SCANNER, _look)
    SHELF.add(
        f"turned-{_orientation}-lzw.tif",
        partial(saved, kind="TIFF", compression="tiff_lzw", tiffinfo={274: _orientation}), SCANNER, _look,
    )  # fmt: skip
SHELF.add("turned-0.tif", tagged(orientation=0), "no such orientation", FINE)
SHELF.add("turned-9.tif", tagged(orientation=9), "no such orientation", FINE)
SHELF.add(
    "turned-6-alpha.tif",
    lambda chart: saved(with_alpha(chart), "TIFF", tiffinfo={274: 6}),
    SCANNER,
    Done(lambda chart: with_alpha(chart).transpose(TURNS[6]), tolerance=EXACT),
)
SHELF.add(
    "turned-by-xmp.tif",
    numbered({700: (BYTE, packet('tiff:Orientation="8"'))}),
    "XMP alone says it",
    Done(lambda chart: chart.transpose(TURNS[8]), tolerance=EXACT),
)

# Pages.

PAGES = Done(tolerance=EXACT, told=("page|picture",))


def others(chart: Image.Image) -> list[Image.Image]:
    """Two more pages, unlike the first."""
    return [chart.point(lambda level: 255 - level), chart.convert("L").convert("RGB")]


DELETED = "alephdata/aleph#20, OCR-D/spec PR#132: all but the first page are lost"
SHELF.add("pages.tif", lambda chart: tiff(baseline(chart), *map(baseline, others(chart))), DELETED, PAGES)
SHELF.add(
    "pages-lzw.tif",
    lambda chart: saved(chart, "TIFF", save_all=True, append_images=others(chart), compression="tiff_lzw"),
    DELETED,
    PAGES,
)
SHELF.add(
    "pages-of-other-sizes.tif", lambda chart: tiff(baseline(chart), baseline(chart.resize((300, 240)))), DELETED, PAGES
)
SHELF.add("pages-big.tif", lambda chart: tiff(baseline(chart), *map(baseline, others(chart)), big=True), DELETED, PAGES)


@SHELF.entry("thumbnail-first.tif", "TIFF 6.0, NewSubfileType 1: a reduced picture before the picture", FINE)
def _thumbnail_first(chart: Image.Image) -> bytes:
    small = baseline(others(chart)[0].resize((80, 64)), subfile=(LONG, [1]))
    return tiff(small, baseline(chart, subfile=(LONG, [0])))


@SHELF.entry("thumbnail-second.tif", "TIFF 6.0, NewSubfileType 1: a reduced picture is no page", FINE)
def _thumbnail_second(chart: Image.Image) -> bytes:
    return tiff(baseline(chart), baseline(chart.resize((80, 64)), subfile=(LONG, [1])))


@SHELF.entry("mask-second.tif", "TIFF 6.0, NewSubfileType 4: a transparency mask", FINE)
def _mask_second(chart: Image.Image) -> bytes:
    return tiff(baseline(chart), baseline(chart.convert("L"), subfile=(LONG, [4])))


SHELF.add(
    "pyramid.tif",
    lambda chart: tiff(
        baseline(chart),
        baseline(chart.resize((160, 128)), subfile=(LONG, [1])),
        baseline(chart.resize((80, 64)), subfile=(LONG, [1])),
    ),
    "pyramids of museums",
    FINE,
)


def _cut_lzw(chart: Image.Image) -> bytes:
    data = saved(chart, "TIFF", compression="tiff_lzw")
    return data[: len(data) // 2]


# Counts and offsets.

REPAIRED = "haraldk/TwelveMonkeys#514, #449, ome/bioformats PR#1423: libtiff puts it right"
SHELF.add("counts-too-large.tif", tagged(counts=(LONG, [999_999])), REPAIRED, FINE)
SHELF.add("counts-of-zero.tif", tagged(counts=(LONG, [0])), REPAIRED, FINE)
SHELF.add("counts-missing.tif", tagged(drop=frozenset({COUNTS})), REPAIRED, FINE)
SHELF.add("counts-too-small.tif", tagged(counts=(LONG, [100])), REPAIRED, FINE)
SHELF.add(
    "counts-short-numbers.tif", tagged(strips=16, counts=(SHORT, [320 * 3 * 16] * 16)), f"{TIFF}: SHORT or LONG", FINE
)
SHELF.add("rows-missing.tif", tagged(drop=frozenset({ROWS})), f"{TIFF}: the default is one strip", FINE)
SHELF.add(
    "offsets-missing.tif",
    tagged(drop=frozenset({OFFSETS})),
    TIFF,
    Failed("strip|offset|where|decoded|holds no picture"),
)
SHELF.add("width-missing.tif", tagged(drop=frozenset({WIDTH})), TIFF, Failed("width|size|pixel|damaged"))
SHELF.add("offset-beyond-the-end.tif", tagged(offsets=(LONG, [5_000_000])), TIFF, Failed("truncated|beyond|missing"))
SHELF.add(
    "private-tag-beyond-the-end.tif",
    tagged(raw={65000: (UNDEFINED, 4000, 9_000_000)}),
    "F17 of the field: the pixels do not need it",
    FINE,
)
SHELF.add(
    "description-beyond-the-end.tif",
    tagged(raw={DESCRIPTION: (ASCII, 400, 9_000_000)}),
    "the pixels do not need it",
    FINE,
)
SHELF.add("exif-beyond-the-end.tif", tagged(raw={34665: (LONG, 1, 9_000_000)}), "the pixels do not need it", FINE)
SHELF.add("type-unknown.tif", tagged(raw={65001: (99, 3, 8)}), f"{TIFF}: readers skip types they do not know", FINE)
SHELF.add("count-of-zero.tif", tagged(raw={DESCRIPTION: (ASCII, 0, 0)}), "libtiff: a tag of nothing", FINE)
SHELF.add("tags-backwards.tif", tagged(backwards=True), "libtiff: TIFFReadDirectoryCheckOrder warns", FINE)
SHELF.add("next-directory-beyond-the-end.tif", tagged(then=7_000_000), "libtiff, Pillow: the chain ends there", FINE)
SHELF.add("next-directory-odd.tif", tagged(then=9), "a chain into the pixels", FINE)
SHELF.add(
    "no-directory.tif", lambda _: b"II*\0" + bytes(4) + bytes(5000), TIFF, Failed("director|truncated|copied|zeros")
)
SHELF.add(
    "directory-of-no-tags.tif",
    lambda _: b"II*\0" + struct.pack("<IHI", 8, 0, 0) + bytes(200),
    TIFF,
    Failed("director|width|size|picture|truncated"),
)


@SHELF.entry("directory-loop.tif", "Pillow#2040 and kin: a directory that is its own next", FINE)
def _loop(chart: Image.Image) -> bytes:
    data = tiff(baseline(chart))
    (first,) = struct.unpack_from("<I", data, 4)
    return tagged(then=first)(chart)


@SHELF.entry("height-by-rows.tif", "a height of SHORT, a width of LONG", FINE)
def _types(chart: Image.Image) -> bytes:
    page = baseline(chart)
    return tiff(Page({**page.tags, HEIGHT: (SHORT, [chart.height])}, page.pieces))


SHELF.add(
    "bytes-behind.tif", lambda chart: tiff(baseline(chart)) + b"and more" * 40, "offsets tell what belongs to it", FINE
)
SHELF.add("zeros-behind.tif", lambda chart: tiff(baseline(chart)) + bytes(4096), "block-wise copies", FINE)
SHELF.add(
    "cut-in-its-pixels.tif",
    lambda chart: tiff(baseline(chart), pixels_first=False)[:-60_000],
    "a copy that broke off",
    Failed("truncated|missing"),
)
SHELF.add(
    "cut-in-its-directory.tif",
    lambda chart: tiff(baseline(chart))[:-40],
    "a copy that broke off",
    Failed("truncated|missing|director"),
)
SHELF.add(
    "cut-lzw.tif",
    _cut_lzw,
    "a copy that broke off, its directory first",
    Failed("truncated|missing|decoded"),
)


# Words.

WORDS: dict[str, tuple[dict[int, Value], tuple[str, ...]]] = {
    "description": ({DESCRIPTION: (ASCII, b"a caption\0"), MAKE: (ASCII, b"a maker\0")}, ("a caption", "a maker")),
    "description-long": ({DESCRIPTION: (ASCII, b"word " * 10_000 + b"the end of it\0")}, ("the end of it",)),
    "description-no-zero": ({DESCRIPTION: (ASCII, b"a caption")}, ("a caption",)),
    "xmp": ({700: (BYTE, packet("", title("Ein Titel")))}, ("Ein Titel",)),
    "xmp-undefined": ({700: (UNDEFINED, packet("", title("Ein Titel")))}, ("Ein Titel",)),
    "iptc": ({33723: (UNDEFINED, iptc((120, b"a caption")))}, ("a caption",)),
    "iptc-long": ({33723: (LONG, struct.unpack("<4I", iptc((120, b"a caption..")))) }, ("a caption",)),
    "photoshop": ({34377: (BYTE, resources(iptc((120, b"a caption"))))}, ("a caption",)),
    "resolution": ({282: (RATIONAL, [300, 1]), 283: (RATIONAL, [300, 1]), 296: (SHORT, [2])}, ()),
    "resolution-of-nothing": ({282: (RATIONAL, [0, 0]), 283: (RATIONAL, [0, 0])}, ()),
    "geotiff": ({33550: (DOUBLE, [1, 1, 0]), 34735: (SHORT, [1, 1, 0, 0])}, ()),
    "layers": ({37724: (UNDEFINED, b"Adobe Photoshop Document Data Block\0" + bytes(5000))}, ()),
}  # fmt: skip
for _name, (_tags, _said) in WORDS.items():
    SHELF.add(
        f"words-{_name}.tif", numbered(_tags), f"{TIFF}, section 8; XMP part 3", Done(tolerance=EXACT, says=_said)
    )
SHELF.add(
    "words-photoshop-paths.tif",
    numbered({34377: (BYTE, resources(iptc((120, b"a caption")), (2000, bytes(26 * 7))))}),
    "Photoshop: what a person put among its resources",
    Done(tolerance=EXACT, told=("Photoshop paths",), says=("a caption",)),
)
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.19921875))
SHELF.add(
    "icc-adobe.tif",
    lambda chart: saved(converted(chart, ADOBE), "TIFF", icc_profile=ADOBE),
    "ICC.1 B.3",
    Done(tolerance=10),
)
SHELF.add("icc-garbage.tif", numbered({34675: (UNDEFINED, b"no profile" * 30)}), "ICC.1 B.3", FINE)
