"""Takes what is private out of a picture's bytes before they are sent, and leaves the pixels' bytes as they are."""

from __future__ import annotations

import struct
from typing import Final, assert_never

from watchd.formats import jpeg, webp
from watchd.formats.picture import Format, Incomplete, Unreadable
from watchd.formats.png import png_chunks

ICC_SEGMENT: Final = b"ICC_PROFILE\0"
JFIF_SEGMENT: Final = b"JFIF\0"
_ADOBE_SEGMENT: Final = b"Adobe"
_JFIF_BYTES: Final = 14  # of the payload, without a thumbnail
# What decides how the pixels look: tables, transparency, colour space, resolution, and HDR since the third edition.
_SHOWN_PNG: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs".split(),
)
_SHOWN_WEBP: Final = frozenset({b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L"})
_VP8X_EXIF: Final = 0x08
_VP8X_XMP: Final = 0x04


def without_private(data: bytes, picture_format: Format) -> bytes:
    """The same picture without EXIF (its MakerNotes, GPS and thumbnail), XMP, IPTC, comments and unknown additions.

    `data` is a file that `containers.inspect` called a Picture of `picture_format`; for one of those nothing is raised,
    and the pixel data stays identical to the byte. ValueError for other bytes: they must not leave unlooked-at. What
    tells how to show the pixels stays (colour profile, gamma, transparency, resolution), except the orientation, which
    EXIF holds: the service then sees the picture as stored, and its answer is turned by `metadata.png_chunks`.
    """
    match picture_format:
        case Format.JPEG:
            return _jpeg(data)
        case Format.PNG:
            return _png(data)
        case Format.WEBP:
            return _webp(data)
        case _:
            raise ValueError(f"a {picture_format} is never sent as it is")


def _jpeg(data: bytes) -> bytes:
    """All that follows EOI goes as well: films, gain maps and second pictures with metadata of their own."""
    walked = jpeg.walk(data)
    match walked:
        case jpeg.JpegWalked(segments):
            kept = [_segment(data, segment) for segment in segments if _is_shown(data, segment)]
            return b"".join((jpeg.START, *kept, jpeg.END))
        case Incomplete(reason) | Unreadable(reason):
            raise ValueError(f"not a whole JPEG: {reason}")
        case _:
            assert_never(walked)


def _is_shown(data: bytes, segment: jpeg.Segment) -> bool:
    if segment.marker == jpeg.APP0:
        return data.startswith(JFIF_SEGMENT, segment.body)
    if segment.marker == jpeg.APP2:
        return data.startswith(ICC_SEGMENT, segment.body)
    if segment.marker == jpeg.APP14:
        return data.startswith(_ADOBE_SEGMENT, segment.body)  # tells YCCK from CMYK, RGB from YCC
    return segment.marker != jpeg.COM and not jpeg.APP0 <= segment.marker <= jpeg.APP15


def _segment(data: bytes, segment: jpeg.Segment) -> bytes:
    if segment.marker == jpeg.APP0 and segment.end - segment.body > _JFIF_BYTES:
        # A JFIF header may hold a thumbnail of the picture as it was before it was cropped.
        without_thumbnail = segment.payload(data)[: _JFIF_BYTES - 2] + b"\0\0"
        return struct.pack(">BBH", 0xFF, jpeg.APP0, 2 + _JFIF_BYTES) + without_thumbnail
    return data[segment.start : segment.end]


def _png(data: bytes) -> bytes:
    if not data.startswith(png_chunks.SIGNATURE):
        raise ValueError("not a PNG")
    view = memoryview(data)  # one copy of the picture, not three
    shown = (view[start:end] for kind, start, end in png_chunks.chunks(data) if kind in _SHOWN_PNG)
    return b"".join((png_chunks.SIGNATURE, *shown))


def _webp(data: bytes) -> bytes:
    if not (data.startswith(webp.RIFF) and data.startswith(webp.WEBP, webp.FILE_HEADER_BYTES - len(webp.WEBP))):
        raise ValueError("not a WebP")
    kept = [webp.WEBP]
    for chunk in webp.chunks(data):
        if chunk.kind not in _SHOWN_WEBP:
            continue
        body = data[chunk.body : chunk.end]
        if chunk.kind == b"VP8X":
            body = bytes([body[0] & ~(_VP8X_EXIF | _VP8X_XMP)]) + body[1:]
        kept.append(chunk.kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2))
    riff = b"".join(kept)
    return webp.RIFF + struct.pack("<I", len(riff)) + riff
