"""What is private goes before sending; what was said about the picture is collected and said again of the answer."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.formats.containers import Format, Picture, inspect
from watchd.formats.metadata import exif
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.dressing import as_png_chunks, dress, from_png_chunks
from watchd.formats.metadata.stripping import without_private
from watchd.formats.metadata.xmp import Done
from watchd.formats.png.png_chunks import chunk
from watchd.formats.png.rewriter import PngRewriter

SENT = [Format.PNG, Format.JPEG, Format.WEBP]
DONE = Done("1.2.3", "gold & <co>", 2.0, "2026-11-25T08:00:00+01:00")


def chunks_of(found: Metadata, *, width: int, height: int, keep: bool = True) -> bytes:
    """What an output of that size gets of an original's metadata."""
    return as_png_chunks(dress(found, keep=keep, width=width, height=height, done=DONE, srgb_profile=None).metadata)


SECRETS = (b"Camera maker", b"private", b"adobe:ns:meta", b"Photoshop", b"JFXX", b"MotionPhoto", b"unheard of")


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def talkative_jpeg(mode: str = "RGB", orientation: int = 6) -> bytes:
    """A JPEG with everything that cameras and programs put into one, an ICC profile in two segments included."""
    plain = sample.jpeg(mode, exif=sample.exif(orientation), xmp=sample.XMP, comment=b"private", dpi=(300, 300))
    half = len(sample.SRGB) // 2
    more = (
        segment(0xE0, b"JFXX\0\x10thumbnail"),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0private"),
        segment(0xE2, b"ICC_PROFILE\0\2\2" + sample.SRGB[half:]),
        segment(0xE2, b"ICC_PROFILE\0\1\2" + sample.SRGB[:half]),
        segment(0xE2, b"FPXR\0private"),
        segment(0xED, b"Photoshop 3.0\0private"),
        segment(0xEB, b"unheard of"),
    )
    at = plain.index(b"\xff\xdb")
    return plain[:at] + b"".join(more) + plain[at:] + b"MotionPhoto private film"


def talkative_png() -> bytes:
    data = sample.png(icc_profile=sample.SRGB, exif=sample.exif(), dpi=(300, 300), pnginfo=sample.xmp_text())
    return data[:33] + chunk(b"unKn", b"unheard of") + data[33:]


def talkative_webp(*, lossless: bool) -> bytes:
    data = sample.webp(icc_profile=sample.SRGB, exif=sample.exif(), xmp=sample.XMP, lossless=lossless)
    body = data[8:] + b"unKn" + struct.pack("<I", 11) + b"unheard of!\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


TALKATIVE = [
    (Format.JPEG, talkative_jpeg()),
    (Format.JPEG, talkative_jpeg("CMYK")),
    (Format.JPEG, talkative_jpeg("L")),
    (Format.PNG, talkative_png()),
    (Format.WEBP, talkative_webp(lossless=False)),
    (Format.WEBP, talkative_webp(lossless=True)),
]


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_nothing_private_is_left_in_what_is_sent(kind: Format, data: bytes) -> None:
    assert [secret for secret in SECRETS if secret in data], "there is nothing to take out"
    sent = without_private(data, kind)
    assert [secret for secret in SECRETS if secret in sent] == []
    found = collect(sent, kind)
    assert (found.exif, found.xmp) == (None, None)
    assert dict(sample.opened(sent).getexif()) == {}


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_what_is_sent_shows_the_same_pixels_in_the_same_colours(kind: Format, data: bytes) -> None:
    sent = without_private(data, kind)
    before, after = sample.opened(data), sample.opened(sent)
    assert inspect(sent) == inspect(data)
    assert after.tobytes() == before.tobytes()
    assert after.info.get("icc_profile") == before.info.get("icc_profile") == sample.SRGB


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Format.PNG, sample.png("P")),
        (Format.PNG, sample.interlaced(sample.image())),
        (Format.JPEG, sample.jpeg()),
        (Format.JPEG, sample.jpeg(progressive=True, restart_marker_blocks=1)),
        (Format.WEBP, sample.webp("RGBA")),
    ],
)
def test_a_picture_without_private_parts_is_sent_as_it_is(kind: Format, data: bytes) -> None:
    assert without_private(data, kind) == data


def test_the_extended_header_of_a_webp_no_longer_announces_what_was_taken_out() -> None:
    data = talkative_webp(lossless=False)
    sent = without_private(data, Format.WEBP)
    flags = data[data.index(b"VP8X") + 8], sent[sent.index(b"VP8X") + 8]
    assert flags == (0x2C, 0x20)


def test_transparency_and_gamma_of_a_png_are_kept() -> None:
    extras = (chunk(b"gAMA", b"\0\0\xb1\x8f"), chunk(b"tRNS", bytes(6)), chunk(b"bKGD", bytes(6)))
    data = sample.raw_png(sample.ihdr(4, 4), bytes(52), *extras)
    assert without_private(data, Format.PNG) == data


