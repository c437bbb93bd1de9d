"""What is sent has the colours that the file means: charts in every way of saying a space, against plain reckoning."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from tests.contract import charts, colorimetry
from tests.contract.charts import PATCHES, chart, deep_png, png, saved
from tests.contract.colorimetry import ADOBE, BT2020, P3, PROPHOTO, PROPHOTO_WHITE, SRGB, srgb_of
from watchd.adapters.pixels import colours, decoding
from watchd.formats import reading
from watchd.formats.colour import icc_profile, told
from watchd.formats.colour.icc_profile import Primaries
from watchd.formats.containers import Picture, inspect
from watchd.formats.metadata import ifd
from watchd.formats.metadata.collecting import collect
from watchd.formats.png.png_chunks import chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Light = Callable[[float], float]
    Reckoned = Sequence[tuple[float, float, float]]

SHARMA = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, 3.1571, -77.2803), (50.0000, 0.0000, -82.7485), 2.8615),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0009, -2.4900), 4.8045),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0011, -2.4900), 4.7461),
    ((50.0000, 2.5000, 0.0000), (50.0000, 0.0000, -2.5000), 4.3065),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((50.0000, 2.5000, 0.0000), (61.0000, -5.0000, 29.0000), 22.8977),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
]


@pytest.mark.parametrize(("one", "other", "published"), SHARMA)
def test_differences_are_reckoned_as_published(
    one: Sequence[float], other: Sequence[float], published: float
) -> None:  # fmt: skip
    assert colorimetry.delta_e(one, other) == pytest.approx(published, abs=5e-5)
    assert colorimetry.delta_e(other, one) == pytest.approx(published, abs=5e-5)


def power(exponent: float) -> Light:
    return lambda level: level**exponent


def of_srgb(level: float) -> float:
    return colorimetry.srgb_light(level * 255)


def of_dci(level: float) -> float:
    return min(1.0, 52.37 / 48 * math.pow(level, 2.6))


def toned(nits: float) -> float:
    """The tone curve of the page: unchanged to half of 203 cd/m², then Reinhard's to 1000."""
    light = nits / 203
    if light <= 0.5:
        return light
    reach, over = (1000 / 203 - 0.5) / 0.5, (light - 0.5) / 0.5
    return min(1.0, 0.5 + 0.5 * over * (1 + over / (reach * reach)) / (1 + over))


def of_pq(level: float) -> float:
    part = level ** (32 / 2523)
    return toned(10_000 * (max(part - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * part)) ** (8192 / 1305))


