"""JPEG on paper: its segments from SOI to EOI, without decoding a pixel.

Source: ITU-T T.81 (markers), CIPA DC-007 (the pictures that may follow the first).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from watchd.formats import holes
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable

START: Final = b"\xff\xd8"
END: Final = b"\xff\xd9"
SOI: Final = 0xD8
EOI: Final = 0xD9
SOS: Final = 0xDA
COM: Final = 0xFE
APP0: Final = 0xE0
APP1: Final = 0xE1
APP2: Final = 0xE2
APP14: Final = 0xEE
APP15: Final = 0xEF
_TEM: Final = 0x01
_RESTARTS: Final = range(0xD0, 0xD8)
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})  # DHT, DAC, DQT, DNL, DRI
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # baseline, extended, progressive, and both arithmetic
_FRAMES_UNREAD: Final = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})  # lossless and hierarchical
# 255 segments of ICC, 320 of extended XMP and a dozen scans are seen; more are made to keep a reader busy.
MOST_SEGMENTS: Final = 10_000
_MARKER_BYTES: Final = 2
_LENGTH_BYTES: Final = 2
_FRAME_BYTES: Final = 6  # of a frame header, before its components
_MOST_COMPONENTS: Final = 4
_EIGHT_BITS: Final = 8
_COLOURS: Final = {1: Colour.GREY, 3: Colour.RGB, 4: Colour.CMYK}
# Fill bytes (FF) may precede a marker, and decoders step over stray bytes.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
# In entropy-coded data FF 00 is a byte FF and FF D0 to FF D7 are restarts.
_MARKER_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MPF: Final = b"MPF\0"
_MP_ENTRIES_TAG: Final = 0xB002
_MP_ENTRY: Final = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """Offsets of one segment: its marker's FF, its payload, its end (of a scan: the end of its entropy-coded data)."""

    marker: int
    start: int
    body: int
    end: int

    def payload(self, data: bytes) -> bytes:
        """The bytes after the length field."""
        return data[self.body : self.end]


@dataclass(frozen=True, slots=True)
class JpegWalked:
    """All segments between SOI and EOI in order, what the frame header says, and the offset after EOI."""

    segments: tuple[Segment, ...]
    width: int
    height: int
    components: int
    end: int


@dataclass(frozen=True, slots=True)
class _Damaged:
    """Bytes that cannot be right; they end at offset `end`."""

    reason: str
    end: int


