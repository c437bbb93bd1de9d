"""Pixels of whatever mode and space to sRGB of eight bits: lcms does the converting, by one profile for each picture.

Relative colorimetric, with black point compensation. CMYK without a profile is taken as ImageMagick and the browsers
take it: each of red, green and blue is what its ink and black leave of white.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Final

from PIL import Image, ImageCms

CANNOT_DECODE: Final = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error,
    ZeroDivisionError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What Pillow's decoders raise for bytes that are damaged; its own notes promise no less."""
_VISIBLE: Final = 6
"""Levels of 255 by which a colour has to differ before anyone would see it."""
_STEPS: Final = (0, 51, 102, 153, 204, 255)
_SPACES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_MADE_AT: Final = slice(24, 36)
_A_DATE: Final = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
_SIXTEEN_TO_EIGHT: Final = 1 / 257
_TAG: Final = "icc_profile"
"""Under this name Pillow carries a profile along, into whatever is saved."""


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Of mode L, LA, RGB, RGBA, CMYK or LAB."""
    transparent = "transparency" in image.info
    match image.mode:
        case "L" | "RGB" if not transparent:
            return image
        case "LA" | "RGBA" | "CMYK" | "LAB":
            return image
        case "1" | "L":
            return image.convert("LA" if transparent else "L")
        case mode if mode.startswith("I;16"):
            return image.convert("I").point(lambda level: level * _SIXTEEN_TO_EIGHT).convert("L")
        case "P" | "PA" | "La" | "RGBa":
            return image.convert("RGBA" if transparent or image.mode != "P" else "RGB")
        case "I" | "F":
            raise ValueError("its levels are no fractions of white")
        case _:
            return image.convert("RGBA" if transparent else "RGB")


def as_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bool]:
    """The pixels in eight bits, of mode L, LA, RGB or RGBA, and whether they were converted to sRGB.

    `icc`: the profile of the space that they are in. One that is not visibly another than sRGB, or not for such
    pixels, changes nothing.
    """
    if image.mode == "LAB":
        return _through(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), image), True
    plain = in_eight_bits(image)
    colours = plain.convert(plain.mode.removesuffix("A")) if plain.mode in {"LA", "RGBA"} else plain
    profile = _profile(icc) if icc is not None else None
    space = _SPACES.get(profile.profile.xcolor_space) if profile is not None else None
    if colours.mode == "CMYK":
        turned = _through(profile, colours) if profile is not None and space == "CMYK" else colours.convert("RGB")
        return _untagged(turned), True
    fits = space == colours.mode or (space == "RGB" and colours.mode == "L")
    if profile is None or not fits or not is_other_than_srgb(icc or b""):
        return _untagged(plain), False
    turned = _through(profile, colours.convert(space))
    if colours.mode == "L":
        turned = turned.convert("L")
    if plain is not colours:
        turned.putalpha(plain.getchannel("A"))
    return _untagged(turned), True


def _untagged(image: Image.Image) -> Image.Image:
    """Without a profile that Pillow would save with it: not true of these pixels, or not needed with them."""
    image.info.pop(_TAG, None)
    return image


@lru_cache(maxsize=64)
def is_other_than_srgb(icc: bytes) -> bool:
    """Whether a profile means visibly other colours than sRGB, told by what it makes of a few of them.

    One that cannot be read, or that is for a space that no result has, means none that could be converted.
    """
    profile = _profile(icc)
    mode = _SPACES.get(profile.profile.xcolor_space) if profile is not None else None
    if profile is None or mode not in {"L", "RGB"}:
        return False
    sample = _cube() if mode == "RGB" else _ramp()
    try:
        seen = _through(profile, sample).tobytes()
    except CANNOT_DECODE:
        return False
    meant = sample.convert("RGB").tobytes()
    return max(abs(one - other) for one, other in zip(seen, meant, strict=True)) > _VISIBLE


def _profile(icc: bytes | None) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else None
    except CANNOT_DECODE:
        return None


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> Image.Image:
    turned = ImageCms.profileToProfile(
        image, profile, _srgb(), renderingIntent=_INTENT, outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip
    if turned is None:
        raise ValueError("the colours cannot be converted")
    return turned


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def srgb_profile() -> bytes:
    """The profile that pixels are tagged with that were converted to sRGB: the same bytes each time."""
    made = _srgb().tobytes()
    return made[: _MADE_AT.start] + _A_DATE + made[_MADE_AT.stop :]


def _cube() -> Image.Image:
    colours = bytes(level for red in _STEPS for green in _STEPS for blue in _STEPS for level in (red, green, blue))
    return Image.frombytes("RGB", (len(colours) // 3, 1), colours)


def _ramp() -> Image.Image:
    return Image.frombytes("L", (256, 1), bytes(range(256)))
