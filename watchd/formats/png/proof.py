"""Proves an answer while it arrives: a PNG that is whole, says what it should and inflates to what it says."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from watchd.formats import foreign
from watchd.formats.picture import Incomplete, Picture, Unreadable
from watchd.formats.png.png_beside import Beside
from watchd.formats.png.png_chunks import SIGNATURE
from watchd.formats.png.structure import Blemish, ChunkWalk, Damaged, not_a_png

# Pixels are inflated in steps and thrown away; zlib copies what it has not used of a slice at every step.

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.formats.png.header import Header

_SLICE: Final = 64 * 1024
_STEP: Final = 256 * 1024
# What is no PNG is named by its first bytes; fewer than these are only judged at the end.
_ENOUGH_TO_NAME: Final = 64
# PNG has five row filters, 0 to 4; a decoder stops at any other.
_FILTERS: Final = bytes(range(5))


class PngProof:
    """Feed it a 200's body piece by piece; it holds under a megabyte whatever the size of the body.

    Proven: signature, IHDR, each chunk's CRC and order, PLTE for type 3, an IDAT stream that inflates with a right
    checksum to exactly the bytes that the header promises and whose rows can be unfiltered, IEND, nothing after it; and
    that no chunk beside the pixels is one that common decoders stumble over, but for the `flaws`, which are to be left
    out: the picture is paid for, and the same without them.
    Not judged: how large a picture may be; look at the Picture, or at `header` as soon as it is there.
    """

    __slots__ = ("_head", "_pixels", "_verdict", "_walk")

    def __init__(self) -> None:
        self._head = bytearray()
        self._pixels = _Inflated()
        self._walk = ChunkWalk(self._pixels, Beside(), forgives=True)
        self._verdict: Unreadable | None = None

    @property
    def header(self) -> Header | None:
        """The IHDR, once it has arrived with a right checksum."""
        return self._pixels.header

    @property
    def flaws(self) -> Sequence[Blemish]:
        """Chunks of a Picture that are to be left out, in their order."""
        return sorted(self._walk.flaws, key=lambda flaw: flaw.start)

    def feed(self, piece: bytes) -> Unreadable | None:
        """Take the next bytes. Unreadable as soon as nothing that follows could help; later pieces are then ignored."""
        if self._verdict is None:
            self._verdict = self._judge(piece)
        return self._verdict

    def finish(self) -> Picture | Incomplete | Unreadable:
        """The verdict on all that was fed. Incomplete: the body was cut short; a longer one could be whole."""
        if self._verdict is not None:
            return self._verdict
        if not self._head:
            return Incomplete("it is empty")
        if len(self._head) < len(SIGNATURE) and SIGNATURE.startswith(self._head):
            return Incomplete("it ends inside its first eight bytes")
        if self._head != SIGNATURE:
            return not_a_png(bytes(self._head))
        return self._walk.finish()

    def _judge(self, piece: bytes) -> Unreadable | None:
        view = memoryview(piece)
        if len(self._head) < len(SIGNATURE):
            missing = len(SIGNATURE) - len(self._head)
            self._head += view[:missing]
            view = view[missing:]
        if self._head == SIGNATURE:
            return self._walk_on(view)
        if SIGNATURE.startswith(self._head):
            return None
        self._head += view[: max(0, foreign.HEAD_BYTES - len(self._head))]
        return not_a_png(bytes(self._head)) if len(self._head) >= _ENOUGH_TO_NAME else None

    def _walk_on(self, view: memoryview) -> Unreadable | None:
        match self._walk.feed(view):
            case Damaged(reason):
                return Unreadable(reason)
            case verdict:
                return verdict


class _Inflated:
    """Inflates the IDAT stream step by step, counting bytes and looking at each row's filter."""

    __slots__ = ("_got", "_offset", "_passes", "_rows_end", "_stream", "_total", "header")

    def __init__(self) -> None:
        self.header: Header | None = None
        self._stream = zlib.decompressobj()
        self._passes: list[tuple[int, int]] = []
        self._total = 0
        self._got = 0
        self._offset = 0  # in the first of the passes left

    def begin(self, header: Header) -> None:
        self.header = header
        self._passes = list(header.passes())
        self._total = header.inflated_bytes()

    def feed(self, data: memoryview) -> str | None:
        for start in range(0, len(data), _SLICE):
            if (reason := self._inflate(data[start : start + _SLICE])) is not None:
                return reason
        return None

    def finish(self) -> str | None:
        if self._got != self._total:
            return f"its pixel data inflates to {self._got} bytes, and its header promises {self._total}"
        return None if self._stream.eof else "its pixel data lacks its checksum"

    def _inflate(self, data: bytes | memoryview) -> str | None:
        while data:
            if self._stream.eof:  # zlib would hand back what follows for ever
                return "bytes follow its pixel data"
            try:
                pixels = self._stream.decompress(data, _STEP)
            except zlib.error as error:
                return f"its pixel data cannot be inflated ({error})"
            if (reason := self._count(pixels)) is not None:
                return reason
            data = self._stream.unconsumed_tail
        # What zlib still holds comes with the next slice; a whole stream ends in a checksum, so nothing is left behind.
        return "bytes follow its pixel data" if self._stream.unused_data else None

    def _count(self, pixels: bytes) -> str | None:
        self._got += len(pixels)
        if self._got > self._total:
            return f"its pixel data inflates to more than the {self._total} bytes that its header promises"
        while pixels:
            stride, rows = self._passes[0]
            left = stride * rows - self._offset
            part, pixels = pixels[:left], pixels[left:]
            if part[-self._offset % stride :: stride].strip(_FILTERS):
                return "a row of its pixel data has a filter that PNG does not have"
            self._offset += len(part)
            if len(part) == left:
                del self._passes[0]
                self._offset = 0
        return None
