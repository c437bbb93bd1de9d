"""Chunks go in behind the header and what contradicts them goes out, while the pixels pass untouched."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats import sample_pictures as sample
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.metadata.dressing import as_png_chunks
from watchd.formats.png.png_chunks import SIGNATURE, chunk
from watchd.formats.png.rewriter import PRIVATE_CHUNKS, PngRewriter

OTHER_EXIF = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
ALL = Metadata(OTHER_EXIF, sample.XMP, sample.SRGB, (11811, 11811))


def rewritten(data: bytes, insert: bytes, step: int = 65536, drop: frozenset[bytes] = frozenset()) -> bytes:
    rewriter = PngRewriter(insert, drop=drop)
    pieces = [rewriter.feed(data[start : start + step]) for start in range(0, len(data), step)]
    return b"".join((*pieces, rewriter.finish()))


def kinds(data: bytes) -> list[bytes]:
    return [kind for kind, _ in sample.taken_apart(data)]


def answer(*extra: bytes, colour: int = 2) -> bytes:
    """A PNG of 4 x 4 pixels with further chunks behind its header."""
    rows = bytes(4 * 13) if colour == 2 else bytes(4 * 5)
    return sample.raw_png(sample.ihdr(4, 4, colour=colour), rows, *extra)


COLOUR_CHUNKS = (
    chunk(b"sRGB", b"\0"),
    chunk(b"gAMA", b"\0\0\xb1\x8f"),
    chunk(b"cHRM", bytes(32)),
    chunk(b"iCCP", b"other\0\0" + zlib.compress(sample.SRGB)),
)
XMP_CHUNK = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")
TEXT_CHUNK = chunk(b"iTXt", b"Title\0\0\0\0\0A title")


@given(step=st.integers(1, 200), insert=st.sampled_from([b"", as_png_chunks(ALL)]))
def test_the_pieces_in_which_a_png_arrives_make_no_difference(step: int, insert: bytes) -> None:
    data = sample.png(icc_profile=sample.SRGB, pnginfo=sample.xmp_text(), dpi=(72, 72))
    assert rewritten(data, insert, step) == rewritten(data, insert)


def test_without_chunks_to_insert_a_png_is_copied_to_the_byte() -> None:
    data = sample.png(icc_profile=sample.SRGB, pnginfo=sample.xmp_text(), dpi=(72, 72), exif=sample.exif())
    assert rewritten(data, b"") == data


def test_the_chunks_stand_right_behind_the_header() -> None:
    assert kinds(rewritten(answer(), as_png_chunks(ALL))) == [
        b"IHDR",
        b"iCCP",
        b"pHYs",
        b"eXIf",
        b"iTXt",
        b"IDAT",
        b"IEND",
    ]


def test_a_profile_displaces_all_that_speaks_of_colour_space() -> None:
    insert = as_png_chunks(Metadata(icc=sample.SRGB))
    assert kinds(rewritten(answer(*COLOUR_CHUNKS), insert)) == [b"IHDR", b"iCCP", b"IDAT", b"IEND"]


def test_what_the_insert_does_not_carry_is_left_to_the_answer() -> None:
    insert = as_png_chunks(Metadata(pixels_per_metre=(10, 10)))
    data = answer(*COLOUR_CHUNKS, XMP_CHUNK, TEXT_CHUNK, chunk(b"eXIf", OTHER_EXIF), chunk(b"pHYs", bytes(8) + b"\1"))
    parts = sample.taken_apart(rewritten(data, insert))
    expected = [b"pHYs", b"sRGB", b"gAMA", b"cHRM", b"iCCP", b"iTXt", b"iTXt", b"eXIf"]
    assert [kind for kind, _ in parts] == [b"IHDR", *expected, b"IDAT", b"IEND"]
    assert dict(parts)[b"pHYs"] == b"\0\0\0\x0a\0\0\0\x0a\1"


@pytest.mark.parametrize("step", [1, 3, 65536])
def test_of_the_texts_only_the_xmp_packet_is_displaced_by_an_xmp_packet(step: int) -> None:
    insert = as_png_chunks(Metadata(xmp=sample.XMP))
    short = chunk(b"iTXt", b"X")
    parts = sample.taken_apart(rewritten(answer(short, XMP_CHUNK, TEXT_CHUNK), insert, step))
    texts = [body for kind, body in parts if kind == b"iTXt"]
    assert texts == [b"XML:com.adobe.xmp\0\0\0\0\0" + sample.XMP, b"X", b"Title\0\0\0\0\0A title"]


@pytest.mark.parametrize("colour", [0, 2])
def test_a_profile_goes_only_into_a_picture_of_its_own_colour_space(colour: int) -> None:
    for profile, fits in ((sample.SRGB, colour == 2), (sample.GREY_PROFILE, colour == 0)):
        insert = as_png_chunks(Metadata(icc=profile))
        found = kinds(rewritten(answer(chunk(b"gAMA", b"\0\0\xb1\x8f"), colour=colour), insert))
        assert found == [b"IHDR", b"iCCP" if fits else b"gAMA", b"IDAT", b"IEND"]


def test_what_the_service_may_have_copied_from_the_original_can_be_dropped() -> None:
    data = sample.png(exif=sample.exif(), pnginfo=sample.xmp_text(), dpi=(72, 72))
    result = rewritten(data, b"", drop=PRIVATE_CHUNKS)
    assert kinds(result) == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
    assert dict(sample.opened(result).getexif()) == {}


def test_the_pixels_of_a_rewritten_png_are_identical() -> None:
    data = sample.png("RGBA", icc_profile=sample.SRGB, exif=sample.exif(), dpi=(72, 72))
    result = rewritten(data, as_png_chunks(ALL))
    assert sample.opened(result).tobytes() == sample.opened(data).tobytes()


def test_a_cut_png_is_copied_up_to_its_cut() -> None:
    data = answer(TEXT_CHUNK)
    insert = as_png_chunks(Metadata(xmp=sample.XMP))
    whole = rewritten(data, insert)
    for length in range(33, len(data)):
        assert rewritten(data[:length], insert) == whole[: length + len(insert)]


def test_what_is_no_png_is_refused() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        PngRewriter(b"").feed(b"<html>")


def test_a_large_png_is_rewritten_in_little_memory() -> None:
    idat = chunk(b"IDAT", bytes(1_000_000))
    rewriter = PngRewriter(as_png_chunks(ALL))
    rewriter.feed(SIGNATURE + sample.ihdr(4, 4))
    pieces = [idat[start : start + 65536] for start in range(0, len(idat), 65536)]
    tracemalloc.start()
    try:
        written = sum(len(rewriter.feed(piece)) for _ in range(20) for piece in pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written == 20 * len(idat)
    assert peak < 500_000
