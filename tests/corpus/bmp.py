"""BMP: every depth, both runs, masks, headers from OS/2 to version 5, sizes that are wrong. All generated here.

Source: Microsoft's BITMAPFILEHEADER to BITMAPV5HEADER, BI_RLE4 and BI_RLE8, BI_BITFIELDS.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.corpus.chart import converted, saved
from tests.corpus.entry import Done, Failed, Shelf
from tests.corpus.icc import ADOBE_RGB, gamma_curve, rgb_profile
from tests.corpus.png_bytes import look_of, samples_of, with_alpha
from tests.corpus.png_bytes import rows as packed_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from tests.corpus.entry import Maker

SHELF = Shelf("bmp")
BMP = "Microsoft, Bitmap Storage"
FINE = Done(tolerance=4)
RLE8, RLE4, FIELDS = 1, 2, 3


def bmp(
    size: tuple[int, int], depth: int, pixels: bytes, *, colours: bytes = b"", compression: int = 0, extra: bytes = b"",
    length: int = 40, planes: int = 1, image_size: int | None = None, file_size: int | None = None, used: int = 0,
) -> bytes:  # fmt: skip
    """The file: its two headers, colours, pixels. `extra`: what stands behind the first 40 bytes of a longer header."""
    width, height = size
    info = struct.pack(
        "<IiiHHIIiiII",
        length,
        width,
        height,
        planes,
        depth,
        compression,
        len(pixels) if image_size is None else image_size,
        2835,
        2835,
        used,
        0,
    )
    info += extra
    start = 14 + len(info) + len(colours)
    whole = start + len(pixels)
    return (
        b"BM" + struct.pack("<IHHI", whole if file_size is None else file_size, 0, 0, start) + info + colours + pixels
    )


def bottom_up(lines: Sequence[bytes], *, upside: bool = False) -> bytes:
    """Rows padded to four bytes, the last one first."""
    return b"".join(line + bytes(-len(line) % 4) for line in (lines if upside else reversed(lines)))


def lines_of(image: Image.Image, order: str) -> list[bytes]:
    """Rows of the bands in that order, of 8 bits each."""
    bands = dict(zip(image.getbands(), (band.tobytes() for band in image.split()), strict=True))
    whole = bytearray(image.width * image.height * len(order))
    for place, name in enumerate(order):
        whole[place :: len(order)] = bands.get(name, b"\xff" * (image.width * image.height))
    stride = image.width * len(order)
    return [bytes(whole[start : start + stride]) for start in range(0, len(whole), stride)]


def colours_of(image: Image.Image, count: int, *, small: bool = False) -> bytes:
    """Blue, green, red and a spare byte for each."""
    levels = (image.getpalette() or []) + [0] * 768
    spare = b"" if small else b"\0"
    return b"".join(bytes(levels[3 * index : 3 * index + 3])[::-1] + spare for index in range(count))


def numbered(chart: Image.Image, depth: int) -> list[bytes]:
    """Rows of colours by number."""
    lines, width = packed_rows(samples_of(chart, 3, depth), depth), -(-chart.width * depth // 8) + 1
    return [lines[start + 1 : start + width] for start in range(0, len(lines), width)]


def by_number(chart: Image.Image, depth: int, *, used: int = 0) -> bytes:
    """1, 4 or 8 bits a pixel."""
    colours = colours_of(chart.quantize(1 << depth), used or 1 << depth)
    return bmp(chart.size, depth, bottom_up(numbered(chart, depth)), colours=colours, used=used)


for _depth in (1, 4, 8):
    SHELF.add(
        f"colours-{_depth}.bmp",
        partial(by_number, depth=_depth),
        BMP,
        Done(partial(look_of, colour=3, depth=_depth), tolerance=4),
    )
SHELF.add(
    "colours-by-pillow.bmp",
    lambda chart: saved(chart.quantize(200), "BMP"),
    BMP,
    Done(lambda chart: chart.quantize(200).convert("RGB"), tolerance=4),
)
SHELF.add(
    "colours-said-to-be-256.bmp",
    partial(by_number, depth=8, used=256),
    BMP,
    Done(partial(look_of, colour=3, depth=8), tolerance=4),
)
SHELF.add("rgb-24.bmp", lambda chart: saved(chart, "BMP"), BMP, FINE)
SHELF.add(
    "grey.bmp", lambda chart: saved(chart.convert("L"), "BMP"), BMP, Done(lambda chart: chart.convert("L"), tolerance=4)
)
SHELF.add(
    "bilevel.bmp",
    lambda chart: saved(chart.convert("1"), "BMP"),
    BMP,
    Done(lambda chart: chart.convert("1"), tolerance=4),
)


def true_colour(*, upside: bool = False, order: str = "BGR", height: int = 1, **options: Any) -> Maker:
    """A maker: three or four bytes a pixel; `options` as `bmp` takes them."""

    def make(chart: Image.Image) -> bytes:
        pixels = bottom_up(lines_of(chart, order), upside=upside)
        return bmp((chart.width, chart.height * height), 8 * len(order), pixels, **options)

    return make


SHELF.add("rgb-24-by-hand.bmp", true_colour(), BMP, FINE)
SHELF.add("rgb-24-top-down.bmp", true_colour(upside=True, height=-1), f"{BMP}: a negative height", FINE)
SHELF.add("rgb-32.bmp", true_colour(order="BGRX"), f"{BMP}: the fourth byte is none", FINE)
SHELF.add("rgb-32-top-down.bmp", true_colour(order="BGRX", upside=True, height=-1), BMP, FINE)
SHELF.add("size-of-image-0.bmp", true_colour(image_size=0), f"{BMP}: 0 where nothing is compressed", FINE)
SHELF.add("size-of-image-wrong.bmp", true_colour(image_size=99), "readers count for themselves", FINE)
SHELF.add("size-of-file-0.bmp", true_colour(file_size=0), "Pillow, browsers: nobody looks", FINE)
SHELF.add("size-of-file-small.bmp", true_colour(file_size=54), "screenshots of old programs", FINE)
SHELF.add(
    "size-of-file-large.bmp", true_colour(file_size=400_000), "nobody looks; a copy in progress looks the same", FINE
)
SHELF.add("planes-0.bmp", true_colour(planes=0), "writers that forget it", FINE)
SHELF.add("bytes-behind.bmp", lambda chart: saved(chart, "BMP") + b"and more" * 9, "padding", FINE)
SHELF.add("zeros-behind.bmp", lambda chart: saved(chart, "BMP") + bytes(512), "padding", FINE)
SHELF.add("clipboard.dib", lambda chart: saved(chart, "BMP"), "a BMP by another name", FINE)
SHELF.add(
    "odd-width.bmp",
    lambda chart: saved(chart.resize((319, 257)), "BMP"),
    f"{BMP}: rows are padded",
    Done(lambda chart: chart.resize((319, 257)), tolerance=4),
)


def masks(red: int, green: int, blue: int, alpha: int = 0) -> bytes:
    """Which bits are which."""
    return struct.pack("<4I", red, green, blue, alpha)


def sixteen(chart: Image.Image, *, green: int) -> bytes:
    """Two bytes a pixel, green of five or six bits."""
    values = bytearray()
    for red, middle, blue in zip(*[iter(chart.tobytes())] * 3, strict=True):
        values += struct.pack("<H", (red >> 3) << (5 + green) | (middle >> (8 - green)) << 5 | blue >> 3)
    stride = 2 * chart.width
    pixels = bottom_up([bytes(values[start : start + stride]) for start in range(0, len(values), stride)])
    if green == 5:
        return bmp(chart.size, 16, pixels)
    return bmp(chart.size, 16, pixels, compression=FIELDS, extra=masks(0xF800, 0x07E0, 0x001F)[:12])


SHELF.add("rgb-555.bmp", partial(sixteen, green=5), f"{BMP}: 16 bits", Done(tolerance=10))
SHELF.add("rgb-565.bmp", partial(sixteen, green=6), f"{BMP}: BI_BITFIELDS", Done(tolerance=10))
SHELF.add(
    "fields-bgr.bmp",
    true_colour(order="BGRX", compression=FIELDS, extra=masks(0xFF0000, 0xFF00, 0xFF)[:12]),
    f"{BMP}: BI_BITFIELDS",
    FINE,
)
SHELF.add(
    "fields-rgb.bmp",
    true_colour(order="RGBX", compression=FIELDS, extra=masks(0xFF, 0xFF00, 0xFF0000)[:12]),
    f"{BMP}: BI_BITFIELDS in an order that Pillow does not know",
    Failed("decoded|fields|mask"),
)


def version(length: int, *, alpha: bool, profile: bytes = b"") -> Maker:
    """A maker: a header of version 3, 4 or 5, which has masks, a space and perhaps a profile."""

    def make(chart: Image.Image) -> bytes:
        image = with_alpha(chart) if alpha else converted(chart, profile) if profile else chart
        extra = masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000 if alpha else 0)
        space = b"DEBM" if profile else b"BGRs"
        pixels = bottom_up(lines_of(image, "BGRA" if alpha else "BGRX"))
        extra = (extra + space).ljust(length - 40, b"\0")
        if profile:
            extra = extra[:72] + struct.pack("<II", length + len(pixels), len(profile)) + extra[80:]
        return bmp(chart.size, 32, pixels, compression=FIELDS, extra=extra, length=length) + profile

    return make


SHELF.add(
    "version-3-alpha.bmp", version(56, alpha=True), "Photoshop's own header of 56 bytes", Done(with_alpha, tolerance=4)
)
SHELF.add("version-4.bmp", version(108, alpha=False), f"{BMP}: BITMAPV4HEADER", FINE)
SHELF.add("version-4-alpha.bmp", version(108, alpha=True), f"{BMP}: BITMAPV4HEADER", Done(with_alpha, tolerance=4))
SHELF.add("version-5-alpha.bmp", version(124, alpha=True), f"{BMP}: BITMAPV5HEADER", Done(with_alpha, tolerance=4))
ADOBE = rgb_profile(ADOBE_RGB, gamma_curve(2.19921875))
SHELF.add(
    "version-5-profile.bmp", version(124, alpha=False, profile=ADOBE), f"{BMP}: PROFILE_EMBEDDED", Done(tolerance=10)
)


@SHELF.entry(
    "os2.bmp",
    "OS/2 1.x: a header of 12 bytes, colours of three",
    Done(partial(look_of, colour=3, depth=8), tolerance=4),
)
def _os2(chart: Image.Image) -> bytes:
    info = struct.pack("<IHHHH", 12, *chart.size, 1, 8)
    colours, pixels = colours_of(chart.quantize(256), 256, small=True), bottom_up(numbered(chart, 8))
    start = 14 + 12 + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + colours + pixels


@SHELF.entry("os2-24.bmp", "OS/2 1.x: a header of 12 bytes", FINE)
def _os2_24(chart: Image.Image) -> bytes:
    pixels = bottom_up(lines_of(chart, "BGR"))
    return (
        b"BM"
        + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26)
        + struct.pack("<IHHHH", 12, *chart.size, 1, 24)
        + pixels
    )


def runs(chart: Image.Image, depth: int, *, absolute: bool = False) -> bytes:
    """Run-length coded colours by number, a row at a time."""
    image = samples_of(chart, 3, depth)
    pixels, coded = image.tobytes(), bytearray()
    for y in reversed(range(image.height)):
        row = pixels[y * image.width : (y + 1) * image.width]
        at = 0
        while at < len(row):
            if absolute and at == 0:
                coded += b"\0\x08" + (
                    row[:8] if depth == 8 else bytes(row[i] << 4 | row[i + 1] for i in range(0, 8, 2))
                )
                at = 8
                continue
            count = 1
            while at + count < len(row) and count < 255 and row[at + count] == row[at]:
                count += 1
            coded += bytes([count, row[at] if depth == 8 else row[at] << 4 | row[at]])
            at += count
        coded += b"\0\0"
    coded += b"\0\1"
    return bmp(
        chart.size, depth, bytes(coded), colours=colours_of(image, 1 << depth), compression=RLE8 if depth == 8 else RLE4
    )


for _depth in (4, 8):
    for _absolute in (False, True):
        SHELF.add(
            f"runs-{_depth}{'-absolute' * _absolute}.bmp",
            partial(runs, depth=_depth, absolute=_absolute),
            f"{BMP}: BI_RLE{_depth}",
            Done(partial(look_of, colour=3, depth=_depth), tolerance=4),
        )

SHELF.add("cut.bmp", lambda chart: saved(chart, "BMP")[:-60_000], "a copy that broke off", Failed("truncated"))
SHELF.add("cut-in-its-header.bmp", lambda chart: saved(chart, "BMP")[:30], "a copy that broke off", Failed("truncated"))
SHELF.add("runs-cut.bmp", lambda chart: runs(chart, 8)[:-900], "a copy that broke off", Failed("truncated|decoded"))
SHELF.add(
    "depth-of-5.bmp",
    lambda chart: bmp(chart.size, 5, bottom_up(lines_of(chart, "BGR"))),
    BMP,
    Failed("bits|depth|decoded|damaged|header"),
)
SHELF.add("huge.bmp", lambda chart: bmp((60_000, 60_000), 24, chart.tobytes()), "a bomb", Failed("pixels|truncated"))
SHELF.add(
    "jpeg-inside.bmp",
    lambda chart: bmp(chart.size, 0, saved(chart, "JPEG"), compression=4),
    f"{BMP}: BI_JPEG, for printers",
    Failed("compress|JPEG|decoded|header|bits|damaged"),
)
