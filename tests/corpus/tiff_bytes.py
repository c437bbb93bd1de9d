"""TIFF by hand, EXIF too: directories with whatever tags, types, counts and offsets are asked for.

Source: TIFF 6.0 (sections 2 and 8), the BigTIFF design of libtiff, EXIF 2.32 (4.5 and 4.6).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, FLOAT, DOUBLE, LONG8 = 1, 2, 3, 4, 5, 7, 11, 12, 16
Value: TypeAlias = tuple[int, "Sequence[int] | bytes"]
"""A type, and its numbers (of a RATIONAL two for each) or its bytes."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
DESCRIPTION, MAKE, OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS = 270, 271, 273, 274, 277, 278, 279
PLANAR, PREDICTOR, PALETTE, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 284, 317, 320, 322, 323, 324, 325
EXTRA, SAMPLE_FORMAT, SUBFILE = 338, 339, 254
_CODES: Final = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 11: "f", 12: "d", 13: "I", 16: "Q"}


@dataclass(frozen=True, slots=True)
class Page:
    """One directory, and the pieces of its picture. `raw`: entries written as (type, count, value or offset)."""

    tags: Mapping[int, Value]
    pieces: Sequence[bytes] = ()
    raw: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    drop: frozenset[int] = frozenset()
    then: int | None = None
    """The offset of the next directory, where it is to be another than the true one."""
    backwards: bool = False
    """Its entries stand in falling order, against the specification."""


def _packed(kind: int, values: Sequence[int] | bytes, order: str) -> tuple[int, bytes]:
    """The count of a value, and its bytes."""
    if isinstance(values, bytes):
        return len(values), values
    return len(values) // (2 if kind == RATIONAL else 1), struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)


def directory(page: Page, order: str, at: int, *, big: bool = False, last: bool = True) -> bytes:
    """A directory that stands at the offset `at`, the values that are too long for it right behind."""
    entries = {number: _packed(kind, values, order) for number, (kind, values) in page.tags.items()}
    numbers = sorted({*entries, *page.raw} - page.drop, reverse=page.backwards)
    room, offset = (8, "Q") if big else (4, "I")
    head = struct.pack(order + ("Q" if big else "H"), len(numbers))
    outside = at + len(head) + len(numbers) * (20 if big else 12) + room
    rows, behind = b"", b""
    for number in numbers:
        if number in page.raw:
            kind, count, value = page.raw[number]
            rows += struct.pack(f"{order}HH{offset}{offset}", number, kind, count, value)
            continue
        count, body = entries[number]
        row = struct.pack(f"{order}HH{offset}", number, page.tags[number][0], count)
        if len(body) <= room:
            rows += row + body.ljust(room, b"\0")
        else:
            rows += row + struct.pack(order + offset, outside + len(behind))
            behind += body + bytes(len(body) % 2)
    following = 0 if last else outside + len(behind)
    return head + rows + struct.pack(order + offset, following if page.then is None else page.then) + behind


def tiff(*pages: Page, order: str = "<", big: bool = False, pixels_first: bool = True) -> bytes:
    """The file: of each page its pixels and then its directory, or the other way round (one page alone)."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    if big:
        head += struct.pack(order + "HH", 8, 0)
    start, offset = len(head) + (8 if big else 4), "Q" if big else "I"
    body, link, first = b"", 0, 0
    for number, page in enumerate(pages):
        size = sum(map(len, page.pieces))
        size += size % 2
        if not pixels_first:
            length = len(directory(_placed(page, 0, big=big), order, start, big=big))
            placed = _placed(page, start + length, big=big)
            body += directory(placed, order, start, big=big) + b"".join(page.pieces)
            first = start
            continue
        here = start + len(body)
        placed = _placed(page, here, big=big)
        made = directory(placed, order, here + size, big=big)
        if number == 0:
            first = here + size
        else:
            body = body[:link] + struct.pack(order + offset, here + size) + body[link + struct.calcsize(offset) :]
        count = struct.unpack_from(order + ("Q" if big else "H"), made)[0]
        if page.then is None:
            link = len(body) + size + (8 if big else 2) + count * (20 if big else 12)
        body += b"".join(page.pieces).ljust(size, b"\0") + made
    return head + struct.pack(order + offset, first) + body


def _placed(page: Page, at: int, *, big: bool) -> Page:
    """The page with where its pieces are, as far as its tags leave it open."""
    tiled = TILE_WIDTH in page.tags
    where, how_long = (TILE_OFFSETS, TILE_COUNTS) if tiled else (OFFSETS, COUNTS)
    kind = LONG8 if big else LONG
    offsets, position = [], at
    for piece in page.pieces:
        offsets.append(position)
        position += len(piece)
    told: dict[int, Value] = {}
    if page.pieces:
        told = {where: (kind, offsets), how_long: (kind, [len(piece) for piece in page.pieces])}
    return Page(told | dict(page.tags), page.pieces, page.raw, page.drop, page.then, page.backwards)


def described(
    size: tuple[int, int], bits: Sequence[int] = (8, 8, 8), photometric: int = 2, **more: Value | int
) -> dict[int, Value]:
    """The tags that every picture has; `more` by the names of this module in small letters."""
    tags: dict[int, Value] = {
        WIDTH: (LONG, [size[0]]), HEIGHT: (LONG, [size[1]]), BITS: (SHORT, [*bits]), COMPRESSION: (SHORT, [1]),
        PHOTOMETRIC: (SHORT, [photometric]), SAMPLES: (SHORT, [len(bits)]), ROWS: (LONG, [size[1]]),
    }  # fmt: skip
    for name, value in more.items():
        tags[globals()[name.upper()]] = (SHORT, [value]) if isinstance(value, int) else value
    return tags


def baseline(image: Image.Image, strips: int = 1, **more: Value | int) -> Page:
    """An uncompressed page of L or RGB in so many strips."""
    photometric, bits = (2, (8, 8, 8)) if image.mode == "RGB" else (1, (8,))
    rows = -(-image.height // strips)
    tops = range(0, image.height, rows)
    pieces = [image.crop((0, top, image.width, min(top + rows, image.height))).tobytes() for top in tops]
    return Page(described(image.size, bits, photometric, **{"rows": (LONG, [rows]), **more}), pieces)


def exif(
    tags: Mapping[int, Value], order: str = "<", inner: Mapping[int, Value] | None = None, thumbnail: bytes = b""
) -> bytes:
    """EXIF without its introduction: the first directory, the EXIF directory, and a thumbnail in a second one."""
    first = dict(tags)
    if inner is not None:
        first[0x8769] = (LONG, [0])
    length = len(directory(Page(first), order, 8))
    if inner is not None:
        first[0x8769] = (LONG, [8 + length])
    deep = b"" if inner is None else directory(Page(inner), order, 8 + length)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    if not thumbnail:
        return head + directory(Page(first), order, 8) + deep
    second = 8 + length + len(deep)
    small: dict[int, Value] = {COMPRESSION: (SHORT, [6]), 0x0201: (LONG, [0]), 0x0202: (LONG, [len(thumbnail)])}
    small[0x0201] = (LONG, [second + len(directory(Page(small), order, second))])
    return (
        head + directory(Page(first, then=second), order, 8) + deep + directory(Page(small), order, second) + thumbnail
    )


def turned(orientation: int, order: str = "<", kind: int = SHORT) -> bytes:
    """EXIF that says an orientation and a maker."""
    return exif({MAKE: (ASCII, b"Camera maker\0"), ORIENTATION: (kind, [orientation])}, order)
