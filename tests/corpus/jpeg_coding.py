"""JPEG: how the pixels are coded. All generated here, by Pillow or by hand; nothing is copied from anywhere."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.corpus.chart import opened
from tests.corpus.entry import Done, Failed, Shelf, grey
from tests.corpus.jpeg_bytes import (
    EOI,
    Component,
    before,
    blocky,
    each,
    frame_changed,
    jpeg,
    lossless,
    marker_of,
    parts,
    segment,
    with_first,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.corpus.entry import Look

SHELF = Shelf("jpeg")
ADOBE = b"Adobe" + struct.pack(">HHH", 100, 0, 0)
T81 = "ITU-T T.81"


WRITTEN: dict[str, dict[str, Any]] = {
    "quality-100": {"quality": 100}, "quality-444": {"subsampling": 0}, "quality-422": {"subsampling": 1},
    "quality-420": {"subsampling": 2}, "progressive": {"progressive": True}, "optimised": {"optimize": True},
    "progressive-444": {"progressive": True, "subsampling": 0}, "restarts-in-blocks": {"restart_marker_blocks": 1},
    "restarts-in-rows": {"restart_marker_rows": 1}, "restarts-444": {"restart_marker_blocks": 7, "subsampling": 0},
    "restarts-progressive": {"restart_marker_rows": 2, "progressive": True}, "dots-per-inch": {"dpi": (300, 300)},
}  # fmt: skip
for _name, _options in WRITTEN.items():
    SHELF.add(f"{_name}.jpg", partial(jpeg, **_options), T81, Done())
SHELF.add("quality-10.jpg", partial(jpeg, quality=10), T81, Done(tolerance=36))
SHELF.add("quality-1-progressive.jpg", partial(jpeg, quality=1, progressive=True), T81, Done(tolerance=120))
SHELF.add("rgb-as-it-is.jpg", partial(jpeg, keep_rgb=True), "Adobe TN 5116: transform 0 of three components", Done())


def made_grey(chart: Image.Image, **options: Any) -> bytes:
    """The chart without its colours."""
    return jpeg(chart.convert("L"), **options)


SHELF.add("grey.jpg", made_grey, T81, Done(grey))
SHELF.add("grey-progressive.jpg", partial(made_grey, progressive=True), T81, Done(grey))
SHELF.add("grey-restarts.jpg", partial(made_grey, restart_marker_blocks=3), T81, Done(grey))


@SHELF.entry(
    "grey-sampled-twice.jpg", "libjpeg-turbo: a lone component with factors of 2x2 is coded as if 1x1", Done(grey)
)
def _grey_sampled_twice(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[11] = 0x22

    return frame_changed(made_grey(chart), changed)


def through_cmyk(chart: Image.Image) -> Image.Image:
    """The chart as inks without a profile show it."""
    return chart.convert("CMYK").convert("RGB")


def cmyk(chart: Image.Image, **options: Any) -> bytes:
    """Four inks, inverted as Adobe writes them."""
    return jpeg(chart.convert("CMYK"), **options)


CMYK = Done(through_cmyk, tolerance=24)
SHELF.add("cmyk-adobe.jpg", cmyk, "Adobe TN 5116: inks are stored inverted; Pillow#1001", CMYK)
SHELF.add("cmyk-progressive.jpg", partial(cmyk, progressive=True), "Adobe TN 5116", CMYK)
SHELF.add(
    "cmyk-no-adobe.jpg", lambda chart: without(cmyk(chart), 0xEE), "ImageMagick, Pillow: inverted all the same", CMYK
)
SHELF.add("cmyk-turned.jpg", lambda chart: cmyk(chart, exif=_saying_six()), "Adobe TN 5116 with EXIF 6", Done(
    lambda chart: through_cmyk(chart).transpose(Image.Transpose.ROTATE_270), tolerance=24,
))  # fmt: skip


def _saying_six() -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags.tobytes()


@SHELF.entry("ycck-adobe.jpg", "Adobe TN 5116: transform 2, as Photoshop writes inks", CMYK)
def _ycck(chart: Image.Image) -> bytes:
    cyan, magenta, yellow, black = chart.convert("CMYK").split()
    # A decoder gives 255 less what it makes of Y, Cb and Cr, and readers invert that: so they are made of the inks.
    colours = Image.merge("RGB", (cyan, magenta, yellow))
    planes = [*colours.convert("YCbCr").split(), black.point(lambda level: 255 - level)]
    components = [Component(number, 1, 1, plane) for number, plane in enumerate(planes, 1)]
    return blocky(components, segment(0xEE, ADOBE + b"\x02"))


def planes_of(chart: Image.Image, mode: str, factors: Sequence[tuple[int, int]]) -> list[Component]:
    """The chart's components with these sampling factors, numbered from 1."""
    planes = chart.convert(mode).split() if mode != "RGB" else chart.split()
    return [
        Component(number, *pair, plane) for number, (pair, plane) in enumerate(zip(factors, planes, strict=True), 1)
    ]


