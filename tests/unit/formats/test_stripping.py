"""What is sent is the same bytes whatever was said beside the pixels: by it a picture is known that was paid for."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.formats import sample_pictures as sample
from watchd.formats.containers import inspect
from watchd.formats.metadata.stripping import without_private
from watchd.formats.picture import Format, Picture
from watchd.formats.png.png_chunks import chunk

if TYPE_CHECKING:
    from pathlib import Path

EXIFTOOL = shutil.which("exiftool")
JFIF_BYTES = 18
KINDS = {"jpg": Format.JPEG, "png": Format.PNG, "webp": Format.WEBP}


def without_jfif(data: bytes) -> bytes:
    return data[:2] + data[2 + JFIF_BYTES :]


PICTURES = {
    "plain.jpg": sample.jpeg(),
    "grey.jpg": sample.jpeg("L"),
    "cmyk.jpg": sample.jpeg("CMYK"),
    "really rgb.jpg": sample.jpeg(keep_rgb=True),
    "without jfif.jpg": without_jfif(sample.jpeg()),
    "profile.jpg": sample.jpeg(icc_profile=sample.SRGB),
    "progressive.jpg": sample.jpeg(progressive=True, exif=sample.exif(), restart_marker_blocks=2),
    "plain.png": sample.png(),
    "palette.png": sample.png("P"),
    "alpha and profile.png": sample.png("RGBA", icc_profile=sample.SRGB, dpi=(72, 72)),
}
EDITS = {
    "a rating": ["-XMP:Rating=5"],
    "a comment": ["-Comment=remark"],
    "a place": ["-EXIF:Artist=somebody", "-GPSLatitude=52", "-GPSLatitudeRef=N"],
    "keywords": ["-IPTC:Keywords=a", "-XMP:Subject=b", "-IPTC:Caption-Abstract=c"],
    "a way up": ["-EXIF:Orientation#=6"],
    "a resolution": ["-XResolution=200", "-YResolution=200", "-JFIF:XResolution=7", "-PNG:PixelsPerUnitX=3000"],
    "everything but the profile": ["-all=", "--icc_profile:all"],
    "all at once": ["-XMP:Rating=5", "-EXIF:Artist=me", "-IPTC:Keywords=a", "-Comment=remark", "-Photoshop:URL=u"],
}


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", PICTURES)
def test_words_that_exiftool_adds_or_takes_away_change_nothing_that_is_sent(
    tmp_path: Path, name: str, edit: str
) -> None:
    path, kind = tmp_path / name, KINDS[name.rpartition(".")[2]]
    path.write_bytes(PICTURES[name])
    command = [EXIFTOOL or "", "-q", "-q", "-m", "-overwrite_original", *EDITS[edit], str(path)]
    subprocess.run(command, check=False, capture_output=True)
    edited = path.read_bytes()
    if edit == "all at once":
        assert edited != PICTURES[name]
    assert without_private(edited, kind) == without_private(PICTURES[name], kind)


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_sent_has_the_same_pixels_and_is_sent_as_it_is_itself(name: str) -> None:
    kind, data = KINDS[name.rpartition(".")[2]], PICTURES[name]
    sent = without_private(data, kind)
    assert sample.opened(sent).tobytes() == sample.opened(data).tobytes()
    assert sample.opened(sent).mode == sample.opened(data).mode
    assert without_private(sent, kind) == sent


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("profile", [None, sample.SRGB])
def test_words_in_a_webp_change_nothing_that_is_sent(mode: str, profile: bytes | None, *, lossless: bool) -> None:
    image, options = sample.image(mode), {"lossless": lossless, "icc_profile": profile}
    bare = sample.encoded(image, "WEBP", **options)
    said = sample.encoded(image, "WEBP", exif=sample.exif(), xmp=sample.XMP, **options)
    assert bare != said
    sent = without_private(said, Format.WEBP)
    assert sent == without_private(bare, Format.WEBP)
    assert isinstance(inspect(sent), Picture)
    assert sample.opened(sent).tobytes() == sample.opened(bare).tobytes()
    assert sample.opened(sent).mode == sample.opened(bare).mode


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_extended_webp_that_needs_no_extension_is_sent_in_the_simple_form(mode: str) -> None:
    image = sample.image(mode)
    bare = sample.encoded(image, "WEBP", lossless=True)
    assert bare[12:16] == b"VP8L"
    said = sample.encoded(image, "WEBP", lossless=True, exif=sample.exif())
    assert said[12:16] == b"VP8X"
    assert without_private(said, Format.WEBP) == bare


def test_an_animation_keeps_its_frames_and_loses_its_words() -> None:
    frames = [sample.image(), sample.image()]
    options = {"save_all": True, "append_images": frames[1:], "duration": 100}
    said = sample.encoded(frames[0], "WEBP", exif=sample.exif(), xmp=sample.XMP, **options)
    sent = without_private(said, Format.WEBP)
    assert b"Camera maker" not in sent
    assert inspect(sent) == inspect(said)
    assert sample.opened(sent).tobytes() == sample.opened(said).tobytes()


def test_jfif_is_not_added_where_it_would_change_the_colours() -> None:
    data = sample.jpeg(keep_rgb=True)
    assert b"JFIF" not in without_private(data, Format.JPEG)
    bare = data.replace(b"Adobe", b"adobe")  # which leaves the names of its components alone to tell
    assert b"JFIF" not in without_private(bare, Format.JPEG)
    assert sample.opened(without_private(bare, Format.JPEG)).tobytes() == sample.opened(bare).tobytes()


@pytest.mark.parametrize("kind", [Format.PNG, Format.JPEG])
@pytest.mark.parametrize("tail", [b"\0\0", b"private film", chunk(b"IDAT", b"older picture") + chunk(b"IEND", b"")])
def test_what_follows_the_end_of_a_picture_is_not_sent(kind: Format, tail: bytes) -> None:
    data = sample.encoded(sample.image(), kind.value)
    assert without_private(data + tail, kind) == without_private(data, kind)


def test_segments_of_a_profile_are_sent_in_their_order() -> None:
    data = sample.jpeg(icc_profile=sample.SRGB * 200)
    first, second = (data.index(b"ICC_PROFILE\0" + bytes([number])) - 4 for number in (1, 2))
    end = second + 2 + int.from_bytes(data[second + 2 : second + 4], "big")
    swapped = data[:first] + data[second:end] + data[first:second] + data[end:]
    assert swapped != data
    assert without_private(swapped, Format.JPEG) == without_private(data, Format.JPEG) == data