def test_a_thumbnail_in_the_jfif_header_is_taken_out() -> None:
    data = sample.jpeg()
    header = segment(0xE0, b"JFIF\0\1\2\1\1\x2c\1\x2c\2\2" + b"private thumb")
    at = data.index(b"\xff\xdb")
    sent = without_private(data[:2] + header + data[at:], Format.JPEG)
    assert sent[:20] == data[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def test_of_an_mpo_only_the_first_picture_is_sent() -> None:
    frames = sample.image(size=(64, 48)), sample.image(size=(32, 24))
    data = sample.encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    sent = without_private(data, Format.JPEG)
    assert sample.opened(data).format == "MPO"
    assert sample.opened(sent).format == "JPEG"
    assert sample.opened(sent).tobytes() == sample.opened(data).tobytes()


@pytest.mark.parametrize("kind", SENT)
def test_bytes_that_are_no_picture_do_not_pass_unlooked_at(kind: Format) -> None:
    with pytest.raises(ValueError, match="not a"):
        without_private(b"\xff\xd8 private", kind) if kind is Format.JPEG else without_private(b"private", kind)


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_everything_is_collected(kind: Format, data: bytes) -> None:
    found = collect(data, kind)
    assert found.icc == sample.SRGB
    assert found.xmp == sample.XMP
    assert found.orientation == 6
    assert found.exif is not None
    assert found.exif[:2] in {b"II", b"MM"}
    assert found.dpi == pytest.approx((300, 300), rel=1e-4)


@pytest.mark.parametrize("kind", SENT)
def test_of_a_plain_picture_nothing_is_collected(kind: Format) -> None:
    data = sample.encoded(sample.image(), kind.value)
    assert collect(data, kind) == Metadata()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("form", ["H", "I"])
@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_is_read_in_either_byte_order(order: str, form: str, value: int) -> None:
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHI{form}", 0x0112, 3 if form == "H" else 4, 1, value).ljust(12, b"\0")
    block = head + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
    assert exif.orientation(block) == value


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value: int) -> None:
    assert exif.orientation(exif.only_orientation(value)) == 1


def test_a_resolution_in_centimetres_and_one_without_a_unit_are_understood() -> None:
    tags = Image.Exif()
    tags[0x011A], tags[0x011B], tags[0x0128] = 100.0, 50.0, 3
    data = sample.webp(exif=tags)
    assert collect(data, Format.WEBP).pixels_per_metre == (10000, 5000)
    del tags[0x0128]
    assert collect(sample.webp(exif=tags), Format.WEBP).pixels_per_metre == (3937, 1969)


def test_a_profile_with_a_segment_missing_is_not_collected() -> None:
    data = talkative_jpeg()
    at = data.index(b"ICC_PROFILE\0\2")
    assert collect(data[:at] + b"ICC_PROFILE\0\3" + data[at + 13 :], Format.JPEG).icc is None


def test_a_profile_that_inflates_without_end_is_not_collected() -> None:
    bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(sample.SRGB + bytes(100_000_000)))
    data = sample.raw_png(sample.ihdr(4, 4), bytes(52), bomb)
    assert collect(data, Format.PNG) == Metadata()


def test_a_compressed_xmp_text_is_collected() -> None:
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0translated\0" + zlib.compress(sample.XMP))
    assert collect(sample.raw_png(sample.ihdr(4, 4), bytes(52), text), Format.PNG).xmp == sample.XMP


blocks = st.one_of(
    st.binary(max_size=80),
    st.builds(bytes.__add__, st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]), st.binary(max_size=120)),
    st.builds(
        lambda at, value: sample.exif().tobytes()[6:][:at] + value + sample.exif().tobytes()[6:][at + len(value) :],
        st.integers(0, 200),
        st.binary(max_size=8),
    ),
)


@given(block=blocks, width=st.integers(1, 2**31 - 1), height=st.integers(1, 70000), turned=st.integers(1, 8))
def test_no_exif_block_can_hurt(block: bytes, width: int, height: int, turned: int) -> None:
    assert exif.orientation(block) in range(1, 9)
    exif.pixels_per_metre(block)
    patched = exif.describing(block, width=width, height=height, orientation=turned)
    assert len(patched) <= len(block)
    assert exif.is_block(patched) == exif.is_block(block)


def test_a_block_cut_anywhere_does_no_harm() -> None:
    block = sample.exif().tobytes()[6:]
    found = {exif.pixels_per_metre(block[:length]) for length in range(len(block) + 1)}
    assert found == {None, (11811, 11811)}


