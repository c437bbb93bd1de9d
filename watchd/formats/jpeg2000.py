"""JPEG 2000 on paper: the boxes of a JP2 file, and the main header and the end of its codestream.

Source: ITU-T T.800 (ISO/IEC 15444-1), annexes A and I.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unended, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

BOXES: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM: Final = b"\xff\x4f\xff\x51"
_END: Final = b"\xff\xd9"
_SIZ: Final = struct.Struct(">HHIIIIIIIIH")
_SIZ_AT: Final = 4
_GREY_SPACES: Final = (17,)
_MOST_BOXES: Final = 10_000
_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST_COMPONENTS: Final = 4
_SOT: Final = b"\xff\x90"
_SOT_BYTES: Final = 12
_MOST_PARTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box's four letters, and the offsets of its contents; `end` may lie beyond the file."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, at: int, stop: int) -> Iterator[Box]:
    """The boxes that lie one after the other from `at` on."""
    for _ in range(_MOST_BOXES):
        if at + 8 > stop:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1 and at + 16 <= stop:
            (length,) = struct.unpack_from(">Q", data, start)
            start = at + 16
        end = stop if length == 0 else at + length
        yield Box(kind, start, end)
        if end <= at + 7:
            return
        at = end


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, a JP2 file or a bare codestream, holds its codestream up to the end marker."""
    if data.startswith(CODESTREAM):
        return _measure(data, 0, len(data.rstrip(b"\0")), grey=False, alpha=False)
    grey = alpha = False
    reached = 0
    for box in boxes(data, 0, len(data)):
        if box.kind == b"jp2c":
            return _measure(data, box.start, box.end, grey=grey, alpha=alpha)
        if box.end > len(data):
            break
        if box.kind == b"jp2h":
            inner = {one.kind: data[one.start : one.end] for one in boxes(data, box.start, box.end)}
            grey, alpha = _space(inner.get(b"colr", b"")) in _GREY_SPACES, _has_alpha(inner.get(b"cdef", b""))
        reached = box.end
    if holes.explains_damage(data, reached, reached + 8) or reached + 8 >= len(data):
        return Incomplete("it ends before its picture (jp2c)")
    return Incomplete(f"at byte {reached} no box lies whole")


def _space(colr: bytes) -> int:
    return int.from_bytes(colr[3:7], "big") if colr[:1] == b"\x01" else 0


def _has_alpha(cdef: bytes) -> bool:
    """Whether a channel is opacity (types 1 and 2 of the channel definition box)."""
    count = int.from_bytes(cdef[:2], "big")
    return any(int.from_bytes(cdef[at + 2 : at + 4], "big") in {1, 2} for at in range(2, 2 + 6 * min(count, 16), 6))


def _measure(data: bytes, start: int, end: int, *, grey: bool, alpha: bool) -> Picture | Incomplete | Unreadable:
    if len(data) < start + _SIZ_AT + _SIZ.size + 1:
        return Incomplete("it ends inside its header")
    if not data.startswith(CODESTREAM, start):
        return Unreadable("its picture does not begin as a codestream does")
    _, _, right, bottom, left, top, *tiling, components = _SIZ.unpack_from(data, start + _SIZ_AT)
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0 or not components:
        return Unreadable(f"its header claims {width} x {height} pixels in {components} channels")
    depth = (data[start + _SIZ_AT + _SIZ.size] & 0x7F) + 1
    few = components <= 2  # noqa: PLR2004 -- grey, and grey with alpha
    colour = Colour.GREY if grey or few else Colour.RGB if components <= _MOST_COMPONENTS else Colour.OTHER
    picture = Picture(Format.JPEG2000, width, height, colour, max(8, depth), alpha=alpha or components in {2, 4})
    across, down, left_of_tiles, top_of_tiles = tiling
    tiles = -(-(right - left_of_tiles) // max(1, across)) * -(-(bottom - top_of_tiles) // max(1, down))
    return _unfinished(data, start, end, tiles, picture) or picture


def _unfinished(data: bytes, start: int, end: int, tiles: int, picture: Picture) -> Incomplete | None:
    """Why the codestream may not be all there: it has no checksum, but each part of a tile tells its length."""
    hole = holes.whole_pages_missing(data, start, min(end, len(data)))
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    if end <= len(data) and data.endswith(_END, start, end):
        return None
    reached = _reached(data, start, tiles)
    perhaps = None if reached is None else Unended(picture, reached)
    if end > len(data):
        return Incomplete(f"it is {end - len(data)} bytes short of the end of its picture", perhaps)
    return Incomplete("its picture has no end marker (EOC)", perhaps)


def _reached(data: bytes, start: int, tiles: int) -> int | None:
    """Where the last part of the last tile ends, if the file holds that much; None: it does not, or does not tell."""
    at, met = start + 2, set[int]()
    for _ in range(_MOST_PARTS):
        if not data.startswith(_SOT, at):
            if met or at + 4 > len(data) or data[at] != _SOT[0]:
                break
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            continue
        head = data[at : at + _SOT_BYTES]
        length = int.from_bytes(head[6:10], "big")
        if len(head) < _SOT_BYTES or length < _SOT_BYTES or at + length > len(data):
            return None
        met.add(int.from_bytes(head[4:6], "big"))
        at += length
    return at if len(met) == tiles else None


def ended(data: bytes, end: int) -> bytes:
    """The picture of an `Unended` as a file of its own, with an end marker."""
    start = data.find(CODESTREAM)
    return data[:end] + _END if start == 0 else _boxed(data, start, end)


def _boxed(data: bytes, start: int, end: int) -> bytes:
    """The same in its boxes: the last one, which has no length, goes on to the end."""
    outer = next((box for box in boxes(data, 0, len(data)) if box.kind == b"jp2c"), None)
    if outer is None:
        return data[start:end] + _END
    head = data[: outer.start - 8]
    if data.startswith(b"\0\0\0\1", outer.start - 16) and data.startswith(b"jp2c", outer.start - 12):
        head = data[: outer.start - 16]
    return head + b"\0\0\0\0jp2c" + data[outer.start : end] + _END


def icc(data: bytes) -> bytes | None:
    """The colour profile of a JP2 file; None where it has none."""
    for outer in boxes(data, 0, len(data)):
        if outer.kind == b"jp2h":
            for box in boxes(data, outer.start, min(outer.end, len(data))):
                if box.kind == b"colr" and data[box.start : box.start + 1] in {b"\x02", b"\x03"}:
                    return data[box.start + 3 : box.end]
    return None


def coding_points(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of a JP2 file, by the numbers of ITU-T H.273 (T.801, method 5); None: it says none."""
    for outer in boxes(data, 0, len(data)):
        if outer.kind == b"jp2h":
            for box in boxes(data, outer.start, min(outer.end, len(data))):
                if box.kind == b"colr" and data[box.start : box.start + 1] == b"\x05" and box.end <= len(data):
                    numbers = data[box.start + 3 : box.end].ljust(4, b"\0")
                    return int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:4], "big")
    return None


def xmp(data: bytes) -> bytes | None:
    """The XMP packet of a JP2 file, in the box that Adobe has for it; None where it has none."""
    for box in boxes(data, 0, len(data)):
        if box.kind == b"uuid" and data.startswith(_XMP, box.start):
            return data[box.start + len(_XMP) : box.end]
    return None
