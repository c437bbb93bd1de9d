"""What a file says about its picture beside the pixels. How an output says it again: `core.dressing`."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from watchd.formats import gif, isobmff, jpeg, jpeg2000, tiff, webp
from watchd.formats.metadata import exif as exif_tags
from watchd.formats.metadata import ifd, iptc
from watchd.formats.metadata.stripping import ICC_SEGMENT, JFIF_SEGMENT
from watchd.formats.picture import Format
from watchd.formats.png import png_chunks
from watchd.formats.png.rewriter import XMP_KEYWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_XMP_SEGMENT: Final = b"http://ns.adobe.com/xap/1.0/\0"
_MOST_INFLATED: Final = 16 * 1024 * 1024  # bytes of a compressed profile or XMP packet; the largest seen have 4 MB
_METRES_PER_INCH: Final = 0.0254
_JFIF_HEADER: Final = struct.Struct(">BBBHH")  # version, units, densities
_JFIF_PER_METRE: Final = {1: 1 / _METRES_PER_INCH, 2: 100.0}  # inch, centimetre; 0 is a mere aspect ratio
_PHYS: Final = struct.Struct(">IIB")
_PHYS_METRE: Final = 1
_MOST_PER_METRE: Final = 2**31 - 1
_ICC_HEADER_BYTES: Final = 128
_ICC_MAGIC: Final = slice(36, 40)
_APP13: Final = 0xED
_PHOTOSHOP_SEGMENT: Final = b"Photoshop 3.0\0"
_BMP_RESOLUTION: Final = struct.Struct("<ii")
_BMP_RESOLUTION_AT: Final = 38
_BMP_INFO_BYTES: Final = 40
_GIF_XMP: Final = b"XMP DataXMP"
_GIF_ICC: Final = b"ICCRGBG1012"
_GIF_XMP_TRAILER: Final = 258  # one byte of its own, then 255 down to 0, and an end
_MOST_VALUES: Final = 60_000
"""Bytes of one tag of a TIFF that go into EXIF: layers and previews, which are larger, are of the old picture."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was found. `exif` begins with the TIFF header; `xmp` is the packet, `icc` a whole profile.

    `iptc`: records of the Information Interchange Model, without what wraps them.
    `orientation` is 1 to 8 as in EXIF: how the stored pixels are turned to be shown. If the service has turned them
    already, replace it by 1 (`dataclasses.replace`), so that the answer is not turned twice.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    pixels_per_metre: tuple[int, int] | None = None
    orientation: int = exif_tags.UPRIGHT
    iptc: bytes | None = None

    @property
    def dpi(self) -> tuple[float, float] | None:
        """The resolution in pixels an inch, for encoders that ask for it so."""
        if self.pixels_per_metre is None:
            return None
        x, y = self.pixels_per_metre
        return x * _METRES_PER_INCH, y * _METRES_PER_INCH


def collect(data: bytes, picture_format: Format) -> Metadata:
    """The metadata of a file of tens of MB. Whatever the bytes are, nothing is raised: what is damaged is absent.

    Not collected: extended XMP (the parts of a packet beyond 64 KB, mostly depth maps of the old picture), comments.
    """
    return _COLLECTORS[picture_format](data)


def _metadata(
    exif_block: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    pixels_per_metre: tuple[int, int] | None,
    records: bytes | None = None,
) -> Metadata:
    block = exif_block.removeprefix(exif_tags.PREFIX) if exif_block is not None else b""
    if not exif_tags.is_block(block):
        return Metadata(None, xmp or None, _profile(icc), pixels_per_metre, iptc=records or None)
    resolution = pixels_per_metre or exif_tags.pixels_per_metre(block)
    turn = exif_tags.orientation(block)
    return Metadata(block, xmp or None, _profile(icc), resolution, turn, records or None)


def _profile(icc: bytes | None) -> bytes | None:
    """The profile without padding; None if it is not one by its own header (ICC.1:2022, 7.2)."""
    if icc is None or len(icc) < _ICC_HEADER_BYTES or icc[_ICC_MAGIC] != b"acsp":
        return None
    size = int.from_bytes(icc[:4], "big")
    return icc[:size] if _ICC_HEADER_BYTES <= size <= len(icc) else None


