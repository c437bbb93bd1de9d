"""What an original says beside its pixels each output says too, in the form that it has, as other programs read it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, PngImagePlugin

from tests.unit.formats import sample_pictures as sample
from watchd.adapters.pixels.encoding import encode
from watchd.core.outgoing import output_formats
from watchd.formats.metadata import dressing, xmp
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.textual import TextItem
from watchd.formats.picture import Format
from watchd.model import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXIFTOOL = shutil.which("exiftool") or ""
WITH_EXIFTOOL = pytest.mark.skipif(not EXIFTOOL, reason="exiftool is not installed")
DONE = xmp.Done("9.8.7", "gold", 2.0, "2026-11-25T08:00:00+01:00")
SIZE = (128, 96)
OUTPUTS = ["png", "jpeg", "webp", "tiff", "avif"]
OTHERS = OUTPUTS[1:]
GENERATED = "a lighthouse, dusk\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, Seed: 1"
GREETING = "Grüße, 猫"
TOLD = [
    "-EXIF:Make=Canon", "-EXIF:Artist=A. Photographer", "-EXIF:DateTimeOriginal=2026:01:01 10:00:00",
    "-EXIF:XResolution=300", "-EXIF:YResolution=300", "-EXIF:ResolutionUnit#=2", "-EXIF:YCbCrPositioning#=1",
    "-ExifVersion=0232", "-ComponentsConfiguration#=1 2 3 0", "-FlashpixVersion=0100", "-ColorSpace#=1",
    "-ExifImageWidth=64", "-ExifImageHeight=48", "-GPSLatitude=52.5", "-GPSLatitudeRef=N", "-XMP:Rating=5",
    "-XMP-tiff:ImageWidth=64", "-XMP-GCamera:MotionPhoto=1", "-XMP-hdrgm:HDRGMVersion=1.0", "-IPTC:Keywords=sea",
    "-IPTC:Caption-Abstract=dusk", "-IPTC:CodedCharacterSet=UTF8", "-Comment=hello",
]  # fmt: skip


def image(size: tuple[int, int] = (64, 48)) -> Image.Image:
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (down, down.transpose(Image.Transpose.ROTATE_180), down))


def generated() -> bytes:
    """A picture as programs make them that generate pictures."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", GENERATED)
    info.add_text("workflow", '{"nodes": [{"id": 1}]}')
    info.add_itxt("Title", GREETING, "de", "Titel")
    info.add_text("Comment", "a remark")
    info.add_text("Software", "a generator")
    return sample.encoded(image(), "PNG", pnginfo=info)


