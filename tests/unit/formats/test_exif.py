"""A block of EXIF is made true in place: what it points at stays where it lies, and the old thumbnail goes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.formats.metadata import exif, exif_building, ifd
from watchd.formats.metadata.collecting import collect
from watchd.formats.metadata.ifd import Entry
from watchd.formats.picture import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

MAKER_NOTE = b"Sony DSC \0\0\0" + bytes(range(200))
THUMBNAIL = b"\xff\xd8 the old picture \xff\xd9"


def block(order: str = "<", *, first: Sequence[Entry] = (), thumbnail: bytes = b"") -> bytes:
    """A block with a MakerNote, Interop, and a second directory with a thumbnail at its end."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    laid = bytearray(head + bytes(4))
    interop = len(laid)
    laid += ifd.laid_out([Entry(1, ifd.ASCII, b"R03\0")], interop, order)
    exif_at = len(laid)
    entries = [Entry(0x927C, ifd.UNDEFINED, MAKER_NOTE), ifd.short(0xA001, 0xFFFF), ifd.long(0xA005, interop)]
    laid += ifd.laid_out(entries, exif_at, order)
    at = len(laid)
    laid += ifd.laid_out([Entry(0x010F, ifd.ASCII, b"Maker of it\0"), ifd.long(0x8769, exif_at), *first], at, order)
    struct.pack_into(order + "I", laid, 4, at)
    if thumbnail:
        (count,) = struct.unpack_from(order + "H", laid, at)
        second = len(laid)
        struct.pack_into(order + "I", laid, at + 2 + 12 * count, second)
        tags = [ifd.long(0x0201, second + 30), ifd.long(0x0202, len(thumbnail))]
        laid += ifd.laid_out(tags, second, order) + thumbnail
    return bytes(laid)


