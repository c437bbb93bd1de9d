"""What the local engine does to pixels."""

import io
import random
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from watchd.sandbox.contract import ContractRefusal, EnhanceParameters, Parameters
from watchd.sandbox.enlarging import Enlarger
from watchd.sandbox.options import EngineName
from watchd.sandbox.photographs import NAMES, photographs
from watchd.sandbox.pictures import UploadedPicture, examine
from watchd.sandbox.waifu2x import Waifu2x, is_installed, tiles

needs_local = pytest.mark.skipif(not is_installed(), reason="the extra `local` is not installed")


def as_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def scene(seed: int = 1) -> Image.Image:
    """A photograph-like picture of 256 by 256: a soft slope, hard-edged discs, fine noise."""
    chance = random.Random(seed)
    image = Image.linear_gradient("L").convert("RGB")
    for _ in range(12):
        colour = tuple(chance.randrange(256) for _ in range(3))
        left, top, side = chance.randrange(200), chance.randrange(200), chance.randrange(20, 60)
        image.paste(colour, (left, top, left + side, top + side))
    noise = Image.frombytes("L", image.size, chance.randbytes(256 * 256)).convert("RGB")
    return Image.blend(image, noise, 0.06)


def render(engine: EngineName, data: bytes, parameters: Parameters) -> Image.Image:
    picture = examine(data, parameters)
    assert isinstance(picture, UploadedPicture)
    renderer = Enlarger(engine)
    try:
        image = Image.open(io.BytesIO(renderer.render(picture, parameters)))
        image.load()
        return image
    finally:
        renderer.close()


def error_of(one: Image.Image, other: Image.Image) -> float:
    """Root mean square of the difference, 0 to 255."""
    return float(sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).rms))


def sharpness(image: Image.Image) -> float:
    return float(ImageStat.Stat(image.convert("L").filter(ImageFilter.FIND_EDGES)).stddev[0])


@pytest.mark.parametrize("engine", ["lanczos", "fast", pytest.param("waifu2x", marks=needs_local)])
@pytest.mark.parametrize("scale", [1.37, 2.0, 2.6])
def test_a_result_is_the_same_picture_at_exactly_the_size_asked_for(engine: EngineName, scale: float) -> None:
    base = scene()
    result = render(engine, as_png(base), EnhanceParameters(scale=scale))
    assert result.size == (int(256 * scale + 0.5),) * 2
    assert error_of(result.resize(base.size, Image.Resampling.BOX), base) < 40


@pytest.mark.parametrize("engine", ["lanczos", "fast"])
def test_transparency_is_kept(engine: EngineName) -> None:
    base = scene().convert("RGBA")
    base.putalpha(Image.linear_gradient("L"))
    result = render(engine, as_png(base), EnhanceParameters(scale=2, enhance=True, prompt="gold"))
    assert result.mode == "RGBA"
    assert error_of(result.getchannel("A").resize((256, 256)), base.getchannel("A")) < 6


def test_a_result_bears_no_metadata() -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x013B] = "somebody"
    scene().save(out, "JPEG", exif=exif, icc_profile=b"profile", dpi=(300, 300))
    assert render("lanczos", out.getvalue(), EnhanceParameters()).info == {}


def test_the_orientation_in_exif_is_not_applied() -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    scene().resize((512, 256)).save(out, "JPEG", exif=exif)
    assert render("fast", out.getvalue(), EnhanceParameters()).size == (1024, 512)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_understood(mode: str) -> None:
    out = io.BytesIO()
    grey = scene().convert("L")
    image = grey.point(lambda value: value * 256, "I").convert("I;16") if mode == "I;16" else scene().convert(mode)
    image.save(out, "JPEG" if mode == "CMYK" else "PNG")
    result = render("lanczos", out.getvalue(), EnhanceParameters())
    mean = ImageStat.Stat(result.convert("L")).mean[0]
    assert mean == pytest.approx(ImageStat.Stat(grey).mean[0], abs=12)


