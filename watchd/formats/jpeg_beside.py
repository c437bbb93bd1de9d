"""What a JPEG file holds behind its picture: further pictures, films, gain maps, the trailers that phones write.

Sources: CIPA DC-007 (the MP index); ExifTool's documentation of Samsung's trailer (SEFH, SEFT); ISO/IEC 14496-12 (a
film begins with `ftyp`); Google's Motion Photo and Ultra HDR, ISO 21496-1 and Apple's names for what a second picture
is.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats.picture import A_DEPTH_MAP, A_FILM, A_GAIN_MAP, A_SOUND, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_START: Final = b"\xff\xd8\xff"
_MPF: Final = b"MPF\0"
_MP_ENTRIES_TAG: Final = 0xB002
_MP_ENTRY: Final = struct.Struct("III4x")
_MP_KIND: Final = 0xFFFFFF
_MP_PREVIEW: Final = 0x01
"""The class of "large thumbnails": the same picture for a screen."""
_FTYP: Final = b"ftyp"
_BRANDS: Final = re.compile(rb"mp4|isom|iso[2-9]|qt  |avc1|M4V|MSNV|3g[p2]|dash|hvc1|hev1")
_MOST_FTYP: Final = 1024
_LAST: Final = b"SEFT"
_DIRECTORY: Final = b"SEFH"
_NEAR: Final = 64
_MOST_BLOCKS: Final = 256
_HEAD: Final = 128 * 1024
"""Of a further picture: what its first segments say of it."""
_GAIN: Final = (b"hdrgm:", b"urn:iso:std:iso:ts:21496:-1", b"hdrgainmap")
_DEPTH: Final = (b"aux:depth", b"aux:disparity", b"GDepth:")
_DEPTH_INSIDE: Final = (b"GDepth:Mime", b"GDepth:Data")


@dataclass(frozen=True, slots=True)
class Further:
    """A picture in the MP index but for the first: its kind, its bytes, and where it begins in the file."""

    kind: int
    size: int
    at: int

    @property
    def is_preview(self) -> bool:
        """Whether it is the first picture again, for a screen."""
        return self.kind >> 16 == _MP_PREVIEW


def further(payloads: Iterator[tuple[int, bytes]]) -> tuple[Further, ...]:
    """All pictures but the first in the MP index (CIPA DC-007, 5.2.3); nothing without a readable index.

    `payloads`: offset and bytes of each APP2 segment.
    """
    for at, payload in payloads:
        if payload.startswith(_MPF):
            return _indexed(payload[len(_MPF) :], at + len(_MPF))
    return ()


def _indexed(index: bytes, base: int) -> tuple[Further, ...]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(index[:4])
    if order is None:
        return ()
    try:
        (first,) = struct.unpack_from(order + "I", index, 4)
        (count,) = struct.unpack_from(order + "H", index, first)
        for at in range(first + 2, first + 2 + 12 * count, 12):
            tag, _, size, offset = struct.unpack_from(order + "HHII", index, at)
            if tag == _MP_ENTRIES_TAG:
                entries = index[offset : offset + size]
                whole = entries[: len(entries) // _MP_ENTRY.size * _MP_ENTRY.size]
                found = list(struct.iter_unpack(order + _MP_ENTRY.format, whole))[1:]
                return tuple(Further(kind & _MP_KIND, length, base + where) for kind, length, where in found)
    except struct.error:
        return ()
    return ()


def trailer(data: bytes, after: int) -> int | None:
    """Where, behind the offset `after`, that begins what no decoder of pictures reads: a film, a phone's own blocks."""
    sef = _blocks(data)
    places = [at for at in (sef[0] if sef else None, _film(data, after)) if at is not None and at >= after]
    return min(places, default=None)


def is_inside_trailer(data: bytes, after: int, end: int) -> bool:
    """Whether what seems to be an end marker, before the offset `end`, is a part of such a trailer."""
    if data.startswith(_START, end) or _FTYP in data[end : end + _NEAR]:
        return False  # what follows begins as it should; a film is long to look through
    began = trailer(data, after)
    return began is not None and began < end


def _blocks(data: bytes) -> tuple[int, list[bytes]] | None:
    """Where the blocks of Samsung's trailer begin, and their names; None: it has none."""
    end = len(data) if data.endswith(_LAST) else len(data.rstrip(b"\0"))
    if not data.endswith(_LAST, max(0, end - 4), end):
        return None
    at = end - 8 - int.from_bytes(data[end - 8 : end - 4], "little")
    if at < 0 or not data.startswith(_DIRECTORY, at):
        at = data.rfind(_DIRECTORY)
        return None if at < 0 else (at, [])
    (count,) = struct.unpack("<I", data[at + 8 : at + 12].ljust(4, b"\0"))
    start, names = at, []
    for entry in range(at + 12, min(at + 12 + 12 * min(count, _MOST_BLOCKS), end - 19), 12):
        back = int.from_bytes(data[entry + 4 : entry + 8], "little")
        if 0 < back <= at:
            start = min(start, at - back)
            length = int.from_bytes(data[at - back + 4 : at - back + 8], "little")
            names.append(data[at - back + 8 : at - back + 8 + min(length, 64)])
    return start, names


def _film(data: bytes, after: int) -> int | None:
    """Where a film begins: the length of its first box, or that box's name where the length is no length."""
    at = data.find(_FTYP, after)
    while at >= 0:
        if _BRANDS.match(data, at + 4):
            length = int.from_bytes(data[max(0, at - 4) : at], "big")
            return at - 4 if len(_FTYP) * 3 < length <= _MOST_FTYP and at >= after + 4 else at
        at = data.find(_FTYP, at + 1)
    return None


def phrases(data: bytes, end: int, index: tuple[Further, ...], said: bytes) -> tuple[str, ...]:
    """What lies behind the picture, which ends at `end`, and is in no output of it.

    `said`: what the picture's own segments say in XMP. Zeros, and bytes that are nothing known, are nothing.
    """
    tail = data[end : end + _HEAD].lstrip(b"\0")
    gain, depth = False, any(name in said for name in _DEPTH_INSIDE)
    pictures = 0
    wanted = [one for one in index if not one.is_preview]
    heads = [data[one.at : one.at + min(one.size, _HEAD)] for one in wanted if data.startswith(_START, one.at)]
    if not heads and tail.startswith(_START) and (wanted or not index):  # an index may be off, or not be there
        heads.append(tail)
    for head in heads:
        if any(name in head for name in _GAIN) or (b"hdrgm:" in said and len(heads) == 1):
            gain = True
        elif any(name in head for name in _DEPTH) or b'Semantic="Depth"' in said:
            depth = True
        else:
            pictures += 1
    names = b" ".join(sef[1]) if (sef := _blocks(data)) else b""
    film = _film(data, end) is not None
    depth = depth or b"DepthMap" in names
    told = (
        (pictures > 0, counted(pictures, "picture")), (gain, A_GAIN_MAP), (depth, A_DEPTH_MAP),
        (film, A_FILM), (b"Sound" in names, A_SOUND),
    )  # fmt: skip
    return tuple(phrase for applies, phrase in told if applies)
