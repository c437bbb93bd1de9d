"""JPEG: what stands beside the pixels, EXIF, XMP, ICC and makers' own, at odd places and in odd forms.

All generated here. Sources: EXIF 2.32, XMP part 3, ICC.1:2010 annex B.4, DCF 2.0, JUMBF as C2PA uses it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.corpus import icc
from tests.corpus.chart import converted, saved, srgb
from tests.corpus.entry import Done, Shelf, grey
from tests.corpus.jpeg_bytes import before, jpeg, segment, with_first, without
from tests.corpus.packets import extended, iptc, packet, resources, title, xmp_segment
from tests.corpus.tiff_bytes import ASCII, BYTE, LONG, MAKE, ORIENTATION, RATIONAL, SHORT, UNDEFINED, exif, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.corpus.entry import Maker
    from tests.corpus.tiff_bytes import Value

SHELF = Shelf("jpeg")
EXIF = b"Exif\0\0"
INTEROPERABILITY = 0xA005


def right(chart: Image.Image) -> Image.Image:
    """As orientation 6 shows it: turned to the right."""
    return chart.transpose(Image.Transpose.ROTATE_270)


def said(body: bytes, introduction: bytes = EXIF) -> bytes:
    """EXIF in an APP1."""
    return segment(0xE1, introduction + body)


def first(*segments: bytes) -> Maker:
    """A maker: these segments right behind SOI."""
    return lambda chart: with_first(jpeg(chart), *segments)


def at(marker: int, *segments: bytes) -> Maker:
    """A maker: these segments before the first one of that marker."""
    return lambda chart: before(jpeg(chart), marker, *segments)


MADE: Final[dict[int, Value]] = {MAKE: (ASCII, b"Camera maker\0")}
MADE_SIX: Final[dict[int, Value]] = {**MADE, ORIENTATION: (SHORT, [6])}
TURNED = Done(right, says=("Camera maker",))
CAMERA = Done(says=("Camera maker",))
SIX = said(turned(6))
NESTED = exif(MADE_SIX, inner={0x9003: (ASCII, b"2026:11:25 08:00:00\0")})
PLACES = {
    "first": first(SIX), "big-endian": first(said(turned(6, ">"))), "behind-the-tables": at(0xC0, SIX),
    "before-the-scan": at(0xDA, SIX), "behind-xmp": first(xmp_segment(packet()), SIX), "nested": first(said(NESTED)),
    "behind-the-icc": first(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + srgb().tobytes()), SIX),
    "alone": lambda chart: with_first(without(jpeg(chart), 0xE0), SIX),
    "with-a-thumbnail": lambda chart: with_first(
        jpeg(chart), said(exif(MADE_SIX, thumbnail=jpeg(chart.resize((160, 128)))))
    ),
    "as-a-long": first(said(turned(6, kind=LONG))), "twice": first(SIX, SIX),
}  # fmt: skip
for _name, _maker in PLACES.items():
    SHELF.add(f"exif-{_name}.jpg", _maker, "EXIF 2.32, 4.5.4: cameras and editors put it where they like", TURNED)
UPRIGHT = {
    "orientation-of-0": turned(0), "orientation-of-9": turned(9), "orientation-of-65535": turned(65535),
    "orientation-in-the-thumbnail": exif(MADE, thumbnail=jpeg(Image.new("RGB", (160, 120)))),
    "maker-note": exif(MADE, inner={0x927C: (UNDEFINED, b"Maker\0\x02" + bytes(range(256)) * 90)}),
    "lens-in-utf8": exif(MADE, inner={0xA434: (ASCII, "Objektiv für Nähe\0".encode())}),
    "time-of-nothing": exif(MADE, inner={0x9003: (ASCII, b"    :  :     :  :  \0")}),
    "user-comment": exif(MADE, inner={0x9286: (UNDEFINED, b"UNICODE\0" + "hello there".encode("utf-16-le"))}),
    "resolution-of-nothing": exif({**MADE, 282: (RATIONAL, [0, 0]), 283: (RATIONAL, [1, 0])}),
    "windows-title": exif({**MADE, 0x9C9B: (BYTE, "Titel\0".encode("utf-16-le"))}),
    "stale-size": exif(MADE, inner={0xA002: (LONG, [6000]), 0xA003: (LONG, [4000])}),
}  # fmt: skip
for _name, _body in UPRIGHT.items():
    SHELF.add(f"exif-{_name}.jpg", first(said(_body)), "EXIF 2.32", CAMERA)
BROKEN = {
    "empty": b"", "cut": turned(6)[:20], "no-tiff": b"nothing like it", "beyond": b"II*\0" + struct.pack("<I", 99_999),
    "loop": b"II*\0\x08\0\0\0\0\0" + struct.pack("<I", 8), "many": b"II*\0\x08\0\0\0\xff\xff",
}  # fmt: skip
for _name, _body in BROKEN.items():
    SHELF.add(
        f"exif-broken-{_name}.jpg",
        first(said(_body)),
        "exiv2 and libexif trackers: damaged EXIF harms no pixel",
        Done(),
    )
SHELF.add(
    "exif-longest.jpg",
    first(said(exif(MADE, inner={0x9286: (UNDEFINED, b"ASCII\0\0\0" + b"w" * 65_000)}))),
    "64 kB in one segment",
    CAMERA,
)
SHELF.add(
    "exif-in-app1-odd-nul.jpg",
    first(said(turned(6), b"Exif\0\xff")),
    "Exiv2: the second zero is padding, any byte",
    Done(right),
)

# XMP and IPTC.

SHELF.add(
    "xmp-orientation.jpg",
    first(xmp_segment(packet('tiff:Orientation="6"'))),
    "XMP part 2, 2.2; Pillow ImageOps: the only word about it",
    Done(right),
)
SHELF.add(
    "xmp-against-exif.jpg", first(said(turned(6)), xmp_segment(packet('tiff:Orientation="3"'))),
    "MWG guidelines: EXIF has the word", TURNED,
)  # fmt: skip
SHELF.add("xmp-title.jpg", first(xmp_segment(packet("", title("Ein Titel")))), "XMP part 3", Done(says=("Ein Titel",)))
SHELF.add(
    "xmp-no-padding.jpg",
    first(xmp_segment(packet("", title("Ein Titel"), padding=0))),
    "exports for the web",
    Done(says=("Ein Titel",)),
)
SHELF.add(
    "xmp-full.jpg",
    first(xmp_segment(packet("", title("Ein Titel"), padding=63_500))),
    "padding to the brim",
    Done(says=("Ein Titel",)),
)
SHELF.add(
    "xmp-long.jpg",
    first(xmp_segment(packet("", title("langer Text " * 5000), padding=0))),
    "no byte left in its segment",
    Done(says=("langer Text",)),
)
SHELF.add(
    "xmp-broken.jpg", first(xmp_segment(b"<x:xmpmeta><rdf:RDF>and no more")), "Pillow#4706 and kin: no XML", Done()
)
SHELF.add(
    "xmp-bare.jpg",
    first(xmp_segment(packet("", title("Ein Titel")).split(b"?>", 1)[1].rsplit(b"<?", 1)[0])),
    "no packet wrapper",
    Done(says=("Ein Titel",)),
)
SHELF.add(
    "xmp-utf16.jpg",
    first(xmp_segment(packet("", title("Ein Titel")).decode().encode("utf-16"))),
    "XMP part 1, 7.3: any UTF",
    Done(),
)
HISTORY = f"<photoshop:History>{'was done ' * 15_000}</photoshop:History>"
SHELF.add(
    "xmp-extended.jpg", first(*extended('xmp:Label="a label"', title("Ein Titel") + HISTORY)),
    "XMP part 3, 1.1.3.1", Done(says=("a label", "Ein Titel")),
)  # fmt: skip
SHELF.add(
    "xmp-extended-lost.jpg", first(extended('xmp:Label="a label"', title("Ein Titel") * 2000)[0]),
    "an editor kept the first packet alone", Done(says=("a label",)),
)  # fmt: skip
SHELF.add(
    "depth-map.jpg",
    first(*extended('GDepth:Format="RangeInverse" GDepth:Near="1"', f"<GDepth:Data>{'QUJD' * 20_000}</GDepth:Data>")),
    "phones' blur: a depth map in the extension",
    Done(),
)
CAPTION = resources(iptc((5, b"a name"), (25, b"a keyword"), (120, b"a caption")))
SHELF.add(
    "iptc.jpg",
    first(segment(0xED, b"Photoshop 3.0\0" + CAPTION)),
    "IPTC-IIM 4.2 in Photoshop's resources",
    Done(says=("a caption", "a keyword")),
)
SHELF.add(
    "iptc-utf8.jpg",
    first(segment(0xED, b"Photoshop 3.0\0" + resources(b"\x1c\x01\x5a\0\x03\x1b%G" + iptc((120, "Straße".encode()))))),
    "IPTC-IIM 1:90",
    Done(says=("Straße",)),
)
SHELF.add(
    "iptc-and-a-preview.jpg",
    lambda chart: with_first(
        jpeg(chart),
        segment(
            0xED,
            b"Photoshop 3.0\0"
            + resources(iptc((120, b"a caption")), (0x040C, bytes(28) + jpeg(chart.resize((80, 64))))),
        ),
    ),
    "Photoshop: a preview beside the caption",
    Done(says=("a caption",)),
)
for _name, _resource, _told in (
    ("paths", (2000, bytes(26 * 7)), "Photoshop paths"),
    ("guides", (1032, bytes(12) + b"\0\0\0\1" + bytes(5)), "Photoshop guides"),
    ("copyright", (1034, b"\1"), "copyright flag"),
    ("address", (1035, b"https://studio.example"), "address among"),
):
    SHELF.add(
        f"photoshop-{_name}.jpg",
        first(segment(0xED, b"Photoshop 3.0\0" + resources(iptc((120, b"a caption")), _resource))),
        "Photoshop: what a person put among its resources",
        Done(told=(_told,), says=("a caption",)),
    )
SHELF.add(
    "photoshop-habits.jpg",
    first(segment(0xED, b"Photoshop 3.0\0" + resources(
        iptc((120, b"a caption")), (1032, bytes(16)), (1034, b"\0"), (1035, b""), (1061, bytes(16)), (1005, bytes(16)))
    )),
    "Photoshop: what it writes of itself into every file",
    Done(says=("a caption",)),
)  # fmt: skip
SHELF.add("iptc-broken.jpg", first(segment(0xED, b"Photoshop 3.0\0" + CAPTION[:20])), "cut in a record", Done())

# Colours.

ADOBE_RGB = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.19921875))
P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.srgb_curve())
WIDE = icc.rgb_profile(icc.REC_2020, icc.gamma_curve(2.4))
LONG_PROFILE = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.19921875), padding=150_000)


def profiled(profile: bytes) -> Maker:
    """A maker: the chart in the colours of that profile, which is told."""
    return lambda chart: jpeg(converted(chart, profile), icc_profile=profile, subsampling=0)


SHELF.add("icc-srgb.jpg", lambda chart: jpeg(chart, icc_profile=srgb().tobytes()), "ICC.1 B.4", Done())
SHELF.add("icc-adobe-rgb.jpg", profiled(ADOBE_RGB), "ICC.1 B.4", Done())
SHELF.add("icc-display-p3.jpg", profiled(P3), "phones since 2016", Done())
SHELF.add("icc-rec-2020.jpg", profiled(WIDE), "wide gamut", Done(tolerance=18))
SHELF.add("icc-in-three.jpg", profiled(LONG_PROFILE), "ICC.1 B.4: 150 kB over three segments", Done())


def icc_chunks(profile: bytes, order: Callable[[list[bytes]], list[bytes]]) -> Maker:
    """A maker: the profile in pieces, which then stand in another order."""
    cut = [profile[start : start + 60_000] for start in range(0, len(profile), 60_000)]
    pieces = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(cut)]) + piece) for number, piece in enumerate(cut, 1)
    ]
    return lambda chart: with_first(jpeg(converted(chart, profile), subsampling=0), *order(pieces))


SHELF.add(
    "icc-out-of-order.jpg",
    icc_chunks(LONG_PROFILE, lambda pieces: pieces[::-1]),
    "ICC.1 B.4: by number, not by place",
    Done(),
)
UNTAGGED = Done(lambda chart: converted(chart, LONG_PROFILE))
SHELF.add(
    "icc-piece-lost.jpg",
    icc_chunks(LONG_PROFILE, lambda pieces: pieces[:2]),
    "Pillow, libjpeg: no profile where one piece is missing",
    UNTAGGED,
)
SHELF.add("icc-garbage.jpg", lambda chart: jpeg(chart, icc_profile=b"no profile " * 40), "Pillow#1529 and kin", Done())
SHELF.add("icc-empty.jpg", first(segment(0xE2, b"ICC_PROFILE\0\x01\x01")), "Pillow#8078: a profile of no bytes", Done())
SHELF.add(
    "icc-grey-in-rgb.jpg",
    lambda chart: jpeg(chart, icc_profile=icc.grey_profile(2.2)),
    "oxipng#677: a profile of another space says nothing",
    Done(),
)
SHELF.add(
    "icc-rgb-in-grey.jpg",
    lambda chart: jpeg(chart.convert("L"), icc_profile=ADOBE_RGB),
    "libvips#2862 and kin",
    Done(grey),
)
SHELF.add(
    "icc-rgb-in-cmyk.jpg", lambda chart: jpeg(chart.convert("CMYK"), icc_profile=srgb().tobytes()),
    "a wrong profile in four inks", Done(lambda chart: chart.convert("CMYK").convert("RGB"), tolerance=24),
)  # fmt: skip
GREY_18 = icc.grey_profile(1.8)
SHELF.add(
    "icc-grey-18.jpg", lambda chart: jpeg(converted(chart, GREY_18, "L"), icc_profile=GREY_18),
    "old scanners: greys of gamma 1.8", Done(lambda chart: converted(chart, icc.grey_profile(2.2), "L"), tolerance=18),
)  # fmt: skip


@SHELF.entry(
    "adobe-rgb-by-dcf.jpg", "guardian/grid#2066, RawTherapee#1805, Pillow#3270: ColorSpace 0xFFFF and R03", Done()
)
def _by_dcf(chart: Image.Image) -> bytes:
    tags = Image.Exif()
    tags[MAKE] = "Camera maker"
    inner = tags.get_ifd(0x8769)
    inner[0xA001] = 0xFFFF
    inner[INTEROPERABILITY] = {1: "R03"}
    return jpeg(converted(chart, ADOBE_RGB), exif=tags, subsampling=0)


@SHELF.entry("srgb-by-dcf.jpg", "DCF 2.0: ColorSpace 1 and R98", Done())
def _srgb_by_dcf(chart: Image.Image) -> bytes:
    tags = Image.Exif()
    inner = tags.get_ifd(0x8769)
    inner[0xA001] = 1
    inner[INTEROPERABILITY] = {1: "R98"}
    return jpeg(chart, exif=tags)


# Other segments.

JFXX = b"JFXX\0\x13" + bytes([80, 64]) + bytes(80 * 64 * 3)
OTHERS = {
    "jfif-thumbnail": segment(0xE0, b"JFIF\0\x01\x02\x01\0\x48\0\x48\x20\x20" + bytes(32 * 32 * 3)),
    "jfxx-thumbnail": segment(0xE0, JFXX), "flashpix": segment(0xE2, b"FPXR\0\0\x01" + bytes(60)),
    "ducky": segment(0xEC, b"Ducky\0\x01\0\x04\0\0\0\x3c"), "c2pa": segment(0xEB, b"JP\0\x01\0\0\0\x01" + bytes(900)),
    "kodak-meta": segment(0xE3, b"Meta\0\0" + turned(1)), "stereo": segment(0xE3, b"_JPSJPS_" + bytes(20)),
    "app-empty": segment(0xE7, b""), "app15": segment(0xEF, bytes(50)),
    "app10-comment": segment(0xEA, b"UNICODE\0" + "said".encode("utf-16-be")),
}  # fmt: skip
for _name, _segment in OTHERS.items():
    SHELF.add(
        f"beside-{_name}.jpg", first(_segment), "segments that cameras and editors add; decoders step over them", Done()
    )
SHELF.add(
    "beside-huge.jpg",
    first(*[segment(0xE3, bytes([number]) * 65_500) for number in range(30)]),
    "phones: 2 MB before the first table",
    Done(),
)
SHELF.add("beside-800-segments.jpg", first(*[segment(0xE9, b"x")] * 800), "makers that write a line a segment", Done())
SHELF.add(
    "jfif-behind-exif.jpg",
    lambda chart: with_first(without(jpeg(chart), 0xE0), SIX, saved(chart, "JPEG")[2:20]),
    "EXIF 2.32 wants to be first, and so does JFIF",
    TURNED,
)
