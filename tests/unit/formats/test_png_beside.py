"""Chunks beside the pixels of an answer: what common decoders take is let through, what they stumble over left out."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from watchd.formats.containers import Picture, PngProof, Unreadable
from watchd.formats.png.png_chunks import SIGNATURE, chunk, chunks


def png(*beside: bytes, colour: int = 2) -> bytes:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes((1 + 4 * samples) * 4)))
    return SIGNATURE + header + palette + b"".join(beside) + pixels + chunk(b"IEND", b"")


def judged(data: bytes, step: int = 65_536) -> object:
    proof = PngProof()
    for start in range(0, len(data), step):
        proof.feed(data[start : start + step])
    return proof.finish()


def cleaned(data: bytes, step: int = 65_536) -> tuple[bytes, list[str]]:
    """A picture without its flaws, and what they are."""
    proof = PngProof()
    for start in range(0, len(data), step):
        proof.feed(data[start : start + step])
    verdict = proof.finish()
    assert isinstance(verdict, Picture), verdict
    kept, at = b"", 0
    for flaw in proof.flaws:
        kept, at = kept + data[at : flaw.start], flaw.end
    return kept + data[at:], [flaw.reason for flaw in proof.flaws]


PACKED = zlib.compress(b"words " * 100)
SOUND = {
    "gamma": chunk(b"gAMA", bytes(4)),
    "chromaticities": chunk(b"cHRM", bytes(32)),
    "a rendering intent": chunk(b"sRGB", b"\0"),
    "a resolution": chunk(b"pHYs", bytes(9)),
    "a date": chunk(b"tIME", bytes(7)),
    "a transparent colour": chunk(b"tRNS", bytes(6)),
    "a text": chunk(b"tEXt", b"Comment\0words"),
    "a packed text": chunk(b"zTXt", b"Comment\0\0" + PACKED),
    "an international text": chunk(b"iTXt", b"Comment\0\0\0de\0Wort\0words"),
    "a packed international text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + PACKED),
    "a profile": chunk(b"iCCP", b"icc\0\0" + PACKED),
    "what nobody knows": chunk(b"veNi", b"anything"),
}
UNSOUND = {
    "gamma": chunk(b"gAMA", bytes(2)),
    "chromaticities": chunk(b"cHRM", bytes(5)),
    "a rendering intent": chunk(b"sRGB", b""),
    "a resolution": chunk(b"pHYs", bytes(5)),
    "a date": chunk(b"tIME", b""),
    "a text without end": chunk(b"tEXt", bytes(1_000_001)),
    "a text packed in another way": chunk(b"zTXt", b"Comment\0\7" + PACKED),
    "a text that is not packed": chunk(b"zTXt", b"Comment\0\0words"),
    "a text that inflates without end": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000))),
    "an international text cut short": chunk(b"iTXt", b"Comment\0\0"),
    "a packed international text": chunk(b"iTXt", b"Comment\0\1\1\0\0" + PACKED),
    "an empty profile": chunk(b"iCCP", b""),
    "a frame of a film": chunk(b"fcTL", bytes(26)),
    "pixels of a film": chunk(b"fdAT", bytes(26)),
}


@pytest.mark.parametrize("step", [1, 7, 65_536])
@pytest.mark.parametrize("name", SOUND)
def test_what_is_as_it_should_be_is_let_through(name: str, step: int) -> None:
    data = png(SOUND[name])
    Image.open(io.BytesIO(data)).load()
    assert isinstance(judged(data, step), Picture)


@pytest.mark.parametrize("step", [1 << 14, 1 << 24])
@pytest.mark.parametrize("name", UNSOUND)
def test_what_a_decoder_would_stumble_over_is_left_out_and_told_by_its_name(name: str, step: int) -> None:
    clean, (reason,) = cleaned(png(SOUND["a date"], UNSOUND[name], SOUND["a text"]), step)
    assert clean == png(SOUND["a date"], SOUND["a text"])
    assert UNSOUND[name][4:8].decode() in reason


@pytest.mark.parametrize("step", [1, 1 << 14])
@pytest.mark.parametrize("name", [name for name in SOUND if name != "a transparent colour"])
def test_one_that_is_damaged_is_left_out(name: str, step: int) -> None:
    damaged = SOUND[name][:-1] + bytes([SOUND[name][-1] ^ 1])
    clean, (reason,) = cleaned(png(damaged), step)
    assert clean == png()
    assert "wrong checksum" in reason


def test_one_among_the_pixels_is_left_out() -> None:
    whole = png()
    pixels = next(whole[start:end] for kind, start, end in chunks(whole) if kind == b"IDAT")
    halves = chunk(b"IDAT", pixels[8:20]), chunk(b"IDAT", pixels[20:-4])
    clean, reasons = cleaned(whole.replace(pixels, halves[0] + SOUND["a text"] + UNSOUND["a date"] + halves[1]))
    assert clean == whole.replace(pixels, b"".join(halves))
    assert len(reasons) == 2


def test_a_transparent_colour_is_no_side_matter() -> None:
    damaged = SOUND["a transparent colour"][:-1] + b"\0"
    assert isinstance(judged(png(chunk(b"tRNS", b"\0"))), Unreadable)
    assert isinstance(judged(png(damaged)), Unreadable)


def test_many_texts_that_are_small_each_are_too_much_together() -> None:
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000)))
    clean, reasons = cleaned(png(*[packed] * 20))
    assert clean == png(*[packed] * (20 - len(reasons)))
    assert reasons


@pytest.mark.parametrize(("colour", "length"), [(0, 2), (2, 6), (3, 1), (3, 256)])
def test_transparency_fits_the_kind_of_colours(colour: int, length: int) -> None:
    assert isinstance(judged(png(chunk(b"tRNS", bytes(length)), colour=colour)), Picture)


@pytest.mark.parametrize(("colour", "length"), [(0, 6), (2, 2), (3, 0), (3, 257), (4, 2), (6, 6)])
def test_transparency_that_does_not_is_refused(colour: int, length: int) -> None:
    assert isinstance(judged(png(chunk(b"tRNS", bytes(length)), colour=colour)), Unreadable)


@given(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"tRNS", b"eXIf"]), st.binary(max_size=60))
def test_whatever_they_hold_there_is_a_verdict_and_what_passes_can_be_opened(kind: bytes, body: bytes) -> None:
    data = png(chunk(kind, body))
    if isinstance(judged(data), Picture):
        Image.open(io.BytesIO(cleaned(data)[0])).load()


@pytest.mark.parametrize("step", [1, 50, 65_536])
def test_bytes_behind_a_stream_of_pixels_that_is_small_end_the_proof(step: int) -> None:
    whole = png()
    pixels = zlib.compress(bytes((1 + 4 * 3) * 4))
    for behind in (b"more", bytes(70_000)):
        longer = whole.replace(chunk(b"IDAT", pixels), chunk(b"IDAT", pixels) + chunk(b"IDAT", behind))
        assert isinstance(judged(longer, step), Unreadable)
