"""WebP on paper: its RIFF chunks, and the size in the header of whichever of its three bitstreams it holds.

Source: WebP Container Specification (Google); RFC 6386, 9.1 (VP8); WebP Lossless Bitstream Specification (VP8L).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import foreign, holes
from watchd.formats.picture import Format, Incomplete, Picture, Unended, Unreadable, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

RIFF: Final = b"RIFF"
WEBP: Final = b"WEBP"
FILE_HEADER_BYTES: Final = 12
CHUNK_HEADER_BYTES: Final = 8
# RIFF, length, WEBP.
_RIFF_LENGTH: Final = slice(4, 8)
_FORM: Final = slice(8, 12)
_VP8X_BYTES: Final = 10
_VP8_HEADER: Final = struct.Struct("<3s3sHH")
_VP8_START_CODE: Final = b"\x9d\x01\x2a"
_VP8_SIDE: Final = 0x3FFF  # the two bits above are a scaling hint
_VP8L_HEADER: Final = struct.Struct("<BI")
_VP8L_SIGNATURE: Final = 0x2F
_ANIMATION_FLAG: Final = 0x02
_BITSTREAMS: Final = frozenset({b"VP8 ", b"VP8L"})
_FRAME: Final = b"ANMF"
_FRAME_HEADER_BYTES: Final = 16
_ALPHA_FLAG: Final = 0x10
_VP8L_ALPHA: Final = 1 << 28
# A still picture has half a dozen, an animation some hundreds; more are made to keep a reader busy.
MOST_CHUNKS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk's four-letter kind and the offsets of its header, its body and the body's end (padding excluded)."""

    kind: bytes
    start: int
    body: int
    end: int


def riff_end(data: bytes) -> int:
    """The offset at which the RIFF container says that it ends."""
    return CHUNK_HEADER_BYTES + int.from_bytes(data[_RIFF_LENGTH], "little")


def chunks(data: bytes) -> Iterator[Chunk]:
    """Chunks in order, up to the RIFF's end or the file's; the last one's `end` may lie beyond both."""
    return _chunks(data, min(len(data), riff_end(data)))


