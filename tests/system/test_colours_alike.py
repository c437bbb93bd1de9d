"""The output looks like the original, as ImageMagick and Chromium show both, by whatever that one tells its space."""

from __future__ import annotations

import base64
import io
import shutil
import statistics
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.contract import charts, colorimetry
from tests.contract.charts import saved
from tests.contract.colorimetry import ADOBE
from tests.contract.test_colours import IN_ADOBE, IN_GREY, IN_P3, IN_PROPHOTO
from tests.system.house import House
from tests.system.test_browser import CHROMIUM, FLAGS
from watchd.adapters.pixels import colours
from watchd.formats.png.png_chunks import SIGNATURE, chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

CONVERT = shutil.which("convert")
SIZE = (300, 240)
KINDS = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif", "avif": "avif"}
SHOWN = {"png": "png", "jpg": "jpeg", "webp": "webp", "avif": "avif"}
MOST = 1.5
STEP = 6
HEAD = b"Exif\0\0" + charts.camera(0xFFFF, b"R03\0")
PAINT = """source => new Promise((resolve, reject) => {
    const image = new Image();
    image.onerror = () => reject(new Error("it cannot be shown"));
    image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        resolve({ width: canvas.width, url: canvas.toDataURL("image/png") });
    };
    image.src = source;
})"""
"""Draws a picture on a canvas, which is sRGB, and gives it back."""


def smooth() -> Image.Image:
    across = Image.linear_gradient("L").rotate(90).resize(SIZE)
    down = Image.linear_gradient("L").resize(SIZE)
    return Image.merge("RGB", (across, down, Image.blend(across, down, 0.4).point(lambda level: 255 - level)))


def png(*extra: bytes, image: Image.Image | None = None) -> bytes:
    return charts.png(*extra, image=image or smooth())


