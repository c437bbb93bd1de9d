"""What a file says of its colours is read whatever its bytes are, and said again only where it is known."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract import charts
from watchd.formats import jpeg2000, tiff, tiff_plain
from watchd.formats.colour import calibrated, cicp, dcf, icc_profile, told, transfer
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.dressing import dress
from watchd.formats.metadata.xmp import Done
from watchd.formats.picture import Colour, Format, Picture

CAMERA = charts.camera(0xFFFF, b"R03\0")
SAMPLES = {
    Format.PNG: charts.png(
        charts.cicp(12, 13), charts.gama(2.2), charts.chrm(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))
    ),
    Format.JPEG: charts.saved(charts.chart(), "JPEG", exif=b"Exif\0\0" + CAMERA),
    Format.BMP: charts.bmp([(0.6, 0.3, 0.01), (0.2, 0.6, 0.1), (0.1, 0.05, 0.8)], (2.2, 2.2, 2.2)),
    Format.TIFF: charts.tiff(bytes(8), 8, (16, 16, 16)),
    Format.AVIF: charts.saved(charts.chart(), "AVIF"),
    Format.JPEG2000: charts.saved(charts.chart(), "JPEG2000"),
    Format.WEBP: charts.saved(charts.chart(), "WEBP", exif=CAMERA),
}


@given(
    kind=st.sampled_from(sorted(SAMPLES)),
    colour=st.sampled_from(Colour),
    changes=st.lists(st.tuples(st.integers(-400, 400), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.integers(0, 2000),
)
def test_no_file_can_hurt(kind: Format, colour: Colour, changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(SAMPLES[kind][: len(SAMPLES[kind]) - cut])
    for at, value in changes:
        place = at % max(1, len(data))  # directories of a TIFF lie at its end
        data[place : place + len(value)] = value
    whole = bytes(data)
    found = told.told_by(whole, Picture(kind, *charts.SIZE, colour), collect(whole, kind))
    assert found is None or found.words.startswith("its ")
    tiff_plain.plainly(whole)


@given(at=st.integers(0, 300), value=st.binary(min_size=1, max_size=12))
def test_no_profile_can_hurt(at: int, value: bytes) -> None:
    made = icc_profile.of_rgb(cicp.BT709, [transfer.LINEAR])
    assert made is not None
    broken = made[:at] + value + made[at + len(value) :]
    icc_profile.coding_points(broken)
    icc_profile.split(broken, transfer.SRGB)


@given(numbers=st.lists(st.floats(-2, 2), min_size=8, max_size=8))
def test_corners_that_span_no_space_give_no_profile(numbers: list[float]) -> None:
    red, green, blue, white = (
        (numbers[0], numbers[1]), (numbers[2], numbers[3]), (numbers[4], numbers[5]), (numbers[6], numbers[7]),
    )  # fmt: skip
    made = icc_profile.of_rgb(icc_profile.Primaries(red, green, blue, white), [transfer.LINEAR])
    assert made is None or made[36:40] == b"acsp"
    assert icc_profile.of_rgb(icc_profile.Primaries(red, red, blue, white), [transfer.LINEAR]) is None


@pytest.mark.parametrize(
    ("space", "index", "is_it"),
    [
        (0xFFFF, b"R03\0", True), (2, b"R03\0", True), (2, b"\0\0\0\0", True), (2, b"R98\0", False),
        (1, b"R98\0", False), (1, b"R03\0", False), (0xFFFF, b"R98\0", False), (0xFFFF, b"\0\0\0\0", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_two_tags_of_exif_say_adobe_rgb_together(space: int, index: bytes, order: str, *, is_it: bool) -> None:
    assert dcf.is_adobe_rgb(charts.camera(space, index, order)) == is_it


def test_exif_of_converted_pixels_says_srgb() -> None:
    done = Done("1", "p", 2.0, "2026-11-25T08:00:00+01:00")
    for profile, says in ((b"srgb", False), (None, True)):
        dressed = dress(Metadata(exif=CAMERA), keep=True, width=1, height=1, done=done, srgb_profile=profile)
        assert dcf.is_adobe_rgb(dressed.metadata.exif or b"") is says


@pytest.mark.parametrize("primaries", [0, 3, 13, 99, 255])
def test_numbers_that_are_none_say_nothing(primaries: int) -> None:
    assert cicp.space(primaries, 13, grey=False) is None
    assert cicp.space(1, primaries if primaries != 13 else 3, grey=False) is None


@pytest.mark.parametrize("curve", [1, 6, 11, 12, 14, 15])
def test_the_curves_of_video_are_srgbs_in_stills_but_not_in_a_png(curve: int) -> None:
    assert cicp.is_srgb(1, cicp.in_stills(curve))
    assert not cicp.is_srgb(1, curve)
    picture = Picture(Format.PNG, *charts.SIZE)
    found = told.told_by(charts.png(charts.cicp(1, curve)), picture, Metadata())
    assert found is not None
    assert found.words == "its colours are gamma 2.4 by its cICP chunk"


@pytest.mark.parametrize("curve", [2, 13])
def test_numbers_of_srgb_say_nothing_that_were_to_be_done(curve: int) -> None:
    assert cicp.is_srgb(1, curve)
    assert cicp.space(1, curve, grey=False) is None
    assert cicp.space(9, curve, grey=True) is None


def test_every_number_of_the_table_makes_a_profile() -> None:
    for primaries in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22):
        for curve in (4, 5, 7, 8, 16, 17, 18):
            assert cicp.space(primaries, curve, grey=False) is not None, (primaries, curve)
            assert cicp.space(primaries, curve, grey=True) is not None, (primaries, curve)


def test_the_tone_curve_leaves_half_the_reference_white_and_ends_at_white() -> None:
    lights = [transfer.toned(at / 1000) for at in range(60_000)]
    assert lights == sorted(lights)
    assert lights[:501] == [at / 1000 for at in range(501)]
    assert transfer.toned(1.0) == pytest.approx(0.753, abs=0.001)
    assert transfer.toned(1000 / 203) == pytest.approx(1.0)
    assert max(lights) == 1.0


@pytest.mark.parametrize(("method", "found"), [(1, None), (2, None), (5, (9, 16))])
def test_numbers_in_a_jpeg_2000_are_read_where_its_method_says_so(method: int, found: tuple[int, int] | None) -> None:
    colour = bytes((method, 0, 0)) + struct.pack(">HHHB", 9, 16, 0, 128)
    inner = struct.pack(">I4s", 8 + len(colour), b"colr") + colour
    data = jpeg2000.BOXES + struct.pack(">I4s", 8 + len(inner), b"jp2h") + inner
    assert jpeg2000.coding_points(data) == found


@pytest.mark.parametrize("numbers", [(16,), (17,), (18,)])
def test_enumerated_spaces_of_jpeg_2000_are_srgb(numbers: tuple[int]) -> None:
    data = SAMPLES[Format.JPEG2000].replace(
        b"colr\1\0\0" + struct.pack(">I", 16), b"colr\1\0\0" + struct.pack(">I", *numbers)
    )
    assert told.told_by(data, Picture(Format.JPEG2000, *charts.SIZE), Metadata()) is None


def test_a_number_that_overrules_a_profile_says_so() -> None:
    other = icc_profile.of_rgb(cicp.BT709, [transfer.LINEAR])
    picture = Picture(Format.PNG, *charts.SIZE)
    for numbers, profile in (((1, 13), False), ((12, 13), True)):
        found = told.told_by(charts.png(charts.cicp(*numbers)), picture, Metadata(icc=other))
        assert found is not None
        assert found.overrules
        assert (found.profile is not None) == profile
    assert told.told_by(charts.png(charts.cicp(1, 13)), picture, Metadata()) is None


def test_what_everybody_writes_beside_srgb_says_srgb_alone_too() -> None:
    assert calibrated.of_png({b"gAMA": struct.pack(">I", 45_455)}, grey=False) is None
    assert calibrated.of_png({b"gAMA": struct.pack(">I", 0)}, grey=False) is None
    assert calibrated.of_png({b"cHRM": bytes(32), b"gAMA": struct.pack(">I", 45_455)}, grey=False) is None
    assert calibrated.of_png({b"gAMA": struct.pack(">I", 55_556)}, grey=False) is not None


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"])
def test_a_directory_of_either_order_and_size_is_said_anew(start: bytes) -> None:
    order, big = ("<" if start[:1] == b"I" else ">"), len(start) == 8
    head, link, inline = ("Q", "Q", 8) if big else ("H", "I", 4)
    values = {0x0100: 4, 0x0101: 4, 0x0106: 8, 0x0115: 6}
    entry = struct.Struct(f"{order}HH{link}H{inline - 2}x")
    body = b"".join(entry.pack(tag, 3, 1, value) for tag, value in values.items())
    data = start + struct.pack(order + link, 16 if big else 8)
    data += struct.pack(order + head, len(values)) + body + struct.pack(order + link, 0)
    plain = tiff_plain.plainly(data)
    assert plain.lab is tiff_plain.Lab.SIGNED
    reader = tiff.Reader(plain.data)
    (tags,) = reader.pages()
    assert tags is not None
    assert list(tags) == [0x0100, 0x0101, 0x0106, 0x0115, 0x0152]
    assert reader.integer(tags[0x0106]) == 2
    assert reader.integers(tags[0x0152]) == (0, 0, 0)
