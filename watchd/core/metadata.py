"""What a file says about its picture beside the pixels, and how that is said again in the answer.

The answer is a PNG of tens of MB: its metadata is inserted as chunks behind the header, and nothing is encoded again.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from watchd.core import exif as exif_tags
from watchd.core import jpeg, png_parts, webp
from watchd.core.picture import Format
from watchd.core.png_rewriter import PRIVATE_CHUNKS, XMP_KEYWORD, PngRewriter
from watchd.core.stripping import ICC_SEGMENT, JFIF_SEGMENT, without_private

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PRIVATE_CHUNKS", "Metadata", "PngRewriter", "collect", "png_chunks", "without_private"]

_XMP_SEGMENT: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_ORIENTATION: Final = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[1-8]""")
_MOST_INFLATED: Final = 16 * 1024 * 1024  # bytes of a compressed profile or XMP packet; the largest seen have 4 MB
_METRES_PER_INCH: Final = 0.0254
_JFIF_HEADER: Final = struct.Struct(">BBBHH")  # version, units, densities
_JFIF_PER_METRE: Final = {1: 1 / _METRES_PER_INCH, 2: 100.0}  # inch, centimetre; 0 is a mere aspect ratio
_PHYS: Final = struct.Struct(">IIB")
_PHYS_METRE: Final = 1
_MOST_PER_METRE: Final = 2**31 - 1
_ICC_HEADER_BYTES: Final = 128
_ICC_SPACE: Final = slice(16, 20)
_ICC_MAGIC: Final = slice(36, 40)
_ICC_SPACES_OF_PNG: Final = (b"RGB ", b"GRAY")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was found. `exif` begins with the TIFF header; `xmp` is the packet, `icc` a whole profile.

    `orientation` is 1 to 8 as in EXIF: how the stored pixels are turned to be shown. If the service has turned them
    already, replace it by 1 (`dataclasses.replace`), so that the answer is not turned twice.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    pixels_per_metre: tuple[int, int] | None = None
    orientation: int = exif_tags.UPRIGHT

    @property
    def dpi(self) -> tuple[float, float] | None:
        """The resolution in pixels an inch, for encoders that ask for it so."""
        if self.pixels_per_metre is None:
            return None
        x, y = self.pixels_per_metre
        return x * _METRES_PER_INCH, y * _METRES_PER_INCH


def collect(data: bytes, picture_format: Format) -> Metadata:
    """The metadata of a file of tens of MB. Whatever the bytes are, nothing is raised: what is damaged is absent.

    Not collected: extended XMP (the parts of a packet beyond 64 KB, mostly depth maps of the old picture), IPTC in
    Photoshop's blocks (XMP repeats it), comments.
    """
    match picture_format:
        case Format.JPEG:
            return _from_jpeg(data)
        case Format.PNG:
            return _from_png(data)
        case Format.WEBP:
            return _from_webp(data)
        case _:
            assert_never(picture_format)


