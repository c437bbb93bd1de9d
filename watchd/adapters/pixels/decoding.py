"""The pixels of an original as they are to be sent: upright, eight bits a channel, sRGB, the first frame."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image, ImageCms

from watchd.formats.picture import Broken, Colour, Format

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from watchd.formats.picture import Picture
    from watchd.formats.reading import Original

try:
    from pillow_heif import register_heif_opener
except ImportError:
    READS_HEIC = False
else:
    register_heif_opener()
    READS_HEIC = True

# What is too large is refused by its header, before anything is decoded (`core.sendable`).
Image.MAX_IMAGE_PIXELS = None

_PILLOW: Final = {
    Format.PNG: ("PNG",), Format.JPEG: ("JPEG", "MPO"), Format.WEBP: ("WEBP",), Format.TIFF: ("TIFF",),
    Format.BMP: ("BMP",), Format.GIF: ("GIF",), Format.AVIF: ("AVIF",), Format.JPEG2000: ("JPEG2000",),
    Format.HEIC: ("HEIF",),
}  # fmt: skip
_DAMAGED: Final = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error,
    ZeroDivisionError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What Pillow's decoders raise for bytes that are damaged; its own notes promise no less."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_TURNED_BY_DECODER: Final = frozenset({Format.TIFF, Format.HEIC})
"""Formats whose decoder turns its pixels upright by itself; of the others it leaves that to us."""
_COLOURED: Final = frozenset({"RGB", "RGBA", "RGBX", "YCbCr", "LAB", "HSV"})
_OPAQUE: Final = frozenset({"1", "L", "RGB", "YCbCr", "LAB", "I", "F", "P"})
_MOST_PAGES: Final = 10
_VISIBLE: Final = 6
"""Levels of 255 by which a colour has to differ before anyone would see it."""
_STEPS: Final = (0, 51, 102, 153, 204, 255)
_SPACES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_MADE_AT: Final = slice(24, 36)
_A_DATE: Final = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
_SIXTEEN_TO_EIGHT: Final = 1 / 257


@dataclass(frozen=True, slots=True)
class Pixels:
    """Of mode L, LA, RGB or RGBA. `converted`: they are sRGB now and were not."""

    image: Image.Image
    converted: bool


def decode(data: bytes, original: Original) -> Pixels | Broken:
    """The first frame of a file, upright; a large one takes 4 bytes a pixel.

    What comes out must be what the file says of itself: else its header, or its decoder, is not to be believed.
    """
    try:
        with warnings.catch_warnings():
            # Of what is odd in a file and was decoded all the same there is nothing to tell to anybody.
            warnings.simplefilter("ignore")
            image = _opened(data, original)
            if image is None:
                return Broken("have another size than its header says")
            image.load()
            doubt = _doubt(image, original.picture)
            if doubt is not None:
                return Broken(doubt)
            image, converted = _as_srgb(in_eight_bits(image), original.metadata.icc)
            turn = None if original.picture.format in _TURNED_BY_DECODER else _TURNS.get(original.metadata.orientation)
            image = image if turn is None else image.transpose(turn)
            if image.size != original.upright:
                return Broken(f"come out as {image.width} x {image.height}, and its header says otherwise")
            return Pixels(image, converted)
    except _DAMAGED as error:
        return Broken(f"cannot be decoded: {error}")


def answer(open_it: Callable[[], BinaryIO], kinds: Collection[str] = ("PNG",)) -> Image.Image:
    """The pixels of a paid answer, or of an output that serves as one; `kinds` in Pillow's names.

    Raises:
        FileNotFoundError: it is gone.
        ValueError: it was proven when it came, and cannot be decoded now: a fault of ours, or of the disk.
    """
    with open_it() as file:
        try:
            with Image.open(file, formats=[*kinds]) as opened:
                opened.load()
                return in_eight_bits(opened)
        except _DAMAGED as error:
            raise ValueError(f"a paid answer cannot be decoded: {error}") from error


def _opened(data: bytes, original: Original) -> Image.Image | None:
    """The frame of the size in the header: the first one, but for a TIFF that begins with a thumbnail."""
    picture = original.picture
    image = Image.open(io.BytesIO(data), formats=_PILLOW[picture.format])
    size = original.upright if picture.format in _TURNED_BY_DECODER else (picture.width, picture.height)
    pages = getattr(image, "n_frames", 1) if picture.format is Format.TIFF else 1
    for page in range(min(pages, _MOST_PAGES)):
        if page:
            image.seek(page)
        if image.size == size:
            return image
    return None


def _doubt(image: Image.Image, picture: Picture) -> str | None:
    """Where what was decoded has other channels than the header says; completes the sentence "its pixels …"."""
    is_cmyk = image.mode == "CMYK"
    if is_cmyk != (picture.colour is Colour.CMYK):
        return f"come out as {image.mode}, and its header says {picture.colour}"
    if picture.colour is Colour.GREY and image.mode in _COLOURED:
        return f"come out as {image.mode}, and its header says that they are grey"
    if picture.alpha and image.mode in _OPAQUE and "transparency" not in image.info:
        return "come out opaque, and its header says that they are not"
    return None


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


def _as_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bool]:
    colours, alpha = image, None
    if image.mode in {"LA", "RGBA"}:
        alpha = image.getchannel("A")
        colours = image.convert(image.mode.removesuffix("A"))
    if image.mode == "LAB":
        return _through(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), image), True
    profile = _profile(icc) if icc is not None else None
    fits = profile is not None and _SPACES.get(profile.profile.xcolor_space) == colours.mode
    if profile is None or not fits or (colours.mode != "CMYK" and not is_other_than_srgb(icc or b"")):
        return (image.convert("RGB"), True) if image.mode == "CMYK" else (image, False)
    turned = _through(profile, colours)
    if colours.mode == "L":
        turned = turned.convert("L")
    if alpha is not None:
        turned.putalpha(alpha)
    return turned, True


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
    except _DAMAGED:
        return False
    meant = sample.convert("RGB").tobytes()
    return max(abs(one - other) for one, other in zip(seen, meant, strict=True)) > _VISIBLE


def _profile(icc: bytes | None) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else None
    except _DAMAGED:
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
