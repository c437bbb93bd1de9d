"""AVIF and HEIC on paper: boxes, the primary item with its properties, and whether its bytes are all in the file.

Sources: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF: items, properties, transformations), the AV1 Image File Format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from watchd.formats import holes, jpeg_beside
from watchd.formats.isobmff_meta import Meta, Track, properties, read_meta, tracks
from watchd.formats.jpeg2000 import boxes
from watchd.formats.picture import (
    A_DEPTH_MAP,
    A_FILM,
    A_GAIN_MAP,
    A_SOUND,
    Format,
    Incomplete,
    Picture,
    Unended,
    Unreadable,
    counted,
)

_FTYP: Final = slice(4, 8)
_AVIF: Final = frozenset({b"avif", b"avis"})
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_GENERAL: Final = frozenset({b"mif1", b"msf1", b"miaf"})
_SEQUENCES: Final = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})
_ALPHA: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_HEAD_BYTES: Final = 12
_TAIL: Final = 64
_NCLX_BYTES: Final = 10  # kind, primaries, transfer, matrix
_PICTURES: Final = frozenset(b"av01 hvc1 hvt1 vvc1 avc1 jpeg j2k1 unci grid iovl iden".split())
_DEPTH: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", b"urn:mpeg:hevc:2015:auxid:2")
_TURNS: Final[dict[tuple[int, ...], int]] = {
    (0, 1, 2, 3): 1, (1, 0, 3, 2): 2, (2, 3, 0, 1): 3, (3, 2, 1, 0): 4,
    (0, 3, 2, 1): 5, (3, 0, 1, 2): 6, (2, 1, 0, 3): 7, (1, 2, 3, 0): 8,
}  # fmt: skip
"""EXIF's orientation by which corner of the stored picture comes to stand at the top left, and clockwise from there."""


def kind_of(data: bytes) -> Format | None:
    """AVIF or HEIC by the brands of the file; None: another one that is made of boxes."""
    if data[_FTYP] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), 512)
    brands = [data[8:12]] + [data[at : at + 4] for at in range(16, end - 3, 4)]
    if brands[0] in _AVIF or (brands[0] in _GENERAL and _AVIF & set(brands)):
        return Format.AVIF
    return Format.HEIC if brands[0] in _HEIC | _GENERAL and (_HEIC | _GENERAL) & set(brands) else None


def inspect(data: bytes) -> Picture | Incomplete | Unreadable:
    """Whether `data` holds every byte of its primary picture; the size is as stored: `turn` says how that is shown.

    Other items and boxes may be missing: it is the picture all the same, if nothing more comes. What follows the last
    box and is none is ignored.
    """
    if len(data) <= _HEAD_BYTES:
        return Incomplete("only its first bytes are there")
    kind = kind_of(data)
    if kind is None:
        return Unreadable("it is a film or another file made of boxes, no AVIF or HEIC picture")
    outline = _outline(data)
    meta = outline.meta
    if meta is None or not meta.primary:
        return Incomplete(outline.lack or "its picture is not described")
    spans = [(at, at + size) for item in _needed(data, meta) for at, size in meta.places.get(item, ())]
    furthest = max((end for _, end in spans), default=0)
    if furthest > len(data):
        return Incomplete(f"it is {furthest - len(data)} bytes short of the end of its pixels")
    if any(_is_unwritten(data, start, end) for start, end in spans):
        return Incomplete("zeros stand where its pixels should: it may still be copied")
    picture = _measure(data, kind, outline, meta)
    lack = outline.lack or _lacks_beside(data, meta)
    return picture if lack is None or isinstance(picture, Unreadable) else Incomplete(lack, Unended(picture, len(data)))


def ended(data: bytes) -> bytes:
    """The picture of an `Unended` as decoders read it: of a sequence that is cut they read nothing."""
    return data[:8] + b"avif" + data[_HEAD_BYTES:] if data[8:12] == b"avis" else data


def _lacks_beside(data: bytes, meta: Meta) -> str | None:
    last = max((at + size for places in meta.places.values() for at, size in places), default=0)
    missing = last - len(data)
    return f"it is {missing} bytes short of the end of what it holds beside its pixels" if missing > 0 else None