def sampled(chart: Image.Image, factors: Sequence[tuple[int, int]], *, interleaved: bool) -> bytes:
    """The chart in flat blocks, its chroma as coarse as these factors make it."""
    return blocky(planes_of(chart, "YCbCr", factors), interleaved=interleaved)


BLOCKS = Done(tolerance=20)
SAMPLED = {
    "440": ((1, 2), (1, 1), (1, 1)), "411": ((4, 1), (1, 1), (1, 1)), "410": ((4, 2), (1, 1), (1, 1)),
    "421-odd": ((2, 1), (1, 2), (1, 1)), "442-fat": ((2, 2), (2, 1), (2, 1)),
}  # fmt: skip
for _name, _factors in SAMPLED.items():
    for _together in (True, False):
        SHELF.add(
            f"sampled-{_name}-{'mcus' if _together else 'scans'}.jpg",
            partial(sampled, factors=_factors, interleaved=_together),
            "T.81 A.2: any factors from 1 to 4; video frames and scanners use them", BLOCKS,
        )  # fmt: skip
EVEN = ((1, 1),) * 3
SHELF.add("no-introduction.jpg", lambda chart: blocky(planes_of(chart, "YCbCr", EVEN)), "neither JFIF nor EXIF", BLOCKS)
SHELF.add(
    "extended-8-bits.jpg", lambda chart: blocky(planes_of(chart, "YCbCr", EVEN), marker=0xC1), "T.81 SOF1", BLOCKS
)
SHELF.add(
    "rgb-adobe.jpg", lambda chart: blocky(planes_of(chart, "RGB", EVEN), segment(0xEE, ADOBE + b"\0")),
    "Adobe TN 5116: transform 0", BLOCKS,
)  # fmt: skip
SHELF.add(
    "adobe-ycc.jpg", lambda chart: blocky(planes_of(chart, "YCbCr", EVEN), segment(0xEE, ADOBE + b"\x01")),
    "Adobe TN 5116: transform 1, no JFIF", BLOCKS,
)  # fmt: skip


@SHELF.entry("rgb-by-its-ids.jpg", "libjpeg: components that are called R, G, B are just that", BLOCKS)
def _rgb_by_ids(chart: Image.Image) -> bytes:
    named = zip(b"RGB", chart.split(), strict=True)
    return blocky([Component(number, 1, 1, plane) for number, plane in named])


@SHELF.entry("ids-from-zero.jpg", "libjpeg: component ids 0, 1, 2 are YCbCr all the same", BLOCKS)
def _ids_from_zero(chart: Image.Image) -> bytes:
    planes = enumerate(chart.convert("YCbCr").split())
    return blocky([Component(number, 1, 1, plane) for number, plane in planes])


@SHELF.entry("one-dht.jpg", "T.81 B.2.4.2: all Huffman tables in one segment", Done())
def _one_dht(chart: Image.Image) -> bytes:
    pieces = parts(jpeg(chart))
    tables = b"".join(piece[4:] for piece in pieces if marker_of(piece) == 0xC4)
    return before(without(b"".join(pieces), 0xC4), 0xDA, segment(0xC4, tables))


@SHELF.entry("one-dqt.jpg", "T.81 B.2.4.1: all quantization tables in one segment", Done())
def _one_dqt(chart: Image.Image) -> bytes:
    pieces = parts(jpeg(chart))
    tables = b"".join(piece[4:] for piece in pieces if marker_of(piece) == 0xDB)
    return with_first(without(b"".join(pieces), 0xDB), segment(0xDB, tables))


@SHELF.entry("sixteen-bit-tables.jpg", "T.81 B.2.4.1: Pq of 1, as cheap cameras write them", Done())
def _sixteen_bit_tables(chart: Image.Image) -> bytes:
    def changed(piece: bytes) -> bytes:
        if marker_of(piece) == 0xDB:
            return segment(0xDB, bytes([piece[4] | 0x10]) + b"".join(bytes([0, step]) for step in piece[5:]))
        return b"\xff\xc1" + piece[2:] if marker_of(piece) == 0xC0 else piece

    return each(jpeg(chart), changed)


@SHELF.entry("tables-said-twice.jpg", "MJPEG cameras repeat their tables before the scan", Done())
def _tables_twice(chart: Image.Image) -> bytes:
    data = jpeg(chart)
    tables = [piece for piece in parts(data) if marker_of(piece) in {0xDB, 0xC4}]
    return before(data, 0xDA, *tables)


@SHELF.entry("mjpeg-no-tables.jpg", "libjpeg-turbo#50: a frame of an AVI relies on the tables of T.81 K.3", Done())
def _no_tables(chart: Image.Image) -> bytes:
    return with_first(without(jpeg(chart), 0xC4, 0xE0), segment(0xE0, b"AVI1" + bytes(10)))


@SHELF.entry("restart-interval-of-zero.jpg", "T.81 B.2.4.4: DRI 0 turns restarts off", Done())
def _dri_zero(chart: Image.Image) -> bytes:
    return before(jpeg(chart), 0xC0, segment(0xDD, b"\0\0"))


