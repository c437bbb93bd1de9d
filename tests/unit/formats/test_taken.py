"""Sloppy files that every viewer opens are pictures; what is flawed in a PNG is left out before it is sent."""

from __future__ import annotations

import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.unit.formats import sample_pictures as sample
from tests.unit.formats.sample_boxes import Item, avif
from tests.unit.formats.test_more_containers import FRAMES, PIXELS, SIZE, directory, saved
from tests.unit.formats.test_unended import is_taken, pixels
from watchd.formats import tiff
from watchd.formats.containers import Format, Incomplete, Picture, PngProof, Unreadable, inspect
from watchd.formats.metadata.stripping import without_private
from watchd.formats.png.mending import mended
from watchd.formats.png.png_chunks import SIGNATURE, chunk, chunks

if TYPE_CHECKING:
    from collections.abc import Callable


def is_strict(data: bytes) -> bool:
    """Whether the proof of answers, which forgives nothing, finds nothing to leave out."""
    proof = PngProof()
    return proof.feed(data) is None and isinstance(proof.finish(), Picture) and not proof.flaws


PLAIN, GREY = sample.png(), sample.png("L")


def with_chunk(extra: bytes, before: bytes = b"IDAT") -> bytes:
    """A PNG with bytes of ours before a chunk of its own."""
    data = PLAIN
    at = next(start for kind, start, _ in chunks(data) if kind == before)
    return data[:at] + extra + data[at:]


def broken(kind: bytes, body: bytes = b"") -> bytes:
    """A chunk with a wrong checksum."""
    return chunk(kind, body)[:-1] + bytes((chunk(kind, body)[-1] ^ 0x55,))


def split_pixels(between: bytes) -> bytes:
    """A PNG whose pixel data lies in two chunks with something between."""
    parts = sample.taken_apart(PLAIN)
    body = dict(parts)[b"IDAT"]
    return sample.assembled(
        *(chunk(*part) for part in parts if part[0] == b"IHDR"),
        chunk(b"IDAT", body[:100]), between, chunk(b"IDAT", body[100:]), chunk(b"IEND", b""),
    )  # fmt: skip


PROFILE = b"name\0\0" + zlib.compress(sample.SRGB)
SLOPPY: dict[str, Callable[[], bytes]] = {
    "two zeros behind IEND": lambda: PLAIN + bytes(2),
    "a block of zeros behind IEND": lambda: PLAIN + bytes(4096),
    "the tail of an older file behind IEND": lambda: PLAIN + sample.png(size=(200, 200))[-30_000:],
    "one byte behind IEND": lambda: PLAIN + b"x",
    "another PNG behind IEND": lambda: PLAIN * 2,
    "a text with a wrong checksum": lambda: with_chunk(broken(b"tEXt", b"a\0b")),
    "a gamma with a wrong checksum": lambda: with_chunk(broken(b"gAMA", bytes(4))),
    "a profile with a wrong checksum": lambda: with_chunk(broken(b"iCCP", PROFILE)),
    "transparency with a wrong checksum": lambda: with_chunk(broken(b"tRNS", bytes(6))),
    "a gamma of five bytes": lambda: with_chunk(chunk(b"gAMA", bytes(5))),
    "a resolution of one byte": lambda: with_chunk(chunk(b"pHYs", b"\0")),
    "an empty cHRM": lambda: with_chunk(chunk(b"cHRM", b"")),
    "a cICP of one byte": lambda: with_chunk(chunk(b"cICP", b"\0")),
    "a background that is none": lambda: with_chunk(chunk(b"bKGD", b"\0")),
    "transparency that does not fit": lambda: with_chunk(chunk(b"tRNS", b"\0")),
    "a profile that cannot be unpacked": lambda: with_chunk(chunk(b"iCCP", b"name\0\0nothing packed")),
    "a text that is packed in no known way": lambda: with_chunk(chunk(b"zTXt", b"name\0\x07" + zlib.compress(b"x"))),
    "a gamma behind the pixels": lambda: with_chunk(chunk(b"gAMA", bytes((0, 0, 0xB1, 0x8F))), b"IEND"),
    "a gamma behind a palette": lambda: with_chunk(chunk(b"PLTE", bytes(3)) + chunk(b"gAMA", b"\0\0\xb1\x8f")),
    "two gammas": lambda: with_chunk(chunk(b"gAMA", b"\0\0\xb1\x8f") * 2),
    "a palette in a grey picture": lambda: sample.assembled(
        *(chunk(*part) for part in sample.taken_apart(GREY)[:1]), chunk(b"PLTE", bytes(3)),
        *(chunk(*part) for part in sample.taken_apart(GREY)[1:]),
    ),
    "a palette behind the pixels": lambda: with_chunk(chunk(b"PLTE", bytes(3)), b"IEND"),
    "pixels interrupted by a text": lambda: split_pixels(chunk(b"tEXt", b"a\0b")),
    "pixels interrupted by a broken text": lambda: split_pixels(broken(b"tEXt", b"a\0b")),
    "an end that is not empty": lambda: with_chunk(chunk(b"IEND", b"abc"), b"IEND"),
    "an end with a wrong checksum": lambda: PLAIN[:-1] + b"\x55",
    "frames without an animation": lambda: with_chunk(chunk(b"fcTL", bytes(26))),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPPY)
