"""Pillow behind `interfaces.Studio`: originals decoded for the upload, answers made into outputs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from PIL import Image

from watchd.adapters.pixels import colours, decoding, encoding, joining, uploading
from watchd.formats.picture import Broken, Format

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from watchd.core.outgoing.rendering import PaidPicture
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.picture import Picture
    from watchd.model import OutputFormat, Rect

_BAND: Final = 256
"""Rows that are worked on at a time."""
_OPAQUE: Final = 255
_WRITTEN: Final = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")
"""What an answer, or an earlier output that serves as one, may be."""

Mode = Literal["L", "LA", "RGB", "RGBA"]


@dataclass(frozen=True, slots=True)
class PillowRaster:
    """Implements `interfaces.Raster`."""

    image: Image.Image
    converted: bool

    def upload(self, rect: Rect | None, most: int) -> tuple[Format, bytes] | None:
        """All of it or a part, as a file of at most `most` bytes that the service takes."""
        image = self.image
        if rect is not None:
            image = image.crop((rect.left, rect.top, rect.left + rect.width, rect.top + rect.height))
        return uploading.encode(image, most)

    def alpha(self) -> bytes | None:
        """How opaque each pixel is, as a grey PNG; None where all are."""
        if self.image.mode not in {"LA", "RGBA"}:
            return None
        channel = self.image.getchannel("A")
        if channel.getextrema() == (_OPAQUE, _OPAQUE):
            return None
        target = io.BytesIO()
        channel.save(target, "PNG", compress_level=1)
        return target.getvalue()


class PillowStudio:
    """Implements `interfaces.Studio`; keeps nothing, so that any number of threads may share it."""

    @property
    def reads(self) -> Collection[Format]:
        """What can be decoded here: HEIC with its extra alone."""
        return [kind for kind in Format if kind is not Format.HEIC or decoding.READS_HEIC]

    def is_other_than_srgb(self, icc: bytes) -> bool:
        """Whether a profile means visibly other colours than sRGB."""
        return colours.is_other_than_srgb(icc)

    def srgb(self) -> bytes:
        """The profile of converted pixels."""
        return colours.srgb_profile()

    def decode(self, data: bytes, picture: Picture, metadata: Metadata) -> PillowRaster | Broken:
        """The first picture in a file whose container is whole."""
        decoded = decoding.decode(data, picture, metadata)
        return decoded if isinstance(decoded, Broken) else PillowRaster(decoded.image, decoded.converted)

    def render(self, answer: PaidPicture, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output to `target`, an empty file that can be sought in."""
        size, strips = _strips(answer)
        first = next(strips)
        mode = cast("Mode", first.mode)
        alpha = _enlarged_alpha(answer.alpha, size) if answer.alpha is not None and mode in {"L", "RGB"} else None
        if alpha is not None:
            mode = "LA" if mode == "L" else "RGBA"
        encoding.encode(_with_alpha(chain([first], strips), alpha), size, mode, target, form, dressed)


def _strips(answer: PaidPicture) -> tuple[tuple[int, int], Iterator[Image.Image]]:
    """The size of the result, and the result from top to bottom, all of one mode."""
    if len(answer.parts) > 1:
        size = answer.width, answer.height
        tiles = [joining.TileAnswer(part.rect, part.open) for part in answer.parts]
        return size, joining.join(tiles, size, scale=answer.scale)
    image = decoding.answer(answer.parts[0].open, _WRITTEN)
    return image.size, (image.crop((0, top, image.width, bottom)) for top, bottom in _bands(image.height))


def _bands(height: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, _BAND):
        yield top, min(height, top + _BAND)


def _enlarged_alpha(alpha: bytes, size: tuple[int, int]) -> Image.Image:
    with Image.open(io.BytesIO(alpha), formats=("PNG",)) as channel:
        return channel.resize(size, Image.Resampling.LANCZOS)


def _with_alpha(strips: Iterator[Image.Image], alpha: Image.Image | None) -> Iterator[Image.Image]:
    top = 0
    for strip in strips:
        bottom = top + strip.height
        if alpha is not None:
            strip.putalpha(alpha.crop((0, top, strip.width, bottom)))
        yield strip
        top = bottom
