"""A result written in the format that its folder wants, with what is said beside its pixels.

PNG, TIFF and a large JPEG are written a strip at a time; the others need the whole picture in memory. The same result
gives the same bytes each time, so that what a crash interrupted can be told from what somebody else wrote.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, assert_never

from PIL import Image

from watchd.adapters.pixels.jpeg_stream import JpegStream
from watchd.adapters.pixels.png_stream import PngStream
from watchd.adapters.pixels.strips import stacked
from watchd.adapters.pixels.tiff_stream import TiffStream
from watchd.core.outgoing import output_formats
from watchd.formats.metadata import dressing, jpeg_segments
from watchd.formats.metadata.fitting import fitted
from watchd.formats.picture import Format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.formats.metadata.collecting import Metadata
    from watchd.model import OutputFormat

_FULL_COLOUR_FROM: Final = 90
"""The quality of a JPEG from which on its colours are as fine as its light."""
_AVIF_SPEED: Final = 7
_SPACE: Final = slice(16, 20)
_MOST_OPTIMIZED: Final = 40_000_000
"""Pixels up to which a JPEG is made a few percent smaller by a second pass, which needs all of them in memory."""
_WIDE: Final = 16
_MOST_DENSITY: Final = 0xFFFF


def encode(
    strips: Iterable[Image.Image], size: tuple[int, int], mode: str, target: BinaryIO, form: OutputFormat,
    dressed: Metadata,
) -> None:  # fmt: skip
    """Write a whole file to `target`, an empty one that can be sought in.

    `strips`: the result from top to bottom in bands of its full width, all of `mode`: L, LA, RGB or RGBA. What `form`
    cannot hold (`core.formats.limits`) is a ValueError or an OSError of the encoder's.
    """
    dressed = fitted(dressed, Format(form.type), size).metadata
    match form.type:
        case "png":
            extra = dressing.as_png_chunks(_fitting(dressed, mode))
            stream = PngStream(target, size, mode, level=_level(form), depth=form.bit_depth, extra=extra)
            for strip in strips:
                stream.write(strip)
            stream.finish()
        case "tiff":
            if mode == "LA" and form.bit_depth == _WIDE:  # which common programs do not read
                strips, mode = (strip.convert("RGBA") for strip in strips), "RGBA"
            compression = form.compression if isinstance(form.compression, str) else "deflate"
            tiff = TiffStream(
                target, size, mode, compression=compression, depth=form.bit_depth, exif=dressed.exif
            )  # fmt: skip
            for strip in strips:
                tiff.write(strip)
            tiff.finish(_fitting(dressed, mode))
        case "jpeg":
            _write_jpeg((_on_white(strip) for strip in strips), size, mode, target, form, _fitting(dressed, mode))
        case "webp":
            _write_webp(stacked(strips, size, mode), target, form, dressed)
        case "avif":
            _write_avif(stacked(strips, size, mode), target, form, dressed)
        case unexpected:
            assert_never(unexpected)


def _level(form: OutputFormat) -> int | None:
    return form.compression if isinstance(form.compression, int) else None


def _fitting(dressed: Metadata, mode: str) -> Metadata:
    """Without a profile of another colour space than the pixels have."""
    space = b"GRAY" if mode in {"L", "LA"} else b"RGB "
    return dressed if dressed.icc is None or dressed.icc[_SPACE] == space else replace(dressed, icc=None)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in {"LA", "RGBA"}:
        return image
    white = Image.new(image.mode.removesuffix("A"), image.size, "white")
    white.paste(image.convert(white.mode), mask=image.getchannel("A"))
    return white


def _write_jpeg(
    strips: Iterable[Image.Image], size: tuple[int, int], mode: str, target: BinaryIO, form: OutputFormat,
    dressed: Metadata,
) -> None:  # fmt: skip
    quality = form.quality or output_formats.DEFAULT_QUALITY["jpeg"]
    options = {"quality": quality, "subsampling": 0 if quality >= _FULL_COLOUR_FROM else 2}
    beside: dict[str, Any] = {"extra": jpeg_segments.segments(dressed)}
    if dressed.pixels_per_metre is not None:
        beside["dpi"] = _dots_per_inch(dressed)
    if size[0] * size[1] > _MOST_OPTIMIZED:
        stream = JpegStream(target, size, options, beside)
        for strip in strips:
            stream.write(strip)
        stream.finish()
        return
    image = stacked(strips, size, mode.removesuffix("A"))
    try:
        image.save(target, "JPEG", optimize=True, **options, **beside)
    except OSError:
        # Pillow gives a second pass no more than a byte a pixel, which does not do for noise or for many words.
        target.seek(0)
        target.truncate()
        image.save(target, "JPEG", **options, **beside)


def _dots_per_inch(dressed: Metadata) -> tuple[int, int]:
    """The resolution as JFIF has it, in whole dots; 0 where it has more than JFIF can say."""
    across, down = dressed.dpi or (0, 0)
    found = round(across), round(down)
    return found if max(found) <= _MOST_DENSITY else (0, 0)


def _beside(dressed: Metadata) -> dict[str, Any]:
    """What Pillow puts beside the pixels by itself."""
    said = {"exif": dressed.exif, "xmp": dressed.xmp, "icc_profile": dressed.icc}
    return {name: value for name, value in said.items() if value is not None}


def _write_webp(image: Image.Image, target: BinaryIO, form: OutputFormat, dressed: Metadata) -> None:
    coloured = image.convert("RGBA" if image.mode in {"LA", "RGBA"} else "RGB")
    quality = form.quality or (100 if form.lossless else output_formats.DEFAULT_QUALITY["webp"])
    coloured.save(
        target, "WEBP", quality=quality, lossless=bool(form.lossless), method=4, exact=bool(form.lossless),
        **_beside(_fitting(dressed, coloured.mode)),
    )  # fmt: skip


def _write_avif(image: Image.Image, target: BinaryIO, form: OutputFormat, dressed: Metadata) -> None:
    file = io.BytesIO()
    coloured = image.convert("RGBA" if image.mode in {"LA", "RGBA"} else "RGB")
    coloured.save(
        file, "AVIF", quality=form.quality or output_formats.DEFAULT_QUALITY["avif"], subsampling="4:4:4",
        speed=_AVIF_SPEED, max_threads=1,
        **_beside(_fitting(dressed, coloured.mode)),
    )  # fmt: skip
    target.write(file.getbuffer())
