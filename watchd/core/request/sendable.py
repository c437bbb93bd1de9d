"""Can a picture go out byte for byte, or what has to be done to it first: the service takes less than cameras make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchd.core.request.endpoint import MAX_UPLOAD_BYTES
from watchd.formats.metadata import exif
from watchd.formats.picture import Colour, Format

if TYPE_CHECKING:
    from watchd.formats.picture import Picture
    from watchd.formats.reading import Original

TAKEN: Final = frozenset({Format.JPEG, Format.PNG, Format.WEBP})
"""What the vendor names as safe to send."""
MOST_FILE_BYTES: Final = 1_000_000_000
"""Larger originals are refused: each is read whole, once, to be hashed and proven."""
MOST_DECODED_PIXELS: Final = 160_000_000
"""Larger pictures are refused where they must be decoded: 640 MB is the most that one may take in memory."""
_EIGHT_BITS: Final = 8
_MOST_BITS: Final = 16

NAMES: Final = {
    Format.TIFF: "a TIFF", Format.BMP: "a BMP", Format.GIF: "a GIF", Format.AVIF: "an AVIF",
    Format.JPEG2000: "a JPEG 2000", Format.HEIC: "a HEIC", Format.PNG: "a PNG", Format.JPEG: "a JPEG",
    Format.WEBP: "a WebP",
}  # fmt: skip


def reasons_to_convert(original: Original, size: int, *, other_colours: str | None) -> tuple[str, ...]:
    """Why a file of `size` bytes cannot be sent as it is, each completing the sentence "it is converted: …".

    `other_colours`: how it says that its colours are visibly others than sRGB, if it does. Nothing: it goes out byte
    for byte.
    """
    picture = original.picture
    said = (
        (picture.format not in TAKEN, f"it is {NAMES[picture.format]}"),
        (picture.frames > 1, f"only the first of its {picture.frames} pictures is sent"),
        (picture.colour is Colour.CMYK, "its colours are CMYK"),
        (picture.colour is Colour.OTHER, "its colours are no RGB"),
        (picture.depth > _EIGHT_BITS, f"it has {picture.depth} bits a channel"),
        (original.metadata.orientation != exif.UPRIGHT, "it is turned upright"),
        (other_colours is not None, other_colours or ""),
        (size > MAX_UPLOAD_BYTES, f"the service takes files below {MAX_UPLOAD_BYTES + 1:,} bytes"),
    )
    return tuple(why for applies, why in said if applies)


def objection(picture: Picture) -> str | None:
    """Why a picture is refused whatever its folder says, told from its header alone; None: it is not."""
    pixels = picture.width * picture.height
    if pixels > MOST_DECODED_PIXELS:
        return f"{picture.width}x{picture.height} pixels: pictures up to {MOST_DECODED_PIXELS:,} are decoded"
    if picture.depth > _MOST_BITS:
        return f"{picture.depth} bits a channel: up to {_MOST_BITS} can be converted"
    return None
