"""The picture that all entries show: four corners to know it by, a gradient, and a pattern of its own."""

from __future__ import annotations

import io
import random
from functools import lru_cache
from typing import Any, Final

from PIL import Image, ImageCms

SIZE: Final = (320, 256)
PATCH: Final = (80, 64)
"""Of each corner: large enough for coarse chroma, and unlike in width and height, so that each turn shows."""
CORNERS: Final = ((200, 40, 40), (40, 170, 60), (40, 60, 190), (220, 200, 60))
"""Red, green, blue and yellow: left and right above, left and right below."""
_SQUARE: Final = 32


@lru_cache(maxsize=16)
def chart_of(seed: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """The chart; another seed, another row of squares in its middle."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    chart = Image.merge("RGB", (across, down, Image.blend(across, down, 0.3)))
    dice = random.Random(seed)
    for column in range(96, size[0] - 96, _SQUARE):
        colour = (dice.randrange(30, 226), dice.randrange(30, 226), dice.randrange(30, 226))
        chart.paste(colour, (column, 112, column + _SQUARE, 112 + _SQUARE))
    for at, colour in zip(corners_of(size), CORNERS, strict=True):
        chart.paste(colour, (*at, at[0] + PATCH[0], at[1] + PATCH[1]))
    return chart


def corners_of(size: tuple[int, int], patch: tuple[int, int] = PATCH) -> tuple[tuple[int, int], ...]:
    """Where the corners of a picture of that size begin."""
    right, lower = size[0] - patch[0], size[1] - patch[1]
    return (0, 0), (right, 0), (0, lower), (right, lower)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    """The picture, decoded whole."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def converted(image: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    """An sRGB picture in the colours of another profile: the same look, other numbers."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    turned = ImageCms.profileToProfile(image, srgb(), target, outputMode=mode)
    assert turned is not None
    turned.info.clear()  # of the profile, which a writer would take for what it is to say
    return turned


def shown(image: Image.Image) -> Image.Image:
    """An output as a program that manages colours shows it: sRGB, or RGBA."""
    plain = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
    profile = _fitting(image)
    if profile is None:
        return plain
    mode = "L" if profile.profile.xcolor_space.strip() == "GRAY" else "RGB"
    turned = ImageCms.profileToProfile(image.convert(mode), profile, srgb(), outputMode="RGB")
    assert turned is not None
    if plain.mode == "RGBA":
        turned.putalpha(plain.getchannel("A"))
    return turned


def _fitting(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Its profile, where that is one, and of colours as the picture has them."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    except (KeyError, OSError):
        return None
    spaces = {"GRAY": {"L", "LA", "1"}, "RGB": {"RGB", "RGBA", "P"}}
    return profile if image.mode in spaces.get(profile.profile.xcolor_space.strip(), ()) else None


@lru_cache(maxsize=1)
def srgb() -> ImageCms.ImageCmsProfile:
    """SRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
