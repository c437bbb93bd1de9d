"""Is a container whole: what is a picture, what may still be growing, and what never becomes one."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.formats import holes
from watchd.formats.containers import Format, Incomplete, Picture, PngProof, Unreadable, inspect
from watchd.formats.metadata.stripping import without_private
from watchd.formats.png import mending
from watchd.formats.png.png_chunks import SIGNATURE, chunk

if TYPE_CHECKING:
    from collections.abc import Callable

PNGS: dict[str, Callable[[], bytes]] = {
    "rgb": sample.png,
    "alpha": lambda: sample.png("RGBA"),
    "grey": lambda: sample.png("L"),
    "grey 16": lambda: sample.png("I;16"),
    "bilevel": lambda: sample.png("1"),
    "palette": lambda: sample.png("P"),
    "grey and alpha": lambda: sample.png("LA"),
    "interlaced": lambda: sample.interlaced(sample.image()),
    "with metadata": lambda: sample.png(
        icc_profile=sample.SRGB, exif=sample.exif(), dpi=(300, 300), pnginfo=sample.xmp_text()
    ),
}
JPEGS: dict[str, Callable[[], bytes]] = {
    "baseline": sample.jpeg,
    "progressive": lambda: sample.jpeg(progressive=True),
    "grey": lambda: sample.jpeg("L"),
    "cmyk": lambda: sample.jpeg("CMYK"),
    "restart markers": lambda: sample.jpeg(restart_marker_blocks=1),
    "subsampled and optimised": lambda: sample.jpeg(subsampling=2, optimize=True),
    "with metadata": lambda: sample.jpeg(
        icc_profile=sample.SRGB, exif=sample.exif(), xmp=sample.XMP, comment=b"private", dpi=(300, 300)
    ),
    "with a thumbnail": lambda: with_thumbnail(sample.jpeg()),
}
WEBPS: dict[str, Callable[[], bytes]] = {
    "lossy": sample.webp,
    "lossless": lambda: sample.webp(lossless=True),
    "alpha": lambda: sample.webp("RGBA"),
    "lossless alpha": lambda: sample.webp("RGBA", lossless=True),
    "with metadata": lambda: sample.webp(icc_profile=sample.SRGB, exif=sample.exif(), xmp=sample.XMP),
}
ALL = [(kind, name) for kind, group in (("png", PNGS), ("jpeg", JPEGS), ("webp", WEBPS)) for name in group]


@cache
def made(kind: str, name: str) -> bytes:
    return {"png": PNGS, "jpeg": JPEGS, "webp": WEBPS}[kind][name]()


def with_thumbnail(data: bytes) -> bytes:
    """A second, whole JPEG inside an APP1 of the first."""
    inner = b"Exif\0\0" + sample.jpeg(size=(16, 16))
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(inner) + 2) + inner + data[2:]


def mpo() -> bytes:
    first, second = sample.image(size=(64, 48)), sample.image(size=(32, 24))
    return sample.encoded(first, "MPO", save_all=True, append_images=[second])


def end_of_first_picture(data: bytes) -> int:
    return data.index(b"\xff\xd9", data.index(b"\xff\xda")) + 2


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_whole_picture_is_measured_as_pillow_measures_it(kind: str, name: str) -> None:
    data = made(kind, name)
    found = inspect(data)
    assert isinstance(found, Picture)
    assert (found.format, found.width, found.height) == (Format(kind), *sample.opened(data).size)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_strict_prefix_of_a_picture_is_incomplete(kind: str, name: str) -> None:
    data = made(kind, name)
    wrong = [length for length in range(len(data)) if not isinstance(inspect(data[:length]), Incomplete)]
    assert wrong == []


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_copy_that_made_room_and_filled_a_part_is_incomplete(kind: str, name: str) -> None:
    data = made(kind, name)
    spared = 0 if kind != "webp" else holes.SECTOR  # WebP has no checksum: less than a sector cannot be told from data
    wrong = [
        filled
        for filled in range(0, len(data) - spared, 3)
        if len(data[:filled].rstrip(b"\0")) == filled  # else the zeros there are the picture's own
        and data[filled:].strip(b"\0")
        and not isinstance(inspect(data[:filled] + bytes(len(data) - filled)), Incomplete)
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_copy_is_incomplete_while_any_of_its_pages_is_missing(kind: str) -> None:
    picture = sample.image(size=(300, 200))
    data = sample.encoded(picture, kind, **({"lossless": True} if kind == "webp" else {}))
    assert isinstance(inspect(data), Picture)
    for page in range(0, len(data), holes.PAGE):
        holed = data[:page] + bytes(len(data[page : page + holes.PAGE])) + data[page + holes.PAGE :]
        assert isinstance(inspect(holed), Incomplete), page


@pytest.mark.parametrize("name", PNGS)
def test_no_flip_of_a_byte_in_a_png_goes_unseen(name: str) -> None:
    data = made("png", name)
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 0x40 if at % 2 else 0x01
        assert is_seen(bytes(flipped), data), at


@given(name=st.sampled_from(sorted(PNGS)), at=st.integers(0), change=st.integers(1, 255))
def test_no_change_of_a_byte_in_a_png_goes_unseen(name: str, at: int, change: int) -> None:
    data = bytearray(made("png", name))
    data[at % len(data)] ^= change
    assert is_seen(bytes(data), made("png", name))


def is_seen(changed: bytes, data: bytes) -> bool:
    """Whether a changed PNG is refused, or mended to a strict one whose pixel data is that of `data`."""
    if not isinstance(inspect(changed), Picture):
        return True
    mended = mending.mended(changed)
    proof = PngProof()
    return proof.feed(mended) is None and isinstance(proof.finish(), Picture) and pixels_of(mended) == pixels_of(data)


def pixels_of(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(kind, body) for kind, body in sample.taken_apart(data) if kind in {b"IHDR", b"PLTE", b"IDAT"}]


@given(
    start=st.sampled_from([b"", SIGNATURE, b"\xff\xd8", b"RIFF", b"RIFF\x40\0\0\0WEBP"]), rest=st.binary(max_size=200)
)
@example(start=b"\xff\xd8", rest=b"\xff\xc0\0\x02")
def test_whatever_the_bytes_are_there_is_a_verdict(start: bytes, rest: bytes) -> None:
    verdict = inspect(start + rest)
    assert isinstance(verdict, Picture) or verdict.reason


@given(
    which=st.sampled_from(ALL),
    edits=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.tuples(st.integers(0), st.integers(0, 40)),
)
def test_a_damaged_file_gets_a_verdict_and_if_it_passes_it_can_be_stripped(
    which: tuple[str, str], edits: list[tuple[int, int]], cut: tuple[int, int]
) -> None:
    data = bytearray(made(*which))
    for at, value in edits:
        data[at % len(data)] = value
    start = cut[0] % len(data)
    del data[start : start + cut[1]]
    verdict = inspect(bytes(data))
    if isinstance(verdict, Picture):
        assert isinstance(inspect(without_private(bytes(data), verdict.format)), Picture)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (sample.encoded(sample.image(), "PDF"), "PDF"),
        (sample.encoded(sample.image(), "ICO"), "ICO"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0", "video"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01", "CR3"),
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV"),
        (b"\n<!DOCTYPE html><html><body><svg ", "HTML"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="', "SVG"),
        (b'<?xml version="1.0"?>\n<feed>', "XML"),
        (b'{"error": "no"}', "JSON"),
        (b"Dear all,\n", "text"),
        (b"\x00\x05\x16\x07\0\x02\0\0Mac OS X", "AppleDouble"),
        (b"\x91\x92\x93\x94\x95", "91 92 93 94"),
        (b"\x89PNG\n\x1a\n\0\0\0\rIHDR", "text mode"),
    ],
)
def test_another_format_is_unreadable_and_named(data: bytes, named: str) -> None:
    verdict = inspect(data)
    assert isinstance(verdict, Unreadable)
    assert named in verdict.reason


@pytest.mark.parametrize("data", [b"", bytes(100_000), bytes(4096) + sample.png()])
def test_an_empty_file_or_one_that_begins_with_zeros_is_incomplete(data: bytes) -> None:
    assert isinstance(inspect(data), Incomplete)


def test_a_png_with_a_wrong_checksum_is_unreadable_and_names_the_chunk() -> None:
    data = bytearray(sample.png())
    data[data.index(b"IDAT") + 20] ^= 0x55
    assert inspect(bytes(data)) == Unreadable("its IDAT chunk at byte 33 has a wrong checksum")


@pytest.mark.parametrize(
    "header",
    [
        sample.ihdr(0, 5),
        sample.ihdr(5, 0),
        sample.ihdr(2**31, 5),
        sample.ihdr(5, 5, depth=3),
        sample.ihdr(5, 5, colour=1),
        sample.ihdr(5, 5, depth=4, colour=2),
        sample.ihdr(5, 5, interlace=2),
        chunk(b"IHDR", bytes(12)),
        chunk(b"gAMA", bytes(4)),
        sample.ihdr(5, 5) * 2,
        sample.ihdr(5, 5, colour=3),
        sample.ihdr(5, 5) + chunk(b"CrIt", b""),
        sample.ihdr(5, 5, colour=3) + chunk(b"PLTE", bytes(4)),
        chunk(b"CgBI", bytes(4)) + sample.ihdr(5, 5),
    ],
)
def test_a_png_that_no_decoder_accepts_is_unreadable(header: bytes) -> None:
    data = sample.assembled(header, chunk(b"IDAT", b"something"), chunk(b"IEND", b""))
    assert isinstance(inspect(data), Unreadable)


def test_a_png_without_pixel_data_is_unreadable() -> None:
    data = sample.assembled(sample.ihdr(5, 5), chunk(b"IEND", b""))
    assert inspect(data) == Unreadable("it has no pixel data (no IDAT chunk)")


def test_a_png_cut_into_countless_chunks_is_refused_instead_of_walked() -> None:
    data = sample.assembled(sample.ihdr(5, 5), chunk(b"tEXt", b"") * 100_001)
    assert isinstance(inspect(data), Unreadable)


def test_what_follows_the_end_of_a_jpeg_is_not_our_picture() -> None:
    assert inspect(sample.jpeg() + b"MotionPhoto_Data" + bytes(range(256))) == Picture(Format.JPEG, 64, 48)


def test_an_mpo_is_its_first_picture_and_says_that_there_is_another() -> None:
    assert inspect(mpo()) == Picture(Format.JPEG, 64, 48, besides=("a second picture",))


def test_an_mpo_is_incomplete_while_its_further_pictures_are_on_their_way() -> None:
    data = mpo()
    first = end_of_first_picture(data)
    assert all(isinstance(inspect(data[:length]), Incomplete) for length in range(first + 1, len(data)))
    assert isinstance(inspect(data[:first] + bytes(len(data) - first)), Incomplete)


def test_an_mpo_whose_further_pictures_were_dropped_by_an_editor_is_a_picture() -> None:
    data = mpo()
    assert inspect(data[: end_of_first_picture(data)]) == Picture(Format.JPEG, 64, 48)


def test_fill_bytes_and_stray_bytes_between_the_segments_of_a_jpeg_are_stepped_over() -> None:
    data = sample.jpeg()
    at = data.index(b"\xff\xdb")
    assert isinstance(inspect(data[:at] + b"\xff\xff\xff" + data[at:]), Picture)
    assert isinstance(inspect(data[:at] + b"\0\x12\0" + data[at:]), Picture)


def test_a_jpeg_with_a_hole_where_its_tables_should_be_is_incomplete() -> None:
    data = made("jpeg", "with metadata")
    tables, scan = data.index(b"\xff\xdb"), data.index(b"\xff\xc0")
    holed = data[: tables - 400] + bytes(400 + scan - tables) + data[scan:]
    assert len(holed) == len(data)
    assert isinstance(inspect(holed), Incomplete)


def changed_frame(offset: int, value: bytes, marker: int = 0xC0) -> bytes:
    data = bytearray(sample.jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 1] = marker
    data[at + 4 + offset : at + 4 + offset + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (changed_frame(1, b"\0\0"), "height"),
        (changed_frame(3, b"\0\0"), "0 x 48"),
        (changed_frame(0, b"\x0c"), "12 bits"),
        (changed_frame(5, b"\x04"), "frame header"),
        (changed_frame(0, b"", 0xC3), "lossless"),
        (changed_frame(0, b"", 0xC8), "C8"),
        (b"\xff\xd8\xff\xd9", "before any picture data"),
        (b"\xff\xd8\xff\xda\0\x02abc\xff\xd9", "precedes its frame header"),
        (b"\xff\xd8\xff\xfe\0\x01abc\xff\xd9", "shorter than its own length"),
        (b"\xff\xd8" + b"\xff\xfe\0\x02" * 10_001 + b"\xff\xd9", "10000 segments"),
        (b"\xff\xd8" + b"\xff\x01" * 10_001 + b"\xff\xd9", "10000 segments"),
    ],
)
def test_a_jpeg_that_decoders_do_not_accept_is_unreadable_with_its_reason(data: bytes, reason: str) -> None:
    verdict = inspect(data)
    assert isinstance(verdict, Unreadable)
    assert reason in verdict.reason


def test_a_scan_without_data_is_unreadable() -> None:
    data = sample.jpeg()
    start = data.index(b"\xff\xda")
    (length,) = struct.unpack_from(">H", data, start + 2)
    assert isinstance(inspect(data[: start + 2 + length] + b"\xff\xd9"), Unreadable)


def test_a_flat_jpeg_with_kilobytes_of_zeros_in_its_pixel_data_is_a_picture() -> None:
    data = sample.encoded(Image.new("L", (4000, 3000)), "JPEG", optimize=True)
    assert bytes(8192) in data
    assert isinstance(inspect(data), Picture)


def test_what_follows_the_end_of_a_webp_is_ignored() -> None:
    assert isinstance(inspect(sample.webp() + b"junk"), Picture)


def test_a_webp_whose_length_is_not_written_yet_is_incomplete() -> None:
    data = sample.webp()
    assert isinstance(inspect(data[:4] + bytes(4) + data[8:]), Incomplete)


def test_a_webp_whose_canvas_is_not_its_picture_is_unreadable() -> None:
    data = bytearray(made("webp", "alpha"))
    at = data.index(b"VP8X") + 8 + 4
    data[at] ^= 1
    assert isinstance(inspect(bytes(data)), Unreadable)


def test_the_scaling_hint_of_a_webp_is_not_taken_for_its_size() -> None:
    data = bytearray(sample.webp())
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at + 1] |= 0x40
    data[at + 3] |= 0x80
    assert inspect(bytes(data)) == Picture(Format.WEBP, 37, 23)


def test_a_webp_without_a_picture_is_unreadable() -> None:
    body = b"WEBP" + b"XMP " + struct.pack("<I", 4) + b"text"
    assert isinstance(inspect(b"RIFF" + struct.pack("<I", len(body)) + body), Unreadable)


@given(start=st.integers(0, 3 * holes.PAGE), length=st.integers(0, 3 * holes.PAGE))
@example(start=holes.PAGE - 3, length=holes.PAGE + 6)
@example(start=holes.PAGE - 4, length=holes.PAGE + 4)
@example(start=holes.PAGE, length=holes.PAGE + 4)
def test_zeros_are_taken_for_missing_pages_only_where_they_begin_and_end_as_pages_do(start: int, length: int) -> None:
    data = b"\1" * start + bytes(length) + b"\1" * holes.PAGE
    overhang = -start % holes.PAGE, (start + length) % holes.PAGE
    expected = start if length >= holes.PAGE and max(overhang) <= 3 else None
    assert holes.whole_pages_missing(data, 0, len(data)) == expected