class _SegmentWalk:
    """One pass over `data`; `run` may be called once."""

    __slots__ = ("_at", "_data", "_scans", "_segments", "_size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(START)
        self._segments: list[Segment] = []
        self._size: tuple[int, int, int] | None = None  # width, height, components
        self._scans = 0

    def run(self) -> JpegWalked | Incomplete | Unreadable | _Damaged:
        for _ in range(MOST_SEGMENTS):
            found = _MARKER.search(self._data, self._at)
            if found is None:
                return Incomplete("it ends before its end marker (EOI)")
            if b"\0" in self._data[self._at : found.start()] and holes.touched_by_zeros(
                self._data, self._at, found.start()
            ):
                return Incomplete("zeros stand where a segment should: it may still be copied")
            marker, self._at = self._data[found.start() + 1], found.end()
            if marker == EOI:
                return self._ended()
            if marker == _TEM or marker in _RESTARTS:
                continue
            trouble = self._segment(marker, found.start())
            if trouble is not None:
                return trouble
        return Unreadable(f"it is cut into more than {MOST_SEGMENTS} segments")

    def _ended(self) -> JpegWalked | _Damaged:
        if self._size is None or not self._scans:
            return _Damaged("it ends (EOI) before any picture data", self._at)
        return JpegWalked(tuple(self._segments), *self._size, self._at)

    def _segment(self, marker: int, start: int) -> Incomplete | Unreadable | _Damaged | None:
        body = self._at + _LENGTH_BYTES
        length = int.from_bytes(self._data[self._at : body], "big")
        end = self._at + length
        if max(body, end) > len(self._data):
            return Incomplete(f"it ends inside a segment (marker {marker:02X} at byte {start})")
        if length < _LENGTH_BYTES:
            return _Damaged(f"a segment (marker {marker:02X} at byte {start}) is shorter than its own length", body)
        self._at = end
        if marker == SOS:
            return self._scan(start, body, end)
        self._segments.append(Segment(marker, start, body, end))
        if marker in _FRAMES:
            return self._frame(self._data[body:end])
        return _out_of_place(marker, start)

    def _frame(self, body: bytes) -> Unreadable | _Damaged | None:
        if self._size is not None:
            return _Damaged("it has two frame headers", self._at)
        if len(body) < _FRAME_BYTES or len(body) != _FRAME_BYTES + 3 * body[5]:
            return _Damaged("its frame header has a wrong length", self._at)
        precision, height, width, components = struct.unpack_from(">BHHB", body)
        self._size = width, height, components
        reason = None
        if precision != _EIGHT_BITS:
            reason = f"it is a JPEG of {precision} bits a sample, which few programs read"
        elif not 0 < components <= _MOST_COMPONENTS:
            reason = f"its header claims {components} colour components"
        elif width == 0:
            reason = f"its header claims {width} x {height} pixels"
        elif height == 0:
            reason = "it tells its height only after its picture data (DNL), which few programs read"
        return None if reason is None else Unreadable(reason)

    def _scan(self, start: int, body: int, end: int) -> Incomplete | _Damaged | None:
        if self._size is None:
            return _Damaged("its picture data (SOS) precedes its frame header", start)
        found = _MARKER_AFTER_SCAN.search(self._data, end)
        if found is None:
            return Incomplete("it ends inside its picture data")
        if found.start() == end:
            return _Damaged("a scan (SOS) holds no picture data", start)
        self._scans += 1
        self._segments.append(Segment(SOS, start, body, found.start()))
        self._at = found.start()
        return None


def _out_of_place(marker: int, start: int) -> Unreadable | _Damaged | None:
    if marker in _FRAMES_UNREAD:
        return Unreadable("it is a lossless or hierarchical JPEG, which few programs read")
    if marker in _TABLES or marker == COM or APP0 <= marker <= APP15:
        return None
    return _Damaged(f"marker {marker:02X} at byte {start} has no place in a JPEG", start + _MARKER_BYTES)


def walk(data: bytes) -> JpegWalked | Incomplete | Unreadable:
    """The segments of `data`, which begins with SOI, if they lead to EOI; linear in its length."""
    walked = _SegmentWalk(data).run()
    match walked:
        case _Damaged(reason, end):
            if holes.explains_damage(data, 0, end):
                return Incomplete(f"{reason}, and zeros stand before it: it may still be copied")
            return Unreadable(reason)
        case _:
            return walked


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins with SOI, holds a picture whole up to its EOI.

    What follows EOI is not our picture: the second picture of an MPO, the film of a motion photo, a gain map. It is
    allowed, as every decoder allows it. If the file announces further pictures (MPF) and has begun to hold them, they
    must be all there: otherwise the file is still being written, and would be another file, to be paid for again, when
    it is finished. If nothing follows EOI, an editor has dropped them, and that is fine.
    """
    walked = walk(data)
    if not isinstance(walked, JpegWalked):
        return walked
    hole = holes.whole_pages_missing(data, 0, walked.end)
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    if len(data) > walked.end:
        there = len(data.rstrip(b"\0")) - walked.end
        announced = _announced(data, walked.segments)
        if there < announced:
            return Incomplete(f"{there} of {announced} bytes of the further pictures that it announces are there")
    return Picture(Format.JPEG, walked.width, walked.height, _COLOURS.get(walked.components, Colour.OTHER))


def _announced(data: bytes, segments: tuple[Segment, ...]) -> int:
    """Bytes of all pictures but the first in the MP index (CIPA DC-007, 5.2.3); 0 without a readable index."""
    for segment in segments:
        body = segment.payload(data) if segment.marker == APP2 else b""
        if body.startswith(_MPF):
            return _announced_in(body[len(_MPF) :])
    return 0


def _announced_in(index: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(index[:4])
    if order is None:
        return 0
    try:
        (first,) = struct.unpack_from(order + "I", index, 4)
        (count,) = struct.unpack_from(order + "H", index, first)
        for at in range(first + 2, first + 2 + 12 * count, 12):
            tag, _, size, offset = struct.unpack_from(order + "HHII", index, at)
            if tag == _MP_ENTRIES_TAG:
                entries = index[offset : offset + size]
                sizes = struct.iter_unpack(order + "4xI8x", entries[: len(entries) // _MP_ENTRY * _MP_ENTRY])
                return sum(int(length) for (length,) in list(sizes)[1:])
    except struct.error:
        return 0
    return 0