@dataclass(slots=True)
class _Outline:
    """The outermost boxes of a file. `lack`: why not all of them are there."""

    meta: Meta | None = None
    tracks: tuple[Track, ...] = ()
    has_film: bool = False
    lack: str | None = None


def _outline(data: bytes) -> _Outline:
    found = _Outline()
    for box in boxes(data, 0, len(data)):
        if not (box.kind.isascii() and box.kind.isalnum()):  # no box: the trailer of a phone, or what was never written
            at = box.start - 8
            if holes.explains_damage(data, at, box.start):
                found.lack = f"zeros stand at byte {at}, where a box should: it may still be copied"
            found.has_film |= jpeg_beside.trailer(data, at) is not None
            return found
        if box.end > len(data):
            found.lack = f"it is {box.end - len(data)} bytes short of the end of a box"
            return found
        if box.kind == b"ftyp" and box.start > _HEAD_BYTES:  # another file begins
            found.has_film = True
            return found
        if box.kind == b"meta" and found.meta is None:
            found.meta = read_meta(data, box.start + 4, box.end)
        elif box.kind == b"moov":
            found.tracks = tuple(tracks(data, box.start, box.end))
        elif box.kind == b"mpvd":
            found.has_film = True
        elif box.kind == b"mdat" and _is_unwritten(data, box.start, box.end):
            found.lack = "zeros stand where its data should: it may still be copied"
    return found


def _needed(data: bytes, meta: Meta) -> list[int]:
    """The primary item, what it is made of, and its transparency."""
    parts = meta.led_to(b"dimg")
    alphas: dict[int, list[int]] = {}
    for item, masters in meta.led_to(b"auxl").items():
        if _auxiliary(data, meta, item) in _ALPHA:
            for master in masters:
                alphas.setdefault(master, []).append(item)
    found, left = {meta.primary: None}, [meta.primary]
    while left:
        item = left.pop()
        more = [one for one in (*parts.get(item, ()), *alphas.get(item, ())) if one not in found]
        found |= dict.fromkeys(more)
        left += more
    return [*found]


def _auxiliary(data: bytes, meta: Meta, item: int) -> bytes:
    """What an auxiliary picture is; nothing where it is none."""
    for name, start, end in properties(meta, item):
        if name == b"auxC":
            return data[start + 4 : end].split(b"\0", 1)[0]
    return b""


def _beside(data: bytes, outline: _Outline, meta: Meta, frames: int) -> tuple[str, ...]:
    """What is in no output: further pictures, frames, maps, films."""
    parts = {one for kind, _, ends in meta.references if kind == b"dimg" for one in ends}
    lesser = {start for kind, start, _ in meta.references if kind in {b"thmb", b"auxl"}}
    pictures = [item for item, (kind, _) in meta.kinds.items() if kind in _PICTURES]
    more = len(set(pictures) - parts - lesser - meta.hidden - {meta.primary})
    auxiliary = {_auxiliary(data, meta, item) for item in pictures}
    gain = any(kind == b"tmap" for kind, _ in meta.kinds.values()) or any(b"hdrgainmap" in one for one in auxiliary)
    depth = any(one in _DEPTH or one.endswith((b":depth", b":disparity")) for one in auxiliary)
    is_film = frames == 1 and any(track.handler == b"vide" and track.samples > 1 for track in outline.tracks)
    told = (
        (more > 0, counted(more, "picture")), (frames > 1, counted(frames - 1, "frame")), (gain, A_GAIN_MAP),
        (depth, A_DEPTH_MAP), (outline.has_film or is_film, A_FILM),
        (any(track.handler == b"soun" for track in outline.tracks), A_SOUND),
    )  # fmt: skip
    return tuple(phrase for applies, phrase in told if applies)


def _is_unwritten(data: bytes, start: int, end: int) -> bool:
    """Whether the bytes of an item may have holes: no compressed picture ends in so many zeros."""
    tail = data[max(start, end - _TAIL) : end]
    return (len(tail) == _TAIL and not any(tail)) or holes.whole_pages_missing(data, start, end) is not None


