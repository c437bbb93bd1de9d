"""GIF on paper: block after block up to its trailer, without decoding a pixel.

Source: Graphics Interchange Format, Version 89a (CompuServe).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable

STARTS: Final = (b"GIF87a", b"GIF89a")
_HEADER_BYTES: Final = 13
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _COMMENT, _APPLICATION = 0xF9, 0xFE, 0xFF
_IMAGE_BYTES: Final = 10  # its separator included
_TRANSPARENT: Final = 0x01
_HAS_TABLE: Final = 0x80
_MOST_BLOCKS: Final = 1_000_000
"""Blocks and sub-blocks; 255 MB of pixels have as many."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application extension: its eleven letters, and where its sub-blocks begin and end."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GifWalked:
    """What a GIF is made of; `end` is the offset after its trailer."""

    width: int
    height: int
    frames: int
    transparent: bool
    applications: tuple[Application, ...]
    end: int
    comments: tuple[tuple[int, int], ...] = ()
    """Where the sub-blocks of each begin and end."""


class _BlockWalk:
    __slots__ = ("_applications", "_at", "_blocks", "_comments", "_data", "_frames", "_transparent")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = _HEADER_BYTES + _table_bytes(data[10])
        self._frames = self._blocks = 0
        self._transparent = False
        self._applications: list[Application] = []
        self._comments: list[tuple[int, int]] = []

    def run(self) -> GifWalked | Incomplete | Unreadable:
        data = self._data
        while self._at < len(data):
            kind = data[self._at]
            if kind == _TRAILER:
                return self._ended()
            if kind == 0:  # a stray end of a block, which every decoder passes over
                self._at += 1
            elif kind == _EXTENSION:
                self._extension()
            elif kind == _IMAGE:
                self._image()
            else:
                return _damaged(data, f"at byte {self._at} no block begins where one must", self._at)
            self._blocks += 1
            if self._blocks > _MOST_BLOCKS:
                return Unreadable(f"it is cut into more than {_MOST_BLOCKS:,} blocks")
        return Incomplete("it ends before its trailer")

    def _ended(self) -> GifWalked | Unreadable:
        width, height = int.from_bytes(self._data[6:8], "little"), int.from_bytes(self._data[8:10], "little")
        if not self._frames:
            return Unreadable("it holds no picture")
        if not width or not height:
            return Unreadable(f"its header claims {width} x {height} pixels")
        return GifWalked(
            width, height, self._frames, self._transparent, (*self._applications,), self._at + 1, (*self._comments,)
        )  # fmt: skip

    def _extension(self) -> None:
        label = self._data[self._at + 1 : self._at + 2]
        start = self._at + 2
        if label == bytes((_CONTROL,)) and not self._frames:
            self._transparent = bool(int.from_bytes(self._data[start + 1 : start + 2], "big") & _TRANSPARENT)
        name = self._data[start + 1 : start + 12] if label == bytes((_APPLICATION,)) else None
        self._at = self._past_sub_blocks(start)
        if name is not None:
            self._applications.append(Application(name, start + 12, self._at))
        elif label == bytes((_COMMENT,)):
            self._comments.append((start, self._at))

    def _image(self) -> None:
        head = self._data[self._at : self._at + _IMAGE_BYTES]
        table = _table_bytes(head[9]) if len(head) == _IMAGE_BYTES else 0
        self._frames += 1
        self._at = self._past_sub_blocks(self._at + _IMAGE_BYTES + table + 1)  # and the size of its first code

    def _past_sub_blocks(self, at: int) -> int:
        data = self._data
        while at < len(data) and data[at]:
            at += data[at] + 1
            self._blocks += 1
        return at + 1


def joined_blocks(blocks: bytes) -> bytes:
    """What sub-blocks hold, each of which begins with its length."""
    parts, at = [], 0
    while at < len(blocks) and blocks[at]:
        parts.append(blocks[at + 1 : at + 1 + blocks[at]])
        at += blocks[at] + 1
    return b"".join(parts)


def _table_bytes(packed: int) -> int:
    return 3 << (packed & 7) + 1 if packed & _HAS_TABLE else 0


def _damaged(data: bytes, reason: str, at: int) -> Incomplete | Unreadable:
    if holes.explains_damage(data, max(0, at - holes.SECTOR), at + 1):
        return Incomplete(f"{reason}, and zeros stand before it: it may still be copied")
    return Unreadable(reason)


def walk(data: bytes) -> GifWalked | Incomplete | Unreadable:
    """The blocks of `data`, which begins as a GIF does, if they lead to its trailer."""
    return _BlockWalk(data).run() if len(data) >= _HEADER_BYTES else Incomplete("it ends inside its header")


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins as a GIF does, is whole up to its trailer; what follows that is ignored."""
    walked = walk(data)
    if not isinstance(walked, GifWalked):
        return walked
    hole = holes.whole_pages_missing(data, 0, walked.end)
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    return Picture(
        Format.GIF, walked.width, walked.height, Colour.PALETTE, alpha=walked.transparent, frames=walked.frames
    )  # fmt: skip
