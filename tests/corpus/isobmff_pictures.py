"""AVIF and HEIC: turned by their properties, alpha, depth, sequences, colours by code points, boxes that are odd.

All generated here, by libavif through Pillow and libheif through pillow_heif, and changed by hand. Sources:
ISO/IEC 23008-12 (irot 6.5.10, imir 6.5.12), MIAF, ITU-T H.273 (nclx).
"""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import Image

from tests.corpus import icc
from tests.corpus.chart import converted, saved
from tests.corpus.entry import Done, Failed, Shelf, grey, of, tailed
from tests.corpus.packets import packet, title
from tests.corpus.png_beside import frames
from tests.corpus.png_bytes import with_alpha
from tests.corpus.tiff_bytes import ASCII, MAKE, ORIENTATION, SHORT, exif

if TYPE_CHECKING:
    from tests.corpus.entry import Look, Maker

pillow_heif.register_heif_opener()

SHELF = Shelf("isobmff")
LOSSY = Done(tolerance=16)
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def avif(image: Image.Image, **options: Any) -> bytes:
    """What libavif writes."""
    return saved(image, "AVIF", **({"quality": 92, "speed": 9} | options))


def heic(image: Image.Image, **options: Any) -> bytes:
    """What libheif writes."""
    return saved(image, "HEIF", **({"quality": 92} | options))


KINDS = {"avif": avif, "heic": heic}
ODD: Look = partial(Image.Image.resize, size=(321, 257))


def shorter(chart: Image.Image, kind: str, size: int) -> bytes:
    """Cut there."""
    return KINDS[kind](chart)[:size]


def branded(chart: Image.Image, kind: str, brand: bytes) -> bytes:
    """Under another major brand."""
    whole = KINDS[kind](chart)
    return whole[:8] + brand + whole[12:]


def said(orientation: int) -> bytes:
    """EXIF that says an orientation, which both libraries turn into properties."""
    return b"Exif\0\0" + exif({MAKE: (ASCII, b"Camera maker\0"), ORIENTATION: (SHORT, [orientation])})


def turned(chart: Image.Image, orientation: int) -> Image.Image:
    """What makes it upright."""
    turn = TURNS[orientation]
    return chart if turn is None else chart.transpose(turn)


MADE = b"Exif\0\0" + exif({MAKE: (ASCII, b"Camera maker\0")})
for _kind, _write in KINDS.items():
    for _orientation in TURNS:
        SHELF.add(
            f"turned-{_orientation}.{_kind}", of(_write, exif=said(_orientation)),
            "ISO/IEC 23008-12: irot and imir; FIELD F1's kin",
            Done(partial(turned, orientation=_orientation), tolerance=16, says=("Camera maker",)),
        )  # fmt: skip
    SHELF.add(f"plain.{_kind}", _write, "ISO/IEC 23008-12", LOSSY)
    SHELF.add(
        f"grey.{_kind}",
        of(_write, grey),
        "ISO/IEC 23008-12: monochrome",
        Done(grey, tolerance=16),
    )
    SHELF.add(
        f"alpha.{_kind}",
        of(_write, with_alpha),
        "MIAF: an auxiliary picture is the alpha",
        Done(with_alpha, tolerance=18),
    )
    SHELF.add(
        f"alpha-turned.{_kind}",
        of(_write, with_alpha, exif=said(6)),
        "both pictures are turned",
        Done(lambda chart: turned(with_alpha(chart), 6), tolerance=18),
    )
    SHELF.add(f"quality-20.{_kind}", partial(_write, quality=20), "ISO/IEC 23008-12", Done(tolerance=40))
    SHELF.add(
        f"odd-size.{_kind}",
        of(_write, ODD),
        "clean aperture, or rows to spare",
        Done(ODD, tolerance=18),
    )
    SHELF.add(f"exif.{_kind}", partial(_write, exif=MADE), "MIAF: an item", Done(tolerance=16, says=("Camera maker",)))
    SHELF.add(
        f"xmp.{_kind}",
        of(_write, xmp=packet("", title("Ein Titel"))),
        "MIAF: an item",
        Done(tolerance=16, says=("Ein Titel",)),
    )
    SHELF.add(
        f"bytes-behind.{_kind}",
        tailed(_write, b"and more bytes"),
        "readers stop at what is no box",
        LOSSY,
    )
    SHELF.add(f"zeros-behind.{_kind}", tailed(_write, bytes(512)), "block-wise copies", LOSSY)
    SHELF.add(
        f"free-box-behind.{_kind}",
        tailed(_write, struct.pack(">I", 108) + b"free" + bytes(100)),
        "ISO/IEC 14496-12: boxes that say nothing",
        LOSSY,
    )
    SHELF.add(
        f"cut.{_kind}",
        partial(shorter, kind=_kind, size=-600),
        "a copy that broke off",
        Failed("truncated|missing|decoded"),
    )
    SHELF.add(
        f"cut-in-its-boxes.{_kind}",
        partial(shorter, kind=_kind, size=200),
        "a copy that broke off",
        Failed("truncated"),
    )


def profiled(write: Any, profile: bytes) -> Maker:
    """A maker: the chart in the colours of that profile."""
    return lambda chart: write(converted(chart, profile), icc_profile=profile)


