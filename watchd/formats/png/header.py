"""What a PNG's header (IHDR) promises: size, depth, colours, and how many bytes its pixels inflate to.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from watchd.formats.picture import Unreadable

IHDR_BYTES: Final = 13
COLOUR_TYPE_AT: Final = 9  # in the body of IHDR
LARGEST: Final = 2**31 - 1  # of any length or side
GREY_TYPES: Final = (0, 4)
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by colour type
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# First row, first column, rows apart, columns apart of each Adam7 pass.
_ADAM7: Final = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """IHDR. `width` and `height` in pixels, `depth` in bits a sample, `colour` the type 0, 2, 3, 4 or 6."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    def passes(self) -> tuple[tuple[int, int], ...]:
        """Of each pass that holds pixels: bytes a row (its filter byte included) and rows, as they are inflated."""
        bits = self.depth * _SAMPLES[self.colour]
        grids = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        found = []
        for row, column, rows_apart, columns_apart in grids:
            width = -((column - self.width) // columns_apart)
            height = -((row - self.height) // rows_apart)
            if width > 0 and height > 0:
                found.append((1 + -(-width * bits // 8), height))
        return tuple(found)

    def inflated_bytes(self) -> int:
        """What the pixel data must inflate to, exactly."""
        return sum(stride * rows for stride, rows in self.passes())


def read_header(body: bytes) -> Header | Unreadable:
    """The 13 bytes of an IHDR chunk, if a decoder could go by them."""
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        return Unreadable(f"its header claims {width} x {height} pixels")
    if depth not in _DEPTHS.get(colour, ()):
        return Unreadable(f"its header claims {depth} bits of colour type {colour}, which PNG does not have")
    if compression or filtering or interlace > 1:
        return Unreadable("its header claims a compression, filter or interlace method that PNG does not have")
    return Header(width, height, depth, colour, interlaced=bool(interlace))
