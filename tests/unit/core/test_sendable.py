"""What goes out byte for byte, and what is done to the rest first."""

from dataclasses import replace

import pytest

from watchd.core.request import sendable
from watchd.core.request.endpoint import MAX_UPLOAD_BYTES
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.picture import Colour, Format, Picture
from watchd.formats.reading import Original

PHOTO = Picture(Format.JPEG, 4000, 3000)
PLAIN = Metadata()


def reasons(
    picture: Picture = PHOTO, metadata: Metadata = PLAIN, size: int = 1000, said: str | None = None
) -> tuple[str, ...]:
    return sendable.reasons_to_convert(Original(picture, metadata), size, other_colours=said)


@pytest.mark.parametrize("kind", [Format.JPEG, Format.PNG, Format.WEBP])
@pytest.mark.parametrize("colour", [Colour.RGB, Colour.GREY, Colour.PALETTE])
def test_what_the_service_takes_goes_out_as_it_is(kind: Format, colour: Colour) -> None:
    assert reasons(Picture(kind, 10, 10, colour)) == ()
    assert reasons(Picture(kind, 10, 10, colour, alpha=True)) == ()


@pytest.mark.parametrize("kind", sorted(set(Format) - sendable.TAKEN))
def test_another_format_is_converted_and_named(kind: Format) -> None:
    assert reasons(Picture(kind, 10, 10)) == (f"it is {sendable.NAMES[kind]}",)


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (replace(PHOTO, colour=Colour.CMYK), "its colours are CMYK"),
        (replace(PHOTO, colour=Colour.OTHER), "its colours are no RGB"),
        (replace(PHOTO, format=Format.PNG, depth=16), "it has 16 bits a channel"),
        (replace(PHOTO, format=Format.WEBP, frames=12), "only the first of its 12 pictures is sent"),
    ],
)
def test_each_trait_that_the_service_may_not_know_is_a_reason_of_its_own(picture: Picture, why: str) -> None:
    assert reasons(picture) == (why,)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_turned_before_it_is_sent(orientation: int) -> None:
    assert reasons(metadata=Metadata(orientation=orientation)) == ("it is turned upright",)


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (4000, 3000)), (3, (4000, 3000)), (6, (3000, 4000)), (5, (3000, 4000))]
)
def test_a_picture_is_planned_as_it_is_shown(orientation: int, size: tuple[int, int]) -> None:
    assert Original(PHOTO, Metadata(orientation=orientation)).upright == size


def test_colours_other_than_srgb_are_a_reason_in_the_words_of_whoever_told_them() -> None:
    assert reasons(said="its colours are Display P3 by its nclx box") == ("its colours are Display P3 by its nclx box",)


def test_a_file_is_converted_from_the_very_first_byte_that_is_too_many() -> None:
    assert reasons(size=MAX_UPLOAD_BYTES) == ()
    assert reasons(size=MAX_UPLOAD_BYTES + 1) == ("the service takes files below 25,000,000 bytes",)


def test_a_header_of_billions_of_pixels_is_refused_before_anything_is_decoded() -> None:
    assert "60000x60000 pixels" in str(sendable.objection(Picture(Format.PNG, 60_000, 60_000)))
    assert sendable.objection(Picture(Format.PNG, 16_000, 10_000)) is None


def test_levels_that_have_no_white_cannot_be_converted() -> None:
    assert "32 bits a channel" in str(sendable.objection(Picture(Format.TIFF, 10, 10, depth=32)))