def _measure(data: bytes, kind: Format, outline: _Outline, meta: Meta) -> Picture | Unreadable:
    width = height = 0
    depth = 8
    for name, start, end in properties(meta, meta.primary):
        body = data[start:end]
        if name == b"ispe" and len(body) >= 12:  # noqa: PLR2004 -- version, flags, two numbers
            width, height = struct.unpack_from(">II", body, 4)
        elif name == b"pixi" and len(body) > 5:  # noqa: PLR2004 -- version, flags, count, bits
            depth = max(body[5 : 5 + body[4]], default=8)
        elif name == b"clap" and len(body) >= 16:  # noqa: PLR2004 -- bytes of two fractions
            across, parts, down, pieces = struct.unpack_from(">IIII", body)
            width, height = across // max(1, parts), down // max(1, pieces)
    if not width or not height:
        return Unreadable(f"its header claims {width} x {height} pixels")
    frames = 1
    if data[8:12] in _SEQUENCES:
        frames = max((one.samples for one in outline.tracks if one.handler in {b"pict", b"vide"}), default=0) or 2
    beside = _beside(data, outline, meta, frames)
    alpha = _has_alpha(data, meta)
    return Picture(kind, width, height, depth=max(8, depth), alpha=alpha, frames=frames, besides=beside)


def _has_alpha(data: bytes, meta: Meta) -> bool:
    for name, start, end in meta.properties:
        if name == b"auxC" and data[start + 4 : end].split(b"\0", 1)[0] in _ALPHA:
            return True
    return False


def turn(data: bytes) -> int:
    """The orientation, 1 to 8 as in EXIF, that the turns and mirrors of the picture come to, in their order."""
    meta = _meta_of(data)
    corners: tuple[int, ...] = (0, 1, 2, 3)
    for name, start, end in () if meta is None else properties(meta, meta.primary):
        said = data[start] if end > start else 0
        if name == b"irot":  # quarters, anticlockwise
            quarters = said & 3
            corners = corners[quarters:] + corners[:quarters]
        elif name == b"imir":  # 1 exchanges left and right, 0 top and bottom
            top_left, top_right, bottom_right, bottom_left = corners
            if said & 1:
                corners = top_right, top_left, bottom_left, bottom_right
            else:
                corners = bottom_left, bottom_right, top_right, top_left
    return _TURNS[corners]


def _meta_of(data: bytes) -> Meta | None:
    outer = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta" and box.end <= len(data)), None)
    return None if outer is None else read_meta(data, outer.start + 4, outer.end)


@dataclass(frozen=True, slots=True)
class Said:
    """What such a file says beside its pixels; what it has not is None. `exif` begins with the TIFF header."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None


def said(data: bytes) -> Said:
    """EXIF, XMP and the colour profile, of a file that may be hostile."""
    meta = _meta_of(data)
    if meta is None:
        return Said()
    exif = xmp = icc = None
    for item, (kind, rest) in meta.kinds.items():
        if kind == b"Exif" and exif is None:
            body = _bytes_of(data, meta, item)
            skipped = 4 + int.from_bytes(body[:4], "big")
            exif = body[skipped:] or None
        elif kind == b"mime" and b"application/rdf+xml" in rest and xmp is None:
            xmp = _bytes_of(data, meta, item) or None
    for name, start, end in properties(meta, meta.primary):
        if name == b"colr" and data[start : start + 4] in {b"prof", b"rICC"}:
            icc = data[start + 4 : end]
    return Said(exif, xmp, icc)


def _bytes_of(data: bytes, meta: Meta, item: int) -> bytes:
    return b"".join(data[at : at + size] for at, size in meta.places.get(item, ()))


def nclx(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the picture, by the numbers of ITU-T H.273; None where it does not say them."""
    meta = _meta_of(data) or Meta()
    for name, start, end in properties(meta, meta.primary):
        if name == b"colr" and data[start : start + 4] == b"nclx" and end - start >= _NCLX_BYTES and end <= len(data):
            return int.from_bytes(data[start + 4 : start + 6], "big"), int.from_bytes(
                data[start + 6 : start + 8], "big"
            )
    return None
