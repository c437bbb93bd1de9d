"""PNG chunk by chunk: cut apart while it arrives in pieces of any size, or put together.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
HEADER_BYTES: Final = 8  # length and type, before a chunk's body
CRC_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Begin:
    """A chunk's length and type have arrived; it starts at offset `at`."""

    kind: bytes
    length: int
    at: int


@dataclass(frozen=True, slots=True)
class ChunkBody:
    """The next piece of the chunk's body; never empty, and valid until the next feed."""

    piece: memoryview


@dataclass(frozen=True, slots=True)
class End:
    """The chunk is over; `crc` are its four bytes as they stand in the file."""

    crc: bytes


ChunkEvent: TypeAlias = Begin | ChunkBody | End


class ChunkSplitter:
    """Cuts what follows the signature into chunks, whatever the pieces it arrives in. Keeps at most eight bytes."""

    __slots__ = ("_at", "_kind", "_left", "_part")

    def __init__(self) -> None:
        self._part = bytearray()  # of a header, or of a CRC
        self._kind: bytes | None = None
        self._left = 0
        self._at = len(SIGNATURE)

    def feed(self, data: bytes | memoryview) -> Iterator[ChunkEvent]:
        """The events in `data`; exhaust them before the next feed."""
        view = memoryview(data)
        while view:
            if self._kind is not None and self._left:
                piece, view = view[: self._left], view[self._left :]
                self._left -= len(piece)
                yield ChunkBody(piece)
                continue
            wanted = (HEADER_BYTES if self._kind is None else CRC_BYTES) - len(self._part)
            self._part += view[:wanted]
            taken, view = min(wanted, len(view)), view[wanted:]
            if taken == wanted:
                yield self._turn()

    def _turn(self) -> Begin | End:
        part, self._part = bytes(self._part), bytearray()
        if self._kind is not None:
            self._kind = None
            return End(part)
        self._left, self._kind = struct.unpack(">I4s", part)
        begin = Begin(self._kind, self._left, self._at)
        self._at += HEADER_BYTES + self._left + CRC_BYTES
        return begin

    def unfinished(self) -> str | None:
        """Where the data so far ends, unless that is between two chunks."""
        if self._kind is not None:
            missing = self._left + CRC_BYTES - len(self._part)
            return f"inside its {self._kind.decode('latin-1')} chunk, {missing} bytes short of that chunk's end"
        return "inside a chunk's header" if self._part else None

    def held(self) -> bytes:
        """The bytes of an unfinished header or CRC that are in no event yet."""
        return bytes(self._part)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A whole chunk: length, type, body, CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of `data` that is there whole; checks neither CRC nor order."""
    at = len(SIGNATURE)
    while at + HEADER_BYTES + CRC_BYTES <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + HEADER_BYTES + length + CRC_BYTES
        if end > len(data):
            return
        yield kind, at, end
        at = end
