"""PNG: how its pixels are stored, transparency, palettes. All generated here; source: PNG (third edition)."""

from __future__ import annotations

from functools import partial

from PIL import Image

from tests.corpus.chart import saved
from tests.corpus.entry import Done, Failed, Shelf, of
from tests.corpus.png_bytes import (
    DEPTHS,
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    data,
    header,
    look_of,
    made,
    palette_of,
    png,
    rows,
    samples_of,
)
from tests.system.pictures import chunk

SHELF = Shelf("png")
PNG = "PNG (third edition)"
EXACT = 4
_NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey-alpha", RGB_ALPHA: "rgb-alpha"}

for _colour, _depths in DEPTHS.items():
    for _depth in _depths:
        for _interlaced in (False, True):
            SHELF.add(
                f"{_NAMES[_colour]}-{_depth}{'-interlaced' * _interlaced}.png",
                partial(png, colour=_colour, depth=_depth, interlaced=_interlaced), f"{PNG}, 11.2.1",
                Done(partial(look_of, colour=_colour, depth=_depth), tolerance=EXACT),
            )  # fmt: skip

# Transparency by tRNS.

RED = (200, 40, 40)


def keyed(chart: Image.Image) -> Image.Image:
    """The chart without one of its colours, exactly."""
    clear = chart.convert("RGBA")
    pixels = zip(*[iter(chart.tobytes())] * 3, strict=True)
    clear.putalpha(Image.frombytes("L", chart.size, bytes(0 if pixel == RED else 255 for pixel in pixels)))
    return clear


def keyed_grey(chart: Image.Image) -> Image.Image:
    """The grey chart without the level of its upper left corner."""
    levels = chart.convert("L")
    level = levels.getpixel((0, 0))
    clear = levels.convert("LA")
    clear.putalpha(levels.point(lambda seen: 0 if seen == level else 255))
    return clear


def _gone(chart: Image.Image) -> Image.Image:
    clear = chart.convert("RGBA")
    clear.putalpha(0)
    return clear


def deep(levels: bytes) -> bytes:
    """Levels of eight bits as sixteen hold them, for 16-bit samples made by doubling."""
    return b"".join(bytes([level, level]) for level in levels)


def with_key(chart: Image.Image, colour: int, depth: int) -> bytes:
    """A picture that names one colour as transparent."""
    image = samples_of(chart, colour, depth)
    first = image.tobytes()[: len(image.getbands())]
    key = deep(first) if depth == 16 else b"".join(bytes([0, level]) for level in first)
    return made(header(image.size, colour, depth), chunk(b"tRNS", key), data(rows(image, depth)))


SHELF.add("key-rgb.png", partial(with_key, colour=RGB, depth=8), f"{PNG}, 11.3.1.1", Done(keyed, tolerance=EXACT))
SHELF.add("key-rgb-16.png", partial(with_key, colour=RGB, depth=16), f"{PNG}, 11.3.1.1", Done(keyed, tolerance=EXACT))
SHELF.add(
    "key-grey.png", partial(with_key, colour=GREY, depth=8), f"{PNG}, 11.3.1.1", Done(keyed_grey, tolerance=EXACT)
)
SHELF.add(
    "key-grey-16.png",
    partial(with_key, colour=GREY, depth=16),
    f"{PNG}; Pillow#8126 and kin",
    Done(keyed_grey, tolerance=EXACT),
)


def faded(chart: Image.Image, alphas: bytes) -> Image.Image:
    """Of a palette of sixteen, the first colours as transparent as that."""
    image = chart.quantize(16)
    clear = image.convert("RGBA")
    clear.putalpha(Image.frombytes("L", chart.size, image.tobytes().translate(alphas.ljust(256, b"\xff"))))
    return clear


def with_alphas(chart: Image.Image, alphas: bytes) -> bytes:
    """The same as a file."""
    image = chart.quantize(16)
    return made(header(image.size, PALETTE), palette_of(image), chunk(b"tRNS", alphas), data(rows(image)))


SHELF.add(
    "palette-key.png",
    partial(with_alphas, alphas=b"\0"),
    "one colour transparent, as a GIF has it",
    Done(partial(faded, alphas=b"\0"), tolerance=EXACT),
)
SHELF.add(
    "palette-faded.png",
    partial(with_alphas, alphas=bytes(range(0, 160, 10))),
    "pngquant: an alpha for each colour",
    Done(partial(faded, alphas=bytes(range(0, 160, 10))), tolerance=EXACT),
)
SHELF.add(
    "palette-all-opaque.png",
    partial(with_alphas, alphas=b"\xff" * 16),
    "tRNS that says nothing",
    Done(partial(faded, alphas=b""), tolerance=EXACT),
)
SHELF.add(
    "alpha-all-opaque.png",
    lambda chart: saved(chart.convert("RGBA"), "PNG"),
    "screenshots: an alpha channel of 255",
    Done(lambda chart: chart.convert("RGBA"), tolerance=EXACT),
)
SHELF.add(
    "alpha-nothing-seen.png",
    of(saved, _gone, kind="PNG"),
    "a layer that was erased",
    Done(_gone, tolerance=EXACT),
)


# Palettes.


@SHELF.entry(
    "palette-too-long.png",
    "libpng: more entries than the depth has indices is an error it steps over",
    Done(partial(look_of, colour=PALETTE, depth=4), tolerance=EXACT),
)
def _palette_too_long(chart: Image.Image) -> bytes:
    image = chart.quantize(16)
    colours = bytes((image.getpalette() or [])[:48]).ljust(768, b"\x40")
    return made(header(image.size, PALETTE, 4), chunk(b"PLTE", colours), data(rows(image, 4)))


@SHELF.entry(
    "palette-suggested.png", "PNG 11.2.2: PLTE in RGB is a suggestion; F of FIELD: looked at", Done(tolerance=EXACT)
)
def _suggested(chart: Image.Image) -> bytes:
    return made(header(chart.size), palette_of(chart.quantize(64)), data(rows(chart)))


@SHELF.entry("palette-missing.png", f"{PNG}, 11.2.2", Failed("PLTE|palette"))
def _palette_missing(chart: Image.Image) -> bytes:
    image = chart.quantize(16)
    return made(header(image.size, PALETTE), data(rows(image)))


@SHELF.entry("palette-of-a-broken-length.png", f"{PNG}, 11.2.2", Failed("PLTE|palette"))
def _palette_broken(chart: Image.Image) -> bytes:
    image = chart.quantize(16)
    return made(header(image.size, PALETTE), chunk(b"PLTE", b"\x40" * 47), data(rows(image)))


@SHELF.entry("palette-behind-the-pixels.png", f"{PNG}, 5.6", Failed("PLTE|palette|order"))
def _palette_late(chart: Image.Image) -> bytes:
    image = chart.quantize(16)
    return made(header(image.size, PALETTE), data(rows(image)), palette_of(image))
