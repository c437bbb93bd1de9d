"""PNG files as the world makes them: what is wrong beside the pixels refuses none, and is left out before it is sent.

Sources: Portable Network Graphics (PNG) Specification, Third Edition, W3C; libpng 1.6, which passes over a chunk that
a decoder may skip where that chunk is damaged, malformed or out of place. What the service answers is judged by
`proof`, which is strict.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Format, Incomplete, Picture, Unended, Unreadable, counted
from watchd.formats.png import png_beside, png_chunks
from watchd.formats.png.header import GREY_TYPES, LARGEST, Header, read_header
from watchd.formats.png.png_chunks import CRC_BYTES, HEADER_BYTES, SIGNATURE
from watchd.formats.png.structure import (
    ALPHA_TYPES,
    ANCILLARY,
    COLOUR_PALETTE,
    COLOURS,
    KIND,
    MOST_CHUNKS,
    Blemish,
    Damaged,
    fault_of_palette,
    misplaced_first,
)

_LENGTHS: Final = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"acTL": 8, b"fcTL": 26}
_SIGNIFICANT: Final = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_BACKGROUND: Final = {0: 2, 2: 6, 3: 1, 4: 2, 6: 6}
_BEFORE_PALETTE: Final = frozenset(b"gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI".split())
_BEFORE_PIXELS: Final = _BEFORE_PALETTE | frozenset(b"tRNS bKGD hIST pHYs sPLT oFFs pCAL sCAL acTL".split())
_ONCE: Final = _BEFORE_PIXELS - {b"sPLT"} | {b"tIME", b"eXIf"}
_FILM: Final = frozenset({b"acTL", b"fcTL", b"fdAT"})
_NAMED: Final = _BEFORE_PIXELS | _ONCE | _FILM | frozenset(b"tEXt zTXt iTXt iDOT caBX".split())
"""What a chunk with a wrong checksum may be called to be believed that it is none of the pixels."""
_NUMBER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class PngWalked:
    """What a walk over a file has found: whether strict decoders read it as it is."""

    is_sound: bool


@dataclass(frozen=True, slots=True)
class _Span:
    kind: bytes
    start: int
    end: int


class _FileWalk:
    """One pass over the chunks of a whole file; `run` may be called once, and the other members tell what it met."""

    __slots__ = ("_data", "_film", "_seen", "_text", "doubts", "end", "flaws", "frames", "header", "kept")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[bytes] = set()
        self._text = png_beside.Beside()
        self._film = 0
        """The number that the next chunk of an animation should have."""
        self.header: Header | None = None
        self.kept: list[_Span] = []
        self.flaws: list[Blemish] = []
        self.doubts: str | None = None
        """Why the pixels may not be there although all that was kept is sound."""
        self.frames = 1
        self.end = len(SIGNATURE)

    def run(self) -> Damaged | Incomplete | Unreadable | None:
        """None: the walk has come to IEND, at `end`."""
        for _ in range(MOST_CHUNKS):
            span = self._next()
            if not isinstance(span, _Span):
                return span
            if span.kind[0] & ANCILLARY:
                self._skippable(span)
            elif (trouble := self._critical(span)) is not None:
                return trouble
            self.end = span.end
            if span.kind == b"IEND":
                return None
        return Unreadable(f"it is cut into more than {MOST_CHUNKS} chunks")

    def _next(self) -> _Span | Damaged | Incomplete | Unreadable:
        data, at = self._data, self.end
        if at + HEADER_BYTES > len(data):
            where = "inside a chunk's header" if at < len(data) else "before its last chunk (IEND)"
            return Incomplete(f"it ends {where}")
        length, kind = struct.unpack_from(">I4s", data, at)
        if not KIND.fullmatch(kind) or length > LARGEST:
            return Damaged(f"at byte {at} no chunk begins where one must", at, at + HEADER_BYTES)
        if self.header is None and (reason := misplaced_first(kind, length)) is not None:
            return Unreadable(reason)
        end = at + HEADER_BYTES + length + CRC_BYTES
        if end > len(data):
            self._seen |= {kind} & {b"IDAT"}  # there are pixels, if not all of them
            short = f"{end - len(data)} bytes short of that chunk's end"
            return Incomplete(f"it ends inside its {kind.decode()} chunk, {short}")
        return _Span(kind, at, end)

    def is_sound(self) -> bool:
        """Whether nothing is flawed in a file whose walk has come to IEND, and nothing behind it."""
        last = self.end - HEADER_BYTES - CRC_BYTES
        is_right = self._data.startswith(png_chunks.chunk(b"IEND", b""), last)
        return is_right and not self.flaws and self.end == len(self._data)

    def picture(self) -> Picture | None:
        """What the header says, once there are pixels."""
        if self.header is None or b"IDAT" not in self._seen:
            return None
        beside = (counted(self.frames - 1, "frame"),) if self.frames > 1 else ()
        return Picture(
            Format.PNG, self.header.width, self.header.height, COLOURS[self.header.colour], max(8, self.header.depth),
            alpha=self.header.colour in ALPHA_TYPES or b"tRNS" in self._seen, frames=self.frames, besides=beside,
        )  # fmt: skip

    def _critical(self, span: _Span) -> Damaged | Unreadable | None:
        if span.kind == b"IEND":
            return self._last(span)
        if not self._has_right_checksum(span):
            return Damaged(_wrong_checksum(span), span.start, span.end)
        if span.kind == b"IHDR":
            return self._head(span)
        if span.kind == b"PLTE":
            return self._palette(span)
        if span.kind != b"IDAT":
            return Unreadable(f"it needs the extension {span.kind.decode()}, which no common program reads")
        return self._pixels(span)

    def _last(self, span: _Span) -> Unreadable | None:
        """No pixel depends on what it holds."""
        if b"IDAT" not in self._seen:
            return Unreadable("it has no pixel data (no IDAT chunk)")
        if not self._has_right_checksum(span) and holes.explains_damage(self._data, span.start, span.end):
            self.doubts = "its last chunk (IEND) ends in zeros: it may still be copied"
        return None

    def _head(self, span: _Span) -> Unreadable | None:
        if self.header is not None:
            return Unreadable("it has two headers")
        header = read_header(self._data[span.start + HEADER_BYTES : span.end - CRC_BYTES])
        if isinstance(header, Unreadable):
            return header
        self.header = header
        self._keep(span)
        return None

    def _palette(self, span: _Span) -> Unreadable | None:
        colour = self.header.colour if self.header is not None else COLOUR_PALETTE
        reason = fault_of_palette(_length(span))
        if reason is not None and colour == COLOUR_PALETTE:
            return Unreadable(reason)
        if colour in GREY_TYPES:
            reason = "it is grey and yet has a palette (PLTE)"
        elif self._seen & {b"PLTE", b"IDAT"}:
            reason = "it has a palette (PLTE) out of place"
        self._keep_unless(reason, span)
        return None

    def _pixels(self, span: _Span) -> Unreadable | None:
        if self.header is not None and self.header.colour == COLOUR_PALETTE and b"PLTE" not in self._seen:
            return Unreadable("its palette (PLTE) is missing")
        while b"IDAT" in self._seen and self.kept[-1].kind != b"IDAT":
            self._leave_out(f"its {self.kept[-1].kind.decode()} chunk interrupts its pixel data", self.kept.pop())
        self._keep(span)
        return None

    def _skippable(self, span: _Span) -> None:
        reason = self._misplaced(span) or self._malformed(span)
        if not self._has_right_checksum(span):
            reason = _wrong_checksum(span)
            if span.kind not in _NAMED or self._data.find(b"IDAT", span.start, span.end) >= 0:
                self.doubts = self.doubts or reason
            if holes.explains_damage(self._data, span.start, span.end):
                self.doubts = f"{reason}, and zeros stand there: it may still be copied"
        self._keep_unless(reason, span)
        if reason is None and span.kind == b"acTL":
            self.frames = max(1, self._number_at(span.start + HEADER_BYTES))

    def _misplaced(self, span: _Span) -> str | None:
        name = span.kind.decode()
        if span.kind in _BEFORE_PIXELS and b"IDAT" in self._seen:
            return f"its {name} chunk stands behind its pixel data"
        if span.kind in _BEFORE_PALETTE and b"PLTE" in self._seen:
            return f"its {name} chunk stands behind its palette"
        if span.kind in _ONCE and span.kind in self._seen:
            return f"it has two {name} chunks"
        is_paletted = self.header is not None and self.header.colour == COLOUR_PALETTE
        if is_paletted and span.kind in {b"tRNS", b"bKGD", b"hIST"} and b"PLTE" not in self._seen:
            return f"its {name} chunk stands before its palette"
        return None

    def _malformed(self, span: _Span) -> str | None:
        if self.header is None:
            return None
        lengths = {
            **_LENGTHS, b"sBIT": _SIGNIFICANT[self.header.colour], b"bKGD": _BACKGROUND[self.header.colour],
        }  # fmt: skip
        wanted = lengths.get(span.kind)
        if wanted is not None and _length(span) != wanted:
            return f"its {span.kind.decode()} chunk is {_length(span)} bytes long instead of {wanted}"
        body = span.start + HEADER_BYTES
        if span.kind in _FILM:
            return self._out_of_sequence(span, body) if span.kind != b"acTL" else None
        reason = self._text.begin(span.kind, _length(span), self.header)
        if reason is None:
            self._text.feed(memoryview(self._data)[body : span.end - CRC_BYTES])
            reason = self._text.end()
        return reason

    def _out_of_sequence(self, span: _Span, body: int) -> str | None:
        """Chunks of an animation are numbered; common decoders give up the first picture for the others' sake."""
        number, self._film = self._film, self._film + 1
        follows = b"acTL" if span.kind == b"fcTL" else b"fcTL"
        if self._number_at(body) == number and follows in self._seen:
            return None
        return f"its {span.kind.decode()} chunk does not fit the others of its animation"

    def _number_at(self, at: int) -> int:
        return int.from_bytes(self._data[at : at + _NUMBER_BYTES], "big")

    def _has_right_checksum(self, span: _Span) -> bool:
        view = memoryview(self._data)
        stored = int.from_bytes(view[span.end - CRC_BYTES : span.end], "big")
        return zlib.crc32(view[span.start + CRC_BYTES : span.end - CRC_BYTES]) == stored

    def _keep_unless(self, reason: str | None, span: _Span) -> None:
        if reason is None:
            self._keep(span)
        else:
            self._leave_out(reason, span)

    def _keep(self, span: _Span) -> None:
        self._seen.add(span.kind)
        self.kept.append(span)

    def _leave_out(self, reason: str, span: _Span) -> None:
        self.flaws.append(Blemish(reason, span.start, span.end))