def output(metadata: Metadata, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The whole way: dressed, through the spool, written."""
    dressed = dressing.dress(
        metadata, keep=True, width=SIZE[0], height=SIZE[1], done=DONE, srgb_profile=None, kind=Format(name)
    )
    spooled = dressing.from_png_chunks(dressing.as_png_chunks(dressed.metadata))
    assert spooled == dressed.metadata
    target = io.BytesIO()
    encode(iter([image(SIZE)]), SIZE, "RGB", target, OutputFormat(name), spooled)  # type: ignore[arg-type]  # one of them
    sample.opened(target.getvalue())
    return target.getvalue(), dressed.left_out


def ending(name: str) -> str:
    return output_formats.extension(OutputFormat(name))  # type: ignore[arg-type]  # one of them


def asked(path: Path) -> dict[str, Any]:
    """What exiftool reads, by the group of each tag."""
    command = [EXIFTOOL, "-json", "-G1", "-n", "-struct", str(path)]
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return dict(found)


def complaints(path: Path) -> set[str]:
    """What exiftool has to say of a file, but for how many sentences that are."""
    command = [EXIFTOOL, "-validate", "-warning", "-error", "-a", "-s3", str(path)]
    answer = subprocess.run(command, capture_output=True, check=False, text=True)
    said = answer.stdout.splitlines()
    assert said, answer.stderr
    return {line for line in said if line != "OK" and not line.split(" ")[1].startswith("Warning")}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_text_of_a_generated_picture_is_lost(name: str) -> None:
    data, left_out = output(collect(generated(), Format.PNG), name)
    assert left_out == ()
    assert {(text.keyword, text.text) for text in collect(data, Format(name)).texts} == {
        ("parameters", GENERATED), ("workflow", '{"nodes": [{"id": 1}]}'), ("Title", GREETING),
        ("Comment", "a remark"), ("Software", "a generator"),
    }  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_png_that_is_made_of_another_output_has_the_texts_again(name: str) -> None:
    once, _ = output(collect(generated(), Format.PNG), name)
    again, _ = output(collect(once, Format(name)), "png")
    assert sample.opened(again).info["parameters"] == GENERATED
    assert again.count(b"Negative prompt") == 2, "as a text, and in the EXIF of the picture in between"


@WITH_EXIFTOOL
@pytest.mark.parametrize("name", OTHERS)
def test_other_programs_find_how_a_picture_was_generated(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{ending(name)}"
    path.write_bytes(output(collect(generated(), Format.PNG), name)[0])
    found = asked(path)
    assert found["ExifIFD:UserComment"] == GENERATED
    assert {"Keyword": "workflow", "Text": '{"nodes": [{"id": 1}]}'} in found["XMP-watchd:Texts"]
    assert found["XMP-dc:Title"] == GREETING
    assert found["XMP-xmp:CreatorTool"] == "a generator"
    assert (found.get("File:Comment") == "a remark") == (name == "jpeg")
    assert complaints(path) <= FORM


@WITH_EXIFTOOL
@pytest.mark.parametrize("name", OTHERS)
def test_a_prompt_in_any_script_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{ending(name)}"
    for block in (None, sample.exif(1).tobytes()[6:]):
        resolution = (11811, 11811) if block else None
        said = Metadata(exif=block, pixels_per_metre=resolution, texts=(TextItem("parameters", GREETING, ""),))
        path.write_bytes(output(said, name)[0])
        assert asked(path)["ExifIFD:UserComment"] == GREETING
        assert complaints(path) <= FORM


FORM = {
    "Invalid value for IFD0 tag 0x0103 Compression",  # Deflate, which came after TIFF 6.0
    "Missing required TIFF GPS tag 0x001b GPSProcessingMethod",  # which nobody can know
}


def originals() -> Iterator[tuple[str, bytes]]:
    """Pictures in each format, by the ending of their files."""
    yield "jpg", sample.encoded(image(), "JPEG", quality=95)
    yield "png", sample.encoded(image(), "PNG")
    yield "tif", sample.encoded(image(), "TIFF")
    yield "webp", sample.encoded(image(), "WEBP", exif=sample.exif(1), xmp=sample.XMP)
    yield "avif", sample.encoded(image(), "AVIF", exif=sample.exif(1), xmp=sample.XMP)


KINDS = {"jpg": Format.JPEG, "png": Format.PNG, "tif": Format.TIFF, "webp": Format.WEBP, "avif": Format.AVIF}


@WITH_EXIFTOOL
@pytest.mark.parametrize(("kind", "data"), list(originals()))
def test_exiftool_has_no_more_to_say_of_an_output_than_of_its_original(tmp_path: Path, kind: str, data: bytes) -> None:
    path = tmp_path / f"original.{kind}"
    path.write_bytes(data)
    if kind in {"jpg", "png", "tif"}:  # which it can write
        small = tmp_path / "small.jpg"
        small.write_bytes(sample.jpeg(size=(32, 24)))
        thumbnail = [f"-ThumbnailImage<={small}"] if kind == "jpg" else []
        command = [EXIFTOOL, "-q", "-q", "-m", "-overwrite_original", *TOLD, *thumbnail, str(path)]
        subprocess.run(command, check=True, capture_output=True)
    before, metadata = complaints(path), collect(path.read_bytes(), KINDS[kind])
    assert metadata.exif is not None
    for name in OUTPUTS:
        made = tmp_path / f"made.{ending(name)}"
        made.write_bytes(output(metadata, name)[0])
        assert complaints(made) - FORM <= before, f"{kind} → {name}"
        found = asked(made)
        assert "IFD1:ThumbnailOffset" not in found
        assert [key for key in found if "MotionPhoto" in key or "hdrgm" in key.lower()] == []
        assert found.get("ExifIFD:ExifImageWidth", SIZE[0]) == SIZE[0]
        assert found.get("XMP-tiff:ImageWidth", SIZE[0]) == SIZE[0]
        if kind in {"jpg", "png", "tif"}:
            assert (found["IFD0:Make"], found["XMP-xmp:Rating"]) == ("Canon", 5)
            assert "sea" in {found.get("IPTC:Keywords"), *found.get("XMP-dc:Subject", [])}


@pytest.mark.parametrize("name", ["webp", "avif"])
def test_iptc_where_there_is_no_place_for_it_is_said_in_xmp_and_that_is_told(name: str) -> None:
    records = (
        b"\x1c\x02\x05\0\x05Title" + b"\x1c\x02\x19\0\x03sea" + b"\x1c\x02\x19\0\x04dusk" + b"\x1c\x02\x69\0\4Head"
    )
    data, left_out = output(Metadata(iptc=records), name)
    assert left_out == ("its IPTC, but for what XMP has fields for",)
    packet = collect(data, Format(name)).xmp
    assert packet is not None
    assert b"<rdf:li>sea</rdf:li><rdf:li>dusk</rdf:li>" in packet
    assert b"<photoshop:Headline>Head</photoshop:Headline>" in packet


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_resolution_is_kept_by_every_format(name: str) -> None:
    data, _ = output(Metadata(pixels_per_metre=(11811, 11811)), name)
    assert collect(data, Format(name)).pixels_per_metre == pytest.approx((11811, 11811), rel=0.01)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_packet_of_any_size_is_kept_by_every_format(name: str) -> None:
    long = "y" * 500_000
    packet = sample.XMP.replace(b"<rdf:Description", f"<rdf:Description xmlns:e='urn:e' e:long='{long}'".encode())
    data, left_out = output(Metadata(xmp=packet), name)
    assert left_out == ()
    found = collect(data, Format(name))
    assert found.xmp is not None
    assert long.encode() in found.xmp
    assert b"gold" in found.xmp


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_makernote_stays_where_its_own_offsets_look_for_it(name: str) -> None:
    tags = Image.Exif()
    tags[0x010F] = "SONY"
    tags.get_ifd(0x8769)[0x927C] = b"SONY DSC \0\0\0" + bytes(range(256))
    block = tags.tobytes()[6:]
    data, left_out = output(Metadata(exif=block), name)
    assert left_out == ()
    at = block.index(b"SONY DSC")
    found = data if name == "tiff" else collect(data, Format(name)).exif
    assert found is not None
    assert found[at : at + 12] == b"SONY DSC \0\0\0"


def test_what_a_jpeg_has_no_room_for_is_told() -> None:
    tags = Image.Exif()
    tags[0x010F] = "SONY"
    tags.get_ifd(0x8769)[0x927C] = bytes(70_000)
    data, left_out = output(Metadata(exif=tags.tobytes()[6:]), "jpeg")
    assert left_out == ("its MakerNote, for which a JPEG has no room",)
    assert sample.opened(data).getexif()[0x010F] == "SONY"


@pytest.mark.parametrize(
    ("note", "unread"),
    [
        (b"SONY DSC \0\0\0", ("its MakerNote, whose parts are found only where they lay",)),
        (b"Apple iOS\0\0\1MM", ()),
    ],
)
def test_a_makernote_of_a_tiff_is_kept_if_it_can_be_moved_or_else_told(note: bytes, unread: tuple[str, ...]) -> None:
    tags = Image.Exif()
    tags[0x010F] = "Maker"
    tags.get_ifd(0x8769)[0x927C] = note + bytes(range(100))
    original, _ = output(Metadata(exif=tags.tobytes()[6:]), "tiff")
    found = collect(original, Format.TIFF)
    assert found.unread == unread
    assert found.exif is not None
    assert (note in found.exif) == (not unread)


def test_noise_and_many_words_make_a_jpeg_all_the_same() -> None:
    noise = sample.image(size=(301, 203))
    target = io.BytesIO()
    encode(iter([noise]), noise.size, "RGB", target, OutputFormat("jpeg", quality=92), Metadata(xmp=sample.XMP))
    assert sample.opened(target.getvalue()).size == noise.size
    assert target.getvalue().count(b"\xff\xd8\xff") == 1
