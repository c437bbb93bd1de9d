"""GIF on paper: block after block up to its trailer, without decoding a pixel.

Source: Graphics Interchange Format, Version 89a (CompuServe). Like every decoder, it steps over what is no block, and
widens the screen to the first frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unended, Unreadable, counted

STARTS: Final = (b"GIF87a", b"GIF89a")
_HEADER_BYTES: Final = 13
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_BLOCK: Final = re.compile(b"[,!;]")
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
    __slots__ = ("_applications", "_at", "_blocks", "_comments", "_data", "_frames", "_size", "_transparent", "whole")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = _HEADER_BYTES + _table_bytes(data[10])
        self._frames = self._blocks = 0
        self._size = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        self._transparent = False
        self._applications: list[Application] = []
        self.whole: GifWalked | None = None
        """The file up to the last frame that is all there."""
        self._comments: list[tuple[int, int]] = []

    def run(self) -> GifWalked | Incomplete | Unreadable:
        data = self._data
        while self._at < len(data):
            kind = data[self._at]
            if kind == _TRAILER:
                return self._ended()
            if kind == _EXTENSION:
                self._extension()
            elif kind == _IMAGE:
                self._image()
            else:
                found = _BLOCK.search(data, self._at)
                stray, self._at = self._at, len(data) if found is None else found.start()
                if holes.touched_by_zeros(data, stray, self._at):
                    return Incomplete(f"at byte {stray} no block begins where one must: it may still be copied")
            self._blocks += 1
            if self._blocks > _MOST_BLOCKS:
                return Unreadable(f"it is cut into more than {_MOST_BLOCKS:,} blocks")
        return Incomplete("it ends before its trailer")

    def _ended(self) -> GifWalked | Incomplete | Unreadable:
        if not self._frames:
            return Unreadable("it holds no picture")
        if not all(self._size):
            return Unreadable("its header claims {} x {} pixels".format(*self._size))
        return self._so_far(self._at + 1)

    def _so_far(self, end: int) -> GifWalked:
        return GifWalked(
            *self._size, self._frames, self._transparent, (*self._applications,), end, (*self._comments,)
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
        if not self._frames:
            left, top, width, height = (int.from_bytes(head[at : at + 2], "little") for at in (1, 3, 5, 7))
            self._size = max(self._size[0], left + width), max(self._size[1], top + height)
        self._frames += 1
        self._at = self._past_sub_blocks(self._at + _IMAGE_BYTES + table + 1)  # and the size of its first code
        if (self._at <= len(self._data) or self._frames == 1) and all(self._size):
            self.whole = self._so_far(min(self._at, len(self._data)))

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


def walk(data: bytes) -> GifWalked | Incomplete | Unreadable:
    """The blocks of `data`, which begins as a GIF does, if they lead to its trailer."""
    return _BlockWalk(data).run() if len(data) >= _HEADER_BYTES else Incomplete("it ends inside its header")


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins as a GIF does, is whole up to its trailer; what follows that is ignored.

    Without a trailer the frames that are there may be all; only the first is ever sent.
    """
    if len(data) < _HEADER_BYTES:
        return Incomplete("it ends inside its header")
    met = _BlockWalk(data)
    walked = met.run()
    found = walked if isinstance(walked, GifWalked) else met.whole
    hole = None if found is None else holes.whole_pages_missing(data, 0, found.end)
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    if isinstance(walked, GifWalked):
        return _picture(walked)
    if found is None or isinstance(walked, Unreadable):
        return walked
    return Incomplete(walked.reason, Unended(_picture(found), found.end))


def _picture(walked: GifWalked) -> Picture:
    beside = (counted(walked.frames - 1, "frame"),) if walked.frames > 1 else ()
    return Picture(
        Format.GIF, walked.width, walked.height, Colour.PALETTE, alpha=walked.transparent, frames=walked.frames,
        besides=beside,
    )  # fmt: skip


def ended(data: bytes, end: int) -> bytes:
    """The picture of an `Unended` as a file of its own: no more sub-blocks, and a trailer."""
    return data[:end] + bytes((0, _TRAILER))
