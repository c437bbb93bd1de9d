"""Small pictures for tests: sound, different from each other by their seed, and broken on purpose."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import cache

from PIL import Image

SIDE = 300
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def picture(seed: int, kind: str = "PNG", side: int = SIDE) -> bytes:
    """A sound picture of `side` x `side` pixels without metadata; another seed, other pixels."""
    out = io.BytesIO()
    noise = random.Random(seed).randbytes(side * 3)
    rows = Image.frombytes("RGB", (side, 1), noise).resize((side, side), Image.Resampling.NEAREST)
    rows.save(out, kind)
    return out.getvalue()


@cache
def patchwork(seed: int, side: int) -> bytes:
    """A picture of which no two parts are alike, so that each of its tiles is a picture of its own."""
    out = io.BytesIO()
    squares = Image.frombytes("RGB", (20, 20), random.Random(seed).randbytes(20 * 20 * 3))
    squares.resize((side, side), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its length and its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def numbered(base: bytes, number: int) -> bytes:
    """The same PNG with other bytes that are sent: its content light level bears a number."""
    behind = len(SIGNATURE) + 25  # its header
    return base[:behind] + chunk(b"cLLI", struct.pack(">II", number, number)) + base[behind:]


def remarked(base: bytes, number: int) -> bytes:
    """The same PNG with other bytes that are not sent: a comment that bears a number."""
    end = chunk(b"IEND", b"")
    assert base.endswith(end)
    return base.removesuffix(end) + chunk(b"tEXt", b"Comment\0" + str(number).encode()) + end


def huge_header(side: int = 60_000) -> bytes:
    """A complete PNG file whose header promises `side` x `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def size_of(data: bytes) -> tuple[int, int]:
    """The size of a PNG, after all of its pixels were read."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "PNG"
        assert data.endswith(chunk(b"IEND", b""))
        return image.size
