"""JPEG on paper: its segments from SOI to EOI, without decoding a pixel; and what to do where no EOI comes.

Source: ITU-T T.81 (markers, and G.1 for what the scans of a progressive picture send).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from watchd.formats import holes, jpeg_beside, jpeg_restarts
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unended, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_DRI: Final = 0xDD
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1, 0xC9})
RESTARTS: Final = range(0xD0, 0xD8)
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})  # DHT, DAC, DQT, DNL, DRI
FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # baseline, extended, progressive, and both arithmetic
_PROGRESSIVE: Final = frozenset({0xC2, 0xCA})
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
_COEFFICIENTS: Final = 64  # of a block
_XMP: Final = b"http://ns.adobe.com/x"  # of a packet, and of its extension


# What follows the last bit of a picture must not matter. Four fillings, no two alike: where a bit is missing, one of
# them or none shows another picture. Tried on 8,000 cuts; any two of them alone let some pass.
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

    __slots__ = ("_at", "_data", "_scans", "_size", "segments")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(START)
        self.segments: list[Segment] = []
        """All that were met; the last scan may be without an end."""
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
            if marker == _TEM or marker in RESTARTS:
                continue
            trouble = self._segment(marker, found.start())
            if trouble is not None:
                return trouble
        return Unreadable(f"it is cut into more than {MOST_SEGMENTS} segments")

    def _ended(self) -> JpegWalked | _Damaged:
        if self._size is None or not self._scans:
            return _Damaged("it ends (EOI) before any picture data", self._at)
        return JpegWalked(tuple(self.segments), *self._size, self._at)

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
        self.segments.append(Segment(marker, start, body, end))
        if marker in FRAMES:
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
            self.segments.append(Segment(SOS, start, body, len(self._data)))
            return Incomplete("it ends inside its picture data")
        if found.start() == end:
            return _Damaged("a scan (SOS) holds no picture data", start)
        self._scans += 1
        self.segments.append(Segment(SOS, start, body, found.start()))
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
    return _told(data, _SegmentWalk(data).run())


def _told(data: bytes, walked: JpegWalked | Incomplete | Unreadable | _Damaged) -> JpegWalked | Incomplete | Unreadable:
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
    allowed, as every decoder allows it, and told. If the file announces further pictures (MPF) and has begun to hold
    them, they must be all there: otherwise the file is still being written, and would be another file, to be paid for
    again, when it is finished. If nothing follows EOI, an editor has dropped them, and that is fine.

    Phones write panoramas without EOI, and others lose it: the picture may be there all the same.
    """
    met = _SegmentWalk(data)
    walked = _told(data, met.run())
    if not isinstance(walked, JpegWalked):
        unended = _unended(data, met.segments)
        return walked if unended is None else Incomplete(walked.reason, unended)
    scan = max(one.body for one in walked.segments if one.marker == SOS)
    if len(data) > walked.end and jpeg_beside.is_inside_trailer(data, scan, walked.end):
        reason = "its picture data goes over into something else, without an end marker (EOI)"
        return Incomplete(reason, _unended(data, met.segments))
    hole = holes.whole_pages_missing(data, 0, walked.end)
    if hole is not None:
        return Incomplete(f"whole pages of zeros from byte {hole}: it may still be copied")
    lack = _lacks_intervals(data, walked.segments)
    return _with_what_follows(data, walked) if lack is None else Unreadable(lack)


def _lacks_intervals(data: bytes, segments: tuple[Segment, ...]) -> str | None:
    """Whether restart intervals of the picture are missing, where it has any."""
    every, frame = 0, b""
    for one in segments:
        if one.marker == _DRI:
            every = jpeg_restarts.interval(one.payload(data))
        elif one.marker in FRAMES:
            frame = one.payload(data) if one.marker in _SEQUENTIAL else b""
        elif one.marker == SOS and every and frame:
            head = one.body - _LENGTH_BYTES + int.from_bytes(data[one.body - _LENGTH_BYTES : one.body], "big")
            lack = jpeg_restarts.missing(frame, data[one.body : head], data, (head, one.end), every)
            if lack is not None:
                return lack
    return None


def _with_what_follows(data: bytes, walked: JpegWalked) -> Picture | Incomplete:
    index = jpeg_beside.further(_payloads(data, walked.segments, APP2))
    said = b"".join(body for _, body in _payloads(data, walked.segments, APP1) if body.startswith(_XMP))
    beside = jpeg_beside.phrases(data, walked.end, index, said)
    picture = replace(_picture(walked.width, walked.height, walked.components, beside), outline=walked)
    if len(data) > walked.end:
        there = len(data.rstrip(b"\0")) - walked.end
        announced = sum(one.size for one in index)
        if there < announced:
            reason = f"{there} of {announced} bytes of the further pictures that it announces are there"
            return Incomplete(reason, Unended(picture, walked.end))
    return picture


def _payloads(data: bytes, segments: tuple[Segment, ...], marker: int) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each segment of a kind."""
    return ((one.body, one.payload(data)) for one in segments if one.marker == marker)


def _picture(width: int, height: int, components: int, beside: tuple[str, ...] = ()) -> Picture:
    return Picture(Format.JPEG, width, height, _COLOURS.get(components, Colour.OTHER), besides=beside)


def _unended(data: bytes, segments: list[Segment]) -> Unended | None:
    """The picture of a file without EOI, if its scans send all of it; whether the last is whole, nobody has seen."""
    frame = next((one for one in segments if one.marker in FRAMES), None)
    last = None if frame is None else _last_scan(data, frame, segments)
    if frame is None or last is None:
        return None
    _, height, width, components = struct.unpack_from(">BHHB", data, frame.body)
    begin = last.body - _LENGTH_BYTES + int.from_bytes(data[last.body - _LENGTH_BYTES : last.body], "big")
    foreign = jpeg_beside.trailer(data, begin)
    end = _trimmed(data, begin, last.end if foreign is None else min(foreign, last.end))
    if end <= begin or holes.whole_pages_missing(data, 0, end) is not None:
        return None
    index = jpeg_beside.further(_payloads(data, (*segments,), APP2))
    said = b"".join(body for _, body in _payloads(data, (*segments,), APP1) if body.startswith(_XMP))
    return Unended(_picture(width, height, components, jpeg_beside.phrases(data, end, index, said)), end)


def _trimmed(data: bytes, begin: int, end: int) -> int:
    """Where the last byte that may belong to a scan ends: no zeros behind it, and no half of a marker."""
    kept = begin + len(data[begin:end].rstrip(b"\0"))
    if kept < end and data.startswith(b"\xff\0", kept - 1):  # a byte FF of the scan
        return kept + 1
    return begin + len(data[begin:kept].rstrip(b"\xff"))


def _last_scan(data: bytes, frame: Segment, segments: list[Segment]) -> Segment | None:
    """The scan with which every coefficient of every component has been sent to its last bit; None: none is that."""
    components = data[frame.body + 6 : frame.end : 3]
    is_progressive = frame.marker in _PROGRESSIVE
    lacking = {one: {*range(_COEFFICIENTS)} for one in components}
    for scan in segments:
        if scan.marker != SOS:
            continue
        count = data[scan.body]
        chosen = data[scan.body + 1 : scan.body + 1 + 2 * count : 2]
        first, last, approximation = (*data[scan.body + 1 + 2 * count : scan.body + 4 + 2 * count], 0, 0, 1)[:3]
        for component in chosen:
            if not is_progressive:
                lacking.pop(component, None)
            elif not approximation & 0x0F:
                lacking.get(component, set()).difference_update(range(first, last + 1))
        if not any(lacking.values()):
            return scan
    return None