def made_of(chart: Image.Image, look: Look) -> bytes:
    """A JPEG of what is made of the chart first."""
    return jpeg(look(chart))


for _name, _size in {"odd": (321, 257), "prime": (313, 263), "narrow": (80, 1000), "wide": (1100, 64)}.items():
    _sized: Look = partial(Image.Image.resize, size=_size)
    SHELF.add(f"size-{_name}.jpg", partial(made_of, look=_sized), T81, Done(_sized, tolerance=16))


SHELF.add(
    "sampled-222-scans.jpg", lambda chart: blocky(planes_of(chart, "YCbCr", ((2, 2),) * 3), interleaved=False),
    "T.81 A.2.2: equal factors of any number are no subsampling", BLOCKS,
)  # fmt: skip


# What is refused.

RARE = "few programs read it: a wrong guess would be paid for"


@SHELF.entry("twelve-bits.jpg", "T.81 SOF1 with 12 bits: X-ray pictures", Failed("12 bits", RARE))
def _twelve_bits(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[1], frame[4] = 0xC1, 12

    return frame_changed(jpeg(chart), changed)


@SHELF.entry("height-behind-the-scan.jpg", "T.81 B.2.5: DNL", Failed("height|DNL", RARE))
def _dnl(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[5:7] = b"\0\0"

    data = frame_changed(jpeg(chart), changed)
    return data.removesuffix(EOI) + segment(0xDC, struct.pack(">H", chart.height)) + EOI


@SHELF.entry("width-of-zero.jpg", "T.81 B.2.2: X is never 0", Failed("0 x|pixels"))
def _no_width(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[7:9] = b"\0\0"

    return frame_changed(jpeg(chart), changed)


SHELF.add(
    "sampled-222-mcus.jpg", lambda chart: blocky(planes_of(chart, "YCbCr", ((2, 2),) * 3)),
    "T.81 B.2.3: ten blocks in an MCU at most, and these are twelve", Failed("decoded|blocks|sampl|damaged"),
)  # fmt: skip


@SHELF.entry("two-components.jpg", "Pillow: cannot handle 2-layer images", Failed("component|decoded|colour", RARE))
def _two_components(chart: Image.Image) -> bytes:
    return blocky([Component(number, 1, 1, plane) for number, plane in enumerate(chart.convert("LA").split(), 1)])


@SHELF.entry("five-components.jpg", "T.81 allows 255; no decoder of pictures does", Failed("5 colour components"))
def _five_components(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[9] = 5
        frame += frame[-3:] * 2
        frame[2:4] = struct.pack(">H", len(frame) - 2)

    return frame_changed(jpeg(chart), changed)


SHELF.add(
    "lossless.jpg",
    lambda chart: lossless(chart.convert("L")),
    "T.81 SOF3: raw files and X-rays",
    Failed("lossless", RARE),
)


@SHELF.entry("hierarchical.jpg", "T.81 SOF5", Failed("hierarchical"))
def _hierarchical(chart: Image.Image) -> bytes:
    def changed(frame: bytearray) -> None:
        frame[1] = 0xC5

    return frame_changed(jpeg(chart), changed)


@SHELF.entry("two-frames.jpg", "T.81 B.2: one frame header", Failed("two frame headers"))
def _two_frames(chart: Image.Image) -> bytes:
    data = jpeg(chart)
    (frame,) = (piece for piece in parts(data) if marker_of(piece) == 0xC0)
    return before(data, 0xDA, frame)


SHELF.add("no-frame.jpg", lambda chart: without(jpeg(chart), 0xC0), T81, Failed("frame header"))
SHELF.add(
    "no-scan.jpg",
    lambda chart: without(jpeg(chart), 0xDA),
    "libjpeg: JERR_NO_SOI and its kin",
    Failed("picture data|scan"),
)
SHELF.add("no-quantization.jpg", lambda chart: without(jpeg(chart), 0xDB), "libjpeg: JERR_NO_QUANT_TABLE", Failed(
    "decoded|quanti|pixels|damaged|refused"
))  # fmt: skip
SHELF.add(
    "soi-twice.jpg", lambda chart: b"\xff\xd8" + jpeg(chart), "libjpeg: JERR_SOI_DUPLICATE", Failed("marker D8|decoded")
)
SHELF.add("soi-late.jpg", lambda chart: b"\n" + jpeg(chart), "a web server's blank line before the picture", Failed(
    "only .* are read|not a picture"
))  # fmt: skip


def decoded_look(chart: Image.Image) -> Image.Image:
    """A progressive picture whose last scans were left out: coarser, and whole."""
    return opened(_fewer_scans(chart)).convert("RGB")


@SHELF.entry("progressive-fewer-scans.jpg", "T.81 G: encoders may end early; all blocks are there", Done(decoded_look))
def _fewer_scans(chart: Image.Image) -> bytes:
    pieces = parts(jpeg(chart, progressive=True))
    scans = [place for place, piece in enumerate(pieces) if marker_of(piece) == 0xDA]
    return b"".join(pieces[: scans[-1]]) + EOI
