"""Pixels of whatever mode and space to sRGB of eight bits: lcms does the converting, by one profile for each picture.

Relative colorimetric, with black point compensation. CMYK without a profile is taken as ImageMagick and the browsers
take it: each of red, green and blue is what its ink and black leave of white.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageCms

from watchd.adapters.pixels import deep
from watchd.formats.colour import icc_profile, transfer
from watchd.formats.tiff_plain import Lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Again: TypeAlias = Callable[[], Image.Image | None]

CANNOT_DECODE: Final = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error,
    ZeroDivisionError, NotImplementedError, RuntimeError, ImageCms.PyCMSError,
)  # fmt: skip
"""What Pillow's decoders raise for bytes that are damaged; its own notes promise no less."""
_VISIBLE: Final = 6
"""Levels of 255 by which a colour has to differ before anyone would see it."""
_STEPS: Final = (0, 51, 102, 153, 204, 255)
_SPACES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_BLACK_POINT: Final = ImageCms.Flags.BLACKPOINTCOMPENSATION
_EXACTLY: Final = ImageCms.Flags.NOOPTIMIZE
"""Without it lcms takes 33 grid points for grey and Lab, and is ten levels wrong between two of them."""
_SIGN: Final = 0x80
_ICC_LAB_LIGHT: Final = 0xFF00
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
            wanted = "LA" if image.mode == "La" else "RGBA" if transparent or image.mode != "P" else "RGB"
            return image.convert(wanted)
        case "I" | "F":
            raise ValueError("its levels are no fractions of white")
        case _:
            return image.convert("RGBA" if transparent else "RGB")


def as_srgb(
    image: Image.Image, icc: bytes | None, lab: Lab | None = None, again: Again | None = None
) -> tuple[Image.Image, bool]:
    """The pixels in eight bits, of mode L, LA, RGB or RGBA, and whether they were converted to sRGB.

    `icc`: the profile of the space that they are in. One that is not visibly another than sRGB, or not for such
    pixels, changes nothing. `lab`: what seems to be red, green and blue is L, a and b, stored so. `again`: opens the
    same image once more, for the lower half of its sixteen bits.
    """
    plain = in_eight_bits(image)
    alpha = plain.getchannel("A") if plain.mode in {"LA", "RGBA"} else None
    colours = plain.convert(plain.mode.removesuffix("A")) if alpha is not None else plain
    if colours.mode == "LAB" or lab is not None:
        turned: Image.Image | None = _from_lab(colours, lab, again)
    elif colours.mode == "CMYK":
        turned = _from_ink(colours, icc)
    elif icc is None or not is_other_than_srgb(icc):
        turned = None
    elif colours.mode == "L":
        turned = _from_grey(image if image.mode.startswith("I;16") else colours, icc)
    else:
        turned = _from_rgb(colours, icc, again)
    if turned is None:
        return _untagged(plain), False
    if alpha is not None:
        turned.putalpha(alpha)
    return _untagged(turned), True


def _untagged(image: Image.Image) -> Image.Image:
    """Without a profile that Pillow would save with it: not true of these pixels, or not needed with them."""
    image.info.pop(_TAG, None)
    return image


def _from_lab(image: Image.Image, lab: Lab | None, again: Again | None) -> Image.Image:
    if lab is not None:
        low = deep.low_bytes(again) if again is not None else None
        if low is None:
            light, *others = image.split()
            others = [one.point(lambda level: level ^ _SIGN) if lab is Lab.SIGNED else one for one in others]
            image = Image.merge("LAB", (light, *others))
        else:
            image = deep.looked_up(image, low, _tables_of_lab(lab), "LAB")
    return _through(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), image, _EXACTLY)


