"""Pillow behind `interfaces.Studio`: originals decoded for the upload, answers made into outputs."""

from __future__ import annotations

import io
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from PIL import Image, ImageChops

from watchd.adapters.pixels import colours, decoding, encoding, joining, uploading
from watchd.formats.picture import Broken, Format
from watchd.interfaces.studio import Developed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from watchd.core.outgoing.rendering import PaidPicture
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.reading import Original
    from watchd.model import OutputFormat, Rect

_BAND: Final = 256
"""Rows that are worked on at a time."""
_OPAQUE: Final = 255
_WRITTEN: Final = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")
"""What an answer, or an earlier output that serves as one, may be."""

Mode = Literal["L", "LA", "RGB", "RGBA"]


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

    def prove(self, versions: Sequence[bytes], original: Original) -> Broken | None:
        """Why files cannot be this picture; None: all are decoded to their last pixel, and all to the same ones."""
        first: Image.Image | None = None
        for data in versions:
            decoded = decoding.decode(data, original)
            if isinstance(decoded, Broken):
                return decoded
            if first is not None and ImageChops.difference(first, decoded.image).getbbox(alpha_only=False) is not None:
                return Broken("are not all there")
            first = first or decoded.image
        return None

    def develop(
        self, source: BinaryIO, original: Original, sent: tuple[BinaryIO, Rect | None, int] | None, alpha: BinaryIO
    ) -> Developed | Broken:
        """The first picture of a file as it is sent, or a part of it."""
        decoded = decoding.decode(source.read(), original)
        if isinstance(decoded, Broken):
            return decoded
        image, kind, size = decoded.image, None, 0
        if sent is not None:
            target, rect, most = sent
            kind, size = _written(image, rect, most, target)
        return Developed(kind, size, decoded.converted, _write_alpha(image, alpha))

    def preview(
        self, data: bytes, original: Original, longest: int | None, target: BinaryIO, *, quality: int, on_white: bool
    ) -> Format | Broken:
        """The picture for a browser."""
        decoded = decoding.decode(data, original)
        if isinstance(decoded, Broken):
            return decoded
        image = decoded.image
        if longest is not None:
            image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        if image.mode not in {"LA", "RGBA"}:
            image.save(target, "JPEG", quality=quality, subsampling=0)
            return Format.JPEG
        if not on_white:
            image.convert("RGBA").save(target, "WEBP", quality=quality, method=2)
            return Format.WEBP
        white = Image.new("RGB", image.size, "white")
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        white.save(target, "JPEG", quality=quality, subsampling=0)
        return Format.JPEG

    def render(self, answer: PaidPicture, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output to `target`, an empty file that can be sought in."""
        size, strips = _strips(answer)
        first = next(strips)
        mode = cast("Mode", first.mode)
        alpha = _enlarged_alpha(answer.alpha, size) if answer.alpha is not None and mode in {"L", "RGB"} else None
        if alpha is not None:
            mode = "LA" if mode == "L" else "RGBA"
        encoding.encode(_with_alpha(chain([first], strips), alpha), size, mode, target, form, dressed)


def _written(image: Image.Image, rect: Rect | None, most: int, target: BinaryIO) -> tuple[Format | None, int]:
    """All of it or a part, as a file of at most `most` bytes that the service takes."""
    if rect is not None:
        image = image.crop((rect.left, rect.top, rect.left + rect.width, rect.top + rect.height))
    encoded = uploading.encode(image, most)
    if encoded is None:
        return None, 0
    kind, data = encoded
    target.write(data)
    return kind, len(data)


def _write_alpha(image: Image.Image, target: BinaryIO) -> bool:
    """How opaque each pixel is, as a grey PNG; False where all are, and nothing is written."""
    if image.mode not in {"LA", "RGBA"}:
        return False
    channel = image.getchannel("A")
    if channel.getextrema() == (_OPAQUE, _OPAQUE):
        return False
    channel.save(target, "PNG", compress_level=1)
    return True


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
