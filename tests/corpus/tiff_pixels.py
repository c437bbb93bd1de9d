"""TIFF: how its pixels are stored. All generated here, by libtiff through Pillow or by hand; source: TIFF 6.0."""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING

from tests.corpus.chart import saved
from tests.corpus.entry import Done, Failed, Shelf, grey, of
from tests.corpus.jpeg_coding import through_cmyk
from tests.corpus.png_bytes import look_of, samples_of, with_alpha
from tests.corpus.png_bytes import rows as packed_rows
from tests.corpus.tiff_bytes import SHORT, Page, baseline, described, tiff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from tests.corpus.entry import Maker

SHELF = Shelf("tiff")
TIFF = "TIFF 6.0"
EXACT = 4
FINE = Done(tolerance=EXACT)


def bilevel(chart: Image.Image) -> Image.Image:
    """The chart in black and white, as a fax has it."""
    return chart.convert("1")


HARD = Done(bilevel, tolerance=EXACT)

# What libtiff writes.

COMPRESSED = ("tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "lzma", "zstd")
for _kind in COMPRESSED:
    SHELF.add(f"rgb-{_kind}.tif", partial(saved, kind="TIFF", compression=_kind), f"{TIFF}, libtiff's codecs", FINE)
SHELF.add(
    "rgb-jpeg.tif", partial(saved, kind="TIFF", compression="jpeg", quality=92), "Adobe TN 2: JPEG in TIFF", Done()
)
for _kind in ("tiff_lzw", "packbits", "tiff_deflate", "jpeg"):
    SHELF.add(
        f"grey-{_kind}.tif",
        of(saved, grey, kind="TIFF", compression=_kind),
        TIFF,
        Done(grey),
    )
for _kind in ("group3", "group4", "tiff_ccitt", "tiff_lzw", "packbits", "raw"):
    SHELF.add(
        f"bilevel-{_kind}.tif", of(saved, bilevel, kind="TIFF", compression=_kind),
        f"{TIFF}, sections 10 and 11: faxes and scanned papers", HARD,
    )  # fmt: skip


def grey_with_alpha(chart: Image.Image) -> Image.Image:
    """Two channels."""
    return with_alpha(chart).convert("LA")


for _name, _channels in {"la": grey_with_alpha, "rgba": with_alpha}.items():
    SHELF.add(
        f"alpha-lzw-{_name}.tif", of(saved, _channels, kind="TIFF", compression="tiff_lzw"), TIFF,
        Done(_channels, tolerance=EXACT),
    )  # fmt: skip
SHELF.add(
    "cmyk-lzw.tif",
    lambda chart: saved(chart.convert("CMYK"), "TIFF", compression="tiff_lzw"),
    f"{TIFF}, section 16",
    Done(through_cmyk, tolerance=24),
)
SHELF.add(
    "cmyk-raw.tif",
    lambda chart: saved(chart.convert("CMYK"), "TIFF"),
    f"{TIFF}, section 16",
    Done(through_cmyk, tolerance=24),
)
SHELF.add(
    "palette-lzw.tif",
    lambda chart: saved(chart.quantize(200), "TIFF", compression="tiff_lzw"),
    f"{TIFF}, section 5",
    Done(lambda chart: chart.quantize(200).convert("RGB"), tolerance=EXACT),
)
SHELF.add(
    "ycbcr-raw.tif", lambda chart: saved(chart.convert("YCbCr"), "TIFF"), f"{TIFF}, section 21", Done(tolerance=16)
)


# What is laid out by hand.


def laid(page: Page, order: str = "<", *, big: bool = False) -> bytes:
    """A file of one page."""
    return tiff(page, order=order, big=big)


def plain(order: str = "<", strips: int = 1, *, big: bool = False, pixels_first: bool = True) -> Maker:
    """A maker: uncompressed RGB."""
    return lambda chart: tiff(baseline(chart, strips), order=order, big=big, pixels_first=pixels_first)


SHELF.add("raw-intel.tif", plain(), TIFF, FINE)
SHELF.add("raw-motorola.tif", plain(">"), TIFF, FINE)
SHELF.add("raw-strips.tif", plain(strips=16), TIFF, FINE)
SHELF.add("raw-strip-a-row.tif", plain(strips=256), TIFF, FINE)
SHELF.add("raw-uneven-strips.tif", plain(strips=7), TIFF, FINE)
SHELF.add(
    "raw-directory-first.tif", plain(strips=3, pixels_first=False), "TIFF 6.0: a directory may stand anywhere", FINE
)
SHELF.add("big.tif", plain(big=True, strips=4), "BigTIFF", FINE)
SHELF.add("big-by-its-suffix.tiff", plain(big=True), "BigTIFF", FINE)
SHELF.add(
    "big-motorola.tif",
    plain(">", big=True),
    "BigTIFF; Pillow takes this byte order for another format",
    Failed("decoded|BigTIFF"),
)
SHELF.add("raw-motorola-strips.tiff", plain(">", strips=5), TIFF, FINE)


def deep(image: Image.Image) -> bytes:
    """Samples of eight bits as those of sixteen: each is doubled, so that both byte orders read the same."""
    samples = image.tobytes()
    doubled = bytearray(2 * len(samples))
    doubled[::2] = doubled[1::2] = samples
    return bytes(doubled)


def sixteen(chart: Image.Image, mode: str, order: str = "<") -> bytes:
    """Sixteen bits a channel."""
    image = chart.convert(mode)
    photometric = {"L": 1, "RGB": 2, "CMYK": 5}[mode]
    bits = (16,) * len(image.getbands())
    return laid(Page(described(image.size, bits, photometric), [deep(image)]), order)


for _order, _name in {"<": "intel", ">": "motorola"}.items():
    SHELF.add(f"grey-16-{_name}.tif", partial(sixteen, mode="L", order=_order), TIFF, Done(grey, tolerance=EXACT))
    SHELF.add(f"rgb-16-{_name}.tif", partial(sixteen, mode="RGB", order=_order), "scanners, raw developers", FINE)
    SHELF.add(
        f"cmyk-16-{_name}.tif",
        partial(sixteen, mode="CMYK", order=_order),
        "prepress",
        Done(through_cmyk, tolerance=24),
    )


def few(chart: Image.Image, depth: int, *, white_is_zero: bool = False) -> bytes:
    """Greys of few bits."""
    image = samples_of(chart, 0, depth)
    if white_is_zero:
        most = (1 << depth) - 1
        image = image.point(lambda level: most - level)
    width = -(-image.width * depth // 8) + 1
    lines = packed_rows(image, depth)
    bare = b"".join(lines[start + 1 : start + width] for start in range(0, len(lines), width))
    return laid(Page(described(image.size, (depth,), 0 if white_is_zero else 1), [bare]))


for _depth in (1, 2, 4, 8):
    _few = Done(partial(look_of, colour=0, depth=_depth), tolerance=EXACT)
    SHELF.add(f"black-is-zero-{_depth}.tif", partial(few, depth=_depth), f"{TIFF}, section 4", _few)
    SHELF.add(
        f"white-is-zero-{_depth}.tif",
        partial(few, depth=_depth, white_is_zero=True),
        f"{TIFF}, section 3: PhotometricInterpretation 0",
        _few,
    )


def palette(chart: Image.Image, depth: int) -> bytes:
    """Colours by number."""
    image = chart.quantize(1 << depth)
    colours = (image.getpalette() or []) + [0] * 768
    bands = [[257 * colours[3 * index + band] for index in range(1 << depth)] for band in range(3)]
    width = -(-image.width * depth // 8) + 1
    lines = packed_rows(image, depth)
    bare = b"".join(lines[start + 1 : start + width] for start in range(0, len(lines), width))
    return laid(
        Page(described(image.size, (depth,), 3, palette=(SHORT, [level for band in bands for level in band])), [bare])
    )


for _depth in (4, 8):
    SHELF.add(
        f"palette-{_depth}.tif",
        partial(palette, depth=_depth),
        f"{TIFF}, section 5",
        Done(partial(look_of, colour=3, depth=_depth), tolerance=EXACT),
    )

# Planes, tiles, predictors.


@SHELF.entry("planar.tif", "TIFF 6.0, PlanarConfiguration 2: each colour a plane", FINE)
def _planar(chart: Image.Image) -> bytes:
    return laid(Page(described(chart.size, planar=2), [band.tobytes() for band in chart.split()]))


@SHELF.entry("planar-lzw.tif", "haraldk/TwelveMonkeys#514 and kin: planes, compressed", FINE)
def _planar_deflate(chart: Image.Image) -> bytes:
    planes = [zlib.compress(band.tobytes()) for band in chart.split()]
    return laid(Page(described(chart.size, planar=2, compression=8), planes))


def tiles(chart: Image.Image, size: tuple[int, int]) -> Sequence[bytes]:
    """The chart in tiles, those at its edges filled up."""
    width, height = size
    boxes = [(x, y) for y in range(0, chart.height, height) for x in range(0, chart.width, width)]
    return [chart.crop((x, y, x + width, y + height)).tobytes() for x, y in boxes]


def tiled(chart: Image.Image, size: tuple[int, int], *, packed: bool = False) -> bytes:
    """Tiles, as large pictures have them."""
    tags = described(chart.size, compression=8 if packed else 1, tile_width=size[0], tile_height=size[1])
    del tags[278]
    pieces = tiles(chart, size)
    return laid(Page(tags, [zlib.compress(piece) for piece in pieces] if packed else pieces))


SHELF.add("tiles.tif", partial(tiled, size=(64, 64)), f"{TIFF}, section 15", FINE)
SHELF.add("tiles-uneven.tif", partial(tiled, size=(96, 80)), f"{TIFF}, section 15: the last ones are filled up", FINE)
SHELF.add("tiles-deflate.tif", partial(tiled, size=(128, 128), packed=True), f"{TIFF}, section 15", FINE)
SHELF.add("tiles-one.tif", partial(tiled, size=(512, 512), packed=True), "one tile larger than the picture", FINE)


@SHELF.entry("predictor-2.tif", f"{TIFF}, section 14: horizontal differencing", FINE)
def _predictor(chart: Image.Image) -> bytes:
    pixels, stride, lines = chart.tobytes(), 3 * chart.width, []
    for y in range(chart.height):
        row = pixels[y * stride : (y + 1) * stride]
        lines.append(row[:3] + bytes((one - other) & 255 for one, other in zip(row[3:], row[:-3], strict=True)))
    return laid(Page(described(chart.size, compression=8, predictor=2), [zlib.compress(b"".join(lines))]))


@SHELF.entry("fill-order-2.tif", f"{TIFF}, FillOrder 2: faxes with their lowest bit first", HARD)
def _fill_order(chart: Image.Image) -> bytes:
    image = chart.convert("1")
    mirrored = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
    return laid(Page(described(image.size, (1,), 1, fill_order=2), [image.tobytes().translate(mirrored)]))