def _tables_of_lab(lab: Lab) -> list[list[int]]:
    """From sixteen bits to the eight that lcms has: 255 is light of 100, and 128 lies in the middle of a and b."""
    if lab is Lab.SIGNED:
        full, shift = deep.LEVELS - 1, deep.LEVELS // 2
    else:
        full, shift = _ICC_LAB_LIGHT, 0
    light = [min(255, round(level * 255 / full)) for level in range(deep.LEVELS)]
    other = [min(255, round(((level + shift) % deep.LEVELS) / 256)) for level in range(deep.LEVELS)]
    return [light, other, other]


def _from_ink(image: Image.Image, icc: bytes | None) -> Image.Image:
    profile = _profile(icc)
    if profile is not None and _space(profile) == "CMYK":
        try:
            return _through(profile, image)
        except ImageCms.PyCMSError:
            return image.convert("RGB")
    return image.convert("RGB")


def _from_grey(image: Image.Image, icc: bytes) -> Image.Image | None:
    table = _table(icc)
    if table is None:
        return _through(ImageCms.ImageCmsProfile(io.BytesIO(icc)), image.convert("RGB")).convert("L")
    return image.point(table[:: deep.LEVELS // 255]) if image.mode == "L" else deep.of_grey(image, table)


def _from_rgb(image: Image.Image, icc: bytes, again: Again | None) -> Image.Image | None:
    profile = _profile(icc)
    if profile is None or _space(profile) != "RGB":
        return None
    steps = icc_profile.split(icc, transfer.SRGB) if again is not None else None
    tables = [_table(curve) for curve in steps.curves] if steps is not None else []
    low = deep.low_bytes(again) if again is not None and all(tables) and tables else None
    if steps is None or low is None:
        return _through(profile, image)
    levels = deep.looked_up(image, low, [table for table in tables if table is not None], "RGB")
    return _through(ImageCms.ImageCmsProfile(io.BytesIO(steps.matrix)), levels)


@lru_cache(maxsize=16)
def _table(icc: bytes) -> bytes | None:
    """What grey levels of sixteen bits, or equal ones of red, green and blue, come to in sRGB; None: it tells none."""
    profile = _profile(icc)
    if profile is not None and _space(profile) == "RGB":
        steps = icc_profile.split(icc, transfer.SRGB)
        profile = _profile(steps.curves[1]) if steps is not None else None
    if profile is None or _space(profile) != "L":
        return None
    ramp = Image.frombytes("I;16", (deep.LEVELS, 1), struct.pack(f"<{deep.LEVELS}H", *range(deep.LEVELS)))
    grey = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile.of_grey(transfer.SRGB)))
    try:
        turn = ImageCms.buildTransform(profile, grey, "I;16", "L", _INTENT, _BLACK_POINT | _EXACTLY)
    except ImageCms.PyCMSError:
        return None
    return turn.apply(ramp).tobytes()


@lru_cache(maxsize=64)
def is_other_than_srgb(icc: bytes) -> bool:
    """Whether a profile means visibly other colours than sRGB, told by what it makes of a few of them.

    One that cannot be read, or that is for a space that no result has, means none that could be converted.
    """
    profile = _profile(icc)
    mode = _space(profile) if profile is not None else None
    if profile is None or mode not in {"L", "RGB"}:
        return False
    if mode == "L":
        meant, seen = bytes(range(256)), (_table(icc) or b"")[:: deep.LEVELS // 255]
    else:
        sample = _cube()
        try:
            meant, seen = sample.tobytes(), _through(profile, sample).tobytes()
        except CANNOT_DECODE:
            return False
    return max((abs(one - other) for one, other in zip(seen, meant, strict=False)), default=0) > _VISIBLE


def _profile(icc: bytes | None) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else None
    except CANNOT_DECODE:
        return None


def _space(profile: ImageCms.ImageCmsProfile) -> str | None:
    """The mode of images that a profile is for."""
    return _SPACES.get(profile.profile.xcolor_space)


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image, how: ImageCms.Flags | None = None) -> Image.Image:
    turned = ImageCms.profileToProfile(
        image, profile, _srgb(), renderingIntent=_INTENT, outputMode="RGB",
        flags=_BLACK_POINT if how is None else _BLACK_POINT | how,
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
