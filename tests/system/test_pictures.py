"""Every kind of original into every kind of output, through the real program, read back by other programs."""

from __future__ import annotations

import io
import json
import random
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pillow_heif
import pytest
from PIL import Image

from tests.system import fault_launcher
from tests.system.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # results of a hundred million are meant here

EXIFTOOL = shutil.which("exiftool")
SIZE = (360, 280)
FORMATS = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif", "avif": "avif"}
ALPHA = {"alpha.png", "alpha.webp", "alpha.tif", "palette.png"}
TELLING = {"a.jpg", "a.png", "a.webp", "a.tif", "a.avif", "a.heic"}
"""Originals that say who made them and where."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made
        made.assert_books_balance()


def photo(size: tuple[int, int] = SIZE) -> Image.Image:
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (across, down, Image.blend(across, down, 0.3)))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def camera() -> Image.Exif:
    taken = Image.Exif()
    taken[0x010F] = "Camera maker"
    taken.get_ifd(0x8769)[0x9003] = "2026:11:25 08:00:00"
    taken.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return taken


def originals() -> dict[str, bytes]:
    """Name → bytes of every kind of original, each unlike the others."""
    plain, taken = photo(), camera()
    clear = photo().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(SIZE))
    frames = [photo(), Image.new("RGB", SIZE), Image.new("RGB", SIZE, "white")]
    return {
        "a.jpg": saved(plain, "JPEG", quality=95, exif=taken),
        "a.png": saved(plain, "PNG", exif=taken),
        "a.webp": saved(plain, "WEBP", quality=95, exif=taken),
        "a.tif": saved(plain, "TIFF", exif=taken.tobytes()[6:]),
        "lzw.tif": saved(plain, "TIFF", compression="tiff_lzw"),
        "deep.tif": saved(plain.convert("L").convert("I;16").point(lambda level: level * 257), "TIFF"),
        "a.bmp": saved(plain, "BMP"),
        "a.gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "a.avif": saved(plain, "AVIF", quality=90, exif=taken.tobytes()),
        "a.heic": saved(plain, "HEIF", quality=95, exif=taken.tobytes()),
        "a.jp2": saved(plain, "JPEG2000"),
        "cmyk.jpg": saved(plain.convert("CMYK"), "JPEG", quality=95),
        "grey.jpg": saved(plain.convert("L"), "JPEG", quality=95),
        "palette.png": saved(clear.quantize(64), "PNG"),
        "alpha.png": saved(clear, "PNG"),
        "alpha.webp": saved(clear, "WEBP", lossless=True),
        "alpha.tif": saved(clear, "TIFF"),
    }


def asked(folder: Path) -> dict[str, dict[str, Any]]:
    """What exiftool reads in a folder, by name."""
    answer = subprocess.run(
        [EXIFTOOL or "", "-json", "-G1", "-n", str(folder)], capture_output=True, check=True, text=True
    )
    return {str(found["SourceFile"]).rpartition("/")[2]: found for found in json.loads(answer.stdout)}


def test_every_original_comes_out_in_every_format_with_and_without_what_it_says(house: House) -> None:
    folders = []
    for kind in FORMATS:
        for metadata in ("keep", "strip"):
            path = house.root / f"{kind}-{metadata}"
            path.mkdir()
            folders.append({
                "path": str(path), "format": {"type": kind}, "metadata": metadata, "output_name": "{name}.{ext}",
            })  # fmt: skip
    house.configure(*folders, approval=None, budget={"day": None})
    files = originals()
    for folder in folders:
        for name, data in files.items():
            house.drop(name, data, house.root / str(folder["path"]))
    ended = house.watchd("once", timeout=110)
    assert ended.returncode == 0, ended.stderr
    assert len(house.sent()) == len(files), "one call for each picture, whatever number of folders it lies in"
    for folder in folders:
        _check(house.root / f"{folder['path']}-out", str(folder["format"]["type"]), str(folder["metadata"]), files)  # type: ignore[index]  # a mapping, as made above


def _check(out: Path, kind: str, metadata: str, files: dict[str, bytes]) -> None:
    ending = FORMATS[kind]
    assert sorted(path.name for path in out.iterdir()) == sorted(f"{name}.{ending}" for name in files)
    for name in files:
        with Image.open(out / f"{name}.{ending}") as image:
            assert image.format == kind.upper(), name
            assert image.size == (720, 560), name
            assert (image.mode in {"RGBA", "LA"}) == (name in ALPHA and kind != "jpeg"), (name, kind, image.mode)
            red, green, _ = image.convert("RGB").getpixel((180, 420))  # type: ignore[misc]  # a triple, of RGB
        if "alpha" not in name and name not in {"palette.png", "grey.jpg", "deep.tif"}:
            assert abs(red - 64) <= 24, (name, kind)
            assert abs(green - 191) <= 24, (name, kind)
    if EXIFTOOL is None:
        return
    for name, found in asked(out).items():
        original = name.removesuffix(f".{ending}")
        if metadata == "strip":
            assert [key for key in found if key.startswith(("GPS", "ExifIFD", "XMP", "IFD0:Make"))] == [], name
            continue
        assert found["XMP-watchd:Profile"], name
        if original in TELLING:
            assert found["IFD0:Make"] == "Camera maker", (name, kind)
            assert found["GPS:GPSLatitude"] == pytest.approx(52.52, abs=0.01), (name, kind)
            assert found.get("IFD0:Orientation", 1) == 1, (name, kind)


def test_a_photograph_of_24_megapixels_comes_out_twice_as_large_in_six_calls(house: House) -> None:
    house.configure({"oversize": "tile", "format": {"type": "jpeg", "quality": 90}}, approval=None)
    house.drop("a.jpg", saved(photo((6000, 4000)), "JPEG", quality=90))
    estimate = house.json("estimate", "--json")
    assert (estimate["calls"], estimate["cost"]) == (6, 0.12)
    ended = house.watchd("once", timeout=110)
    assert ended.returncode == 0, ended.stderr
    assert len(house.sent()) == 6
    with Image.open(house.out / "a.jpg") as image:
        assert image.size == (12_000, 8_000)
        for at in ((3000, 2000), (6000, 4000), (3977, 3980), (9000, 7000)):
            red, green, _ = image.getpixel(at)  # type: ignore[misc]  # a triple, of RGB
            assert abs(red - 255 * at[0] / 12_000) <= 4
            assert abs(green - 255 * at[1] / 8_000) <= 4
    (job,) = house.jobs()
    assert (job["state"], job["cost"], job["attempts"]) == ("done", 0.12, 6)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "fault",
    [
        "SqliteLedger.begin_sending:after:2",
        "SqliteLedger.receive_tile:before:1",
        "SqliteLedger.receive_tile:after:1",
        "SqliteLedger.receive_tile:before:2",
        "SqliteLedger.receive_tile:after:2",
        "Darkroom.render:before:1",
        "Darkroom.render:after:1",
    ],
)
def test_a_kill_in_the_midst_of_tiles_pays_for_none_twice(house: House, fault: str) -> None:
    house.configure({"oversize": "tile", "format": {"type": "jpeg"}}, approval=None)
    house.drop("a.jpg", saved(photo((3000, 1500)), "JPEG", quality=90))
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT=fault)
    assert daemon.wait(timeout=60) == -signal.SIGKILL, f"{fault} never fired:\n{daemon.text}"
    for _ in range(2):
        ended = house.watchd("once", timeout=60)
        assert ended.returncode == 0, ended.stderr
    assert len(house.sent()) == len(set(house.sent())) == 2
    assert house.states() == ["done"]
    with Image.open(house.out / "a.jpg") as image:
        assert image.size == (6000, 3000)


def test_without_tiles_it_is_refused_before_it_is_paid_and_told_how_it_could_be(house: House) -> None:
    house.configure({})
    house.drop("a.jpg", saved(photo((6000, 4000)), "JPEG", quality=90))
    house.once(1)
    assert "oversize: tile" in house.job("a.jpg")["error"]
    assert house.sent() == []


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", sorted(originals()))
def test_a_file_that_is_cut_or_damaged_fails_alone_and_unpaid(house: House, name: str) -> None:
    data = originals()[name]
    dice = random.Random(name)
    house.configure({})
    house.drop(f"cut-{name}", data[: len(data) * 2 // 3])
    house.drop(f"head-{name}", dice.randbytes(24) + data[24:])
    house.drop("good.png", saved(photo((300, 300)), "PNG"))
    house.once(1)
    states = {job["path"]: job["state"] for job in house.jobs()}
    assert states == {f"cut-{name}": "failed", f"head-{name}": "failed", "good.png": "done"}
    assert len(house.sent()) == 1
