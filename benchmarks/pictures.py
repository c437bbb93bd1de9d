"""Pictures for the benchmarks, made fast: each is a whole PNG, each has bytes of its own, and none has metadata.

Without metadata what watchd sends is what lies in the folder, so the service can tell every picture by its SHA-256.
"""

from __future__ import annotations

import random
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SMALL = (256, 256)
"""65,536 pixels: the least that the service takes."""
LARGE = (1632, 1632)
"""8 MB of noise in RGB; twice the size is 10.7 million pixels."""


def small(seed: int) -> bytes:
    """Some 20 KB: a third of a grey picture is noise."""
    return png(SMALL, channels=1, noisy_rows=78, seed=seed, level=1)


def large(seed: int) -> bytes:
    """Some 8 MB: noise all over, stored as it is."""
    return png(LARGE, channels=3, noisy_rows=LARGE[1], seed=seed, level=0)


def tiny(seed: int) -> bytes:
    """Under a kilobyte, for folders of ten thousand."""
    return png(SMALL, channels=1, noisy_rows=1, seed=seed, level=1)


def numbered(picture: bytes, number: int) -> bytes:
    """The same picture with bytes of its own, a hundred times faster than to make one: a content light level."""
    behind = len(SIGNATURE) + 25  # its header
    return picture[:behind] + _chunk(b"cLLI", struct.pack(">II", number, number)) + picture[behind:]


def twice_small() -> bytes:
    """The answer to a small one, some 40 KB."""
    return png((512, 512), channels=1, noisy_rows=78, seed=0, level=1)


def twice_large() -> bytes:
    """The answer to a large one: half noise and half flat, 16 MB."""
    return png((2 * LARGE[0], 2 * LARGE[1]), channels=3, noisy_rows=LARGE[1], seed=0, level=1)


def png(size: tuple[int, int], *, channels: int, noisy_rows: int, seed: int, level: int) -> bytes:
    """A PNG of 8 bits a sample, grey (1 channel) or RGB (3): `noisy_rows` of noise, then rows of black."""
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    pixels = zlib.compress(b"".join(_rows(width * channels, height, noisy_rows, random.Random(seed))), level)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _rows(width: int, height: int, noisy: int, chance: random.Random) -> Iterator[bytes]:
    for _ in range(noisy):
        yield b"\0" + chance.randbytes(width)
    yield bytes(width + 1) * (height - noisy)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, whole or not; None of anything else."""
    if len(data) < 24 or not data.startswith(SIGNATURE) or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def fill(folder: Path, number: int, make: Callable[[int], bytes]) -> Path:
    """A new folder of so many pictures, each made of its own number."""
    folder.mkdir()
    for seed in range(number):
        (folder / f"{seed:04}.png").write_bytes(make(seed))
    return folder


def move_in(staged: Path, hot: Path) -> None:
    """Rename all of a folder into another on the same file system, in the order of the names."""
    for picture in sorted(staged.iterdir()):
        picture.rename(hot / picture.name)


def link_all(source: Path, target: Path) -> None:
    """A folder of hard links: another contender's own copies, which take no room."""
    target.mkdir()
    for picture in source.iterdir():
        (target / picture.name).hardlink_to(picture)
