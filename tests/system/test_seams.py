"""Tiles joined without a seam: against the sandbox's own engine, a gradient, noise, and photographs."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageStat

from watchd.adapters.pixels import joining
from watchd.core.request import tiling
from watchd.sandbox import contract, photographs
from watchd.sandbox.enlarging import Enlarger as SandboxEnlarger
from watchd.sandbox.pictures import UploadedPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import Rect

    Enlarger = Callable[[Image.Image], Image.Image]

SCALE = 2
MOST = 320_000
"""Pixels that a tile's result may have here, so that a small picture comes to several."""


def saved(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def lanczos(image: Image.Image) -> Image.Image:
    return image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.LANCZOS)


ENGINE = SandboxEnlarger("auto")


def by_the_sandbox(image: Image.Image) -> Image.Image:
    """What the service's stand-in makes of it."""
    parameters = contract.read_parameters({"scale": SCALE}, has_image=True, textual=False, dialect="enhance")
    assert not isinstance(parameters, contract.ContractRefusal)
    plan = contract.plan_result(parameters, *image.size)
    assert not isinstance(plan, contract.ContractRefusal)
    with Image.open(io.BytesIO(ENGINE.render(UploadedPicture(image, plan), parameters))) as answer:
        return answer.convert("RGB")


class Moody:
    """Each tile comes out a little lighter or darker, as of a service that looks at each by itself."""

    def __init__(self) -> None:
        self.dice = random.Random(7)

    def __call__(self, image: Image.Image) -> Image.Image:
        shift = self.dice.choice((-6, -3, 3, 6))
        return lanczos(image).point(lambda level: max(0, min(255, level + shift)))


def gradient() -> Image.Image:
    across = Image.linear_gradient("L").rotate(90).resize((640, 480))
    down = Image.linear_gradient("L").resize((640, 480))
    return Image.merge("RGB", (across, down, Image.blend(across, down, 0.5)))


def noise() -> Image.Image:
    return Image.frombytes("RGB", (640, 480), random.Random(3).randbytes(3 * 640 * 480))


def photograph(number: int) -> Image.Image:
    with tempfile.TemporaryDirectory() as place:
        path = list(photographs.photographs(Path(place)))[number]
        with Image.open(path) as image:
            return image.convert("RGB").resize((640, 480))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "a gradient": gradient,
    "noise": noise,
    "a photograph": partial(photograph, 0),
    "another photograph": partial(photograph, 1),
}


def cut(picture: Image.Image) -> tuple[Rect, ...]:
    rects = tiling.cut(*picture.size, SCALE, most_pixels=MOST)
    assert rects is not None
    assert len(rects) >= 4
    return rects


def joined(picture: Image.Image, enlarge: Enlarger) -> Image.Image:
    tiles = []
    for rect in cut(picture):
        data = saved(enlarge(picture.crop((rect.left, rect.top, rect.right, rect.bottom))))
        tiles.append(joining.TileAnswer(rect, partial(io.BytesIO, data)))
    result = Image.new("RGB", (picture.width * SCALE, picture.height * SCALE))
    top = 0
    for strip in joining.join(tiles, result.size, scale=SCALE):
        result.paste(strip, (0, top))
        top += strip.height
    assert top == result.height
    return result