def test_directories_that_point_at_themselves_end() -> None:
    entry = struct.pack(">HHII", 0x8769, 4, 1, 8)
    block = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 8)
    assert exif.describing(block, width=1, height=1, orientation=1) == block[:-4] + bytes(4)


@given(kind=st.sampled_from(SENT), data=st.binary(max_size=200))
def test_collecting_from_anything_raises_nothing(kind: Format, data: bytes) -> None:
    start = {Format.PNG: b"\x89PNG\r\n\x1a\n", Format.JPEG: b"\xff\xd8", Format.WEBP: b"RIFF\xc0\0\0\0WEBP"}[kind]
    assert collect(data, kind).orientation == 1
    collect(start + data, kind)


@given(which=st.sampled_from(TALKATIVE), edits=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=4))))
def test_damaged_metadata_is_collected_and_repeated_without_an_error(
    which: tuple[Format, bytes], edits: list[tuple[int, bytes]]
) -> None:
    kind, original = which
    data = bytearray(original)
    for at, value in edits:
        start = at % min(len(data), 2500)
        data[start : start + len(value)] = value
    insert = chunks_of(collect(bytes(data), kind), width=37, height=23)
    assert isinstance(inspect(rewritten(sample.png(), insert)), Picture)


def rewritten(data: bytes, insert: bytes) -> bytes:
    rewriter = PngRewriter(insert)
    return rewriter.feed(data) + rewriter.finish()


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_the_answer_says_of_itself_what_the_original_said(kind: Format, data: bytes) -> None:
    answer = sample.png(size=(128, 96))
    result = rewritten(answer, chunks_of(collect(data, kind), width=128, height=96))
    shown = sample.opened(result)
    assert shown.tobytes() == sample.opened(answer).tobytes()
    assert shown.info["icc_profile"] == sample.SRGB
    assert b"gold &amp; &lt;co&gt;" in shown.info["xmp"]
    assert b'tiff:Orientation="1"' in shown.info["xmp"]
    assert shown.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
    tags = shown.getexif()
    assert tags[0x0112] == 1
    assert tags[0x010F] == "Camera maker with a name"
    assert tags.get_ifd(0x8825)[1] == "N"
    assert dict(tags.get_ifd(0x8769)) == {0xA002: 128, 0xA003: 96}


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_stripped_metadata_is_nothing(kind: Format, data: bytes) -> None:
    assert chunks_of(collect(data, kind), keep=False, width=64, height=48) == b""


@pytest.mark.parametrize(("kind", "data"), TALKATIVE)
def test_what_lies_in_the_spool_as_chunks_is_what_was_laid_there(kind: Format, data: bytes) -> None:
    found = dataclasses.replace(collect(data, kind), iptc=b"\x1c\x02\x05\0\x05title")
    dressed = dress(found, keep=True, width=64, height=48, done=DONE, srgb_profile=None).metadata
    assert from_png_chunks(as_png_chunks(dressed)) == dressed


def test_colours_that_were_converted_are_told_by_their_own_profile() -> None:
    dressed = dress(Metadata(icc=b"wide"), keep=True, width=4, height=4, done=DONE, srgb_profile=sample.SRGB)
    assert dressed.metadata.icc == sample.SRGB


def test_a_profile_that_no_png_can_have_is_left_out() -> None:
    found = Metadata(icc=sample.SRGB[:16] + b"CMYK" + sample.SRGB[20:])
    assert as_png_chunks(found) == b""


def test_xmp_that_is_not_utf8_is_left_out() -> None:
    assert as_png_chunks(Metadata(xmp=b"\xff\xfe<\0x\0")) == b""


def test_the_link_to_the_old_thumbnail_is_cut() -> None:
    block = bytearray(sample.exif().tobytes()[6:])
    order = "<" if block[:2] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", block, 8)
    link = 10 + 12 * count
    struct.pack_into(order + "I", block, link, len(block))
    with_second = bytes(block) + struct.pack(order + "HHHIII", 1, 0x0201, 4, 1, 0, 0)
    patched = exif.describing(with_second, width=1, height=1, orientation=6)
    assert struct.unpack_from(order + "I", with_second, link)[0] != 0
    assert struct.unpack_from(order + "I", patched, link)[0] == 0


def test_a_size_that_does_not_fit_its_tag_gets_a_larger_one() -> None:
    entry = struct.pack(">HHIHxx", 0x0100, 3, 1, 500) + struct.pack(">HHIHxx", 0x0101, 3, 1, 400)
    block = b"MM\0*" + struct.pack(">IH", 8, 2) + entry + bytes(4)
    patched = exif.describing(block, width=70_000, height=800, orientation=1)
    assert struct.unpack_from(">HII", patched, 12) == (4, 1, 70_000)
    assert struct.unpack_from(">H", patched, 30)[0] == 800
