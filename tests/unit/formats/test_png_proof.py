"""An answer is proven while it arrives: whole, true to its header, and nothing but a PNG."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.formats.containers import Format, Incomplete, Picture, PngProof, Unreadable
from watchd.formats.png.header import Header
from watchd.formats.png.png_chunks import SIGNATURE, chunk


def measured(verdict: Picture | Incomplete | Unreadable) -> tuple[Format, int, int] | None:
    return (verdict.format, verdict.width, verdict.height) if isinstance(verdict, Picture) else None


MODES = ["RGB", "RGBA", "L", "I;16", "1", "P", "LA"]


def judged(data: bytes, step: int = 65536) -> Picture | Incomplete | Unreadable:
    proof = PngProof()
    for start in range(0, len(data), step):
        proof.feed(data[start : start + step])
    return proof.finish()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (37, 23), (301, 2)])
def test_a_png_of_any_kind_is_proven(mode: str, size: tuple[int, int]) -> None:
    assert measured(judged(sample.png(mode, size))) == (Format.PNG, *size)


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 5), (9, 1), (1, 9), (37, 23)])
def test_an_interlaced_png_is_proven(mode: str, size: tuple[int, int]) -> None:
    picture = sample.image(mode, size)
    data = sample.interlaced(picture)
    assert sample.opened(data).tobytes() == picture.tobytes(), "the encoder of this test is wrong"
    assert measured(judged(data)) == (Format.PNG, *size)


@pytest.mark.parametrize(
    ("depth", "colour", "stride"), [(1, 0, 3), (2, 0, 4), (4, 3, 6), (16, 0, 19), (16, 2, 55), (16, 4, 37), (16, 6, 73)]
)
def test_a_header_promises_a_filter_byte_and_whole_bytes_of_samples_for_each_row(
    depth: int, colour: int, stride: int
) -> None:
    assert Header(9, 7, depth, colour, interlaced=False).inflated_bytes() == 7 * stride


@given(step=st.integers(1, 400), mode=st.sampled_from(MODES))
def test_the_pieces_in_which_a_png_arrives_make_no_difference(step: int, mode: str) -> None:
    assert measured(judged(sample.png(mode), step)) == (Format.PNG, 37, 23)


def test_every_strict_prefix_of_a_png_is_incomplete() -> None:
    data = sample.png("P")
    wrong = [length for length in range(len(data)) if not isinstance(judged(data[:length]), Incomplete)]
    assert wrong == []


@given(at=st.integers(0), change=st.integers(1, 255), step=st.sampled_from([1, 7, 65536]))
def test_no_change_of_a_byte_goes_unseen(at: int, change: int, step: int) -> None:
    data = bytearray(sample.png())
    data[at % len(data)] ^= change
    assert not isinstance(judged(bytes(data), step), Picture)


@given(start=st.sampled_from([b"", SIGNATURE, SIGNATURE + sample.ihdr(3, 3)]), rest=st.binary(max_size=300))
def test_whatever_the_bytes_are_there_is_a_verdict(start: bytes, rest: bytes) -> None:
    verdict = judged(start + rest, 5)
    assert not isinstance(verdict, Picture)
    assert verdict.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>", "it is an HTML page, not a PNG"),
        (b'{"error": "The model is at capacity. Please try again later."}', "it is a JSON document, not a PNG"),
        (b"{}", "it is a JSON document, not a PNG"),
        (sample.jpeg(), "it is a JPEG picture, not a PNG"),
        (sample.webp(), "it is a WebP picture, not a PNG"),
    ],
)
@pytest.mark.parametrize("step", [1, 65536])
def test_an_answer_that_is_no_png_is_named(data: bytes, reason: str, step: int) -> None:
    assert judged(data, step) == Unreadable(reason)


def test_an_html_page_is_refused_before_its_end() -> None:
    assert isinstance(PngProof().feed(b"<html>" + b"<p>busy</p>" * 10), Unreadable)


def test_an_empty_answer_is_incomplete() -> None:
    assert PngProof().finish() == Incomplete("it is empty")


def test_a_verdict_stays_whatever_follows() -> None:
    proof = PngProof()
    first = proof.feed(b"<html>" * 20)
    assert first is not None
    assert proof.feed(sample.png()) == first
    assert proof.finish() == first


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (bytes(4 * 13 - 1), "inflates to 51 bytes, and its header promises 52"),
        (bytes(4 * 13 + 1), "inflates to more than the 52 bytes"),
        (b"", "inflates to 0 bytes"),
        (bytes(13) + b"\5" + bytes(38), "filter"),
    ],
)
def test_pixels_that_are_not_what_the_header_promises_are_refused(rows: bytes, reason: str) -> None:
    verdict = judged(sample.raw_png(sample.ihdr(4, 4), rows))
    assert isinstance(verdict, Unreadable)
    assert reason in verdict.reason


def with_idat(*bodies: bytes) -> bytes:
    return sample.assembled(sample.ihdr(4, 4), *(chunk(b"IDAT", body) for body in bodies), chunk(b"IEND", b""))


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        ((zlib.compress(bytes(52)) + b"more",), "bytes follow its pixel data"),
        ((zlib.compress(bytes(52)), b"more"), "bytes follow its pixel data"),
        ((zlib.compress(bytes(52))[:-2],), "checksum"),
        ((zlib.compress(bytes(52))[:-1] + b"\x77",), "cannot be inflated"),
        ((b"not zlib at all",), "cannot be inflated"),
    ],
)
def test_a_pixel_stream_with_right_crcs_and_wrong_content_is_refused(bodies: tuple[bytes, ...], reason: str) -> None:
    verdict = judged(with_idat(*bodies))
    assert isinstance(verdict, Unreadable)
    assert reason in verdict.reason


def test_empty_idat_chunks_are_allowed_anywhere_in_the_pixel_data() -> None:
    stream = zlib.compress(bytes(52))
    assert measured(judged(with_idat(b"", stream[:5], b"", stream[5:], b""))) == (Format.PNG, 4, 4)


def test_a_palette_picture_without_its_palette_is_refused() -> None:
    data = sample.raw_png(sample.ihdr(4, 4, colour=3), bytes(20))
    assert judged(data) == Unreadable("its palette (PLTE) is missing")


@pytest.mark.parametrize("junk", [b"x", bytes(9), b"<html>" * 30])
@pytest.mark.parametrize("step", [1, 65536])
def test_bytes_after_the_end_are_refused(junk: bytes, step: int) -> None:
    assert judged(sample.png() + junk, step) == Unreadable("bytes follow the end of its picture (IEND)")


def test_of_an_animation_the_picture_is_left_that_stands_for_it() -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    proof = PngProof()
    proof.feed(sample.encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    verdict = proof.finish()
    assert isinstance(verdict, Picture)
    assert verdict.frames == 1
    assert any("animated" in flaw.reason for flaw in proof.flaws)


def test_the_header_is_known_as_soon_as_it_has_arrived() -> None:
    proof = PngProof()
    data = sample.png()
    proof.feed(data[:32])
    assert proof.header is None
    proof.feed(data[32:33])
    assert proof.header == Header(37, 23, 8, 2, interlaced=False)


def test_a_decompression_bomb_is_refused_at_once_in_little_memory() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    data = SIGNATURE + sample.ihdr(4, 4) + chunk(b"IDAT", bomb)
    proof = PngProof()
    tracemalloc.start()
    try:
        verdict = proof.feed(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(verdict, Unreadable)
    assert "more than the 52 bytes" in verdict.reason
    assert peak < 2_000_000


def test_a_large_flat_picture_is_proven_in_little_memory() -> None:
    data = sample.encoded(Image.new("RGB", (5000, 4000), "teal"), "PNG")
    proof = PngProof()
    tracemalloc.start()
    try:
        for start in range(0, len(data), 65536):
            proof.feed(data[start : start + 65536])
        verdict = proof.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert measured(verdict) == (Format.PNG, 5000, 4000)
    assert peak < 2_000_000