P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.srgb_curve())
SHELF.add("icc-p3.avif", profiled(avif, P3), "phones", LOSSY)
SHELF.add("icc-p3.heic", profiled(heic, P3), "phones since 2017", LOSSY)
SHELF.add("subsampled-444.avif", partial(avif, subsampling="4:4:4"), "AV1", LOSSY)
SHELF.add("subsampled-422.avif", partial(avif, subsampling="4:2:2"), "AV1", LOSSY)
SHELF.add("narrow-range.avif", partial(avif, range="limited"), "H.273: video range", LOSSY)
SHELF.add(
    "premultiplied.avif",
    lambda chart: avif(with_alpha(chart), alpha_premultiplied=True),
    "MIAF: prem",
    Done(with_alpha, tolerance=18),
)


def as_p3(data: bytes) -> bytes:
    """The code points of sRGB (1, 13) made those of Display P3 (12, 13) in its first nclx."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]


NCLX = "libavif#1421, imgproxy#1173: colours told by code points, no profile"
SHELF.add("nclx-p3.avif", lambda chart: as_p3(avif(converted(chart, P3))), NCLX, LOSSY)
SHELF.add("nclx-p3.heic", lambda chart: as_p3(heic(converted(chart, P3))), NCLX, LOSSY)


def orientation_in_exif_alone(chart: Image.Image) -> bytes:
    """Irot (or imir) undone, so that EXIF says what no property does."""
    data = avif(chart, exif=said(6))
    at = data.index(b"irot") + 4
    return data[:at] + b"\0" + data[at + 1 :]


SHELF.add(
    "exif-against-irot.avif", orientation_in_exif_alone, "MIAF 7.3.6.7: the properties have the word, EXIF none", LOSSY
)


def sequence(chart: Image.Image, kind: str) -> bytes:
    """Three pictures: frames of an AVIF, items of a HEIC."""
    first, *others = frames(chart)
    return saved(first, kind, save_all=True, append_images=others, quality=92)


SHELF.add(
    "sequence.avif",
    partial(sequence, kind="AVIF"),
    "avis: frames of a track",
    Done(tolerance=16, told=("frame|picture|animat",)),
)
SHELF.add(
    "sequence.avifs",
    partial(sequence, kind="AVIF"),
    "avis, by its own suffix",
    Done(tolerance=16, told=("frame|picture|animat",)),
)
SHELF.add(
    "several.heic",
    partial(sequence, kind="HEIF"),
    "bursts: several items",
    Done(tolerance=16, told=("frame|picture|animat",)),
)


def ten_bits(chart: Image.Image, **options: Any) -> bytes:
    """Ten bits a channel, whose upper eight are the chart's."""
    samples = bytearray(6 * chart.width * chart.height)
    levels = chart.tobytes()
    samples[1::2] = levels
    file = pillow_heif.from_bytes("RGB;16", chart.size, bytes(samples))
    target = io.BytesIO()
    file.save(target, quality=92, **options)
    return target.getvalue()


SHELF.add("ten-bits.heic", ten_bits, "cameras: 10 bits", Done(tolerance=18))


@SHELF.entry("thumbnail.heic", "phones: a thumbnail item", LOSSY)
def _thumbnail(chart: Image.Image) -> bytes:
    file = pillow_heif.from_pillow(chart)
    thumbnails: Any = [128]
    file[0].info["thumbnails"] = thumbnails
    target = io.BytesIO()
    file.save(target, quality=92)
    return target.getvalue()


@SHELF.entry("primary-second.heic", "the primary item is not the first", Done(tolerance=16, told=("picture|frame",)))
def _primary_second(chart: Image.Image) -> bytes:
    file = pillow_heif.from_pillow(frames(chart)[1])
    file.add_from_pillow(chart)
    target = io.BytesIO()
    file.save(target, quality=92, primary_index=1)
    return target.getvalue()


for _brand, _kind in ((b"mif1", "avif"), (b"mif1", "heic"), (b"heix", "heic")):
    SHELF.add(
        f"brand-{_brand.decode()}.{_kind}",
        partial(branded, kind=_kind, brand=_brand),
        "ISO/IEC 23008-12, 10: the major brand is one of several", LOSSY,
    )  # fmt: skip
SHELF.add("sony.hif", heic, "Sony, Canon and Fuji write HEIF as .HIF; exif-py PR#263", LOSSY)
SHELF.add("upper-case.HIF", heic, "cameras write upper case", LOSSY)
SHELF.add("other.heif", heic, "ISO/IEC 23008-12", LOSSY)
SHELF.add(
    "burst.heics", partial(sequence, kind="HEIF"), "sequences", Done(tolerance=16, told=("frame|picture|animat",))
)
SHELF.add("avif-called.heic", avif, "one suffix for another", LOSSY)
SHELF.add(
    "no-meta.avif",
    lambda chart: avif(chart).replace(b"meta", b"mete", 1),
    "a box of no known name",
    Failed("meta|picture|damaged|decoded|missing"),
)
SHELF.add(
    "film.heic",
    lambda _: (
        struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isommp42" + struct.pack(">I", 3008) + b"mdat" + bytes(3000)
    ),
    "a film by the wrong name",
    Failed("film|video|MP4|only .* are read"),
)
