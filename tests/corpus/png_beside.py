"""PNG: chunks beside the pixels, text of every kind, colours, animations, broken and misplaced ones.

All generated here. Sources: PNG (third edition) clauses 11.3 and 5.6, exiv2's and ImageMagick's "Raw profile type".
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.corpus import icc
from tests.corpus.chart import converted, saved, srgb
from tests.corpus.entry import Done, Shelf
from tests.corpus.packets import iptc, packet, resources, title
from tests.corpus.png_bytes import END, before, data, header, made, rows, spoilt
from tests.corpus.tiff_bytes import ASCII, MAKE, exif, turned
from tests.system.pictures import chunk

if TYPE_CHECKING:
    from tests.corpus.entry import Maker

SHELF = Shelf("png")
PNG = "PNG (third edition)"
EXACT = 4
FINE = Done(tolerance=EXACT)
TURNED = Done(lambda chart: chart.transpose(Image.Transpose.ROTATE_270), tolerance=EXACT)


def says(*words: str) -> Done:
    """Done, and these words are in the output."""
    return Done(tolerance=EXACT, says=words)


def text(keyword: str, body: str) -> bytes:
    """Latin-1, as it is."""
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + body.encode("latin-1"))


def packed(keyword: str, body: bytes) -> bytes:
    """Latin-1, compressed."""
    return chunk(b"zTXt", keyword.encode("latin-1") + b"\0\0" + zlib.compress(body))


def international(keyword: str, body: str, *, compressed: bool = False) -> bytes:
    """UTF-8, with a language."""
    said = body.encode()
    head = keyword.encode("latin-1") + b"\0" + (b"\1\0" if compressed else b"\0\0") + b"de\0\0"
    return chunk(b"iTXt", head + (zlib.compress(said) if compressed else said))


def raw_profile(kind: str, body: bytes, *, compressed: bool = True) -> bytes:
    """A profile in hexadecimal digits, as ImageMagick and exiv2 write one."""
    digits = body.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    told = f"\n{kind}\n{len(body):8}\n{lines}\n"
    return packed(f"Raw profile type {kind}", told.encode()) if compressed else text(f"Raw profile type {kind}", told)


# Words.

PROMPT = "a lighthouse, storm\nNegative prompt: people\nSteps: 30, Sampler: Euler a, Seed: 7, Size: 320x256"
NODES = '{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 30}}}'
AI = "AUTOMATIC1111/stable-diffusion-webui#1250, invoke-ai/InvokeAI#6291: the words a picture was made from"
LOST = "pixels and words belong together: PNG 11.3.3"
ADOBE_XMP = "XML:com.adobe.xmp"
TITLED = packet("", title("Ein Titel"))
CAMERA = exif({MAKE: (ASCII, b"Camera maker\0")})
WORDS: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "parameters": (text("parameters", PROMPT), AI, ("a lighthouse, storm", "Sampler: Euler a")),
    "parameters-utf8": (international("parameters", PROMPT + ", 灯台"), AI, ("a lighthouse, storm", "灯台")),
    "prompt-and-workflow": (text("prompt", NODES) + text("workflow", NODES), AI, ("KSampler",)),
    "invokeai": (text("invokeai_metadata", NODES), AI, ("KSampler",)),
    "dream": (text("Dream", "a lighthouse -s 30 -S 7") + text("sd-metadata", NODES), AI, ("a lighthouse -s 30",)),
    "title-and-author": (text("Title", "Ein Titel") + text("Author", "M\xfcller"), LOST, ("Ein Titel", "Müller")),
    "comment-twice": (text("Comment", "the first") + text("Comment", "the second"), LOST, ("the first", "the second")),
    "packed": (packed("Description", b"a long description " * 60), LOST, ("a long description",)),
    "packed-utf8": (international("Title", "Straße 灯台", compressed=True), LOST, ("Straße 灯台",)),
    "long": (text("parameters", "word " * 400_000 + "the end of it"), "2 MB of text", ("the end of it",)),
    "many": (b"".join(text(f"Key{number}", f"value {number}") for number in range(200)), LOST, ("value 177",)),
    "empty": (text("Comment", ""), LOST, ()),
    "software": (text("Software", "a program 1.0"), LOST, ("a program 1.0",)),
    "creation-time": (text("Creation Time", "2026:11:25 08:00:00"), LOST, ("2026:11:25 08:00:00",)),
    "exif": (chunk(b"eXIf", exif({MAKE: (ASCII, b"Camera maker\0")})), f"{PNG}, 11.3.4.6", ("Camera maker",)),
    "xmp": (international(ADOBE_XMP, TITLED.decode()), "XMP part 3, 1.1.5", ("Ein Titel",)),
    "xmp-packed": (international(ADOBE_XMP, TITLED.decode(), compressed=True), "against XMP part 3", ("Ein Titel",)),
    "raw-exif": (raw_profile("exif", b"Exif\0\0" + CAMERA), "ImageMagick", ("Camera maker",)),
    "raw-app1": (raw_profile("APP1", b"Exif\0\0" + CAMERA), "ImageMagick of old", ("Camera maker",)),
    "raw-iptc": (raw_profile("iptc", resources(iptc((120, b"a caption")))), "ImageMagick", ("a caption",)),
    "raw-xmp": (raw_profile("xmp", packet("", title("Ein Titel"))), "ImageMagick, exiv2", ("Ein Titel",)),
}  # fmt: skip
for _name, (_chunks, _source, _said) in WORDS.items():
    SHELF.add(f"words-{_name}.png", before(b"IDAT", _chunks), _source, says(*_said))
    if len(_chunks) < 5000 and _name not in {"empty", "exif"}:
        SHELF.add(f"words-{_name}-behind.png", before(b"IEND", _chunks), f"{_source}, behind the pixels", says(*_said))
SHELF.add(
    "words-no-zero.png", before(b"IDAT", chunk(b"tEXt", b"no separator at all")), "libpng: no profound harm", FINE
)
SHELF.add(
    "words-packed-broken.png", before(b"IDAT", chunk(b"zTXt", b"Comment\0\0no zlib")), "libpng: bad compression", FINE
)
SHELF.add("words-bomb.png", before(b"IDAT", packed("Comment", bytes(12_000_000))), "12 MB out of 12 kB", FINE)
SHELF.add(
    "words-raw-8bim-paths.png",
    before(b"IDAT", raw_profile("8bim", resources(iptc((120, b"a caption")), (2000, bytes(26 * 7))))),
    "Photoshop: what a person put among its resources, by ImageMagick",
    Done(told=("Photoshop paths",), says=("a caption",)),
)
SHELF.add("words-bad-utf8.png", before(b"IDAT", chunk(b"iTXt", b"Title\0\0\0\0\0\xff\xfe\xfd")), PNG, FINE)

# Orientation.

SIX = turned(6)
TURNS = {
    "exif": chunk(b"eXIf", SIX), "exif-big-endian": chunk(b"eXIf", turned(6, ">")),
    "exif-introduced": chunk(b"eXIf", b"Exif\0\0" + SIX), "raw": raw_profile("exif", b"Exif\0\0" + SIX),
    "raw-plain-text": raw_profile("exif", b"Exif\0\0" + SIX, compressed=False),
    "raw-app1": raw_profile("APP1", b"Exif\0\0" + SIX),
    "xmp": international("XML:com.adobe.xmp", packet('tiff:Orientation="6"').decode()),
}  # fmt: skip
for _name, _chunks in TURNS.items():
    SHELF.add(
        f"turned-by-{_name}.png",
        before(b"IDAT", _chunks),
        "Pillow#6194, darktable#12107 and kin: who turns a PNG",
        TURNED,
    )
SHELF.add(
    "turned-behind-the-pixels.png", before(b"IEND", chunk(b"eXIf", SIX)), "PNG 11.3.4.6: anywhere before IEND", TURNED
)
SHELF.add("exif-empty.png", before(b"IDAT", chunk(b"eXIf", b"")), "Pillow#6103 and kin", FINE)
SHELF.add("exif-garbage.png", before(b"IDAT", chunk(b"eXIf", b"garbage" * 9)), "exiv2's tracker", FINE)
SHELF.add("exif-twice.png", before(b"IDAT", chunk(b"eXIf", SIX), chunk(b"eXIf", SIX)), "PNG 5.6: one alone", TURNED)

# Ancillary chunks that are wrong or out of place: the pixels do not need them.

DENSITY = chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
ODD = {
    "crc-text": (b"IDAT", spoilt(text("Comment", "spoilt"))), "crc-density": (b"IDAT", spoilt(DENSITY)),
    "crc-gamma": (b"IDAT", spoilt(chunk(b"gAMA", struct.pack(">I", 45455)))),
    "crc-exif": (b"IDAT", spoilt(chunk(b"eXIf", turned(1)))),
    "density-behind": (b"IEND", DENSITY), "gamma-behind": (b"IEND", chunk(b"gAMA", struct.pack(">I", 45455))),
    "profile-behind": (b"IEND", chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb().tobytes()))),
    "density-twice": (b"IDAT", DENSITY * 2), "density-short": (b"IDAT", chunk(b"pHYs", b"\0\0")),
    "gamma-of-zero": (b"IDAT", chunk(b"gAMA", bytes(4))), "gamma-short": (b"IDAT", chunk(b"gAMA", b"\1")),
    "srgb-of-9": (b"IDAT", chunk(b"sRGB", b"\x09")),
    "srgb-and-gamma": (b"IDAT", chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 45455))),
    "background": (b"IDAT", chunk(b"bKGD", bytes(6))), "histogram-without-palette": (b"IDAT", chunk(b"hIST", bytes(8))),
    "time-of-no-day": (b"IDAT", chunk(b"tIME", b"\x07\xea\x0d\x28\x19\x3d\x3d")),
    "significant-bits": (b"IDAT", chunk(b"sBIT", b"\5\6\5")),
    "significant-too-many": (b"IDAT", chunk(b"sBIT", b"\x40\x40\x40")),
    "palette-suggestion": (b"IDAT", chunk(b"sPLT", b"name\0\x08" + bytes(24))),
    "offset": (b"IDAT", chunk(b"oFFs", bytes(9))), "scale": (b"IDAT", chunk(b"sCAL", b"\x011.0\x001.0")),
    "private": (b"IDAT", chunk(b"vpAg", struct.pack(">IIB", 320, 256, 0))),
    "private-large": (b"IDAT", chunk(b"prVt", bytes(900_000))),
    "fireworks": (b"IDAT", chunk(b"prVW", b"layers" * 3000) + chunk(b"mkBF", bytes(72)) + chunk(b"mkBS", bytes(500))),
    "iphone-idot": (b"IDAT", chunk(b"iDOT", bytes(28))),
    "c2pa": (b"IDAT", chunk(b"caBX", b"\0\0\0\x20jumb" + bytes(60))),
    "profile-no-zlib": (b"IDAT", chunk(b"iCCP", b"name\0\0no zlib")),
    "profile-no-name": (b"IDAT", chunk(b"iCCP", zlib.compress(b"x"))),
    "profile-garbage": (b"IDAT", chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile" * 30))),
    "profile-grey": (b"IDAT", chunk(b"iCCP", b"name\0\0" + zlib.compress(icc.grey_profile(2.2)))),
    "transparency-behind": (b"IEND", chunk(b"tRNS", struct.pack(">HHH", 200, 40, 40))),
}  # fmt: skip
for _name, (_place, _chunks) in ODD.items():
    SHELF.add(f"beside-{_name}.png", before(_place, _chunks), f"{PNG}, 5.6 and 13.2: libpng warns and goes on", FINE)


@SHELF.entry("beside-between-the-pixels.png", "PNG 11.2.3: IDAT stand together; it is mended", FINE)
def _between(chart: Image.Image) -> bytes:
    stream = zlib.compress(rows(chart))
    half = len(stream) // 2
    return made(
        header(chart.size), chunk(b"IDAT", stream[:half]), text("Comment", "between"), chunk(b"IDAT", stream[half:])
    )


# Colours.


def profiled(profile: bytes, *extra: bytes) -> Maker:
    """A maker: the chart in the colours of that profile, which these chunks tell in their way."""
    return lambda chart: made(header(chart.size), *extra, data(rows(converted(chart, profile))))


def iccp(profile: bytes) -> bytes:
    """A profile."""
    return chunk(b"iCCP", b"made\0\0" + zlib.compress(profile))


def cicp(primaries: int, transfer: int) -> bytes:
    """Code points of H.273: full range, no matrix."""
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def gamma(value: float) -> bytes:
    """The exponent of the file."""
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(*numbers: float) -> bytes:
    """White, red, green, blue, each as x and y."""
    return chunk(b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers)))


P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.srgb_curve())
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.19921875))
LINEAR = icc.rgb_profile(icc.SRGB, icc.gamma_curve(1.0))
EIGHTEEN = icc.rgb_profile(icc.SRGB, icc.gamma_curve(1.8))
ADOBE_POINTS = chromaticities(0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB_POINTS = chromaticities(0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
COLOURED = Done(tolerance=10)
DARK = Done(tolerance=16)
"""Of eight linear bits the shadows have few."""
CICP = "jxl-encoder#71, libavif#1421: colours told by code points"
SHELF.add("colour-iccp-adobe.png", profiled(ADOBE, iccp(ADOBE)), f"{PNG}, 11.3.2.3", COLOURED)
SHELF.add("colour-iccp-p3.png", profiled(P3, iccp(P3)), f"{PNG}, 11.3.2.3", COLOURED)
SHELF.add("colour-cicp-srgb.png", before(b"IDAT", cicp(1, 13)), CICP, FINE)
SHELF.add("colour-cicp-p3.png", profiled(P3, cicp(12, 13)), CICP, COLOURED)
SHELF.add(
    "colour-cicp-before-iccp.png",
    profiled(P3, cicp(12, 13), iccp(srgb().tobytes())),
    f"{PNG}, 4.3: cICP has the word",
    COLOURED,
)
SHELF.add("colour-gamma-linear.png", profiled(LINEAR, gamma(1.0)), "ImageMagick#7715: gAMA alone", DARK)
SHELF.add("colour-gamma-18.png", profiled(EIGHTEEN, gamma(1 / 1.8)), "Macs of old: gAMA 55556", COLOURED)
SHELF.add(
    "colour-gamma-22.png",
    before(b"IDAT", gamma(0.45455), SRGB_POINTS),
    f"{PNG}, 11.3.2.2: sRGB in other words",
    COLOURED,
)
SHELF.add(
    "colour-gamma-and-points.png", profiled(ADOBE, gamma(1 / 2.19921875), ADOBE_POINTS), f"{PNG}, 11.3.2.1", COLOURED
)
SHELF.add(
    "colour-points-broken.png", before(b"IDAT", chunk(b"cHRM", bytes(32))), "libpng: points that mean nothing", FINE
)
SHELF.add(
    "colour-srgb-before-gamma.png",
    before(b"IDAT", gamma(1.0), chunk(b"sRGB", b"\0")),
    f"{PNG}, 4.3: sRGB has the word",
    FINE,
)
SHELF.add("colour-cicp-nonsense.png", before(b"IDAT", cicp(99, 99)), "code points of no meaning", FINE)


def perceived(level: int, white: float = 203.0) -> int:
    """A level of sRGB as PQ has it where white is so bright (BT.2408; SMPTE ST 2084)."""
    signal = level / 255
    light = signal / 12.92 if signal <= 0.04045 else math.pow((signal + 0.055) / 1.055, 2.4)
    power = math.pow(light * white / 10_000, 0.1593017578125)
    return round(255 * math.pow((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375))


@SHELF.entry(
    "hdr-pq.png", "pqiv#256, jxl-encoder#71: screenshots of HDR games", Done(tolerance=70, told=("HDR|PQ|tone",))
)
def _hdr_pq(chart: Image.Image) -> bytes:
    return made(
        header(chart.size), cicp(1, 16), data(rows(chart.point([perceived(level) for level in range(256)] * 3)))
    )


# Animations.


def frames(chart: Image.Image, count: int = 3) -> list[Image.Image]:
    """The chart and others that are not like it."""
    return [chart, *(chart.point(lambda level, turn=turn: (level + 90 * turn) % 256) for turn in range(1, count))]


def animated(chart: Image.Image, **options: Any) -> bytes:
    """An APNG."""
    first, *others = frames(chart)
    return saved(first, "PNG", save_all=True, append_images=others, duration=100, **options)


MOVING = Done(tolerance=EXACT, told=("frame|picture|animat",))
SHELF.add("animated.png", animated, f"{PNG}, 11.3.6", MOVING)
SHELF.add("animated.apng", animated, f"{PNG}, 11.3.6, by its own suffix", MOVING)
SHELF.add(
    "animated-of-one.png",
    before(
        b"IDAT",
        chunk(b"acTL", struct.pack(">II", 1, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 320, 256, 0, 0, 1, 10, 0, 0)),
    ),
    "one frame alone: a still",
    FINE,
)
SHELF.add(
    "animated-index-broken.png",
    before(b"IDAT", chunk(b"acTL", b"\0")),
    "libpng knows no acTL; Pillow steps over it",
    FINE,
)


@SHELF.entry("animated-behind-a-still.png", "APNG: the default picture is no frame", MOVING)
def _behind_a_still(chart: Image.Image) -> bytes:
    return animated(chart, default_image=True)


@SHELF.entry("animated-cut.png", "frames that were lost behind the first", MOVING)
def _animated_cut(chart: Image.Image) -> bytes:
    whole = animated(chart)
    last = whole.rindex(b"fcTL") - 4
    return whole[:last] + END
