"""Takes what is private out of a picture's bytes before they are sent, and leaves the pixels' bytes as they are.

What is left is written in one way only, so that the same picture gives the same bytes whatever was said beside it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, assert_never

from watchd.formats import jpeg, webp
from watchd.formats.picture import Format, Incomplete, Unreadable
from watchd.formats.png import png_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ICC_SEGMENT: Final = b"ICC_PROFILE\0"
JFIF_SEGMENT: Final = b"JFIF\0"
_ADOBE_SEGMENT: Final = b"Adobe"
_JFIF: Final = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""A header that says no more than that the colours are JFIF's: no resolution, no thumbnail."""
_COMPONENTS_AT: Final = 5
_USUAL_COMPONENTS: Final = (b"\1", b"\1\2\3")
"""The names of a JPEG's components whose colours every decoder takes for JFIF's by themselves."""
# What decides how the pixels look: tables, transparency, colour space, and HDR since the third edition.
_SHOWN_PNG: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD".split(),
)
_PICTURE_WEBP: Final = frozenset({b"ALPH", b"VP8 ", b"VP8L", b"ANIM"})
_FRAME_HEADER_BYTES: Final = 16
_VP8X: Final = struct.Struct("<B3x6s")
_VP8X_BYTES: Final = 10
_VP8X_PROFILE, _VP8X_ALPHA, _VP8X_ANIMATED = 0x20, 0x10, 0x02


def without_private(data: bytes, picture_format: Format) -> bytes:
    """The same picture without EXIF (its MakerNotes, GPS and thumbnail), XMP, IPTC, comments and unknown additions.

    `data` is a file that `containers.inspect` called a Picture of `picture_format`; for one of those nothing is raised,
    and the pixel data stays identical to the byte. ValueError for other bytes: they must not leave unlooked-at. What
    tells how to show the pixels stays (colour profile, gamma, transparency), except the orientation, which EXIF holds:
    the service then sees the picture as stored. The resolution goes, as no pixel looks different for it. The result is
    the same whatever metadata was added, taken away or changed.
    """
    return b"".join(pieces(data, picture_format))


def pieces(data: bytes, picture_format: Format, outline: object = None) -> Iterable[bytes | memoryview]:
    """The same in pieces, most of them views of `data`. `outline`: as its Picture has it, if that is of these bytes."""
    match picture_format:
        case Format.JPEG:
            return _jpeg(data, outline)
        case Format.PNG:
            return _png(data)
        case Format.WEBP:
            return (_webp(data),)
        case _:
            raise ValueError(f"a {picture_format} is never sent as it is")


def _jpeg(data: bytes, outline: object) -> Iterable[bytes | memoryview]:
    """All that follows EOI goes as well: films, gain maps and second pictures with metadata of their own."""
    walked = outline if isinstance(outline, jpeg.JpegWalked) else jpeg.walk(data)
    match walked:
        case jpeg.JpegWalked(segments):
            view = memoryview(data)
            kept = (view[segment.start : segment.end] for segment in segments if _is_pixels(segment))
            return jpeg.START, *_colours(data, segments), *kept, jpeg.END
        case Incomplete(reason) | Unreadable(reason):
            raise ValueError(f"not a whole JPEG: {reason}")
        case _:
            assert_never(walked)


def _is_pixels(segment: jpeg.Segment) -> bool:
    return segment.marker != jpeg.COM and not jpeg.APP0 <= segment.marker <= jpeg.APP15


def _colours(data: bytes, segments: tuple[jpeg.Segment, ...]) -> Iterator[bytes]:
    """The segments that tell how to show the pixels, in one order: JFIF, the profile, and Adobe's.

    JFIF's header is there where it was, and also where it changes nothing: editors add it and take it away.
    """
    adobe = [one for one in segments if one.marker == jpeg.APP14 and data.startswith(_ADOBE_SEGMENT, one.body)]
    has_jfif = any(one.marker == jpeg.APP0 and data.startswith(JFIF_SEGMENT, one.body) for one in segments)
    if has_jfif or (not adobe and _components(data, segments) in _USUAL_COMPONENTS):
        yield _JFIF
    profile = [one for one in segments if one.marker == jpeg.APP2 and data.startswith(ICC_SEGMENT, one.body)]
    # by number, which follows the name
    for one in sorted(profile, key=lambda one: data[one.body + len(ICC_SEGMENT) : one.end][:1]):
        yield data[one.start : one.end]
    for one in adobe:  # tells YCCK from CMYK, RGB from YCC
        yield data[one.start : one.end]


def _components(data: bytes, segments: tuple[jpeg.Segment, ...]) -> bytes:
    frame = next((one.payload(data) for one in segments if one.marker in jpeg.FRAMES), b"")
    return frame[_COMPONENTS_AT + 1 :: 3]


def _png(data: bytes) -> Iterable[bytes | memoryview]:
    """All that follows IEND goes as well."""
    if not data.startswith(png_chunks.SIGNATURE):
        raise ValueError("not a PNG")
    return png_chunks.SIGNATURE, *_shown_chunks(memoryview(data), data)


def _shown_chunks(view: memoryview, data: bytes) -> Iterator[memoryview]:
    for kind, start, end in png_chunks.chunks(data):
        if kind in _SHOWN_PNG:
            yield view[start:end]
        if kind == b"IEND":
            return


def _webp(data: bytes) -> bytes:
    """In the simple form, of one chunk, unless a profile, alpha apart from the colours, or an animation needs more."""
    if not (data.startswith(webp.RIFF) and data.startswith(webp.WEBP, webp.FILE_HEADER_BYTES - len(webp.WEBP))):
        raise ValueError("not a WebP")
    head, profile, picture, flags = b"", b"", [], 0
    for chunk in webp.chunks(data):
        body = data[chunk.body : chunk.end]
        if chunk.kind == b"VP8X" and not head:
            head = body
        elif chunk.kind == b"ICCP" and not profile:
            profile, flags = _riff_chunk(chunk.kind, body), flags | _VP8X_PROFILE
        elif chunk.kind == b"ANMF":
            picture.append(_riff_chunk(chunk.kind, _frame(body)))
        elif chunk.kind in _PICTURE_WEBP:
            flags |= {b"ALPH": _VP8X_ALPHA, b"ANIM": _VP8X_ANIMATED}.get(chunk.kind, 0)
            picture.append(_riff_chunk(chunk.kind, body))
    extended = b""
    if flags and len(head) >= _VP8X_BYTES:
        flags |= head[0] & _VP8X_ALPHA
        extended = _riff_chunk(b"VP8X", _VP8X.pack(flags, head[4:_VP8X_BYTES])) + profile
    riff = webp.WEBP + extended + b"".join(picture)
    return webp.RIFF + struct.pack("<I", len(riff)) + riff


def _frame(body: bytes) -> bytes:
    """A frame of an animation without what it may hold beside its pixels."""
    kept, at = [body[:_FRAME_HEADER_BYTES]], _FRAME_HEADER_BYTES
    while at + webp.CHUNK_HEADER_BYTES <= len(body):
        start = at + webp.CHUNK_HEADER_BYTES
        end = start + int.from_bytes(body[at + 4 : start], "little")
        if body[at : at + 4] in _PICTURE_WEBP:
            kept.append(_riff_chunk(body[at : at + 4], body[start:end]))
        at = end + (end - start) % 2
    return b"".join(kept)


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
