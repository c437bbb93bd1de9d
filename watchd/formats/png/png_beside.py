"""What stands beside the pixels of an answer: chunks that a decoder may skip, and that common ones stumble over.

A decoder that knows a chunk's name takes it at its word; one that is malformed, or that inflates without end, makes
the whole picture unreadable to some program of the owner's. Chunks of unknown names are skipped by everybody.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watchd.formats.png.header import Header

MOST_BYTES: Final = 1_000_000
"""Of one text or profile, packed or not; common decoders refuse a mebibyte."""
MOST_BYTES_IN_ALL: Final = 16_000_000
_LENGTHS: Final = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7}
_TRANSPARENT: Final = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
"""Bytes of tRNS by colour type; the others have an alpha channel of their own."""
_OF_A_FILM: Final = (b"fcTL", b"fdAT")
_READ: Final = (b"zTXt", b"iTXt", b"iCCP", b"tEXt")


class Beside:
    """Shown each chunk that is not critical, between `begin` and `end`; each answers why it cannot be, or None."""

    __slots__ = ("_body", "_in_all", "_kind")

    def __init__(self) -> None:
        self._kind = b""
        self._body = bytearray()
        self._in_all = 0

    def begin(self, kind: bytes, length: int, header: Header) -> str | None:
        """A chunk's name and length are known."""
        self._kind = kind
        self._body.clear()
        name = kind.decode()
        if kind in _OF_A_FILM:
            return f"it has a chunk of an animated picture ({name}) and is none"
        if kind in _LENGTHS and length != _LENGTHS[kind]:
            return f"its {name} chunk is {length} bytes long instead of {_LENGTHS[kind]}"
        if kind == b"tRNS" and length not in _TRANSPARENT.get(header.colour, ()):
            return f"its {name} chunk is {length} bytes long, which does not fit its colours"
        if kind in _READ:
            self._in_all += length
            if length > MOST_BYTES or self._in_all > MOST_BYTES_IN_ALL:
                return f"its {name} chunk of {length:,} bytes is more than common programs read"
        return None

    def feed(self, piece: memoryview) -> None:
        """The next bytes of its body."""
        if self._kind in _READ:
            self._body += piece

    def end(self) -> str | None:
        """All of it has passed."""
        match self._kind:
            case b"zTXt" | b"iCCP":
                flaw = self._flaw_of_packed(bytes(self._body).partition(b"\0")[2])
            case b"iTXt":
                flaw = self._flaw_of_international(bytes(self._body))
            case _:
                return None
        return None if flaw is None else f"its {self._kind.decode()} chunk {flaw}"

    def _flaw_of_packed(self, behind_the_name: bytes) -> str | None:
        if not behind_the_name:
            return "ends before what it should hold"
        if behind_the_name[0] != 0:
            return "is packed in a way that PNG does not have"
        return self._inflate(behind_the_name[1:])

    def _flaw_of_international(self, body: bytes) -> str | None:
        _, _, rest = body.partition(b"\0")
        flags, text = rest[:2], rest[2:].split(b"\0", 2)
        if len(flags) < len(b"\0\0") or len(text) < len(("language", "name", "text")):
            return "ends before what it should hold"
        return self._flaw_of_packed(flags[1:] + text[2]) if flags[0] else None

    def _inflate(self, packed: bytes) -> str | None:
        stream = zlib.decompressobj()
        try:
            size = len(stream.decompress(packed, MOST_BYTES + 1))
        except zlib.error:
            return "cannot be unpacked"
        self._in_all += size
        if size > MOST_BYTES or self._in_all > MOST_BYTES_IN_ALL:
            return "unpacks to more than common programs read"
        return None
