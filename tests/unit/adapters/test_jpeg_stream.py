"""A JPEG written in bands is the one that an encoder makes of the whole, but for its restart markers."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from watchd.adapters.pixels.encoding import encode
from watchd.adapters.pixels.jpeg_stream import JpegStream
from watchd.formats.containers import inspect
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.picture import Format, Picture
from watchd.model import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = [(1, 1), (17, 15), (300, 255), (300, 256), (300, 257), (33, 511), (64, 512), (70, 2049), (129, 771)]


def noise(size: tuple[int, int], mode: str) -> Image.Image:
    seed = random.Random(repr((size, mode)))
    return Image.frombytes(mode, size, seed.randbytes(size[0] * size[1] * len(mode)))


def strips(image: Image.Image, seed: int) -> Iterator[Image.Image]:
    """The picture in strips of any heights."""
    chance, top = random.Random(seed), 0
    while top < image.height:
        bottom = min(image.height, top + chance.choice([1, 7, 100, 256, 300, 900]))
        yield image.crop((0, top, image.width, bottom))
        top = bottom


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", SIZES)
def test_it_shows_what_the_whole_would(size: tuple[int, int], mode: str, subsampling: int) -> None:
    image, options = noise(size, mode), {"quality": 92, "subsampling": subsampling}
    target, whole = io.BytesIO(), io.BytesIO()
    stream = JpegStream(target, size, options, {"dpi": (300, 300)})
    for strip in strips(image, subsampling):
        stream.write(strip)
    stream.finish()
    image.save(whole, "JPEG", **options)
    found = inspect(target.getvalue())
    assert isinstance(found, Picture)
    assert (found.width, found.height) == size
    with Image.open(target) as written, Image.open(whole) as expected:
        assert written.info["dpi"] == (300, 300)
        assert ImageChops.difference(written, expected).getbbox() is None
    assert target.getvalue().endswith(b"\xff\xd9")


def test_a_large_one_is_never_in_memory_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchd.adapters.pixels.encoding._MOST_OPTIMIZED", 1000)
    image, target = noise((200, 600), "RGBA"), io.BytesIO()
    tallest: list[int] = []
    real = Image.new

    def new(mode: str, size: tuple[int, int], color: int | str = 0) -> Image.Image:
        tallest.append(size[1])
        return real(mode, size, color)

    monkeypatch.setattr(Image, "new", new)
    metadata = Metadata(xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", pixels_per_metre=(11811, 11811))
    cut = (image.crop((0, top, 200, top + 40)) for top in range(0, 600, 40))
    encode(cut, image.size, "RGBA", target, OutputFormat("jpeg", quality=80), metadata)
    assert max(tallest) < 600
    monkeypatch.undo()
    assert isinstance(inspect(target.getvalue()), Picture)
    with Image.open(target) as written:
        assert (written.size, written.format, written.mode) == (image.size, Format.JPEG.upper(), "RGB")
        assert "xmp" in written.info
