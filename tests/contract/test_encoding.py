"""Outputs in every format, read back by other programs: by Pillow, by exiftool and ImageMagick where they are there."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from watchd.adapters.pixels.encoding import encode
from watchd.core.outgoing import output_formats
from watchd.formats.containers import inspect
from watchd.formats.metadata import dressing, xmp
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.picture import Format, Picture
from watchd.model import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXIFTOOL, IDENTIFY = shutil.which("exiftool"), shutil.which("identify")
SIZE = (301, 203)
DONE = xmp.Done("9.8.7", "gold <&>", 2.5, "2026-11-25T08:00:00+01:00")
CAPTION = b"\x1c\x02\x05\x00\x05Title\x1c\x02\x78\x00\x09A caption"

FORMS = {
    "png": OutputFormat("png"),
    "png level 1": OutputFormat("png", compression=1),
    "png 16": OutputFormat("png", bit_depth=16),
    "tiff": OutputFormat("tiff"),
    "tiff none": OutputFormat("tiff", compression="none"),
    "tiff lzw": OutputFormat("tiff", compression="lzw"),
    "tiff 16": OutputFormat("tiff", bit_depth=16),
    "jpeg": OutputFormat("jpeg"),
    "jpeg 75": OutputFormat("jpeg", quality=75),
    "webp": OutputFormat("webp"),
    "webp lossless": OutputFormat("webp", lossless=True),
    "avif": OutputFormat("avif"),
}
MODES = ["L", "LA", "RGB", "RGBA"]


def original(mode: str) -> Image.Image:
    """Soft colours, no two rows alike; the alpha falls from top to bottom."""
    across = Image.linear_gradient("L").rotate(90).resize(SIZE)
    down = Image.linear_gradient("L").resize(SIZE)
    mixed = Image.blend(across, down, 0.5)
    image = Image.merge("RGB", (across, down, mixed)) if mode.startswith("RGB") else mixed
    if mode.endswith("A"):
        image.putalpha(down)
    return image


def strips(image: Image.Image, height: int = 64) -> Iterator[Image.Image]:
    for top in range(0, image.height, height):
        yield image.crop((0, top, image.width, min(image.height, top + height)))


def told() -> Metadata:
    """What a camera says."""
    taken = Image.Exif()
    taken[0x010F] = "Camera maker"
    taken[0x0112] = 6
    taken[0x013B] = "A. Photographer"
    taken.get_ifd(0x8769).update({0x829A: (1, 125), 0x9003: "2026:11:25 08:00:00", 0xA002: 100, 0xA003: 80})
    taken.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return Metadata(taken.tobytes()[6:], sample.XMP, sample.SRGB, (11811, 11811), 6, CAPTION)


def written(name: str, mode: str, *, keep: bool = True, metadata: Metadata | None = None) -> bytes:
    dressed = dressing.dress(
        metadata or told(), keep=keep, width=SIZE[0], height=SIZE[1], done=DONE, srgb_profile=None,
        kind=Format(FORMS[name].type),
    ).metadata  # fmt: skip
    target = io.BytesIO()
    encode(strips(original(mode)), SIZE, mode, target, FORMS[name], dressed)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FORMS)
def test_the_pixels_come_back(name: str, mode: str) -> None:
    form = FORMS[name]
    image = opened(written(name, mode))
    assert image.format == form.type.upper()
    assert image.size == SIZE
    expected = original(mode)
    if not output_formats.holds_alpha(form) and mode.endswith("A"):
        white = Image.new("RGB", SIZE, "white")
        white.paste(expected.convert("RGB"), mask=expected.getchannel("A"))
        expected = white
    kind = "RGBA" if mode.endswith("A") and output_formats.holds_alpha(form) else "RGB"
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda level: level / 257).convert("L")
    pairs = zip(image.convert(kind).tobytes(), expected.convert(kind).tobytes(), strict=True)
    worst = max(abs(one - other) for one, other in pairs)
    assert worst <= (0 if output_formats.is_lossless(form) else 24)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("name", FORMS)
def test_our_own_eyes_find_a_whole_picture_and_all_that_was_said(name: str, mode: str) -> None:
    data = written(name, mode)
    kind = Format(FORMS[name].type)
    assert isinstance(inspect(data), Picture)
    found = collect(data, kind)
    assert found.orientation == 1
    assert found.xmp is not None
    assert b"gold &lt;&amp;&gt;" in found.xmp
    assert (found.icc == sample.SRGB) == (mode != "L" or kind in {Format.WEBP, Format.AVIF})  # which know no grey
    assert found.exif is not None
    assert b"Camera maker" in found.exif
    if kind in {Format.PNG, Format.JPEG, Format.TIFF}:
        assert found.iptc == CAPTION
        assert found.pixels_per_metre == pytest.approx((11811, 11811), rel=0.01)


@pytest.mark.parametrize("name", FORMS)
def test_stripped_nothing_at_all_is_said(name: str) -> None:
    found = collect(written(name, "RGB", keep=False), Format(FORMS[name].type))
    assert (found.exif, found.xmp, found.icc, found.iptc) == (None, None, None, None)


@pytest.mark.parametrize("name", FORMS)
def test_the_same_result_gives_the_same_bytes(name: str) -> None:
    assert written(name, "RGBA") == written(name, "RGBA")


@pytest.mark.parametrize("height", [1, 7, 203, 500])
@pytest.mark.parametrize("name", ["png", "png 16", "tiff", "tiff 16", "tiff lzw"])
def test_the_height_of_the_strips_makes_no_difference(name: str, height: int) -> None:
    target = io.BytesIO()
    image = original("RGB")
    encode(strips(image, height), SIZE, "RGB", target, FORMS[name], Metadata())
    shown = opened(target.getvalue()).convert("RGB")
    assert shown.tobytes() == image.tobytes()


def asked(path: Path) -> dict[str, Any]:
    """What exiftool reads, by the group of each tag."""
    answer = subprocess.run(
        [EXIFTOOL or "", "-json", "-G1", "-n", "-struct", str(path)], capture_output=True, check=True, text=True
    )
    (found,) = json.loads(answer.stdout)
    assert "ExifTool:Error" not in found, found
    return dict(found)


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("name", FORMS)
def test_exiftool_reads_what_was_said(tmp_path: Path, name: str, mode: str) -> None:
    path = tmp_path / f"a.{output_formats.extension(FORMS[name])}"
    path.write_bytes(written(name, mode))
    found = asked(path)
    assert found["IFD0:Make"] == "Camera maker"
    assert found["ExifIFD:DateTimeOriginal"] == "2026:11:25 08:00:00"
    assert found["GPS:GPSLatitude"] == pytest.approx(52.52, abs=0.01)
    assert found.get("IFD0:Orientation", 1) == 1
    assert found["XMP-watchd:Profile"] == "gold <&>"
    assert str(found["XMP-watchd:Scale"]) == "2.5"
    if FORMS[name].type in {"png", "jpeg", "tiff"}:
        assert found["IPTC:ObjectName"] == "Title"
    if mode != "L":
        assert any(key.startswith("ICC") for key in found)


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
@pytest.mark.parametrize("name", FORMS)
def test_exiftool_finds_nothing_of_the_original_where_it_was_stripped(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{output_formats.extension(FORMS[name])}"
    path.write_bytes(written(name, "RGB", keep=False))
    said = [key for key in asked(path) if key.startswith(("GPS", "ExifIFD", "XMP", "IPTC", "ICC"))]
    assert said == []


@pytest.mark.skipif(IDENTIFY is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in FORMS if FORMS[name].type != "avif"])
def test_imagemagick_reads_the_same_size_and_depth(tmp_path: Path, name: str, mode: str) -> None:
    path = tmp_path / f"a.{output_formats.extension(FORMS[name])}"
    path.write_bytes(written(name, mode))
    answer = subprocess.run(
        [IDENTIFY or "", "-format", "%m %w %h %[bit-depth]", str(path)], capture_output=True, text=True, check=True
    )
    kind, width, height, depth = answer.stdout.split()
    assert (kind, int(width), int(height)) == (FORMS[name].type.upper(), *SIZE)
    assert int(depth) in {8, 16}
    assert "error" not in answer.stderr.lower()
