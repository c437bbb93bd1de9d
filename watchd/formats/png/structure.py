"""PNG on paper: the order that its chunks must stand in, and what its header promises.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from watchd.formats import foreign, holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable
from watchd.formats.png.png_chunks import CRC_BYTES, HEADER_BYTES, SIGNATURE, Begin, ChunkBody, ChunkSplitter, End

IHDR_BYTES: Final = 13
COLOUR_TYPE_AT: Final = 9  # in the body of IHDR
LARGEST: Final = 2**31 - 1  # of any length or side
# At 8 KiB a chunk, as libpng writes, this is 800 MB. Files beyond it are made to keep a reader busy.
MOST_CHUNKS: Final = 100_000
COLOUR_PALETTE: Final = 3
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by colour type
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
GREY_TYPES: Final = (0, 4)
_PALETTE_ENTRY_BYTES: Final = 3
_MOST_PALETTE_BYTES: Final = 768
_ANCILLARY: Final = 0x20  # this bit of a kind's first letter: a decoder may skip the chunk
_COLOURS: Final = {0: Colour.GREY, 2: Colour.RGB, 3: Colour.PALETTE, 4: Colour.GREY, 6: Colour.RGB}
_ALPHA_TYPES: Final = (4, 6)
_ANIMATED: Final = "it is an animated PNG; only still pictures are answered"
_FRAMES_BYTES: Final = 4
_KIND: Final = re.compile(rb"[A-Za-z]{4}")
# First row, first column, rows apart, columns apart of each Adam7 pass.
_ADAM7: Final = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """IHDR. `width` and `height` in pixels, `depth` in bits a sample, `colour` the type 0, 2, 3, 4 or 6."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    def passes(self) -> tuple[tuple[int, int], ...]:
        """Of each pass that holds pixels: bytes a row (its filter byte included) and rows, as they are inflated."""
        bits = self.depth * _SAMPLES[self.colour]
        grids = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        found = []
        for row, column, rows_apart, columns_apart in grids:
            width = -((column - self.width) // columns_apart)
            height = -((row - self.height) // rows_apart)
            if width > 0 and height > 0:
                found.append((1 + -(-width * bits // 8), height))
        return tuple(found)

    def inflated_bytes(self) -> int:
        """What the pixel data must inflate to, exactly."""
        return sum(stride * rows for stride, rows in self.passes())


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that cannot be right, in the chunk that lies at `start` to `end` of the file."""

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
    """

    __slots__ = (
        "_beside",
        "_chunks",
        "_crc",
        "_frames",
        "_header",
        "_ihdr",
        "_kind",
        "_palette",
        "_pixels",
        "_seen",
        "_span",
        "_splitter",
    )

    def __init__(self, pixels: PixelData | None = None, beside: SkippableData | None = None) -> None:
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
            Format.PNG, header.width, header.height, _COLOURS[header.colour], max(8, header.depth),
            alpha=header.colour in _ALPHA_TYPES or b"tRNS" in self._seen,
            frames=max(1, int.from_bytes(self._frames[:_FRAMES_BYTES], "big")),
        )  # fmt: skip

    def _begin(self, chunk: Begin) -> Damaged | Unreadable | None:
        if b"IEND" in self._seen:
            return self._follows()
        self._span = (chunk.at, chunk.at + HEADER_BYTES + chunk.length + CRC_BYTES)
        if not _KIND.fullmatch(chunk.kind) or chunk.length > LARGEST:
            return Damaged(f"at byte {chunk.at} no chunk begins where one must", chunk.at, chunk.at + HEADER_BYTES)
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            return Unreadable(f"it is cut into more than {MOST_CHUNKS} chunks")
        reason = self._misplaced(chunk.kind, chunk.length) or self._begin_beside(chunk.kind, chunk.length)
        if reason is not None:
            return Unreadable(reason)
        self._kind, self._crc = chunk.kind, zlib.crc32(chunk.kind)
        return None

    def _begin_beside(self, kind: bytes, length: int) -> str | None:
        if self._beside is None or self._header is None or not kind[0] & _ANCILLARY:
            return None
        return self._beside.begin(kind, length, self._header)

    def _follows(self) -> Damaged:
        end = self._span[1]
        return Damaged("bytes follow the end of its picture (IEND)", end, end + 1)

    def _misplaced(self, kind: bytes, length: int) -> str | None:
        """Why a chunk of this kind and length may not stand here."""
        if self._header is None:
            return _misplaced_first(kind, length)
        if kind == b"IHDR" or (kind == b"acTL" and self._pixels is not None):
            return "it has two headers" if kind == b"IHDR" else _ANIMATED
        if kind == b"PLTE":
            return self._misplaced_palette(length)
        if kind == b"IDAT":
            return self._misplaced_pixels()
        if kind == b"IEND":
            return self._misplaced_end(length)
        return (
            None if kind[0] & _ANCILLARY else f"it needs the extension {kind.decode()}, which no common program reads"
        )

    def _misplaced_palette(self, length: int) -> str | None:
        if self._seen & {b"PLTE", b"IDAT"}:
            return "it has a palette (PLTE) out of place"
        if self._header is not None and self._header.colour in GREY_TYPES:
            return "it is grey and yet has a palette (PLTE)"
        if length == 0 or length % _PALETTE_ENTRY_BYTES or length > _MOST_PALETTE_BYTES:
            return f"its palette (PLTE) is {length} bytes long"
        return None

    def _misplaced_pixels(self) -> str | None:
        if b"IDAT" in self._seen and self._kind != b"IDAT":
            return "its pixel data is interrupted by another chunk"
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
        elif self._kind == b"acTL":
            self._frames = (self._frames + piece)[:_FRAMES_BYTES]
        elif self._kind == b"IDAT" and self._pixels is not None and (reason := self._pixels.feed(piece)) is not None:
            return Unreadable(reason)
        if self._beside is not None and self._kind[0] & _ANCILLARY:
            self._beside.feed(piece)
        return None

    def _end(self, crc: bytes) -> Damaged | Unreadable | None:
        if int.from_bytes(crc, "big") != self._crc:
            return Damaged(f"its {self._kind.decode()} chunk at byte {self._span[0]} has a wrong checksum", *self._span)
        self._seen.add(self._kind)
        if self._beside is not None and self._kind[0] & _ANCILLARY and (reason := self._beside.end()) is not None:
            return Unreadable(reason)
        if self._kind == b"IHDR":
            header = read_header(self._ihdr)
            if isinstance(header, Unreadable):
                return header
            self._header = header
            if self._pixels is not None:
                self._pixels.begin(header)
        return None


def _misplaced_first(kind: bytes, length: int) -> str | None:
    if kind == b"CgBI":
        return "it is Apple's own variety of PNG (CgBI), which only Apple's programs read"
    if kind != b"IHDR":
        return f"its {kind.decode()} chunk stands where its header should"
    return None if length == IHDR_BYTES else f"its header is {length} bytes long instead of {IHDR_BYTES}"


def read_header(body: bytes) -> Header | Unreadable:
    """The 13 bytes of an IHDR chunk, if a decoder could go by them."""
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        return Unreadable(f"its header claims {width} x {height} pixels")
    if depth not in _DEPTHS.get(colour, ()):
        return Unreadable(f"its header claims {depth} bits of colour type {colour}, which PNG does not have")
    if compression or filtering or interlace > 1:
        return Unreadable("its header claims a compression, filter or interlace method that PNG does not have")
    return Header(width, height, depth, colour, interlaced=bool(interlace))


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins with the PNG signature, is whole: every chunk's CRC, order, IEND, nothing after it.

    Pixels are not inflated. Zeros alone after IEND are a file about to be cut to its length.
    """
    walk = ChunkWalk()
    verdict = walk.feed(memoryview(data)[len(SIGNATURE) :])
    match verdict:
        case None:
            return walk.finish()
        case Damaged(reason, start, end):
            if holes.explains_damage(data, start, end):
                return Incomplete(f"{reason}, and zeros stand there: it may still be copied")
            return Unreadable(reason)
        case Unreadable():
            return verdict


def not_a_png(head: bytes) -> Unreadable:
    """The refusal of data whose first bytes are not the signature."""
    return Unreadable(f"it is {foreign.name_of(head)}, not a PNG")