def test_what_is_wrong_beside_the_pixels_of_a_png_refuses_nothing_and_is_not_sent(name: str) -> None:
    data = SLOPPY[name]()
    found = inspect(data)
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (37, 23)
    clean = mended(data)
    assert is_strict(clean)
    assert pixels(clean) == pixels(GREY if "grey" in name else PLAIN)
    assert inspect(clean) == found
    assert is_strict(without_private(clean, Format.PNG))


def test_frames_that_are_numbered_wrongly_do_not_keep_the_first_picture_from_being_read() -> None:
    data = with_chunk(chunk(b"acTL", b"\0\0\0\2\0\0\0\0") + chunk(b"fcTL", b"\0\0\0\7" + bytes(22)))
    assert isinstance(inspect(data), Picture)
    assert pixels(data) is None
    assert pixels(mended(data)) == pixels(PLAIN)


def test_a_png_without_a_flaw_is_not_touched() -> None:
    told = sample.png(icc_profile=sample.SRGB, exif=sample.exif(), pnginfo=sample.xmp_text())
    for data in (PLAIN, told):
        assert mended(data) is data
    film = saved("PNG", save_all=True, append_images=FRAMES)
    assert mended(film) is film


def test_what_apple_and_others_add_to_a_png_stays() -> None:
    data = with_chunk(chunk(b"iDOT", bytes(28)) + chunk(b"quIz", b"?"))
    assert isinstance(inspect(data), Picture)
    assert mended(data) is data


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_wrong_checksum_of_the_pixels_refuses_a_png(kind: bytes) -> None:
    data = bytearray(sample.png())
    data[next(end for name, _, end in chunks(bytes(data)) if name == kind) - 1] ^= 1
    assert isinstance(inspect(bytes(data)), Unreadable)
    assert mended(bytes(data)) == data


def test_a_chunk_of_pixels_whose_name_is_spoilt_is_not_left_out() -> None:
    data = split_pixels(b"")
    at = data.rindex(b"IDAT")
    spoilt = data[:at] + b"iDAT" + data[at + 4 :]
    assert not isinstance(inspect(spoilt), Picture)
    assert not is_taken(spoilt)


def test_a_text_of_a_png_that_may_still_be_copied_is_waited_for_and_then_left_out() -> None:
    data = with_chunk(broken(b"tEXt", b"a\0" + bytes(600) + b"b"))
    verdict = inspect(data)
    assert isinstance(verdict, Incomplete)
    assert is_taken(data)


def test_a_png_that_no_decoder_opens_is_not_mended() -> None:
    for data in (SIGNATURE, sample.png()[:50], SIGNATURE + chunk(b"IEND", b"")):
        assert mended(data) in {data, SIGNATURE + chunk(b"IEND", b"")} or not is_taken(data)