def _length(span: _Span) -> int:
    return span.end - span.start - HEADER_BYTES - CRC_BYTES


def _wrong_checksum(span: _Span) -> str:
    return f"its {span.kind.decode()} chunk at byte {span.start} has a wrong checksum"


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins with the PNG signature, holds all that its pixels need: up to IEND, and CRCs right.

    What a decoder may skip may be damaged, malformed or out of place, and anything may follow IEND: `mended` leaves it
    out. Pixels are not inflated.
    """
    walk = _FileWalk(data)
    verdict = walk.run()
    picture = walk.picture()
    perhaps = None if picture is None else Unended(picture, walk.end)
    match verdict:
        case Incomplete(reason):
            return Incomplete(reason, perhaps and Unended(perhaps.picture, len(data)))
        case Damaged(reason, start, end):
            if holes.explains_damage(data, start, end):
                return Incomplete(f"{reason}, and zeros stand there: it may still be copied")
            return Unreadable(reason)
        case Unreadable():
            return verdict
        case None:
            if picture is None:  # not reached: a walk that comes to IEND has met pixels
                return Unreadable("it has no pixel data (no IDAT chunk)")
            whole = replace(picture, outline=PngWalked(walk.is_sound()))
            return whole if walk.doubts is None else Incomplete(walk.doubts, perhaps)


def mended(data: bytes) -> bytes:
    """The same pixels in a PNG that strict decoders read: nothing flawed in it, nothing behind it, and with an end.

    The same object where there is nothing to mend, and where `inspect` says that there is no picture at all.
    """
    walk = _FileWalk(data)
    verdict = walk.run()
    if walk.picture() is None or isinstance(verdict, Damaged | Unreadable):
        return data
    if verdict is None and walk.is_sound():
        return data
    view = memoryview(data)
    parts: list[bytes | memoryview] = [SIGNATURE, *(view[span.start : span.end] for span in walk.kept)]
    if verdict is not None and data.startswith(b"IDAT", walk.end + 4):  # it is cut there
        length = int.from_bytes(data[walk.end : walk.end + 4], "big")
        parts.append(png_chunks.chunk(b"IDAT", data[walk.end + HEADER_BYTES : walk.end + HEADER_BYTES + length]))
    return b"".join((*parts, png_chunks.chunk(b"IEND", b"")))
