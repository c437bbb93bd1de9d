"""Answers of tiles joined into one result: a row of tiles at a time, blended where they overlap."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image

from watchd.adapters.pixels.decoding import answer
from watchd.core.request import tiling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from watchd.model import Rect


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
    mode = _common_mode(tiles)
    ordered = sorted(tiles, key=lambda tile: (tile.rect.top, tile.rect.left))
    rows = [list(row) for _, row in groupby(ordered, key=lambda tile: tile.rect.top)]
    tops = [tiling.placed(row[0].rect, scale)[1] for row in rows]
    shared: Image.Image | None = None
    for tiles_of_row, top, next_top in zip(rows, tops, [*tops[1:], size[1]], strict=True):
        shared = yield from _strips_of_row(tiles_of_row, next_top - top, shared, size[0], scale, mode)


def _strips_of_row(
    tiles: Sequence[TileAnswer], ready: int, shared: Image.Image | None, width: int, scale: float, mode: str
) -> Generator[Image.Image, None, Image.Image | None]:
    """A row of tiles up to its line `ready`, from where the next one shares what is answered.

    `shared`: what the row before shares with it. The row is let go of when this ends, before the next is decoded.
    """
    row = _Row(tiles, width, scale, mode)
    done = 0
    if shared is not None:
        done = shared.height
        yield _blended(shared, row.strip(0, done), upright=True)
    for start in range(done, ready, _STRIP):
        yield row.strip(start, min(ready, start + _STRIP))
    return row.strip(ready, row.height) if ready < row.height else None


class _Row:
    """One row of tiles, decoded."""

    def __init__(self, tiles: Sequence[TileAnswer], width: int, scale: float, mode: str) -> None:
        self._width, self._mode = width, mode
        places = [tiling.placed(tile.rect, scale) for tile in tiles]
        self._tiles = [
            (left, _opened(tile, (right - left, bottom - top), mode))
            for tile, (left, top, right, bottom) in zip(tiles, places, strict=True)
        ]
        self.height = self._tiles[0][1].height

    def strip(self, start: int, end: int) -> Image.Image:
        """The rows from `start` up to `end`, as wide as the result, blended from tile to tile."""
        strip = Image.new(self._mode, (self._width, end - start))
        reached = 0
        for left, image in self._tiles:
            part = image.crop((0, start, image.width, end))
            shared = reached - left
            if shared > 0:
                old = strip.crop((left, 0, reached, strip.height))
                part.paste(_blended(old, part.crop((0, 0, shared, part.height)), upright=False), (0, 0))
            strip.paste(part, (left, 0))
            reached = left + image.width
        return strip


def _blended(earlier: Image.Image, later: Image.Image, *, upright: bool) -> Image.Image:
    """From the one to the other, downwards (`upright`) or to the right."""
    length = later.height if upright else later.width
    line = Image.frombytes("L", (1, length) if upright else (length, 1), tiling.ramp(length))
    return Image.composite(later, earlier, line.resize(later.size, Image.Resampling.NEAREST))


def _opened(tile: TileAnswer, size: tuple[int, int], mode: str) -> Image.Image:
    image = answer(tile.open)
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