def patched(data: bytes, tag: int, value: int | None, kind: int = 4, count: int = 1) -> bytes:
    """A little-endian TIFF whose first directory says something else, or nothing (None), of a tag."""
    changed = bytearray(data)
    at = int.from_bytes(data[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(data[at : at + 2], "little"), 12):
        if int.from_bytes(data[entry : entry + 2], "little") == tag:
            if value is None:
                changed[entry : entry + 2] = (65_000).to_bytes(2, "little")
            else:
                changed[entry + 2 : entry + 12] = struct.pack("<HII", kind, count, value)
    return bytes(changed)


@pytest.mark.parametrize("count", [999_999, 0, 10, None])
def test_a_wrong_count_of_bytes_in_a_strip_of_plain_pixels_is_none_that_counts(count: int | None) -> None:
    data = saved("TIFF")
    sloppy = patched(data, tiff.STRIP_BYTES, count)
    assert inspect(sloppy) == Picture(Format.TIFF, *SIZE)
    assert pixels(sloppy) == pixels(data)
    assert not is_taken(sloppy[:-40])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("count", [0, None])
def test_a_missing_count_of_packed_pixels_is_found_by_reading_on(compression: str, count: int | None) -> None:
    data = saved("TIFF", compression=compression)
    sloppy = patched(data, tiff.STRIP_BYTES, count)
    assert inspect(sloppy) == Picture(Format.TIFF, *SIZE)
    assert pixels(sloppy) == pixels(data)


def turned_round(data: bytes) -> bytes:
    """The directory of a TIFF of one strip moved before its pixels, whose count it does not tell."""
    at = int.from_bytes(data[4:8], "little")
    strip, behind = data[8:at], data[at:]
    moved = bytearray(data[:4] + (8).to_bytes(4, "little") + behind)
    for entry in range(10, 10 + 12 * int.from_bytes(behind[:2], "little"), 12):
        tag, kind, count, value = struct.unpack_from("<HHII", moved, entry)
        size = {3: 2, 4: 4, 5: 8, 1: 1, 2: 1, 7: 1}[kind] * count
        if tag == tiff.STRIPS:
            struct.pack_into("<I", moved, entry + 8, len(moved))
        elif size > 4:
            struct.pack_into("<I", moved, entry + 8, value - at + 8)
    return patched(bytes(moved) + strip, tiff.STRIP_BYTES, 0)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_packed_pixels_that_end_with_the_file_are_whole_once_nothing_more_comes(compression: str) -> None:
    data = saved("TIFF", compression=compression)
    turned = turned_round(data)
    assert isinstance(inspect(turned), Incomplete)
    assert is_taken(turned)
    assert pixels(turned) == pixels(data)
    assert not is_taken(turned[:-40])


@pytest.mark.parametrize("tag", [65_000, tiff.ICC, tiff.XMP, 37_724])
def test_a_tag_that_no_pixel_needs_may_point_beyond_the_end(tag: int) -> None:
    data = patched(saved("TIFF", tiffinfo={tag: b"abcdefgh"}), tag, 900_000, 7, 5000)
    assert isinstance(inspect(data), Incomplete)
    assert is_taken(data)
    assert not is_taken(data[:-1000])


def test_tags_in_a_wrong_order_are_read() -> None:
    assert isinstance(inspect(directory(*reversed(PIXELS))), Picture)


def test_a_directory_that_claims_more_tags_than_the_file_holds_is_read_as_far_as_it_goes() -> None:
    data = bytearray(saved("TIFF"))
    data[8:10] = (2000).to_bytes(2, "little")
    assert isinstance(inspect(bytes(data)), Incomplete)
    assert is_taken(bytes(data))


def test_a_further_page_that_is_broken_does_not_refuse_the_first() -> None:
    data = saved("TIFF", save_all=True, append_images=FRAMES)
    second = next(at for number, (at, _, _) in enumerate(tiff.Reader(data).chain()) if number == 1)
    broken_page = data[:second] + b"\xff" * (len(data) - second)
    assert isinstance(inspect(broken_page), Incomplete)
    assert is_taken(broken_page)


def test_the_picture_of_a_tiff_is_its_first_page_of_full_size() -> None:
    small = ((0x00FE, 4, 1, 1), (0x0100, 4, 1, 2), (0x0101, 4, 1, 2), (0x0111, 4, 1, 8), (0x0117, 4, 1, 4))
    first = directory(*small)
    second = directory(*PIXELS)[8:]
    data = directory(*small, following=len(first)) + second
    page = tiff.main_page(tiff.Reader(data))
    assert page is not None
    assert tiff.Reader(data).integer(page[tiff.WIDTH]) == 4
    found = inspect(data)
    assert isinstance(found, Picture)
    assert (found.width, found.frames, found.besides) == (4, 1, ())


def test_a_tiff_without_pixels_has_no_picture() -> None:
    assert tiff.main_page(tiff.Reader(directory((0x0100, 4, 1, 4)))) is None


def test_stray_bytes_between_the_blocks_of_a_gif_are_stepped_over() -> None:
    data = saved("GIF")
    at = data.index(b",", 781)
    assert inspect(data[:at] + b"\x07stray" + data[at:]) == inspect(data)


def test_a_gif_whose_frame_is_larger_than_its_screen_is_as_large_as_its_frame() -> None:
    data = bytearray(saved("GIF"))
    data[6:10] = struct.pack("<HH", 10, 10)
    found = inspect(bytes(data))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == SIZE


@pytest.mark.parametrize("size", [0, 7, 2**31])
def test_the_file_size_that_a_bmp_claims_counts_for_nothing(size: int) -> None:
    data = saved("BMP")
    assert inspect(data[:2] + size.to_bytes(4, "little") + data[6:]) == inspect(data)


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_bmp_that_does_not_say_where_its_pixels_begin_has_them_behind_its_palette(mode: str) -> None:
    data = saved("BMP", mode)
    vague = data[:10] + bytes(4) + data[14:]
    assert inspect(vague) == inspect(data)
    assert pixels(vague) == pixels(data)
    assert isinstance(inspect(vague[:-40]), Incomplete)


def test_unknown_chunks_and_bytes_behind_a_webp_are_passed_over() -> None:
    data = sample.webp(exif=sample.exif())
    more = data + b"quIz\x03\0\0\0abc\0"
    longer = more[:4] + (len(more) - 8).to_bytes(4, "little") + more[8:]
    assert inspect(longer) == inspect(data)
    assert inspect(data + b"junk") == inspect(data)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_what_follows_the_boxes_of_an_avif_or_heic_is_passed_over(kind: str) -> None:
    data = saved(kind)
    for trailer in (b"\0\0\x30\x0a\x10\0\0\0Image_UTC_Data", b"\x01", b"\0\0\0\0", b"\xff" * 100):
        found = inspect(data + trailer)
        assert isinstance(found, Picture)
        assert found.besides == ()


def test_the_last_box_of_an_avif_may_go_on_to_the_end() -> None:
    data = saved("AVIF")
    at = data.index(b"mdat")
    assert inspect(data[: at - 4] + bytes(4) + data[at:]) == inspect(data)


def perhaps_of(data: bytes) -> bool:
    verdict = inspect(data)
    assert isinstance(verdict, Incomplete)
    return verdict.perhaps is not None


def test_an_item_that_the_picture_of_an_avif_does_not_need_may_be_missing() -> None:
    for kind, reference in ((b"Exif", b"cdsc"), (b"av01", b"thmb"), (b"av01", b"prem")):
        data = avif([Item(1), Item(2, kind)], [(reference, 2, [1])])
        assert isinstance(inspect(data), Picture)
        assert perhaps_of(data[:-50])
        assert perhaps_of(data[:-100])
        assert not perhaps_of(data[:-101])


def test_the_tiles_and_the_transparency_of_an_avif_are_needed() -> None:
    tiles = avif([Item(1, b"grid"), Item(2), Item(3)], [(b"dimg", 1, [2, 3])])
    assert not perhaps_of(tiles[:-1])
    alpha = Item(2, auxiliary=b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
    assert not perhaps_of(avif([Item(1), alpha], [(b"auxl", 2, [1])])[:-1])


def test_a_hole_in_the_picture_of_an_avif_is_none_of_a_hole_beside_it() -> None:
    first, other = Item(1, size=8000), Item(2, b"Exif", size=20_000)
    data = avif([first, other])
    at = -(-data.index(b"\2" * 100) // 4096) * 4096
    assert perhaps_of(data[:at] + bytes(4096) + data[at + 4096 :])
    at = -(-data.index(b"\1" * 100) // 4096) * 4096
    assert not perhaps_of(data[:at] + bytes(4096) + data[at + 4096 :])


def timed(data: bytes) -> float:
    began = time.process_time()
    inspect(data)
    return time.process_time() - began


def chained(pages: int, *entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF of so many directories that say the same, and room behind them."""
    one = directory(*entries)[8:]
    made = [one[:-4] + (8 + (page + 1) * len(one)).to_bytes(4, "little") for page in range(pages)]
    return b"II*\0\x08\0\0\0" + b"".join(made)


def test_a_tiff_that_is_made_to_keep_a_reader_busy_does_not() -> None:
    many = 500_000
    repeated = chained(400, (0x00FE, 4, many, 0), (0x0100, 4, 1, 4), (0x0101, 4, 1, 4), (0x0111, 4, many, 0),
                       (0x0117, 4, many, 0))  # fmt: skip
    assert timed(repeated + bytes(4 * many)) < 5
    assert timed(chained(900, *[(number, 4, 1, 4) for number in range(1, 4000)])) < 5
