"""A PNG written a strip at a time, so that a result of any size takes little memory.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from watchd.adapters.pixels import strips
from watchd.formats.png.png_chunks import SIGNATURE, chunk

if TYPE_CHECKING:
    from PIL import Image

COLOUR_TYPES: Final = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
_MOST_IN_A_CHUNK: Final = 1024 * 1024
_WIDE: Final = 16


class PngStream:
    """Strips in, a file out. `level`: of zlib, 0 to 9; `depth`: 8 or 16 bits a channel, of pixels that have eight."""

    def __init__(
        self, target: BinaryIO, size: tuple[int, int], mode: str, *, level: int | None, depth: int | None, extra: bytes
    ) -> None:
        """`extra`: whole chunks that belong behind the header."""
        self._target = target
        self._deflate = zlib.compressobj(strips.LEVEL if level is None else level)
        self._depth = depth or 8
        self._above: Image.Image | None = None
        self._waiting = bytearray()
        header = struct.pack(">IIBBBBB", *size, self._depth, COLOUR_TYPES[mode], 0, 0, 0)
        target.write(SIGNATURE + chunk(b"IHDR", header) + extra)

    def write(self, strip: Image.Image) -> None:
        """The next rows."""
        kind, left = strips.filtered(strip, self._above)
        data = left.tobytes()
        if self._depth == _WIDE:
            data = strips.widened(data)
        stride = len(data) // strip.height
        mark = bytes((kind,))
        rows = b"".join(mark + data[start : start + stride] for start in range(0, len(data), stride))
        self._waiting += self._deflate.compress(rows)
        self._above = strip.crop((0, strip.height - 1, strip.width, strip.height))
        self._give(_MOST_IN_A_CHUNK)

    def finish(self) -> None:
        """The end of the file."""
        self._waiting += self._deflate.flush()
        self._give(1)
        self._target.write(chunk(b"IEND", b""))

    def _give(self, least: int) -> None:
        while len(self._waiting) >= least:
            piece = bytes(self._waiting[:_MOST_IN_A_CHUNK])
            del self._waiting[: len(piece)]
            self._target.write(chunk(b"IDAT", piece))