def overlaps(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    """Where tiles lie over each other in the result."""
    width, height = picture.width * SCALE, picture.height * SCALE
    places = [tiling.placed(rect, SCALE) for rect in cut(picture)]
    lefts, rights = sorted({place[0] for place in places})[1:], sorted({place[2] for place in places})[:-1]
    tops, bottoms = sorted({place[1] for place in places})[1:], sorted({place[3] for place in places})[:-1]
    upright = [(left, 0, right, height) for left, right in zip(lefts, rights, strict=True)]
    return upright + [(0, top, width, bottom) for top, bottom in zip(tops, bottoms, strict=True)]


def mean(image: Image.Image) -> float:
    return sum(ImageStat.Stat(image).mean) / len(image.getbands())


def steps(image: Image.Image) -> Image.Image:
    """How much each pixel differs from its neighbour to the right and from the one below."""
    right = ImageChops.difference(image, ImageChops.offset(image, -1, 0))
    below = ImageChops.difference(image, ImageChops.offset(image, 0, -1))
    return ImageChops.lighter(right, below).crop((0, 0, image.width - 1, image.height - 1))


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("enlarge", [lanczos, by_the_sandbox], ids=["lanczos", "the sandbox"])
def test_where_tiles_meet_the_result_is_as_near_to_the_whole_as_elsewhere(name: str, enlarge: Enlarger) -> None:
    picture = PICTURES[name]()
    off = ImageChops.difference(joined(picture, enlarge), enlarge(picture).convert("RGB"))
    everywhere = mean(off)
    for box in overlaps(picture):
        assert mean(off.crop(box)) <= everywhere + 0.6, box


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("enlarge", [lanczos, by_the_sandbox], ids=["lanczos", "the sandbox"])
def test_no_step_is_larger_where_tiles_meet_than_in_the_whole(name: str, enlarge: Enlarger) -> None:
    picture = PICTURES[name]()
    found, wanted = steps(joined(picture, enlarge)), steps(enlarge(picture).convert("RGB"))
    for box in overlaps(picture):
        assert mean(found.crop(box)) <= mean(wanted.crop(box)) * 1.02 + 0.05, box


def butted(picture: Image.Image, enlarge: Enlarger) -> Image.Image:
    """Tiles laid over each other without a blend: what a seam looks like."""
    result = Image.new("RGB", (picture.width * SCALE, picture.height * SCALE))
    for rect in cut(picture):
        part = enlarge(picture.crop((rect.left, rect.top, rect.right, rect.bottom)))
        result.paste(part, tiling.placed(rect, SCALE)[:2])
    return result


def worst_edge(picture: Image.Image, result: Image.Image) -> float:
    """The largest mean step of any one column or row where tiles begin or end, less what the picture itself has."""
    found, wanted = steps(result), steps(lanczos(picture))
    places = [tiling.placed(rect, SCALE) for rect in cut(picture)]
    across = {place[0] for place in places} | {place[2] for place in places}
    down = {place[1] for place in places} | {place[3] for place in places}
    lines = [(at - 1, 0, at, result.height - 1) for at in across if 0 < at < result.width - 1]
    lines += [(0, at - 1, result.width - 1, at) for at in down if 0 < at < result.height - 1]
    return max(mean(found.crop(line)) - mean(wanted.crop(line)) for line in lines)


def test_a_service_of_changing_moods_leaves_no_edge_and_without_a_blend_it_would() -> None:
    picture = gradient()
    assert worst_edge(picture, joined(picture, Moody())) < 0.5
    assert worst_edge(picture, butted(picture, Moody())) > 2


def test_an_answer_a_pixel_off_is_fitted_into_its_place() -> None:
    picture = gradient()

    def rounded(image: Image.Image) -> Image.Image:
        return image.resize((image.width * SCALE + 1, image.height * SCALE - 1), Image.Resampling.LANCZOS)

    off = ImageChops.difference(joined(picture, rounded), lanczos(picture))
    assert mean(off) < 1


@pytest.mark.parametrize(
    ("modes", "expected"), [(("L",), "L"), (("RGB",), "RGB"), (("RGBA",), "RGBA"), (("RGBA", "RGB"), "RGB")]
)
def test_the_result_has_what_all_its_tiles_have(modes: tuple[str, ...], expected: str) -> None:
    picture = gradient()
    tiles = []
    for number, rect in enumerate(cut(picture)):
        part = lanczos(picture.crop((rect.left, rect.top, rect.right, rect.bottom)))
        tiles.append(joining.TileAnswer(rect, partial(io.BytesIO, saved(part.convert(modes[number % len(modes)])))))
    modes_found = {strip.mode for strip in joining.join(tiles, (1280, 960), scale=SCALE)}
    assert modes_found == {expected}


LARGE = """
import io, sys
from functools import partial
from PIL import Image
from watchd.adapters.pixels import encoding, joining
from watchd.core.request import tiling
from watchd.formats.metadata.collecting import Metadata
from watchd.model import OutputFormat
width, height, scale = 6124, 4083, 2
rects = tiling.cut(width, height, scale, most_pixels=16_777_216)
target = io.BytesIO()
size = rects[0].width * scale, rects[0].height * scale
Image.effect_noise(size, 30).convert("RGB").save(target, "PNG", compress_level=1)
data = target.getvalue()
tiles = [joining.TileAnswer(rect, partial(io.BytesIO, data)) for rect in rects]
size = tiling.result_size(width, height, scale)
with open(sys.argv[1], "wb") as file:
    encoding.encode(joining.join(tiles, size, scale=scale), size, "RGB", file, OutputFormat(sys.argv[2]), Metadata())
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize(("kind", "bound"), [("png", 500), ("jpeg", 700)])
def test_a_result_of_a_hundred_megapixels_is_joined_and_written_in_little_memory(
    tmp_path: object, kind: str, bound: int
) -> None:
    ended = subprocess.run([sys.executable, "-c", LARGE, f"{tmp_path}/out", kind], check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    peak = int(ended.stdout) / 1000
    assert peak < bound, f"{peak:.0f} MB"
    with Image.open(f"{tmp_path}/out") as image:
        assert image.size == (12_248, 8_166)
