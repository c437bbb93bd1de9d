"""Strips of pixels as the bytes that streaming encoders compress: differences to the neighbours, in C speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEVEL: Final = 3
"""Of zlib, where none is asked for: a third of the time of its own choice, 6, for some percent more bytes."""
SUB: Final = 1
UP: Final = 2


def stacked(parts: Iterable[Image.Image], size: tuple[int, int], mode: str) -> Image.Image:
    """Strips one below the other, as one picture of this size."""
    canvas, top = Image.new(mode, size), 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas


def differences_to_the_left(strip: Image.Image) -> Image.Image:
    """Each channel less that of the pixel before it in its row, modulo 256."""
    before = Image.new(strip.mode, strip.size)
    before.paste(strip, (1, 0))
    return ImageChops.subtract_modulo(strip, before)


def differences_upwards(strip: Image.Image, above: Image.Image | None) -> Image.Image:
    """Each channel less that of the pixel above it, modulo 256. `above`: the last row of the strip before."""
    before = Image.new(strip.mode, strip.size)
    before.paste(strip, (0, 1))
    if above is not None:
        before.paste(above, (0, 0))
    return ImageChops.subtract_modulo(strip, before)


def filtered(strip: Image.Image, above: Image.Image | None) -> tuple[int, Image.Image]:
    """PNG's filter Sub or Up, whichever leaves less to be said, and what it leaves."""
    left, up = differences_to_the_left(strip), differences_upwards(strip, above)
    return (SUB, left) if _weight(left.histogram()) <= _weight(up.histogram()) else (UP, up)


def _weight(histogram: Sequence[int]) -> int:
    """How far the differences are from nought, all of them together."""
    return sum(count * min(level % 256, 256 - level % 256) for level, count in enumerate(histogram))


def widened(data: bytes) -> bytes:
    """Eight bits as sixteen: 255 becomes 65,535. True of modular differences of PNG as well, byte by byte."""
    wide = bytearray(2 * len(data))
    wide[0::2] = data
    wide[1::2] = data
    return bytes(wide)
