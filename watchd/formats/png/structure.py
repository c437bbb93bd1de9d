"""PNG on paper: the order that its chunks must stand in, and what its header promises.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from watchd.formats import foreign
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable
from watchd.formats.png.header import GREY_TYPES, IHDR_BYTES, LARGEST, Header, read_header
from watchd.formats.png.png_chunks import CRC_BYTES, HEADER_BYTES, Begin, ChunkBody, ChunkSplitter, End

# At 8 KiB a chunk, as libpng writes, this is 800 MB. Files beyond it are made to keep a reader busy.
MOST_CHUNKS: Final = 100_000
COLOUR_PALETTE: Final = 3
_PALETTE_ENTRY_BYTES: Final = 3
_MOST_PALETTE_BYTES: Final = 768
ANCILLARY: Final = 0x20  # this bit of a kind's first letter: a decoder may skip the chunk
COLOURS: Final = {0: Colour.GREY, 2: Colour.RGB, 3: Colour.PALETTE, 4: Colour.GREY, 6: Colour.RGB}
ALPHA_TYPES: Final = (4, 6)
_ANIMATED: Final = "it is an animated PNG; only still pictures are answered"
_FRAMES_BYTES: Final = 4
KIND: Final = re.compile(rb"[A-Za-z]{4}")


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that cannot be right, in the chunk that lies at `start` to `end` of the file."""

    reason: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Blemish:
    """A chunk, at `start` to `end` of the file, without which the picture is the same and sound, and why."""

    reason: str
    start: int
    end: int


class PixelData(Protocol):
    """What looks at the compressed pixels as they pass."""

    def begin(self, header: Header) -> None:
        """The header is known; no pixels have passed."""

    def feed(self, data: memoryview) -> str | None:
        """Take a piece of the IDAT stream; the reason if it cannot belong to the picture."""

    def finish(self) -> str | None:
        """All of the IDAT stream has passed; the reason if it was not the picture."""


class SkippableData(Protocol):
    """What looks at the chunks that are not critical as they pass; each answer is the reason why one cannot be."""

    def begin(self, kind: bytes, length: int, header: Header) -> str | None:
        """A chunk begins."""

    def feed(self, piece: memoryview) -> None:
        """Take a piece of its body."""

    def end(self) -> str | None:
        """The chunk has passed."""


