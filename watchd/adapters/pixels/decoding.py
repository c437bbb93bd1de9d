"""The pixels of an original as they are to be sent: upright, eight bits a channel, sRGB, the first frame."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image, ImageChops

from watchd.adapters.pixels import colours
from watchd.adapters.pixels.colours import CANNOT_DECODE
from watchd.formats import tiff_plain
from watchd.formats.picture import Broken, Colour, Format
from watchd.formats.tiff_plain import PlainTiff

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
_EIGHT_BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Pixels:
    """Of mode L, LA, RGB or RGBA. `converted`: they are sRGB now and were not, or not by the profile in the file."""

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
            plain = tiff_plain.plainly(data) if original.picture.format is Format.TIFF else PlainTiff(data, None)
            image = _opened(plain.data, original)
            if image is None:
                return Broken("have another size than its header says")
            image.load()
            doubt = _doubt(image, original.picture)
            if doubt is not None:
                return Broken(doubt)
            space = original.colours
            again = partial(_opened, plain.data, original) if original.picture.depth > _EIGHT_BITS else None
            image, converted = colours.as_srgb(image, space.profile if space else None, plain.lab, again)
            turn = None if original.picture.format in _TURNED_BY_DECODER else _TURNS.get(original.metadata.orientation)
            image = image if turn is None else image.transpose(turn)
            if image.size != original.upright:
                return Broken(f"come out as {image.width} x {image.height}, and its header says otherwise")
            return Pixels(image, converted or (space is not None and space.overrules))
    except CANNOT_DECODE as error:
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
                return colours.in_eight_bits(opened)
        except CANNOT_DECODE as error:
            raise ValueError(f"a paid answer cannot be decoded: {error}") from error


def _opened(data: bytes, original: Original) -> Image.Image | None:
    """The frame of the size in the header: the first one, but for a TIFF that begins with a thumbnail."""
    picture = original.picture
    image = Image.open(io.BytesIO(data), formats=_PILLOW[picture.format])
    sizes = {(picture.width, picture.height)}
    if picture.format in _TURNED_BY_DECODER:
        sizes.add(original.upright)  # before it is loaded, it may have been turned or not
    for page in range(_MOST_PAGES if picture.format is Format.TIFF else 1):
        if page:
            try:
                image.seek(page)
            except EOFError:
                return None
        if image.size in sizes:
            return image
    return None


def _is_grey(image: Image.Image) -> bool:
    """Whether no pixel has a colour, as where a decoder says grey in three channels."""
    if not image.mode.startswith("RGB"):
        return False
    red, green, blue = image.getchannel("R"), image.getchannel("G"), image.getchannel("B")
    return ImageChops.difference(red, green).getbbox() is None and ImageChops.difference(red, blue).getbbox() is None


def _doubt(image: Image.Image, picture: Picture) -> str | None:
    """Where what was decoded has other channels than the header says; completes the sentence "its pixels …"."""
    is_cmyk = image.mode == "CMYK"
    if is_cmyk != (picture.colour is Colour.CMYK):
        return f"come out as {image.mode}, and its header says {picture.colour}"
    if picture.colour is Colour.GREY and image.mode in _COLOURED and not _is_grey(image):
        return f"come out as {image.mode}, and its header says that they are grey"
    if picture.alpha and image.mode in _OPAQUE and "transparency" not in image.info:
        return "come out opaque, and its header says that they are not"
    return None