def _from_jpeg(data: bytes) -> Metadata:
    walked = jpeg.walk(data)
    if not isinstance(walked, jpeg.JpegWalked):
        return Metadata()
    found: dict[int, list[bytes]] = {jpeg.APP0: [], jpeg.APP1: [], jpeg.APP2: [], _APP13: []}
    for segment in walked.segments:
        if segment.marker in found:
            found[segment.marker].append(segment.payload(data))
    return _metadata(
        _after(exif_tags.PREFIX, found[jpeg.APP1]),
        _after(_XMP_SEGMENT, found[jpeg.APP1]),
        _joined_profile(found[jpeg.APP2]),
        _jfif_resolution(_after(JFIF_SEGMENT, found[jpeg.APP0])),
        iptc.from_resources(_after(_PHOTOSHOP_SEGMENT, found[_APP13])),
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
    xmp = records = None
    for kind, start, end in png_chunks.chunks(data):
        body = slice(start + png_chunks.HEADER_BYTES, end - png_chunks.CRC_BYTES)
        if kind in {b"eXIf", b"iCCP", b"pHYs"}:
            bodies.setdefault(kind, data[body])
        elif kind == b"iTXt" and xmp is None and data.startswith(XMP_KEYWORD, body.start):
            xmp = _international_text(data[body])
        elif kind in {b"zTXt", b"tEXt"} and records is None and data.startswith(iptc.KEYWORD, body.start):
            text = data[body].partition(b"\0")[2]
            records = iptc.from_raw_profile(_inflated(text[1:]) if kind == b"zTXt" else text)
    profile, resolution = _named_profile(bodies.get(b"iCCP")), _phys(bodies.get(b"pHYs"))
    return _metadata(bodies.get(b"eXIf"), xmp, profile, resolution, records)


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


def _bmp_resolution(data: bytes) -> tuple[int, int] | None:
    if int.from_bytes(data[14:18], "little") < _BMP_INFO_BYTES or len(data) < _BMP_RESOLUTION_AT + 8:
        return None
    x, y = _BMP_RESOLUTION.unpack_from(data, _BMP_RESOLUTION_AT)
    return (x, y) if x > 0 and y > 0 else None


def _from_gif(data: bytes) -> Metadata:
    walked = gif.walk(data)
    if not isinstance(walked, gif.GifWalked):
        return Metadata()
    packet = profile = None
    for found in walked.applications:
        if found.name == _GIF_XMP and packet is None:
            packet = data[found.start : found.end - _GIF_XMP_TRAILER]
        elif found.name == _GIF_ICC and profile is None:
            profile = _joined_blocks(data[found.start : found.end])
    return _metadata(None, packet, profile, None)


def _joined_blocks(blocks: bytes) -> bytes:
    """What sub-blocks hold, each of which begins with its length."""
    parts, at = [], 0
    while at < len(blocks) and blocks[at]:
        parts.append(blocks[at + 1 : at + 1 + blocks[at]])
        at += blocks[at] + 1
    return b"".join(parts)


def _from_tiff(data: bytes) -> Metadata:
    reader = tiff.Reader(data)
    tags = next(iter(reader.pages()), None)
    if not tags:
        return Metadata()
    records = reader.raw(tags.get(tiff.IPTC)) or iptc.from_resources(reader.raw(tags.get(tiff.PHOTOSHOP)))
    return _metadata(
        _exif_of(reader, tags), reader.raw(tags.get(tiff.XMP)), reader.raw(tags.get(tiff.ICC)), None, records
    )  # fmt: skip


def _exif_of(reader: tiff.Reader, tags: dict[int, tiff.Tag]) -> bytes:
    """What the directory of a TIFF says of its picture, as a block of EXIF of its own."""
    block = bytearray(b"II*\0" + bytes(4))
    said = [entry for entry in reader.entries(tags) if entry.tag not in ifd.STRUCTURAL and _is_small(entry)]
    for link in (tiff.EXIF, tiff.GPS):
        found = reader.directory(reader.integer(tags.get(link))) if link in tags else None
        inner = [entry for entry in reader.entries(found[0]) if _is_small(entry)] if found else []
        if inner:
            said.append(ifd.long(link, len(block)))
            block += ifd.laid_out(inner, len(block))
    if not said:
        return b""
    block[4:8] = struct.pack("<I", len(block))
    return bytes(block + ifd.laid_out(said, len(block)))


def _is_small(entry: ifd.Entry) -> bool:
    return len(entry.values) <= _MOST_VALUES


def _from_bmp(data: bytes) -> Metadata:
    return Metadata(pixels_per_metre=_bmp_resolution(data))


def _from_boxes(data: bytes) -> Metadata:
    """Their own container says how they are turned, and every decoder turns them by that alone."""
    said = isobmff.said(data)
    return replace(_metadata(said.exif, said.xmp, said.icc, None), orientation=exif_tags.UPRIGHT)


def _from_jpeg2000(data: bytes) -> Metadata:
    return _metadata(None, jpeg2000.xmp(data), jpeg2000.icc(data), None)


_COLLECTORS: Final[Mapping[Format, Callable[[bytes], Metadata]]] = {
    Format.JPEG: _from_jpeg, Format.PNG: _from_png, Format.WEBP: _from_webp, Format.TIFF: _from_tiff,
    Format.BMP: _from_bmp, Format.GIF: _from_gif, Format.AVIF: _from_boxes, Format.HEIC: _from_boxes,
    Format.JPEG2000: _from_jpeg2000,
}  # fmt: skip