def png_chunks(metadata: Metadata, *, keep: bool, width: int, height: int) -> bytes:
    """The chunks that belong right behind the header of the answer, whose stored size is `width` x `height` pixels.

    `keep=True`: eXIf as it is true of the answer (`exif.describing`), iCCP, XMP in iTXt, pHYs. A profile of CMYK or
    another space that no PNG has is left out, as is XMP that is not UTF-8.
    `keep=False`: nothing of the original but the way up: pixels are sent and answered as stored, so without an
    orientation a photo taken upright would lie on its side. Its eXIf holds that one tag. The profile goes too.
    """
    turned = metadata.orientation != exif_tags.UPRIGHT
    block = exif_tags.only_orientation(metadata.orientation) if turned else None
    if not keep:
        return png_parts.chunk(b"eXIf", block) if block else b""
    found = []
    xmp = metadata.xmp
    if metadata.exif is not None:
        block = exif_tags.describing(metadata.exif, width=width, height=height, orientation=metadata.orientation)
        if xmp is not None and exif_tags.orientation(metadata.exif) != metadata.orientation:
            xmp = _XMP_ORIENTATION.sub(rb"\g<1>%d" % metadata.orientation, xmp)
    if metadata.icc is not None and metadata.icc[_ICC_SPACE] in _ICC_SPACES_OF_PNG:
        found.append(png_parts.chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.pixels_per_metre is not None:
        found.append(png_parts.chunk(b"pHYs", _PHYS.pack(*metadata.pixels_per_metre, _PHYS_METRE)))
    if block is not None:
        found.append(png_parts.chunk(b"eXIf", block))
    if xmp is not None and _is_utf8(xmp):
        found.append(png_parts.chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0" + xmp))
    return b"".join(found)


def _metadata(
    exif_block: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    pixels_per_metre: tuple[int, int] | None,
) -> Metadata:
    block = exif_block.removeprefix(exif_tags.PREFIX) if exif_block is not None else b""
    if not exif_tags.is_block(block):
        return Metadata(None, xmp or None, _profile(icc), pixels_per_metre)
    resolution = pixels_per_metre or exif_tags.pixels_per_metre(block)
    return Metadata(block, xmp or None, _profile(icc), resolution, exif_tags.orientation(block))


def _profile(icc: bytes | None) -> bytes | None:
    """The profile without padding; None if it is not one by its own header (ICC.1:2022, 7.2)."""
    if icc is None or len(icc) < _ICC_HEADER_BYTES or icc[_ICC_MAGIC] != b"acsp":
        return None
    size = int.from_bytes(icc[:4], "big")
    return icc[:size] if _ICC_HEADER_BYTES <= size <= len(icc) else None


def _from_jpeg(data: bytes) -> Metadata:
    walked = jpeg.walk(data)
    if not isinstance(walked, jpeg.Walked):
        return Metadata()
    found: dict[int, list[bytes]] = {jpeg.APP0: [], jpeg.APP1: [], jpeg.APP2: []}
    for segment in walked.segments:
        if segment.marker in found:
            found[segment.marker].append(segment.payload(data))
    return _metadata(
        _after(exif_tags.PREFIX, found[jpeg.APP1]),
        _after(_XMP_SEGMENT, found[jpeg.APP1]),
        _joined_profile(found[jpeg.APP2]),
        _jfif_resolution(_after(JFIF_SEGMENT, found[jpeg.APP0])),
    )


def _after(prefix: bytes, payloads: Iterable[bytes]) -> bytes | None:
    """The rest of the first payload that begins with `prefix`."""
    return next((payload[len(prefix) :] for payload in payloads if payload.startswith(prefix)), None)


def _joined_profile(payloads: Iterable[bytes]) -> bytes | None:
    """The profile of all its segments (ICC.1:2022, B.4: number from 1, count, data); None if one is missing."""
    parts: dict[int, bytes] = {}
    count = 0
    for payload in payloads:
        if payload.startswith(ICC_SEGMENT) and len(payload) > len(ICC_SEGMENT) + 1:
            number, count = payload[len(ICC_SEGMENT) : len(ICC_SEGMENT) + 2]
            parts.setdefault(number, payload[len(ICC_SEGMENT) + 2 :])
    if not count or any(number not in parts for number in range(1, count + 1)):
        return None
    return b"".join(parts[number] for number in range(1, count + 1))


def _jfif_resolution(header: bytes | None) -> tuple[int, int] | None:
    if header is None or len(header) < _JFIF_HEADER.size:
        return None
    _, _, units, x, y = _JFIF_HEADER.unpack_from(header)
    per_metre = _JFIF_PER_METRE.get(units)
    return (round(x * per_metre), round(y * per_metre)) if per_metre and x and y else None


def _from_png(data: bytes) -> Metadata:
    bodies: dict[bytes, bytes] = {}
    xmp = None
    for kind, start, end in png_parts.chunks(data):
        body = slice(start + png_parts.HEADER_BYTES, end - png_parts.CRC_BYTES)
        if kind in {b"eXIf", b"iCCP", b"pHYs"}:
            bodies.setdefault(kind, data[body])
        elif kind == b"iTXt" and xmp is None and data.startswith(XMP_KEYWORD, body.start):
            xmp = _international_text(data[body])
    return _metadata(bodies.get(b"eXIf"), xmp, _named_profile(bodies.get(b"iCCP")), _phys(bodies.get(b"pHYs")))


def _international_text(body: bytes) -> bytes | None:
    """The text of an iTXt chunk: keyword, NUL, whether compressed, method, language, NUL, keyword again, NUL, text."""
    after_keyword = body.partition(b"\0")[2]
    _, _, rest = after_keyword[2:].partition(b"\0")
    _, nul, text = rest.partition(b"\0")
    if not nul:
        return None
    return _inflated(text) if after_keyword.startswith(b"\1") else text


def _named_profile(body: bytes | None) -> bytes | None:
    """The profile of an iCCP chunk: name, NUL, method, zlib stream."""
    if body is None:
        return None
    return _inflated(body.partition(b"\0")[2][1:])


def _inflated(compressed: bytes) -> bytes | None:
    """What a zlib stream holds, unless it is damaged, cut, or larger than any metadata ought to be."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(compressed, _MOST_INFLATED)
    except zlib.error:
        return None
    return inflated if stream.eof else None


def _phys(body: bytes | None) -> tuple[int, int] | None:
    if body is None or len(body) != _PHYS.size:
        return None
    x, y, unit = _PHYS.unpack(body)
    return (x, y) if unit == _PHYS_METRE and 0 < x <= _MOST_PER_METRE and 0 < y <= _MOST_PER_METRE else None


def _from_webp(data: bytes) -> Metadata:
    bodies: dict[bytes, bytes] = {}
    for chunk in webp.chunks(data):
        if chunk.kind in {b"EXIF", b"XMP ", b"ICCP"}:
            bodies.setdefault(chunk.kind, data[chunk.body : chunk.end])
    return _metadata(bodies.get(b"EXIF"), bodies.get(b"XMP "), bodies.get(b"ICCP"), None)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
