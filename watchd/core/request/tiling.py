"""How a picture too large for one call is cut into tiles that overlap, and how their answers lie over each other.

The geometry of a picture at a scale is a part of what its calls are known by in the ledger: with another one, tiles
that are paid for fit nowhere. So it is not to be changed lightly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from watchd.model import Rect

OVERLAP: Final = 32
"""Pixels of the original that neighbours share at least. What an enlarger makes of a pixel depends on those around it,
some ten as a rule, so the outermost of a tile are the worst; a blend over three times as many hides them."""
_MOST_IN_A_ROW: Final = 85_000_000
"""Pixels of the result in one row of tiles: so many are in memory while tiles are joined, with four bytes each."""
_WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class _Grid:
    columns: int
    rows: int
    width: int
    height: int

    def rank(self, scale: float) -> tuple[int, float, int]:
        """Fewer tiles are better; then rows that are not too large to be joined; then tiles that are nearly square."""
        row = self.columns * self.width * self.height * scale**2
        return self.columns * self.rows, max(0.0, row - _MOST_IN_A_ROW), abs(self.width - self.height)


def cut(
    width: int, height: int, scale: float, *, most_pixels: int, least_side: int = 64, least_pixels: int = 65_536,
    overlap: int = OVERLAP,
) -> tuple[Rect, ...] | None:  # fmt: skip
    """The fewest tiles of one size, in rows from the top left, whose results have at most `most_pixels` each.

    None: there is no such cut, as for a strip a few pixels high. It is the whole where that fits.
    """
    best: _Grid | None = None
    columns = 1
    while columns <= width and (best is None or columns <= best.columns * best.rows):
        grid = _grid(columns, width, height, scale, most_pixels, overlap)
        if grid is not None and (best is None or grid.rank(scale) < best.rank(scale)):
            best = grid
        columns += 1
    if best is None or min(best.width, best.height) < least_side or best.width * best.height < least_pixels:
        return None
    lefts = _starts(width, best.width, best.columns)
    tops = _starts(height, best.height, best.rows)
    return tuple(Rect(left, top, best.width, best.height) for top in tops for left in lefts)


def _grid(columns: int, width: int, height: int, scale: float, most: int, overlap: int) -> _Grid | None:
    """The fewest rows for so many columns."""
    wide = _share(width, columns, overlap)
    highest = _highest(wide, scale, most)
    if highest >= height:
        return _Grid(columns, 1, wide, height)
    if highest <= overlap:
        return None
    rows = math.ceil((height - overlap) / (highest - overlap))
    return _Grid(columns, rows, wide, _share(height, rows, overlap))


def _share(length: int, parts: int, overlap: int) -> int:
    """The length of each of `parts` equal parts that overlap by at least so much; no longer than the whole."""
    return min(length, math.ceil((length + (parts - 1) * overlap) / parts))


def _highest(wide: int, scale: float, most: int) -> int:
    """The height up to which a tile `wide` pixels wide has a result that fits, however its sides are rounded."""
    rows = most // math.ceil(wide * scale)
    height = math.floor(rows / scale)
    while height > 0 and math.ceil(height * scale) > rows:
        height -= 1
    return height


def _starts(length: int, part: int, parts: int) -> list[int]:
    """Where parts begin that are spread evenly, the first at the start and the last at the end."""
    return [(number * (length - part) + (parts - 1) // 2) // (parts - 1) if number else 0 for number in range(parts)]


def result_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Pixels of the whole result."""
    return round(width * scale), round(height * scale)


def placed(rect: Rect, scale: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a tile's answer in the result: neighbours round a shared bound alike."""
    return (
        round(rect.left * scale), round(rect.top * scale), round(rect.right * scale), round(rect.bottom * scale)
    )  # fmt: skip


def ramp(length: int) -> bytes:
    """How much of the later tile shows at each pixel of an overlap, 0 to 255; the rest is the earlier one."""
    return bytes(round(_WHITE * (step + 0.5) / length) for step in range(length))
