"""What a file says about its picture beside the pixels. How an output says it again: `dressing`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import gif, isobmff, jpeg2000, tiff, webp
from watchd.formats.metadata import exif as exif_tags
from watchd.formats.metadata import ifd, iptc, jpeg_findings, photoshop, textual, xmp, xmp_fields
from watchd.formats.metadata.findings import Findings
from watchd.formats.metadata.png_findings import PngFindings
from watchd.formats.picture import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watchd.formats.metadata.textual import TextItem

_METRES_PER_INCH: Final = 0.0254
_ICC_HEADER_BYTES: Final = 128
_ICC_MAGIC: Final = slice(36, 40)
_BMP_RESOLUTION: Final = struct.Struct("<ii")
_BMP_RESOLUTION_AT: Final = 38
_BMP_INFO_BYTES: Final = 40
_GIF_XMP: Final = b"XMP DataXMP"
_GIF_ICC: Final = b"ICCRGBG1012"
_GIF_XMP_TRAILER: Final = 258  # one byte of its own, then 255 down to 0, and an end
_MOST_VALUES: Final = 60_000
"""Bytes of one tag of a TIFF that go into EXIF: layers and previews, which are larger, are of the old picture."""
_MOST_IN_ALL: Final = 1_000_000
_MAKER_NOTE: Final = 0x927C
_RESOLUTION_UNIT: Final = 0x0128
_RESOLUTION: Final = frozenset({0x011A, 0x011B, _RESOLUTION_UNIT})
_TURNED_BY_XMP: Final = frozenset({Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF, Format.JPEG2000})
"""Where common decoders take the packet's word for how the pixels are turned, if EXIF says nothing of it."""
_TURNED_BY_BOXES: Final = frozenset({Format.AVIF, Format.HEIC})
"""Their own container says how they are turned (`isobmff.turn`); EXIF repeats it at most."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was found. `exif` begins with the TIFF header; `xmp` is the packet, `icc` a whole profile.

    `iptc`: records of the Information Interchange Model, without what wraps them.
    `orientation` is 1 to 8 as in EXIF: how the stored pixels are turned to be shown. If the service has turned them
    already, replace it by 1 (`dataclasses.replace`), so that the answer is not turned twice.
    `unread` names what is there and could not be read, each completing the sentence "it loses …".
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    pixels_per_metre: tuple[int, int] | None = None
    orientation: int = exif_tags.UPRIGHT
    iptc: bytes | None = None
    texts: tuple[TextItem, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def dpi(self) -> tuple[float, float] | None:
        """The resolution in pixels an inch, for encoders that ask for it so."""
        if self.pixels_per_metre is None:
            return None
        x, y = self.pixels_per_metre
        return x * _METRES_PER_INCH, y * _METRES_PER_INCH


def collect(data: bytes, picture_format: Format, outline: object = None) -> Metadata:
    """The metadata of a file of tens of MB. Whatever the bytes are, nothing is raised: what is damaged is absent.

    `outline`: as its Picture has it, if that was read from these very bytes.
    """
    is_jpeg = picture_format is Format.JPEG
    found = jpeg_findings.read(data, outline) if is_jpeg else _READERS[picture_format](data)
    block = found.exif.removeprefix(exif_tags.PREFIX) if found.exif else b""
    if not exif_tags.is_block(block):
        if block:
            found.miss("its EXIF (damaged)")
        block = b""
    packet = found.xmp or exif_tags.packet(block)
    records = found.iptc or photoshop.records(found.resources) or exif_tags.iptc_records(block)
    for phrase in photoshop.made_by_a_person(found.resources, packet or b""):
        found.miss(phrase)
    said = [*found.texts, *(text for text in xmp_fields.texts_of(packet) if not _is_said(text, found.texts))]
    return Metadata(
        block or None, packet, _profile(found.icc), found.pixels_per_metre or exif_tags.pixels_per_metre(block),
        _orientation(data, picture_format, block, packet), records, (*said,),
        (*found.unread,),
    )  # fmt: skip


def _is_said(text: TextItem, others: list[TextItem]) -> bool:
    return any((text.keyword, text.text) == (other.keyword, other.text) for other in others)


def _orientation(data: bytes, picture_format: Format, block: bytes, packet: bytes | None) -> int:
    """How the stored pixels are turned to be shown, by whatever says so in this format."""
    if picture_format in _TURNED_BY_BOXES:
        return isobmff.turn(data)
    if picture_format in _TURNED_BY_XMP and not exif_tags.says_orientation(block):
        return xmp.orientation(packet) or exif_tags.UPRIGHT
    return exif_tags.orientation(block)


def _profile(icc: bytes | None) -> bytes | None:
    """The profile without padding; None if it is not one by its own header (ICC.1:2022, 7.2)."""
    if icc is None or len(icc) < _ICC_HEADER_BYTES or icc[_ICC_MAGIC] != b"acsp":
        return None
    size = int.from_bytes(icc[:4], "big")
    return icc[:size] if _ICC_HEADER_BYTES <= size <= len(icc) else None


def _from_png(data: bytes) -> Findings:
    return PngFindings(data).read()


def _from_webp(data: bytes) -> Findings:
    bodies: dict[bytes, bytes] = {}
    found = Findings()
    for chunk in webp.chunks(data):
        if chunk.kind in {b"EXIF", b"XMP ", b"ICCP"}:
            bodies.setdefault(chunk.kind, data[chunk.body : chunk.end])
        elif chunk.kind == b"C2PA":
            found.miss("its content credentials (C2PA)")
    found.exif, found.xmp, found.icc = bodies.get(b"EXIF"), bodies.get(b"XMP "), bodies.get(b"ICCP")
    return found


def _from_bmp(data: bytes) -> Findings:
    if int.from_bytes(data[14:18], "little") < _BMP_INFO_BYTES or len(data) < _BMP_RESOLUTION_AT + 8:
        return Findings()
    x, y = _BMP_RESOLUTION.unpack_from(data, _BMP_RESOLUTION_AT)
    return Findings(pixels_per_metre=(x, y) if x > 0 and y > 0 else None)


def _from_gif(data: bytes) -> Findings:
    walked = gif.walk(data)
    found = Findings()
    if not isinstance(walked, gif.GifWalked):
        return found
    for one in walked.applications:
        if one.name == _GIF_XMP and found.xmp is None:
            found.xmp = data[one.start : one.end - _GIF_XMP_TRAILER]
        elif one.name == _GIF_ICC and found.icc is None:
            found.icc = gif.joined_blocks(data[one.start : one.end])
    for start, end in walked.comments[: textual.MOST_TEXTS]:
        said = textual.comment(gif.joined_blocks(data[start:end]))
        if said is not None and said not in found.texts:
            found.texts.append(said)
    return found


def _from_tiff(data: bytes) -> Findings:
    reader = tiff.Reader(data)
    tags = tiff.main_page(reader)
    if tags is None:
        return Findings()
    found = Findings(xmp=reader.raw(tags.get(tiff.XMP)), icc=reader.raw(tags.get(tiff.ICC)))
    found.iptc, found.resources = _records(reader, tags), reader.raw(tags.get(tiff.PHOTOSHOP)) or b""
    found.exif = _exif_of(reader, tags, found)
    return found


def _records(reader: tiff.Reader, tags: dict[int, tiff.Tag]) -> bytes | None:
    found = reader.raw(tags.get(tiff.IPTC))
    return iptc.trimmed(found) if found else None


def _exif_of(reader: tiff.Reader, tags: dict[int, tiff.Tag], found: Findings) -> bytes:
    """What the directory of a TIFF says of its picture, as a block of EXIF of its own."""
    block = bytearray(b"II*\0" + bytes(4))
    # A ratio of sides, which every TIFF has to name, is no resolution.
    mute = ifd.STRUCTURAL | (_RESOLUTION if reader.integer(tags.get(_RESOLUTION_UNIT), 2) == 1 else frozenset())
    said = [*_kept(reader, {tag: at for tag, at in tags.items() if tag not in mute}, found)]
    for link in (tiff.EXIF, tiff.GPS):
        directory = reader.directory(reader.integer(tags.get(link))) if link in tags else None
        inner = [*_kept(reader, directory[0], found)] if directory else []
        if inner:
            said.append(ifd.long(link, len(block)))
            block += ifd.laid_out(inner, len(block))
    if not said:
        return b""
    block[4:8] = struct.pack("<I", len(block))
    return bytes(block + ifd.laid_out(said, len(block)))


def _kept(reader: tiff.Reader, tags: dict[int, tiff.Tag], found: Findings) -> Iterator[ifd.Entry]:
    """The tags that can stand elsewhere than in their TIFF."""
    room = _MOST_IN_ALL
    for number, tag in tags.items():
        if tag.size > min(_MOST_VALUES, room):
            found.miss(f"its TIFF tag {number} of {tag.size:,} bytes")
            continue
        room -= tag.size
        for entry in reader.entries({number: tag}):
            if number == _MAKER_NOTE and not exif_tags.is_movable(entry.values):
                found.miss("its MakerNote, whose parts are found only where they lay")
            else:
                yield entry


def _from_boxes(data: bytes) -> Findings:
    said = isobmff.said(data)
    return Findings(said.exif, said.xmp, said.icc)


def _from_jpeg2000(data: bytes) -> Findings:
    return Findings(xmp=jpeg2000.xmp(data), icc=jpeg2000.icc(data))


_READERS: Final[Mapping[Format, Callable[[bytes], Findings]]] = {
    Format.PNG: _from_png, Format.WEBP: _from_webp, Format.TIFF: _from_tiff,
    Format.BMP: _from_bmp, Format.GIF: _from_gif, Format.AVIF: _from_boxes, Format.HEIC: _from_boxes,
    Format.JPEG2000: _from_jpeg2000,
}  # fmt: skip