def of_hlg(level: float) -> float:
    scene = (
        level * level / 3
        if level <= 0.5
        else (2.718281828459045 ** ((level - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return toned(1000 * scene**1.2)


def reckoned(light: Light, corners: colorimetry.Corners, white: tuple[float, float] = colorimetry.D65) -> Reckoned:
    return [srgb_of([level / 255 for level in patch], light, corners, white) for patch in PATCHES]


def profile(corners: colorimetry.Corners, curve: bytes, white: tuple[float, float] = colorimetry.D65) -> bytes:
    made = icc_profile.of_rgb(Primaries(*corners, white), [curve])
    assert made is not None
    return made


SRGB_CURVE = icc_profile.parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
IN_ADOBE = profile(ADOBE, icc_profile.gamma(563 / 256))
IN_P3 = profile(P3, SRGB_CURVE)
IN_PROPHOTO = profile(PROPHOTO, icc_profile.gamma(1.8), PROPHOTO_WHITE)
CAMERA = charts.camera(0xFFFF, b"R03\0")
HEAD = b"Exif\0\0"
FINE: dict[str, Any] = {"quality": 100, "subsampling": 0}


def decoded(data: bytes, light: Light, corners: colorimetry.Corners) -> Reckoned:
    """Of the levels that a decoder gives, as YCbCr of eight bits cannot hold all of those that went in."""
    with Image.open(io.BytesIO(data)) as image:
        shown = image.convert("RGB")
    found = [cast("tuple[int, int, int]", shown.getpixel(charts.place(number))) for number in range(len(PATCHES))]
    return [srgb_of([level / 255 for level in patch], light, corners) for patch in found]


def with_nclx(kind: str, primaries: int, transfer: int) -> bytes:
    data = bytearray(
        saved(chart(), kind, quality=100, **({"subsampling": "4:4:4"} if kind == "AVIF" else {"chroma": 444}))
    )
    at = data.index(b"colrnclx") + 8
    struct.pack_into(">HH", data, at, primaries, transfer)
    return bytes(data)


def rationals(tag: int, *numbers: float) -> ifd.Entry:
    return ifd.Entry(tag, ifd.RATIONAL, b"".join(struct.pack("<II", round(n * 10**6), 10**6) for n in numbers))


def described_tiff() -> bytes:
    curve = [round(65535 * (level / 255) ** 1.8) for level in range(256)]
    tags = (rationals(0x013E, *colorimetry.D65), rationals(0x013F, *(n for point in ADOBE for n in point)))
    return charts.tiff(chart().tobytes(), 2, (8, 8, 8), ifd.short(0x012D, *curve * 3), *tags)


def tristimulus(corners: colorimetry.Corners) -> list[list[float]]:
    rows = colorimetry.to_xyz(corners)
    return [[row[at] for row in rows] for at in range(3)]


EIGHT: dict[str, tuple[bytes, Reckoned]] = {
    "Adobe RGB by iCCP": (png(charts.iccp(IN_ADOBE)), reckoned(power(563 / 256), ADOBE)),
    "Adobe RGB by ICC in a JPEG": (
        saved(chart(), "JPEG", icc_profile=IN_ADOBE, **FINE), reckoned(power(563 / 256), ADOBE),
    ),
    "Adobe RGB by a camera": (
        saved(chart(), "JPEG", exif=HEAD + CAMERA, **FINE), reckoned(power(563 / 256), ADOBE),
    ),
    "Adobe RGB by a camera's big-endian EXIF": (
        saved(chart(), "JPEG", exif=HEAD + charts.camera(0xFFFF, b"R03\0", ">"), **FINE),
        reckoned(power(563 / 256), ADOBE),
    ),
    "Adobe RGB by the number that no standard has": (
        saved(chart(), "JPEG", exif=HEAD + charts.camera(2, b"R03\0"), **FINE), reckoned(power(563 / 256), ADOBE),
    ),
    "Adobe RGB by a camera in a WebP": (
        saved(chart(), "WEBP", lossless=True, exif=CAMERA), reckoned(power(563 / 256), ADOBE),
    ),
    "Display P3 by iCCP": (png(charts.iccp(IN_P3)), reckoned(of_srgb, P3)),
    "Display P3 by cICP": (png(charts.cicp(12, 13)), reckoned(of_srgb, P3)),
    "Display P3 by nclx in an AVIF": (
        with_nclx("AVIF", 12, 13), decoded(with_nclx("AVIF", 12, 13), of_srgb, P3),
    ),
    "Display P3 by nclx in a HEIC": (
        with_nclx("HEIF", 12, 13), decoded(with_nclx("HEIF", 12, 13), of_srgb, P3),
    ),
    "DCI-P3 by cICP": (png(charts.cicp(11, 17)), reckoned(of_dci, P3, (0.314, 0.351))),
    "BT.2020 by cICP": (png(charts.cicp(9, 13)), reckoned(of_srgb, BT2020)),
    "BT.2020 of video by cICP": (png(charts.cicp(9, 14)), reckoned(power(2.4), BT2020)),
    "BT.2020 of video in an AVIF": (
        with_nclx("AVIF", 9, 14), decoded(with_nclx("AVIF", 9, 14), of_srgb, BT2020),
    ),
    "linear light by cICP": (png(charts.cicp(1, 8)), reckoned(power(1.0), SRGB)),
    "PQ by cICP": (png(charts.cicp(9, 16)), reckoned(of_pq, BT2020)),
    "PQ in P3 by cICP": (png(charts.cicp(12, 16)), reckoned(of_pq, P3)),
    "HLG by cICP": (png(charts.cicp(9, 18)), reckoned(of_hlg, BT2020)),
    "PQ by nclx in an AVIF": (
        with_nclx("AVIF", 9, 16), decoded(with_nclx("AVIF", 9, 16), of_pq, BT2020),
    ),
    "HLG by nclx in a HEIC": (
        with_nclx("HEIF", 9, 18), decoded(with_nclx("HEIF", 9, 18), of_hlg, BT2020),
    ),
    "linear light by gAMA": (png(charts.gama(1.0)), reckoned(power(1.0), SRGB)),
    "gAMA 1.8": (png(charts.gama(1.8)), reckoned(power(100_000 / 55_556), SRGB)),
    "Adobe RGB by gAMA and cHRM": (png(charts.gama(2.2), charts.chrm(ADOBE)), reckoned(power(2.2), ADOBE)),
    "cHRM without a curve": (png(charts.chrm(BT2020)), reckoned(of_srgb, SRGB)),
    "TIFF tags": (described_tiff(), reckoned(power(1.8), ADOBE)),
    "BMP endpoints": (charts.bmp(tristimulus(ADOBE), (2.2, 2.2, 2.2)), reckoned(power(2.2), ADOBE)),
    "BMP endpoints that are chromaticities": (
        charts.bmp([(x, y, 1 - x - y) for x, y in P3], (1.8, 1.8, 1.8)), reckoned(power(1.8), P3),
    ),
    "a profile in a BMP": (charts.bmp([(0, 0, 0)] * 3, (0, 0, 0), IN_ADOBE), reckoned(power(563 / 256), ADOBE)),
    "cICP before iCCP": (png(charts.cicp(12, 13), charts.iccp(IN_ADOBE)), reckoned(of_srgb, P3)),
    "iCCP before sRGB, gAMA and cHRM": (
        png(charts.iccp(IN_ADOBE), charts.gama(1.0), charts.chrm(SRGB)), reckoned(power(563 / 256), ADOBE),
    ),
    "sRGB before gAMA and cHRM": (
        png(chunk(b"sRGB", b"\0"), charts.gama(1.0), charts.chrm(BT2020)), reckoned(of_srgb, SRGB),
    ),
    "cICP of sRGB before iCCP": (png(charts.cicp(1, 13), charts.iccp(IN_ADOBE)), reckoned(of_srgb, SRGB)),
    "a number that nobody knows": (png(charts.cicp(99, 13), charts.iccp(IN_ADOBE)), reckoned(power(563 / 256), ADOBE)),
    "nothing": (png(), reckoned(of_srgb, SRGB)),
    "a camera's sRGB": (
        saved(chart(), "JPEG", exif=HEAD + charts.camera(1, b"R98\0"), **FINE), reckoned(of_srgb, SRGB),
    ),
    "BT.709 in an AVIF": (
        with_nclx("AVIF", 1, 1), decoded(with_nclx("AVIF", 1, 1), of_srgb, SRGB),
    ),
}  # fmt: skip


def sent(data: bytes) -> Image.Image:
    """The pixels as they are sent."""
    original = reading.read(data)
    assert isinstance(original, reading.Original), original
    decoded = decoding.decode(data, original)
    assert isinstance(decoded, decoding.Pixels), decoded
    return decoded.image


def differences(image: Image.Image, wanted: Reckoned) -> list[float]:
    seen = image.convert("RGB")
    found = [cast("tuple[int, int, int]", seen.getpixel(charts.place(number))) for number in range(len(wanted))]
    return [colorimetry.difference(one, other) for one, other in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("name", EIGHT)
def test_a_chart_of_eight_bits_is_sent_as_its_file_means_it(name: str) -> None:
    data, wanted = EIGHT[name]
    off = differences(sent(data), wanted)
    assert max(off) <= 1, (name, max(off), PATCHES[off.index(max(off))])


DEEP = [(r * 257 + 100, g * 257 - 90, b * 257 + 33) for r, g, b in PATCHES[:120:2]]
DEEP += [(level, level, level) for level in (400, 900, 1700, 3100)]
"""Levels between those of eight bits, and some that linear light of eight bits has none for."""


def deep_reckoned(light: Light, corners: colorimetry.Corners, white: tuple[float, float] = colorimetry.D65) -> Reckoned:
    return [srgb_of([level / 65535 for level in patch], light, corners, white) for patch in DEEP]


def deep_tiff(compressed: str | None) -> bytes:
    plain = charts.tiff(
        b"".join(charts.deep_rows(DEEP, "<")), 2, (16, 16, 16), ifd.Entry(0x8773, ifd.UNDEFINED, IN_PROPHOTO)
    )
    if compressed is None:
        return plain
    entries = charts.deep_rows(DEEP, "<")
    packed = zlib.compress(b"".join(entries))
    packed += bytes(len(packed) % 2)
    whole = charts.tiff(packed, 2, (16, 16, 16), ifd.Entry(0x8773, ifd.UNDEFINED, IN_PROPHOTO))
    return whole.replace(struct.pack("<HHIHH", 0x0103, 3, 1, 1, 0), struct.pack("<HHIHH", 0x0103, 3, 1, 8, 0))


SIXTEEN: dict[str, tuple[bytes, Reckoned]] = {
    "linear light by gAMA": (deep_png(DEEP, charts.gama(1.0)), deep_reckoned(power(1.0), SRGB)),
    "ProPhoto by iCCP": (
        deep_png(DEEP, charts.iccp(IN_PROPHOTO)), deep_reckoned(power(1.8), PROPHOTO, PROPHOTO_WHITE),
    ),
    "PQ by cICP": (deep_png(DEEP, charts.cicp(9, 16)), deep_reckoned(of_pq, BT2020)),
    "HLG by cICP": (deep_png(DEEP, charts.cicp(9, 18)), deep_reckoned(of_hlg, BT2020)),
    "ProPhoto in a TIFF": (deep_tiff(None), deep_reckoned(power(1.8), PROPHOTO, PROPHOTO_WHITE)),
    "ProPhoto in a packed TIFF": (deep_tiff("deflate"), deep_reckoned(power(1.8), PROPHOTO, PROPHOTO_WHITE)),
}  # fmt: skip


@pytest.mark.parametrize("name", SIXTEEN)
def test_a_chart_of_sixteen_bits_is_converted_before_it_is_rounded(name: str) -> None:
    data, wanted = SIXTEEN[name]
    off = differences(sent(data), wanted)
    assert max(off) <= 1, (name, max(off), DEEP[off.index(max(off))])


GREYS = [(level,) for level in (0, 3, 9, 20, 45, 80, 128, 200, 255)]
DEEP_GREYS = [(level,) for level in (0, 350, 1000, 3333, 20_000, 65_000, 65_535)]


def greys(patches: Sequence[tuple[int]], most: int, light: Light) -> Reckoned:
    levels = [colorimetry.srgb_level(light(level / most)) for (level,) in patches]
    return [(level, level, level) for level in levels]


IN_GREY = charts.iccp(icc_profile.of_grey(icc_profile.gamma(1.8)))
GREY: dict[str, tuple[bytes, Reckoned]] = {
    "a grey profile": (png(IN_GREY, image=chart("L", GREYS)), greys(GREYS, 255, power(1.8))),
    "a grey profile of sixteen bits": (deep_png(DEEP_GREYS, IN_GREY), greys(DEEP_GREYS, 65535, power(1.8))),
    "linear light": (png(charts.gama(1.0), image=chart("L", GREYS)), greys(GREYS, 255, power(1.0))),
    "linear light of sixteen bits": (deep_png(DEEP_GREYS, charts.gama(1.0)), greys(DEEP_GREYS, 65535, power(1.0))),
    "PQ": (png(charts.cicp(9, 16), image=chart("L", GREYS)), greys(GREYS, 255, of_pq)),
    "an RGB profile": (
        saved(chart("L", GREYS), "JPEG", icc_profile=IN_PROPHOTO, quality=100), greys(GREYS, 255, power(1.8)),
    ),
    "a TIFF's TransferFunction": (
        charts.tiff(
            chart("L", GREYS).tobytes(), 1, (8,),
            ifd.short(0x012D, *[round(65535 * (at / 255) ** 1.5) for at in range(256)]),
        ),
        greys(GREYS, 255, power(1.5)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GREY)
def test_grey_is_sent_as_grey_and_as_light_as_it_is_meant(name: str) -> None:
    data, wanted = GREY[name]
    image = sent(data)
    assert image.mode == "L"
    off = differences(image, wanted)
    assert max(off) <= 1, (name, off)


LABS = [
    (30.0, 20.0, -30.0),
    (55.0, -30.0, 25.0),
    (80.0, 5.0, 60.0),
    (50.0, 0.0, 0.0),
    (95.0, -3.0, 4.0),
    (12.0, 3.0, 2.0),
]
"""Within sRGB, so that what a renderer does with others is not asked here."""


def lab_tiff(kind: str) -> bytes:
    if kind == "eight":
        patches = [(round(light * 2.55), round(a) & 255, round(b) & 255) for light, a, b in LABS]
        return charts.tiff(chart("RGB", patches).tobytes(), 8, (8, 8, 8))
    if kind == "ICCLAB":
        patches = [(round(light * 2.55), round(a) + 128, round(b) + 128) for light, a, b in LABS]
        return charts.tiff(chart("RGB", patches).tobytes(), 9, (8, 8, 8))
    if kind == "sixteen":
        patches = [(round(light * 655.35), round(a * 256) & 65535, round(b * 256) & 65535) for light, a, b in LABS]
        return charts.tiff(b"".join(charts.deep_rows(patches, "<")), 8, (16, 16, 16))
    patches = [(round(light * 652.8), round(a * 256 + 32768), round(b * 256 + 32768)) for light, a, b in LABS]
    return charts.tiff(b"".join(charts.deep_rows(patches, "<")), 9, (16, 16, 16))


@pytest.mark.parametrize("kind", ["eight", "sixteen", "ICCLAB", "ICCLAB of sixteen"])
def test_lab_is_sent_as_srgb(kind: str) -> None:
    wanted = [colorimetry.srgb_of_xyz(colorimetry.xyz_of_lab(lab), colorimetry.D50) for lab in LABS]
    off = differences(sent(lab_tiff(kind)), wanted)
    assert max(off) <= 1, off


INKS = [
    (0, 0, 0, 0), (191, 0, 0, 0), (0, 191, 0, 0), (0, 0, 255, 0), (128, 64, 0, 64), (64, 128, 191, 0), (0, 0, 0, 191),
    (159, 96, 96, 64), (255, 0, 255, 0), (32, 64, 96, 32),
]  # fmt: skip
"""Where tables of profiles have nodes, so that how a renderer goes between two of them is not asked here."""


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_ink_is_sent_as_its_profile_means_it(kind: str) -> None:
    options: dict[str, Any] = FINE if kind == "JPEG" else {}
    data = saved(chart("CMYK", INKS), kind, icc_profile=charts.ink_profile(), **options)
    wanted = [
        colorimetry.srgb_of_xyz(colorimetry.xyz_of_lab(charts.ink_lab([part / 255 for part in ink])), colorimetry.D50)
        for ink in INKS
    ]
    off = differences(sent(data), wanted)
    assert max(off) <= 1, off


def test_ink_without_a_profile_leaves_of_each_light_what_other_programs_say() -> None:
    image = sent(saved(chart("CMYK", INKS), "TIFF"))
    for number, (cyan, magenta, yellow, black) in enumerate(INKS):
        wanted = [(255 - ink) * (255 - black) / 255 for ink in (cyan, magenta, yellow)]
        assert image.getpixel(charts.place(number)) == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("samples", [0, 1], ids=["no ExtraSamples", "ExtraSamples that are no alpha"])
@pytest.mark.parametrize(("photometric", "colours_of"), [(1, 1), (2, 3)])
def test_a_sample_that_nobody_called_alpha_is_none(samples: int, photometric: int, colours_of: int) -> None:
    levels = [patch[:colours_of] for patch in PATCHES]
    pixels = bytearray()
    for row in range(charts.SIZE[1]):
        for column in range(charts.SIZE[0]):
            number = min(len(levels) - 1, row // charts.SIDE * charts.ACROSS + column // charts.SIDE)
            pixels += bytes((*levels[number], column % 256))
    extra = [ifd.short(0x0152, 0)] * samples
    image = sent(charts.tiff(bytes(pixels), photometric, (8,) * (colours_of + 1), *extra))
    assert image.mode == ("L" if colours_of == 1 else "RGB")
    assert image.tobytes() == chart(image.mode, [*levels, *[levels[-1]] * 8][: charts.ACROSS * charts.ROWS]).tobytes()


def test_alpha_stays_beside_colours_that_are_converted() -> None:
    clear = chart().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(charts.SIZE))
    image = sent(png(charts.cicp(12, 13), image=clear))
    assert image.getchannel("A").tobytes() == clear.getchannel("A").tobytes()
    assert max(differences(image, reckoned(of_srgb, P3))) <= 1


def test_colours_of_a_palette_are_converted() -> None:
    patches = PATCHES[:40]
    few = chart("RGB", patches).quantize(64, dither=Image.Dither.NONE)
    data = png(charts.cicp(12, 13), image=few)
    shown = few.convert("RGB")
    levels = [cast("tuple[int, int, int]", shown.getpixel(charts.place(number))) for number in range(len(patches))]
    wanted = [srgb_of([level / 255 for level in patch], of_srgb, P3) for patch in levels]
    assert max(differences(sent(data), wanted)) <= 1


def test_what_is_sent_wears_no_profile_that_is_untrue_of_it() -> None:
    for data in (png(charts.iccp(IN_ADOBE)), saved(chart("CMYK", INKS), "TIFF", icc_profile=charts.ink_profile())):
        assert "icc_profile" not in sent(data).info


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (EIGHT["Adobe RGB by a camera"][0], "its colours are Adobe RGB by its EXIF (DCF)"),
        (EIGHT["Display P3 by cICP"][0], "its colours are Display P3 by its cICP chunk"),
        (EIGHT["Display P3 by nclx in an AVIF"][0], "its colours are Display P3 by its nclx box"),
        (EIGHT["PQ by cICP"][0], "its colours are HDR (PQ): tone-mapped to sRGB"),
        (EIGHT["HLG by nclx in a HEIC"][0], "its colours are HDR (HLG): tone-mapped to sRGB"),
        (EIGHT["Adobe RGB by gAMA and cHRM"][0], "its colours are no sRGB by its gAMA and cHRM"),
        (EIGHT["linear light by cICP"][0], "its colours are linear by its cICP chunk"),
        (EIGHT["Adobe RGB by iCCP"][0], "its colour profile is no sRGB"),
        (EIGHT["nothing"][0], None),
        (EIGHT["BT.709 in an AVIF"][0], None),
        (png(charts.gama(2.2)), None),
    ],
)
def test_it_is_told_by_what_the_colours_are_known(data: bytes, words: str | None) -> None:
    picture = inspect(data)
    assert isinstance(picture, Picture)
    found = told.told_by(data, picture, collect(data, picture.format))
    assert (found.words if found is not None else None) == words
    assert found is None or found.hdr == ("HDR" in found.words)


def test_a_profile_that_says_it_is_hdr_by_a_tag_of_its_own_is_tone_mapped() -> None:
    body = b"cicp" + bytes(4) + bytes((9, 16, 0, 1))
    whole = bytearray(IN_P3)
    count = int.from_bytes(whole[128:132], "big")
    names = [bytes(whole[132 + 12 * at : 136 + 12 * at]) for at in range(count)]
    at = 132 + 12 * names.index(b"cprt")
    whole[at : at + 12] = b"cicp" + struct.pack(">II", len(whole), len(body))
    whole += body
    whole[:4] = struct.pack(">I", len(whole))
    assert max(differences(sent(png(charts.iccp(bytes(whole)))), reckoned(of_pq, BT2020))) <= 1


def test_a_profile_that_cannot_be_used_does_not_cost_the_picture() -> None:
    for at in range(132, 132 + 12 * 9, 4):
        broken = bytearray(IN_ADOBE)
        broken[at : at + 4] = b"\xff\xff\xff\xf0"
        colours.is_other_than_srgb(bytes(broken))
        assert sent(png(charts.iccp(bytes(broken)))).size == charts.SIZE


def test_grey_that_is_multiplied_by_its_alpha_is_read() -> None:
    """As a TIFF with ExtraSamples 1 may have it (libtiff's minisblack-2c-8b-alpha)."""
    image = Image.merge("LA", (Image.new("L", (8, 8), 200), Image.new("L", (8, 8), 128))).convert("La")
    plain = colours.in_eight_bits(image)
    assert plain.mode == "LA"
    assert plain.getpixel((0, 0)) == pytest.approx((200, 128), abs=2)
