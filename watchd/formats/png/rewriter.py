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
_TEXTS: Final = frozenset({b"iTXt", b"tEXt", b"zTXt"})
_RAW_EXIF: Final = {b"Raw profile type exif", b"Raw profile type APP1"}
_KEYWORD_BYTES: Final = 80  # with the NUL behind it
_ICC_SPACE: Final = slice(16, 20)


class PngRewriter:
    """Feed it a PNG that PngProof has called a Picture, piece by piece, and write what it gives back.

    `insert`: whole chunks (`metadata.dressing`). Where they hold an eXIf, a pHYs, a colour profile, or a text of some
    name (XMP is one), the PNG's own is left out; a profile displaces everything that speaks of colour space. A profile
    for grey is not inserted into colour, nor the reverse: PNG forbids it. `drop`: further kinds to leave out. Pixels
    pass untouched. It holds some hundred bytes beside `insert` and the piece at hand. ValueError if what is fed is no
    PNG.
    """

    __slots__ = (
        "_displaced",
        "_drop",
        "_header",
        "_insert",
        "_kind",
        "_passing",
        "_signature",
        "_splitter",
        "_waiting",
    )

    def __init__(self, insert: bytes, *, drop: frozenset[bytes] = frozenset()) -> None:
        carrier = SIGNATURE + insert
        self._insert = [(kind, carrier[start:end]) for kind, start, end in chunks(carrier)]
        self._drop = drop
        self._displaced: set[bytes] = set()  # names of texts
        self._signature = bytearray()
        self._splitter = ChunkSplitter()
        self._header = bytearray()
        self._kind = b""
        self._passing = True
        self._waiting: bytearray | None = None  # a text whose keyword is not there yet

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
        if kind in _TEXTS and self._displaced:
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
        missing = HEADER_BYTES + _KEYWORD_BYTES - len(self._waiting)
        self._waiting += body[:missing]
        if len(self._waiting) == HEADER_BYTES + _KEYWORD_BYTES:
            self._decide(out)
            if self._passing:
                out += body[missing:]

    def _decide(self, out: bytearray) -> None:
        """Whether the text that waits is displaced: its keyword is there, or all of it."""
        waiting, self._waiting = bytes(self._waiting or b""), None
        self._passing = waiting[HEADER_BYTES:].partition(b"\0")[0] not in self._displaced
        if self._passing:
            out += waiting

    def _end(self, crc: bytes, out: bytearray) -> None:
        if self._waiting is not None:
            self._decide(out)
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
            if kind in _TEXTS:
                self._displaced.add(chunk[HEADER_BYTES:-CRC_BYTES].partition(b"\0")[0])
            else:
                carried.add(kind)
        if b"eXIf" in carried:
            self._displaced |= _RAW_EXIF
        self._drop |= carried | (_COLOUR_SPACE if b"iCCP" in carried else frozenset())


def _profile_space(chunk: bytes) -> bytes:
    """The colour space that the profile in a whole iCCP chunk is for."""
    compressed = chunk[HEADER_BYTES:-CRC_BYTES].partition(b"\0")[2][1:]
    return zlib.decompressobj().decompress(compressed, _ICC_SPACE.stop)[_ICC_SPACE]
