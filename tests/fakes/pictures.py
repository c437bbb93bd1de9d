"""Small pictures of any size, cheap to make and each unlike the others."""

from __future__ import annotations

import hashlib
import zlib

from watchd.formats.png.png_chunks import SIGNATURE, chunk


def picture(seed: int = 0, width: int = 256, height: int = 256) -> bytes:
    """A grey PNG; another seed gives other bytes of the same length."""
    shade = hashlib.sha256(seed.to_bytes(8, "big")).digest()
    return png(width, height, shade[: min(width, 32)])


def png(width: int, height: int, first_pixels: bytes = b"") -> bytes:
    """A grey PNG, black but for its first pixels."""
    rows = bytearray((width + 1) * height)
    rows[1 : 1 + len(first_pixels)] = first_pixels
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 0, 0, 0, 0))
    # Stored, so that the length depends on the size alone.
    body = zlib.compress(bytes(rows), 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