def loaded(data: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(data)
    return tags


def inner(data: bytes) -> dict[int, bytes]:
    first = {entry.tag: entry for entry in ifd.read(data, ifd.first_directory(data))}
    return {entry.tag: entry.values for entry in ifd.read(data, first[0x8769].first())}


@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_that_were_converted_are_told_as_srgb(order: str) -> None:
    patched = exif.describing(block(order), width=1, height=1, orientation=1, in_srgb=True)
    assert inner(patched)[0xA001] == b"\1\0"
    assert b"R98\0" in patched
    assert b"R03" not in patched
    assert b"R03" in exif.describing(block(order), width=1, height=1, orientation=1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_thumbnail_goes_and_everything_else_stays_where_it_lay(order: str) -> None:
    original = block(order, thumbnail=THUMBNAIL)
    assert THUMBNAIL in original
    patched = exif.describing(original, width=1, height=1, orientation=1)
    assert b"the old picture" not in patched
    assert patched.index(MAKER_NOTE) == original.index(MAKER_NOTE)
    assert exif.describing(original + b"more", width=1, height=1, orientation=1).endswith(b"more")


def test_a_thumbnail_that_is_said_to_lie_over_other_things_leaves_them_alone() -> None:
    original = bytearray(block(thumbnail=THUMBNAIL))
    at = original.rindex(struct.pack("<HHI", 0x0201, 4, 1)) + 8
    struct.pack_into("<I", original, at, 8)
    assert MAKER_NOTE in exif.describing(bytes(original), width=1, height=1, orientation=1)


def test_what_says_how_pixels_lie_in_another_file_goes() -> None:
    first = [ifd.short(0x0103, 6), ifd.short(0x0102, 8, 8, 8), ifd.long(0x0111, 8), ifd.long(0x0100, 64)]
    patched = exif.describing(block(first=first), width=640, height=480, orientation=1)
    tags = loaded(patched)
    assert {0x0103, 0x0102, 0x0111} & set(tags) == set()
    assert (tags[0x0100], tags[0x010F]) == (640, "Maker of it")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("comment", ["Steps: 20", "Größe 猫"])
def test_a_comment_is_added_and_no_value_moves(order: str, comment: str) -> None:
    original = block(order)
    grown = exif_building.with_user_comment(original, comment)
    assert grown[8 : len(original)] == original[8:]
    said = inner(grown)[0x9286]
    code, text = said[:8], said[8:]
    coding = "ascii" if code == b"ASCII\0\0\0" else "utf-16-le" if order == "<" else "utf-16-be"
    assert text.decode(coding) == comment
    assert inner(grown)[0x927C] == MAKER_NOTE
    assert loaded(grown)[0x010F] == "Maker of it"
    assert exif_building.with_user_comment(grown, "another") == grown


def test_a_new_block_says_what_every_block_must() -> None:
    made = loaded(exif_building.completed(None, Format.JPEG, (640, 480), is_srgb=True))
    said = made.get_ifd(0x8769)
    assert (made[0x011A], made[0x011B], made[0x0128]) == (72, 72, 2)
    assert (said[0x9000], said[0xA000], said[0xA001], said[0xA002], said[0xA003]) == (b"0232", b"0100", 1, 640, 480)


def test_what_a_block_says_already_is_not_said_again() -> None:
    once = exif_building.completed(block(), Format.JPEG, (640, 480), is_srgb=True)
    assert exif_building.completed(once, Format.JPEG, (1, 1), is_srgb=False) == once
    assert inner(once)[0xA001] == b"\xff\xff"


def test_without_its_makernote_a_block_says_all_the_rest() -> None:
    original = block(">", first=[Entry(0x8298, ifd.ASCII, b"somebody's\0")], thumbnail=THUMBNAIL)
    assert exif_building.has_maker_note(original)
    laid = exif_building.without_maker_note(original)
    assert not exif_building.has_maker_note(laid)
    assert loaded(laid)[0x8298] == "somebody's"
    assert loaded(laid).get_ifd(0xA005) == {1: "R03"}
    assert MAKER_NOTE not in laid


@settings(deadline=None)
@given(data=st.binary(max_size=120), start=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_no_block_can_hurt_who_builds_on_it(data: bytes, start: bytes) -> None:
    hostile = start + data
    if exif.is_block(hostile) and len(hostile) >= 8:
        exif_building.without_maker_note(hostile)
        exif.as_in_tiff(hostile)
        exif.without_orientation(hostile)
        grown = exif_building.with_user_comment(hostile, "x")
        exif_building.completed(grown, Format.JPEG, (1, 1), is_srgb=True)
        exif.describing(grown, width=1, height=1, orientation=1, in_srgb=True)


@settings(deadline=None)
@given(at=st.integers(0, 400), value=st.binary(min_size=1, max_size=8))
def test_a_damaged_block_can_hurt_no_one(at: int, value: bytes) -> None:
    original = bytearray(block(thumbnail=THUMBNAIL))
    original[at : at + len(value)] = value
    if exif.is_block(bytes(original)):
        exif.describing(bytes(original), width=1, height=1, orientation=1, in_srgb=True)
        exif_building.with_user_comment(bytes(original), "x")
        exif_building.without_maker_note(bytes(original))


@pytest.mark.parametrize("turned", range(1, 9))
def test_the_packet_tells_the_way_up_where_exif_does_not(turned: int) -> None:
    packet = sample.XMP.replace(b"tiff:Orientation='6'", f'tiff:Orientation="{turned}"'.encode())
    for kind, data in (
        (Format.JPEG, sample.jpeg(xmp=packet)), (Format.WEBP, sample.webp(xmp=packet)),
        (Format.PNG, sample.png(pnginfo=sample.xmp_text(packet))),
        (Format.JPEG, sample.jpeg(xmp=packet, exif=sample.exif(None))),
    ):  # fmt: skip
        assert collect(data, kind).orientation == sample.opened(data).getexif()[0x0112] == turned
    assert collect(sample.jpeg(xmp=packet, exif=sample.exif(3)), Format.JPEG).orientation == 3


def test_values_that_lie_over_one_another_do_not_grow() -> None:
    count = 900
    entries = b"".join(struct.pack("<HHII", 0x9000 + tag, 7, 60_000, 12_000) for tag in range(count))
    hostile = b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(70_000)
    assert len(exif_building.without_maker_note(hostile)) < 2 * len(hostile)
    wide = sample.encoded(sample.image(), "TIFF")
    at = len(wide)
    tiff = wide[:4] + struct.pack("<I", at) + wide[8:] + struct.pack("<H", count) + entries + bytes(70_000)
    assert len(collect(tiff, Format.TIFF).exif or b"") < 1_100_000