class ChunkWalk:
    """Checks chunk after chunk: order, CRC and header. It decodes nothing by itself.

    `pixels`, if given, is shown the IDAT stream, and `beside` what a decoder may skip. A verdict, once there, stays.

    With `forgives`, a chunk that a decoder may skip and that says nothing of the pixels ends nothing, whatever is wrong
    with it, its place included: it is one of the `flaws`, and to be left out.
    """

    __slots__ = (
        "_beside",
        "_chunks",
        "_crc",
        "_flaw",
        "_forgives",
        "_frames",
        "_header",
        "_ihdr",
        "_interrupting",
        "_is_interrupted",
        "_kind",
        "_palette",
        "_pixels",
        "_seen",
        "_span",
        "_splitter",
        "flaws",
    )

    def __init__(
        self, pixels: PixelData | None = None, beside: SkippableData | None = None, *, forgives: bool = False
    ) -> None:
        self.flaws: list[Blemish] = []
        self._forgives = forgives
        self._flaw: str | None = None
        """What is wrong with the chunk at hand, if that is forgiven."""
        self._interrupting: list[Blemish] = []
        """Chunks since the last of the pixel data, which are flaws if more of it follows."""
        self._is_interrupted = False
        """By one that cannot be left out."""
        self._pixels = pixels
        self._beside = beside
        self._splitter = ChunkSplitter()
        self._kind = b""
        self._crc = 0
        self._span = (0, 0)
        self._ihdr = b""
        self._frames = b""
        self._header: Header | None = None
        self._seen: set[bytes] = set()
        self._chunks = 0

    def feed(self, data: bytes | memoryview) -> Damaged | Unreadable | None:
        """Take the next bytes after the signature; a verdict as soon as one is certain (then feed no more)."""
        for event in self._splitter.feed(data):
            match event:
                case Begin():
                    verdict = self._begin(event)
                case ChunkBody(piece):
                    verdict = self._body(piece)
                case End(crc):
                    verdict = self._end(crc)
            if verdict is not None:
                return verdict
        return self._follows() if b"IEND" in self._seen and self._splitter.held() else None

    def finish(self) -> Picture | Incomplete | Unreadable:
        """The verdict when there are no more bytes and none of the feeds gave one."""
        where = self._splitter.unfinished()
        if where is not None:
            return Incomplete(f"it ends {where}")
        if self._header is None or b"IEND" not in self._seen:
            return Incomplete("it ends before its last chunk (IEND)")
        if self._pixels is not None and (reason := self._pixels.finish()) is not None:
            return Unreadable(reason)
        header = self._header
        return Picture(
            Format.PNG, header.width, header.height, COLOURS[header.colour], max(8, header.depth),
            alpha=header.colour in ALPHA_TYPES or b"tRNS" in self._seen,
            frames=max(1, int.from_bytes(self._frames[:_FRAMES_BYTES], "big")),
        )  # fmt: skip

    def _begin(self, chunk: Begin) -> Damaged | Unreadable | None:
        if b"IEND" in self._seen:
            return self._follows()
        self._span = (chunk.at, chunk.at + HEADER_BYTES + chunk.length + CRC_BYTES)
        if not KIND.fullmatch(chunk.kind) or chunk.length > LARGEST:
            return Damaged(f"at byte {chunk.at} no chunk begins where one must", chunk.at, chunk.at + HEADER_BYTES)
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            return Unreadable(f"it is cut into more than {MOST_CHUNKS} chunks")
        reason = self._misplaced(chunk.kind, chunk.length) or self._begin_beside(chunk.kind, chunk.length)
        is_forgiven = self._may_be_left_out(chunk.kind)
        if reason is not None and not is_forgiven:
            return Unreadable(reason)
        self._flaw = reason
        self._kind, self._crc = chunk.kind, zlib.crc32(chunk.kind)
        return None

    def _may_be_left_out(self, kind: bytes) -> bool:
        """Whether the picture is the same without it."""
        return self._forgives and self._header is not None and bool(kind[0] & ANCILLARY) and kind != b"tRNS"

    def _begin_beside(self, kind: bytes, length: int) -> str | None:
        if self._beside is None or self._header is None or not kind[0] & ANCILLARY:
            return None
        return self._beside.begin(kind, length, self._header)

    def _follows(self) -> Damaged:
        end = self._span[1]
        return Damaged("bytes follow the end of its picture (IEND)", end, end + 1)

    def _misplaced(self, kind: bytes, length: int) -> str | None:
        """Why a chunk of this kind and length may not stand here."""
        if self._header is None:
            return misplaced_first(kind, length)
        if kind == b"IHDR" or (kind == b"acTL" and self._pixels is not None):
            return "it has two headers" if kind == b"IHDR" else _ANIMATED
        if kind == b"PLTE":
            return self._misplaced_palette(length)
        if kind == b"IDAT":
            return self._misplaced_pixels()
        if kind == b"IEND":
            return self._misplaced_end(length)
        return None if kind[0] & ANCILLARY else f"it needs the extension {kind.decode()}, which no common program reads"

    def _misplaced_palette(self, length: int) -> str | None:
        if self._seen & {b"PLTE", b"IDAT"}:
            return "it has a palette (PLTE) out of place"
        if self._header is not None and self._header.colour in GREY_TYPES:
            return "it is grey and yet has a palette (PLTE)"
        return fault_of_palette(length)

    def _misplaced_pixels(self) -> str | None:
        if b"IDAT" in self._seen and self._kind != b"IDAT":
            if not self._forgives or self._is_interrupted:
                return "its pixel data is interrupted by another chunk"
            self.flaws += self._interrupting
            self._interrupting = []
        if self._header is not None and self._header.colour == COLOUR_PALETTE and b"PLTE" not in self._seen:
            return "its palette (PLTE) is missing"
        return None

    def _misplaced_end(self, length: int) -> str | None:
        if b"IDAT" not in self._seen:
            return "it has no pixel data (no IDAT chunk)"
        return "its last chunk (IEND) is not empty" if length else None

    def _body(self, piece: memoryview) -> Unreadable | None:
        self._crc = zlib.crc32(piece, self._crc)
        if self._kind == b"IHDR":
            self._ihdr += piece
        elif self._kind == b"acTL" and self._flaw is None:
            self._frames = (self._frames + piece)[:_FRAMES_BYTES]
        elif self._kind == b"IDAT" and self._pixels is not None and (reason := self._pixels.feed(piece)) is not None:
            return Unreadable(reason)
        if self._beside is not None and self._kind[0] & ANCILLARY and self._flaw is None:
            self._beside.feed(piece)
        return None

    def _end(self, crc: bytes) -> Damaged | Unreadable | None:
        if self._may_be_left_out(self._kind):
            self._end_forgiven(crc)
            return None
        if int.from_bytes(crc, "big") != self._crc:
            return Damaged(self._wrong_checksum(), *self._span)
        self._is_interrupted |= b"IDAT" in self._seen and self._kind != b"IDAT"
        self._seen.add(self._kind)
        if self._beside is not None and self._kind[0] & ANCILLARY and (reason := self._beside.end()) is not None:
            return Unreadable(reason)
        if self._kind == b"IHDR":
            header = read_header(self._ihdr)
            if isinstance(header, Unreadable):
                return header
            self._header = header
            if self._pixels is not None:
                self._pixels.begin(header)
        return None

    def _wrong_checksum(self) -> str:
        return f"its {self._kind.decode()} chunk at byte {self._span[0]} has a wrong checksum"

    def _end_forgiven(self, crc: bytes) -> None:
        reason = self._flaw
        if reason is None and int.from_bytes(crc, "big") != self._crc:
            reason = self._wrong_checksum()
        if reason is None and self._beside is not None:
            reason = self._beside.end()
        if reason is not None:
            self.flaws.append(Blemish(reason, *self._span))
            return
        self._seen.add(self._kind)
        if b"IDAT" in self._seen:
            why = f"its {self._kind.decode()} chunk at byte {self._span[0]} interrupts its pixel data"
            self._interrupting.append(Blemish(why, *self._span))


def misplaced_first(kind: bytes, length: int) -> str | None:
    """Why a chunk may not be the first."""
    if kind == b"CgBI":
        return "it is Apple's own variety of PNG (CgBI), which only Apple's programs read"
    if kind != b"IHDR":
        return f"its {kind.decode()} chunk stands where its header should"
    return None if length == IHDR_BYTES else f"its header is {length} bytes long instead of {IHDR_BYTES}"


def fault_of_palette(length: int) -> str | None:
    """Why a palette of so many bytes is none."""
    if length == 0 or length % _PALETTE_ENTRY_BYTES or length > _MOST_PALETTE_BYTES:
        return f"its palette (PLTE) is {length} bytes long"
    return None


def not_a_png(head: bytes) -> Unreadable:
    """The refusal of data whose first bytes are not the signature."""
    return Unreadable(f"it is {foreign.name_of(head)}, not a PNG")
