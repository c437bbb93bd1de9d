"""TIFF: channels beside the colours, other spaces, numbers that are no levels. All generated here; source: TIFF 6.0."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

from tests.corpus.chart import saved
from tests.corpus.entry import Done, Failed, Shelf
from tests.corpus.png_bytes import with_alpha
from tests.corpus.tiff_bytes import LONG, SHORT, Page, baseline, described
from tests.corpus.tiff_pixels import laid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.corpus.entry import Look

SHELF = Shelf("tiff")
TIFF = "TIFF 6.0"
EXACT = 4
FINE = Done(tolerance=EXACT)

# Channels beside the colours.

ALPHA = Done(with_alpha, tolerance=EXACT)


def with_extra(chart: Image.Image, extra: Sequence[int] | None, *, premultiplied: bool = False) -> bytes:
    """Four channels, the fourth said to be this."""
    image = with_alpha(chart)
    pixels = image.convert("RGBa").tobytes() if premultiplied else image.tobytes()
    more = {} if extra is None else {"extra": (SHORT, extra)}
    return laid(Page(described(image.size, (8,) * 4, 2, **more), [pixels]))


SHELF.add("extra-2-alpha.tif", partial(with_extra, extra=[2]), f"{TIFF}, ExtraSamples 2: unassociated alpha", ALPHA)
SHELF.add(
    "extra-1-premultiplied.tif",
    partial(with_extra, extra=[1], premultiplied=True),
    f"{TIFF}, ExtraSamples 1: associated alpha",
    Done(with_alpha, tolerance=8),
)
UNSAID = "a selection that Photoshop kept: no alpha"
SHELF.add("extra-0-unsaid.tif", partial(with_extra, extra=[0]), f"{TIFF}, ExtraSamples 0: {UNSAID}", FINE)
SHELF.add("extra-none.tif", partial(with_extra, extra=None), f"four channels without ExtraSamples: {UNSAID}", FINE)


@SHELF.entry("extra-two.tif", "Photoshop: two kept selections, five channels", FINE)
def _extra_two(chart: Image.Image) -> bytes:
    pixels = bytearray(5 * chart.width * chart.height)
    for channel, band in enumerate((*chart.split(), chart.convert("L"), chart.convert("L"))):
        pixels[channel::5] = band.tobytes()
    return laid(Page(described(chart.size, (8,) * 5, 2, extra=(SHORT, [0, 0])), [bytes(pixels)]))


@SHELF.entry(
    "grey-and-alpha.tif",
    f"{TIFF}, ExtraSamples 2 of grey",
    Done(lambda chart: with_alpha(chart).convert("LA"), tolerance=EXACT),
)
def _grey_alpha(chart: Image.Image) -> bytes:
    image = with_alpha(chart).convert("LA")
    return laid(Page(described(image.size, (8, 8), 1, extra=2), [image.tobytes()]))


# Other spaces.


def lab(chart: Image.Image) -> Image.Image:
    """The chart in L*a*b*, as Pillow stores that (and CIELab in a TIFF: a and b signed)."""
    turned = ImageCms.profileToProfile(
        chart, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert turned is not None
    return turned


SHELF.add("lab.tif", lambda chart: saved(lab(chart), "TIFF"), f"{TIFF}, section 23: CIE L*a*b*", Done(tolerance=14))


@SHELF.entry("ycbcr-subsampled.tif", f"{TIFF}, section 21: 2x2, uncompressed", Failed("decoded|YCbCr|sampl"))
def _subsampled(chart: Image.Image) -> bytes:
    luma, blue, red = chart.convert("YCbCr").split()
    half = chart.width // 2, chart.height // 2
    small = [band.resize(half, Image.Resampling.BOX).tobytes() for band in (blue, red)]
    bright, wide, body = luma.tobytes(), chart.width, bytearray()
    for y in range(half[1]):
        for x in range(half[0]):
            at = 2 * y * wide + 2 * x
            body += bright[at : at + 2] + bright[at + wide : at + wide + 2]
            body += bytes(band[y * half[0] + x] for band in small)
    tags = described(chart.size, photometric=6) | {530: (SHORT, [2, 2]), 531: (SHORT, [1])}
    return laid(Page(tags, [bytes(body)]))


# What has no white, or is no picture.

NO_WHITE = "measured levels have no white of their own: what is black and white is a human's choice"


def measured(chart: Image.Image, code: str, form: int) -> bytes:
    """Greys as numbers of 32 or 64 bits."""
    levels = chart.convert("L").tobytes()
    bits = struct.calcsize(code) * 8
    body = struct.pack(f"<{len(levels)}{code}", *levels)
    return laid(Page(described(chart.size, (bits,), 1, sample_format=form), [body]))


for _name, _code, _form in (("int-32", "I", 1), ("signed-32", "i", 2), ("float-32", "f", 3), ("float-64", "d", 3)):
    SHELF.add(
        f"grey-{_name}.tif",
        partial(measured, code=_code, form=_form),
        "microscopes, elevation models",
        Failed("bits a channel|white|levels", NO_WHITE),
    )
SHELF.add(
    "rgb-float-32.tif",
    lambda chart: laid(
        Page(
            described(chart.size, (32,) * 3, 2, sample_format=(SHORT, [3] * 3)),
            [struct.pack(f"<{3 * 320 * 256}f", *(level / 255 for level in chart.tobytes()))],
        )
    ),
    "HDR panoramas",
    Failed("bits a channel|white|levels", NO_WHITE),
)
SHELF.add(
    "old-jpeg.tif",
    lambda chart: laid(Page(described(chart.size, photometric=6, compression=6), [saved(chart, "JPEG", quality=92)])),
    "TIFF 6.0, section 22: compression 6, withdrawn and met",
    Done(),
)
SHELF.add(
    "compression-unknown.tif",
    lambda chart: laid(Page(described(chart.size, compression=32809), [chart.tobytes()])),
    "ThunderScan and private codecs",
    Failed("compress|decoded"),
)
_sized: Look = partial(Image.Image.resize, size=(317, 259))
SHELF.add("odd-size-raw.tif", lambda chart: laid(baseline(_sized(chart), 3)), TIFF, Done(_sized, tolerance=EXACT))
SHELF.add(
    "odd-size-grey.tif",
    lambda chart: laid(baseline(_sized(chart).convert("L"), 3)),
    TIFF,
    Done(lambda chart: _sized(chart).convert("L"), tolerance=EXACT),
)
SHELF.add(
    "rows-per-strip-for-ever.tif",
    lambda chart: laid(baseline(chart, rows=(LONG, [0xFFFFFFFF]))),
    f"{TIFF}: 2**32-1, one strip",
    FINE,
)
