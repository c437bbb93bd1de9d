"""Texts beside the pixels, however they are wrapped: found and kept, or named where they cannot be."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import PngImagePlugin

from tests.unit.formats import sample_pictures as sample
from watchd.formats.metadata import photoshop, textual
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.dressing import as_png_chunks, dress, from_png_chunks
from watchd.formats.metadata.textual import TextItem
from watchd.formats.metadata.xmp import Done
from watchd.formats.picture import Format
from watchd.formats.png.png_chunks import chunk
from watchd.formats.png.rewriter import PngRewriter

DONE = Done("1.2.3", "gold", 2.0, "2026-11-25T08:00:00+01:00")
GENERATED = "a lighthouse, dusk\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, Seed: 1"
BLOCK = sample.exif(6).tobytes()


def png_with(*between: bytes, behind: bytes = b"") -> bytes:
    whole = sample.raw_png(sample.ihdr(4, 4), bytes(52), *between)
    return whole[:-12] + behind + whole[-12:]


def found_in(*between: bytes, behind: bytes = b"") -> Metadata:
    return collect(png_with(*between, behind=behind), Format.PNG)


def text(keyword: str, said: str) -> bytes:
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + said.encode("latin-1"))


def packed(keyword: bytes, said: bytes) -> bytes:
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(said))


def international(keyword: bytes, said: bytes, *, compressed: bool = False) -> bytes:
    said = zlib.compress(said) if compressed else said
    return chunk(b"iTXt", keyword + (b"\0\1\0" if compressed else b"\0\0\0") + b"de\0Titel\0" + said)


def raw_profile(name: str, block: bytes) -> bytes:
    return f"\n{name}\n{len(block):8d}\n{block.hex()}\n".encode()


def test_every_kind_of_text_is_found_before_and_behind_the_pixels() -> None:
    found = found_in(
        text("parameters", GENERATED),
        packed(b"workflow", b'{"nodes": []}'),
        international(b"Title", "Größe 猫".encode()),
        behind=international(b"Description", "日".encode(), compressed=True),
    )
    assert found.texts == (
        TextItem("parameters", GENERATED),
        TextItem("workflow", '{"nodes": []}', packed=True),
        TextItem("Title", "Größe 猫", "de", "Titel"),
        TextItem("Description", "日", "de", "Titel", packed=True),
    )
    assert found.unread == ()


def test_texts_come_out_as_they_went_in() -> None:
    chunks = [
        text("parameters", GENERATED), packed(b"prompt", b"{}"), international(b"Title", "猫".encode()),
        international(b"Author", "日".encode(), compressed=True),
    ]  # fmt: skip
    dressed = dress(found_in(*chunks), keep=True, width=8, height=8, done=DONE, srgb_profile=None)
    written = as_png_chunks(dressed.metadata)
    assert all(one in written for one in chunks)
    assert dressed.left_out == ()


@pytest.mark.parametrize("wrap", [text, lambda name, said: packed(name.encode(), said.encode("latin-1")),
                                  lambda name, said: international(name.encode(), said.encode())])  # fmt: skip
@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_exif_in_a_raw_profile_is_found_in_any_text(name: str, wrap: object) -> None:
    assert callable(wrap)
    found = found_in(wrap(f"Raw profile type {name}", raw_profile(name, BLOCK).decode("latin-1")))
    assert found.exif == BLOCK[6:]
    assert found.orientation == 6
    assert found.texts == ()


def test_the_exif_chunk_counts_before_a_raw_profile_wherever_it_stands() -> None:
    other = sample.exif(3).tobytes()
    found = found_in(packed(b"Raw profile type exif", raw_profile("exif", other)), behind=chunk(b"eXIf", BLOCK[6:]))
    assert found.orientation == 6


@pytest.mark.parametrize("name", ["iptc", "8bim", "IPTC profile"])
def test_iptc_in_a_raw_profile_is_found(name: str) -> None:
    records = b"\x1c\x02\x05\0\x05Title"
    keyword = b"Raw profile type iptc" if " " in name else f"Raw profile type {name}".encode()
    assert found_in(packed(keyword, raw_profile(name, photoshop.wrapped(records)))).iptc == records


def test_xmp_in_a_raw_profile_is_found() -> None:
    block = b"http://ns.adobe.com/xap/1.0/\0" + sample.XMP
    assert found_in(packed(b"Raw profile type APP1", raw_profile("generic profile", block))).xmp == sample.XMP
    assert found_in(packed(b"Raw profile type xmp", raw_profile("xmp", sample.XMP))).xmp == sample.XMP


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (chunk(b"zTXt", b"workflow\0\0no stream"), "a text named workflow (damaged, or larger than 16 MB)"),
        (packed(b"bomb", bytes(20_000_000)), "a text named bomb (damaged, or larger than 16 MB)"),
        (chunk(b"tEXt", b"no end"), "a text named no end (cut short)"),
        (chunk(b"iTXt", b"Title\0\0"), "a text named Title (cut short)"),
        (international(b"Title", b"\xff"), "a text named Title (not UTF-8)"),
        (text("x" * 80, ""), "a text without a name that PNG allows"),
        (text("novel", "x" * 9_000_000), "a text of 9 MB named novel"),
        (packed(b"Raw profile type exif", b"\nexif\n 9\nxyz"), "its raw profile type exif (damaged)"),
        (packed(b"Raw profile type icc", raw_profile("icc", sample.SRGB)),
         "its raw profile type icc, which is no profile of a PNG"),
        (chunk(b"caBX", b"jumb"), "its content credentials (C2PA)"),
        (text("bad\x1b[2Jname" + "x" * 60, "\0"), None),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_told_and_nothing_else_is_lost(bad: bytes, told: str | None) -> None:
    found = found_in(bad, text("parameters", GENERATED))
    dressed = dress(found, keep=True, width=8, height=8, done=DONE, srgb_profile=None)
    assert dressed.left_out == ((told,) if told else ())
    assert TextItem("parameters", GENERATED) in dressed.metadata.texts
    assert from_png_chunks(as_png_chunks(dressed.metadata)) == dressed.metadata


def test_a_thousand_texts_are_kept_and_more_are_told() -> None:
    found = found_in(*[text(f"key{number}", "x") for number in range(1200)])
    assert len(found.texts) == 1000
    assert found.unread == ("all texts after the first 1000",)


def test_comments_of_other_formats_are_texts_too() -> None:
    jpeg = sample.jpeg(comment="Größe".encode())
    assert collect(jpeg, Format.JPEG).texts == (TextItem("Comment", "Größe"),)
    latin = sample.jpeg(comment="Größe".encode("latin-1") + b"\0")
    assert collect(latin, Format.JPEG).texts == (TextItem("Comment", "Größe"),)
    gif = sample.encoded(sample.image("P"), "GIF", comment=b"x" * 600 + "猫".encode())
    assert collect(gif, Format.GIF).texts == (TextItem("Comment", "x" * 600 + "猫", ""),)


def test_a_comment_that_is_no_text_is_told() -> None:
    found = collect(sample.jpeg(comment=b"\1\0\2"), Format.JPEG)
    assert (found.texts, found.unread) == ((), ("a comment that is no text",))


def test_segments_that_nobody_knows_are_told() -> None:
    data = sample.jpeg()
    more = struct.pack(">BBH", 0xFF, 0xE7, 8) + b"MAKER\0" + struct.pack(">BBH", 0xFF, 0xEB, 8) + b"JP\0\1\0\0"
    found = collect(data[:2] + more + data[2:], Format.JPEG)
    assert found.unread == (
        "its APP7 segment, which is none of those in common use", "its content credentials (C2PA)",
    )  # fmt: skip


def test_a_text_of_the_answer_gives_way_to_the_original_s_of_the_same_name() -> None:
    insert = as_png_chunks(Metadata(exif=BLOCK[6:], texts=(TextItem("parameters", "ours"),)))
    answer = png_with(
        packed(b"parameters", b"theirs"), text("parameter", "another"), text("parametersX", "another"),
        packed(b"Raw profile type exif", raw_profile("exif", BLOCK)),
    )  # fmt: skip
    for step in (1, 7, len(answer)):
        rewriter = PngRewriter(insert)
        result = b"".join(rewriter.feed(answer[at : at + step]) for at in range(0, len(answer), step))
        names = [body.partition(b"\0")[0] for kind, body in sample.taken_apart(result) if kind in {b"tEXt", b"zTXt"}]
        assert names == [b"parameters", b"parameter", b"parametersX"]


def test_pillow_reads_every_text_of_an_output() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", GENERATED)
    info.add_text("workflow", "x" * 900_000, zip=True)
    info.add_itxt("Title", "猫", "zh", "t")
    found = collect(sample.png(pnginfo=info), Format.PNG)
    insert = as_png_chunks(dress(found, keep=True, width=8, height=8, done=DONE, srgb_profile=None).metadata)
    rewriter = PngRewriter(insert)
    shown = sample.opened(rewriter.feed(sample.png(size=(8, 8))) + rewriter.finish())
    assert shown.info["parameters"] == GENERATED
    assert shown.info["workflow"] == "x" * 900_000
    assert shown.info["Title"] == "猫"


@settings(deadline=None)
@given(
    keyword=st.text(st.characters(max_codepoint=255), max_size=90), said=st.text(max_size=50),
    language=st.none() | st.text(max_size=5), zipped=st.booleans(),
)  # fmt: skip
def test_any_text_makes_a_chunk_that_reads_as_it_or_none(
    keyword: str, said: str, language: str | None, *, zipped: bool
) -> None:
    item = TextItem(keyword, said, language, packed=zipped)
    made = textual.as_chunk(item)
    if made is not None and "\0" not in keyword + (language or "") and not keyword.startswith("Raw profile"):
        assert found_in(made).texts == (item,)


@settings(deadline=None)
@given(
    bodies=st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP"]), st.binary(max_size=60)))
)
def test_no_chunk_can_hurt(bodies: list[tuple[bytes, bytes]]) -> None:
    found = found_in(*[chunk(kind, body) for kind, body in bodies])
    dressed = dress(found, keep=True, width=8, height=8, done=DONE, srgb_profile=None)
    assert from_png_chunks(as_png_chunks(dressed.metadata)) == dressed.metadata


def test_texts_that_unpack_without_end_keep_nobody_busy() -> None:
    bomb = packed(b"bomb", bytes(16_000_000))
    started = time.process_time()
    found = collect(png_with(*[bomb] * 2000), Format.PNG)
    assert time.process_time() - started < 3
    assert "a text named bomb (after 64 MB of others)" in found.unread