def test_the_enhancer_sharpens_and_more_creativity_changes_more() -> None:
    data = as_png(scene())
    results = [
        render("lanczos", data, EnhanceParameters(scale=1, enhance=True, creativity=creativity, prompt="gold"))
        for creativity in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert sharpness(results[0]) > 1.1 * sharpness(scene())
    changes = [error_of(result, scene()) for result in results]
    assert all(less < more for less, more in pairwise(changes)), changes


def test_gold_looks_gold() -> None:
    data = as_png(scene().convert("L").convert("RGB"))
    red, green, blue = ImageStat.Stat(
        render("lanczos", data, EnhanceParameters(scale=1, enhance=True, prompt="Gold!"))
    ).mean
    assert red > green + 15 > blue + 50


def test_each_word_of_the_vocabulary_gives_its_own_picture() -> None:
    data = as_png(scene())
    prompts = ("", "gold", "marble", "angry, menacing", "warm", "cool", "vintage", "noir")
    results = {
        render("lanczos", data, EnhanceParameters(scale=1, enhance=True, prompt=prompt)).tobytes() for prompt in prompts
    }
    assert len(results) == len(prompts)


def test_replication_keeps_the_noise_of_the_base() -> None:
    flat = Image.blend(
        Image.new("RGB", (256, 256), (128, 128, 128)),
        Image.frombytes("L", (256, 256), random.Random(7).randbytes(256 * 256)).convert("RGB"),
        0.06,
    )
    noises = [
        ImageStat.Stat(
            render("lanczos", as_png(flat), EnhanceParameters(scale=1, enhance=True, replication=replication)).convert(
                "L"
            )
        ).stddev[0]
        for replication in (0.0, 0.35, 1.0)
    ]
    assert all(less < more for less, more in pairwise(noises)), noises


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_in_half_is_refused(kind: str) -> None:
    out = io.BytesIO()
    scene().save(out, kind)
    assert isinstance(examine(out.getvalue(), EnhanceParameters()), UploadedPicture)
    refused = examine(out.getvalue()[: len(out.getvalue()) // 2], EnhanceParameters())
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 400


def test_a_png_without_its_end_is_refused() -> None:
    assert isinstance(examine(as_png(scene())[:-12], EnhanceParameters()), ContractRefusal)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP"])
def test_other_formats_are_refused(kind: str) -> None:
    out = io.BytesIO()
    scene().save(out, kind)
    assert isinstance(examine(out.getvalue(), EnhanceParameters()), ContractRefusal)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (96, 96), (97, 95), (500, 700)])
def test_tiles_cover_every_pixel_once(width: int, height: int) -> None:
    covered = Image.new("L", (width, height))
    for left, top, right, bottom in tiles(width, height):
        assert not covered.crop((left, top, right, bottom)).getbbox()
        covered.paste(1, (left, top, right, bottom))
    assert covered.getextrema() == (1, 1)


@needs_local
def test_the_network_shows_no_seam_between_its_tiles() -> None:
    network = Waifu2x(threading.Event())
    try:
        whole = network.double(scene())
        # Cut so that what is an edge between tiles in the whole lies inside one tile here.
        part = network.double(scene().crop((48, 48, 144, 144)))
    finally:
        network.close()
    assert error_of(part.crop((40, 40, 150, 150)), whole.crop((136, 136, 246, 246))) < 1


@needs_local
def test_the_network_comes_closer_to_a_photograph_than_lanczos(tmp_path: Path) -> None:
    with Image.open(next(photographs(tmp_path))) as photograph:
        truth = photograph.convert("RGB").crop((150, 40, 406, 296))
    small = truth.resize((128, 128), Image.Resampling.BICUBIC)
    network = Waifu2x(threading.Event())
    try:
        doubled = network.double(small)
    finally:
        network.close()
    assert error_of(doubled, truth) < 0.85 * error_of(small.resize(truth.size, Image.Resampling.LANCZOS), truth)


def test_the_photographs_are_sound_and_few_and_come_one_at_a_time(tmp_path: Path) -> None:
    steps = photographs(tmp_path)
    first = next(steps)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    paths = [first, *steps]
    assert [path.name for path in paths] == list(NAMES)
    assert sum(path.stat().st_size for path in paths) < 3_000_000
    for path in paths:
        assert isinstance(examine(path.read_bytes(), EnhanceParameters()), UploadedPicture), path.name
