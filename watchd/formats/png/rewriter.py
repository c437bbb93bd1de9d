"""Puts chunks behind a PNG's header while it is copied, and takes out those of the PNG's own that would contradict."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from watchd.formats.png.header import COLOUR_TYPE_AT, GREY_TYPES
from watchd.formats.png.png_chunks import (
    CRC_BYTES,
    HEADER_BYTES,
    SIGNATURE,
    Begin,
    ChunkBody,
    ChunkSplitter,
    End,
    chunks,
)

PRIVATE_CHUNKS: Final = frozenset({b"eXIf", b"iTXt", b"tEXt", b"tIME", b"zTXt"})
"""For `drop` where metadata is stripped: what the service may have copied from the original into its answer."""

XMP_KEYWORD: Final = b"XML:com.adobe.xmp\0"
_COLOUR_SPACE: Final = frozenset({b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP"})
_ICC_SPACE: Final = slice(16, 20)


class PngRewriter:
    """Feed it a PNG that PngProof has called a Picture, piece by piece, and write what it gives back.

    `insert`: whole chunks (`metadata.png_chunks`). Where they hold an eXIf, a pHYs, an XMP packet or a colour profile,
    the PNG's own is left out; a profile displaces everything that speaks of colour space. A profile for grey is not
    inserted into colour, nor the reverse: PNG forbids it. `drop`: further kinds to leave out. Pixels pass untouched.
    It holds a few dozen bytes beside `insert` and the piece at hand. ValueError if what is fed is no PNG.
    """

    __slots__ = ("_drop", "_drop_xmp", "_header", "_insert", "_kind", "_passing", "_signature", "_splitter", "_waiting")

    def __init__(self, insert: bytes, *, drop: frozenset[bytes] = frozenset()) -> None:
        carrier = SIGNATURE + insert
        self._insert = [(kind, carrier[start:end]) for kind, start, end in chunks(carrier)]
        self._drop = drop
        self._drop_xmp = False
        self._signature = bytearray()
        self._splitter = ChunkSplitter()
        self._header = bytearray()
        self._kind = b""
        self._passing = True
        self._waiting: bytearray | None = None  # an iTXt whose keyword is not there yet

    def feed(self, piece: bytes) -> bytes:
        """What can be written once `piece` has come."""
        out = bytearray()
        view = memoryview(piece)
        if len(self._signature) < len(SIGNATURE):
            missing = len(SIGNATURE) - len(self._signature)
            self._signature += view[:missing]
            view = view[missing:]
            if not SIGNATURE.startswith(self._signature):
                raise ValueError("not a PNG")
            out += piece[:missing]
        for event in self._splitter.feed(view):
            match event:
                case Begin(kind, length):
                    self._begin(kind, length, out)
                case ChunkBody(body):
                    self._body(body, out)
                case End(crc):
                    self._end(crc, out)
        return bytes(out)

    def finish(self) -> bytes:
        """What is left to write: nothing, unless the PNG was cut short."""
        return bytes(self._waiting or b"") + (self._splitter.held() if self._passing else b"")

    def _begin(self, kind: bytes, length: int, out: bytearray) -> None:
        self._kind = kind
        head = struct.pack(">I", length) + kind
        self._passing = kind not in self._drop
        if not self._passing:
            return
        if kind == b"iTXt" and self._drop_xmp:
            self._waiting = bytearray(head)
        else:
            out += head

    def _body(self, body: memoryview, out: bytearray) -> None:
        if self._kind == b"IHDR":
            self._header += body
        if not self._passing:
            return
        if self._waiting is None:
            out += body
            return
        missing = HEADER_BYTES + len(XMP_KEYWORD) - len(self._waiting)
        self._waiting += body[:missing]
        if len(self._waiting) == HEADER_BYTES + len(XMP_KEYWORD):
            self._passing = not self._waiting.endswith(XMP_KEYWORD)
            if self._passing:
                out += self._waiting + body[missing:]
            self._waiting = None

    def _end(self, crc: bytes, out: bytearray) -> None:
        if self._waiting is not None:  # too short to be XMP
            out += self._waiting
            self._waiting = None
        if self._passing:
            out += crc
        if self._kind == b"IHDR":
            self._splice(out)

    def _splice(self, out: bytearray) -> None:
        grey = self._header[COLOUR_TYPE_AT] in GREY_TYPES
        carried = set()
        for kind, chunk in self._insert:
            if kind == b"iCCP" and _profile_space(chunk) != (b"GRAY" if grey else b"RGB "):
                continue
            out += chunk
            if kind == b"iTXt":
                self._drop_xmp |= chunk.startswith(XMP_KEYWORD, HEADER_BYTES)
            else:
                carried.add(kind)
        self._drop |= carried | (_COLOUR_SPACE if b"iCCP" in carried else frozenset())


def _profile_space(chunk: bytes) -> bytes:
    """The colour space that the profile in a whole iCCP chunk is for."""
    compressed = chunk[HEADER_BYTES:-CRC_BYTES].partition(b"\0")[2][1:]
    return zlib.decompressobj().decompress(compressed, _ICC_SPACE.stop)[_ICC_SPACE]
