"""Answers of tiles joined into one result: a row of tiles at a time, blended where they overlap."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image

from watchd.adapters.pixels.decoding import in_eight_bits
from watchd.core import tiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watchd.core.tiling import Rect


_STRIP: Final = 256
"""Rows that are given away at a time."""


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """Where a tile lies in the original, and how the PNG that was answered for it is opened."""

    rect: Rect
    open: Callable[[], BinaryIO]


def join(tiles: Sequence[TileAnswer], size: tuple[int, int], *, scale: float) -> Iterator[Image.Image]:
    """The result as strips of its full width from top to bottom; one row of tiles is in memory at a time.

    Of mode RGBA where every answer has alpha, of mode L where every one is grey, else RGB. An answer that is a pixel or
    two off, by the service's rounding, is fitted into its place. `tiles`: as `core.tiling.cut` has them.
    """
    mode, width = _common_mode(tiles), size[0]
    ordered = sorted(tiles, key=lambda tile: (tile.rect.top, tile.rect.left))
    rows = [list(row) for _, row in groupby(ordered, key=lambda tile: tile.rect.top)]
    tops = [tiling.placed(row[0].rect, scale)[1] for row in rows]
    shared: Image.Image | None = None
    for row, top, next_top in zip(rows, tops, [*tops[1:], size[1]], strict=True):
        band = _row(row, width, scale, mode)
        if shared is not None:
            band.paste(_blended(shared, band.crop((0, 0, width, shared.height)), upright=True), (0, 0))
        ready = next_top - top
        for start in range(0, ready, _STRIP):
            yield band.crop((0, start, width, min(ready, start + _STRIP)))
        shared = band.crop((0, ready, width, band.height))


def _row(row: Sequence[TileAnswer], width: int, scale: float, mode: str) -> Image.Image:
    """One row of tiles, as wide as the result."""
    band: Image.Image | None = None
    reached = 0
    for tile in row:
        left, top, right, bottom = tiling.placed(tile.rect, scale)
        image = _opened(tile, (right - left, bottom - top), mode)
        if band is None:
            band = Image.new(mode, (width, bottom - top))
        shared = reached - left
        if shared > 0:
            old = band.crop((left, 0, reached, band.height))
            image.paste(_blended(old, image.crop((0, 0, shared, image.height)), upright=False), (0, 0))
        band.paste(image, (left, 0))
        reached = right
    if band is None:
        raise ValueError("a row without a tile")
    return band


def _blended(earlier: Image.Image, later: Image.Image, *, upright: bool) -> Image.Image:
    """From the one to the other, downwards (`upright`) or to the right."""
    length = later.height if upright else later.width
    line = Image.frombytes("L", (1, length) if upright else (length, 1), tiling.ramp(length))
    return Image.composite(later, earlier, line.resize(later.size, Image.Resampling.NEAREST))


def _opened(tile: TileAnswer, size: tuple[int, int], mode: str) -> Image.Image:
    with tile.open() as file, Image.open(file, formats=("PNG",)) as opened:
        opened.load()
        image = in_eight_bits(opened)
    image = image if image.mode == mode else image.convert(mode)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _common_mode(tiles: Sequence[TileAnswer]) -> str:
    """The mode that all answers can be told in, by their headers alone."""
    modes = set()
    for tile in tiles:
        with tile.open() as file, Image.open(file, formats=("PNG",)) as opened:
            alpha = opened.mode in {"LA", "RGBA", "PA"} or "transparency" in opened.info
            grey = opened.mode in {"1", "L"} or opened.mode.startswith("I;16")
            modes.add("RGBA" if alpha else "L" if grey else "RGB")
    return modes.pop() if len(modes) == 1 else "RGB"
