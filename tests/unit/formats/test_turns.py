"""How a container says that its picture is turned, in EXIF's numbers, and which page of a TIFF is the picture."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.formats import isobmff
from watchd.formats.containers import inspect
from watchd.formats.metadata.collecting import collect
from watchd.formats.picture import Format, Picture


@pytest.mark.parametrize("turned", range(1, 9))
def test_the_turns_of_an_avif_come_to_the_orientation_that_pillow_says(turned: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = turned
    data = sample.encoded(sample.image(), "AVIF", exif=tags)
    assert (b"irot" in data or b"imir" in data) == (turned > 1)
    assert isobmff.turn(data) == sample.opened(data).getexif().get(0x0112, 1) == turned
    assert collect(data, Format.AVIF).orientation == turned


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_no_boxes_turn_without_end(data: bytes) -> None:
    assert isobmff.turn(b"\0\0\0\x10ftypavif\0\0\0\0" + data) in range(1, 9)


def test_a_tiff_says_what_the_page_says_that_is_the_picture() -> None:
    thumbnail, shown = sample.image(size=(16, 12)), sample.image(size=(64, 48))
    thumbnail.encoderinfo = {"tiffinfo": {0x00FE: 1, 0x0112: 3, 0x010F: "of the thumbnail"}}
    shown.encoderinfo = {"tiffinfo": {0x0112: 6, 0x010F: "of the picture"}}
    data = sample.encoded(
        thumbnail, "TIFF", save_all=True, append_images=[shown], tiffinfo=thumbnail.encoderinfo["tiffinfo"]
    )
    found = inspect(data)
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (64, 48)
    said = collect(data, Format.TIFF)
    assert said.orientation == 6
    assert said.exif is not None
    assert b"of the picture" in said.exif


def test_a_tiff_without_the_tag_is_turned_by_its_packet_as_its_decoder_turns_it() -> None:
    packet = sample.XMP.replace(b"tiff:Orientation='6'", b'tiff:Orientation="6"')
    data = sample.encoded(sample.image(size=(64, 48)), "TIFF", tiffinfo={700: packet})
    assert collect(data, Format.TIFF).orientation == 6
    assert sample.opened(data).size == (48, 64)