def _chunks(data: bytes, stop: int) -> Iterator[Chunk]:
    at = FILE_HEADER_BYTES
    while at + CHUNK_HEADER_BYTES <= stop:
        body = at + CHUNK_HEADER_BYTES
        end = body + int.from_bytes(data[at + 4 : body], "little")
        yield Chunk(data[at : at + 4], at, body, end)
        at = end + (end - body) % 2


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data`, which begins with RIFF, is a WebP, whole up to the length in its RIFF header.

    Bytes after that length are ignored, as every decoder ignores them. If the picture is there, what else should follow
    may be missing, and the length may be wrong: it is the picture all the same, if nothing more comes.
    """
    form, end = data[_FORM], riff_end(data)
    if form != WEBP and WEBP.startswith(form.rstrip(b"\0")):
        return Incomplete("only its first bytes are there")
    if form != WEBP:
        return Unreadable(f"it is {foreign.name_of(data)}; only PNG, JPEG and WebP are sent")
    found, trouble = _walk(data, end)
    if trouble is None:
        return _measure(data, found)
    if isinstance(trouble, Unreadable) and not found:
        return trouble
    return _perhaps(data, found, trouble)


def _walk(data: bytes, end: int) -> tuple[list[Chunk], Incomplete | Unreadable | None]:
    """The chunks that are there whole, and why they are not all."""
    found: list[Chunk] = []
    announced = end if end > FILE_HEADER_BYTES else len(data)
    for chunk in _chunks(data, min(len(data), announced)):
        trouble = _trouble(data, chunk, announced)
        if trouble is not None:
            return found, trouble
        if chunk.end > len(data):
            break
        found.append(chunk)
        if len(found) > MOST_CHUNKS:
            return found, Unreadable(f"it is cut into more than {MOST_CHUNKS} chunks")
    if end <= FILE_HEADER_BYTES:
        return found, Incomplete("its length is not written yet")
    if len(data) < end:
        return found, Incomplete(f"it is {end - len(data)} bytes short of the {end} that it announces")
    return found, None


def _perhaps(data: bytes, found: list[Chunk], trouble: Incomplete | Unreadable) -> Incomplete | Unreadable:
    """The trouble of a file whose picture may be there without what is missing of it."""
    picture = _measure(data, found)
    if not isinstance(picture, Picture):
        return trouble
    return Incomplete(trouble.reason, Unended(picture, found[-1].end))


def ended(data: bytes, end: int) -> bytes:
    """The picture of an `Unended` as a file of its own: a RIFF of the length that is there."""
    body = data[CHUNK_HEADER_BYTES:end]
    body += bytes(len(body) % 2)
    return RIFF + len(body).to_bytes(4, "little") + body


def _trouble(data: bytes, chunk: Chunk, end: int) -> Incomplete | Unreadable | None:
    if chunk.end > end or not chunk.kind.isascii() or b"\0" in chunk.kind:
        reason = f"at byte {chunk.start} no chunk lies where one must"
        if len(data) < end or holes.explains_damage(data, chunk.start, chunk.body):
            return Incomplete(f"{reason}: it may still be copied")
        return Unreadable(reason)
    return None


def _measure(data: bytes, found: list[Chunk]) -> Picture | Incomplete | Unreadable:
    canvas = next((chunk for chunk in found if chunk.kind == b"VP8X"), None)
    head = data[canvas.body : canvas.end] if canvas is not None else None
    if head is not None and len(head) >= _VP8X_BYTES and head[0] & _ANIMATION_FLAG:
        return _measure_animation(data, head, [chunk for chunk in found if chunk.kind == _FRAME])
    picture = next((chunk for chunk in found if chunk.kind in _BITSTREAMS), None)
    if picture is None:
        return Unreadable("it holds no picture (neither VP8 nor VP8L)")
    if (reason := _unwritten(data, picture)) is not None:
        return Incomplete(reason)
    return _measure_still(data, picture, head)


def _measure_still(data: bytes, picture: Chunk, head: bytes | None) -> Picture | Unreadable:
    size = _vp8_size(data, picture) if picture.kind == b"VP8 " else _vp8l_size(data, picture)
    if size is None:
        return Unreadable(f"the header of its {picture.kind.decode().strip()} picture is damaged")
    if head is not None:
        trouble = _trouble_with_canvas(head, size)
        if trouble is not None:
            return trouble
    if 0 in size:
        return Unreadable(f"its header claims {size[0]} x {size[1]} pixels")
    flagged = head is not None and bool(head[0] & _ALPHA_FLAG)
    lossless = picture.kind == b"VP8L" and bool(_VP8L_HEADER.unpack_from(data, picture.body)[1] & _VP8L_ALPHA)
    return Picture(Format.WEBP, *size, alpha=flagged or lossless)


def _measure_animation(data: bytes, head: bytes, frames: list[Chunk]) -> Picture | Incomplete | Unreadable:
    if not frames or frames[0].end - frames[0].body < _FRAME_HEADER_BYTES:
        return Unreadable("it is an animation without a frame")
    if (reason := _unwritten(data, frames[-1])) is not None:
        return Incomplete(reason)
    beside = (counted(len(frames) - 1, "frame"),) if len(frames) > 1 else ()
    return Picture(
        Format.WEBP, *_canvas(head), alpha=bool(head[0] & _ALPHA_FLAG), frames=len(frames), besides=beside
    )  # fmt: skip


def _canvas(head: bytes) -> tuple[int, int]:
    return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1


def _unwritten(data: bytes, picture: Chunk) -> str | None:
    """Why the bitstream may have holes. It has no checksum, none ends in a sector of zeros, and holes fill pages."""
    if picture.end - picture.body >= holes.SECTOR and holes.sector_of_zeros(
        data, picture.end - holes.SECTOR, picture.end
    ):
        return "its picture data ends in zeros: it may still be copied"
    hole = holes.whole_pages_missing(data, picture.start, picture.end)
    return None if hole is None else f"whole pages of zeros from byte {hole}: it may still be copied"


def _vp8_size(data: bytes, picture: Chunk) -> tuple[int, int] | None:
    if picture.end - picture.body < _VP8_HEADER.size:
        return None
    tag, start_code, width, height = _VP8_HEADER.unpack_from(data, picture.body)
    if tag[0] & 1 or start_code != _VP8_START_CODE:  # bit 0 is clear in a key frame, and a still is one
        return None
    return width & _VP8_SIDE, height & _VP8_SIDE


def _vp8l_size(data: bytes, picture: Chunk) -> tuple[int, int] | None:
    if picture.end - picture.body < _VP8L_HEADER.size:
        return None
    signature, bits = _VP8L_HEADER.unpack_from(data, picture.body)
    if signature != _VP8L_SIGNATURE or bits >> 29:  # three bits of version, zero so far
        return None
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _trouble_with_canvas(body: bytes, size: tuple[int, int]) -> Unreadable | None:
    if len(body) < _VP8X_BYTES:
        return Unreadable("its extended header (VP8X) is damaged")
    canvas = _canvas(body)
    if canvas != size:
        return Unreadable(f"it claims {canvas[0]} x {canvas[1]} pixels and holds {size[0]} x {size[1]}")
    return None