def deep() -> bytes:
    """Sixteen bits in ProPhoto."""
    wide = bytes(level for byte in smooth().tobytes() for level in (byte, byte))
    lines = b"".join(b"\0" + wide[at : at + SIZE[0] * 6] for at in range(0, len(wide), SIZE[0] * 6))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 16, 2, 0, 0, 0))
    parts = (header, charts.iccp(IN_PROPHOTO), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return SIGNATURE + b"".join(parts)


def with_nclx() -> bytes:
    data = bytearray(saved(smooth(), "AVIF", quality=100, subsampling="4:4:4"))
    struct.pack_into(">HH", data, data.index(b"colrnclx") + 8, 12, 13)
    return bytes(data)


FINE: dict[str, Any] = {"quality": 98, "subsampling": 0}
BY_PROFILE = {
    "plain.png": png(),
    "adobe.png": png(charts.iccp(IN_ADOBE)),
    "p3.jpg": saved(smooth(), "JPEG", icc_profile=IN_P3, **FINE),
    "deep.png": deep(),
    "grey.png": png(IN_GREY, image=smooth().convert("L")),
    "ink.jpg": saved(smooth().convert("CMYK"), "JPEG", icc_profile=charts.ink_profile(), **FINE),
    "adobe.tif": saved(smooth(), "TIFF", icc_profile=IN_ADOBE),
}
OTHERWISE = {
    "cicp.png": png(charts.cicp(12, 13)),
    "2020.png": png(charts.cicp(9, 14)),
    "both.png": png(charts.cicp(1, 13), charts.iccp(IN_ADOBE)),
    "gama.png": png(charts.gama(2.2), charts.chrm(ADOBE)),
    "linear.png": png(charts.gama(1.0)),
    "p3.avif": with_nclx(),
    "camera.jpg": saved(smooth(), "JPEG", exif=HEAD, **FINE),
}
AS_IF = {"camera.jpg": saved(smooth(), "JPEG", icc_profile=IN_ADOBE, **FINE)}
"""What a program is shown instead, as none of these two knows how cameras say it."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With a folder for each kind of output, all done."""
    root = tmp_path_factory.mktemp("alike")
    with House(root) as made:
        made.open_sandbox(engine="lanczos")
        folders = [
            {"path": str(root / kind), "format": {"type": kind}, "output_name": "{name}.{ext}"} for kind in KINDS
        ]
        for kind in KINDS:
            (root / kind).mkdir()
            for name, data in (BY_PROFILE | OTHERWISE).items():
                made.drop(name, data, root / kind)
        made.configure(*folders, approval=None, budget={"day": None})
        ended = made.watchd("once", timeout=110)
        assert ended.returncode == 0, ended.stderr
        assert len(made.sent()) == len(BY_PROFILE | OTHERWISE)
        made.assert_books_balance()
        yield made


def off(original: Image.Image, output: Image.Image) -> float:
    """The median difference of two pictures, the second of which is twice as large."""
    assert output.size == (original.width * 2, original.height * 2)
    half = output.convert("RGB").reduce(2)
    places = [(x, y) for x in range(0, original.width, STEP) for y in range(0, original.height, STEP)]
    pairs = [
        (cast("tuple[int, int, int]", original.getpixel(at)), cast("tuple[int, int, int]", half.getpixel(at)))
        for at in places
    ]
    return statistics.median(colorimetry.difference(one, other) for one, other in pairs)


def by_imagemagick(file: Path, profile: Path) -> Image.Image:
    """A picture in sRGB."""
    target = file.with_name(f"{file.name}.ppm")
    command = [CONVERT or "", f"{file}[0]", "-profile", str(profile), "-depth", "8", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    with Image.open(target) as image:
        return image.convert("RGB")


@pytest.mark.skipif(CONVERT is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "avif"])
def test_imagemagick_shows_output_and_original_alike(house: House, kind: str, tmp_path: Path) -> None:
    profile = tmp_path / "srgb.icc"
    profile.write_bytes(colours.srgb_profile())
    found = {}
    for name, data in (BY_PROFILE | {"camera.jpg": AS_IF["camera.jpg"]}).items():
        (tmp_path / name).write_bytes(data)
        shutil.copy(house.root / f"{kind}-out" / f"{name}.{KINDS[kind]}", tmp_path)
        original = by_imagemagick(tmp_path / name, profile)
        found[name] = off(original, by_imagemagick(tmp_path / f"{name}.{KINDS[kind]}", profile))
    assert max(found.values()) <= MOST, found


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--force-color-profile=srgb"])
        yield browser.new_page()
        browser.close()


def by_chromium(page: Page, data: bytes, kind: str) -> Image.Image:
    """A picture in sRGB."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    drawn = page.evaluate(PAINT, source)
    with Image.open(io.BytesIO(base64.b64decode(drawn["url"].partition(",")[2]))) as image:
        return image.convert("RGB")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("kind", [kind for kind, ending in KINDS.items() if ending in SHOWN])
def test_chromium_shows_output_and_original_alike(house: House, kind: str, page: Page) -> None:
    found = {}
    for name, data in (BY_PROFILE | OTHERWISE | AS_IF).items():
        suffix = name.rpartition(".")[2]
        if suffix not in SHOWN:
            continue
        output = (house.root / f"{kind}-out" / f"{name}.{KINDS[kind]}").read_bytes()
        original = by_chromium(page, data, SHOWN[suffix])
        found[name] = off(original, by_chromium(page, output, SHOWN[KINDS[kind]]))
    assert max(found.values()) <= MOST, found


TELLING = {
    "camera.jpg": "its colours are Adobe RGB by its EXIF (DCF)",
    "cicp.png": "its colours are Display P3 by its cICP chunk",
    "p3.avif": "its colours are Display P3 by its nclx box",
    "gama.png": "its colours are no sRGB by its gAMA and cHRM",
    "adobe.png": "its colour profile is no sRGB",
    "ink.jpg": "its colours are CMYK",
}


@pytest.mark.parametrize("name", TELLING)
def test_explain_tells_why_colours_were_converted(house: House, name: str) -> None:
    told = house.watchd("explain", str(house.root / "png" / name)).stdout
    assert TELLING[name] in " ".join(told.split()), told


def test_an_output_whose_pixels_are_srgb_against_its_profile_or_were_converted_is_tagged_so(house: House) -> None:
    for kind, ending in KINDS.items():
        for name in ("camera.jpg", "cicp.png", "both.png", "p3.avif", "gama.png", "adobe.png", "ink.jpg"):
            with Image.open(house.root / f"{kind}-out" / f"{name}.{ending}") as image:
                assert image.info["icc_profile"] == colours.srgb_profile(), (kind, name)
