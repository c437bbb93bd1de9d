"""What a format of outputs can hold of what is to be said, each thing in the form that it has there; the rest is told.

Sources: Exif 2.32 (CIPA DC-008), XMP specification part 3, PNG's third edition, the WebP and AV1 image containers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import exif, exif_building, extended_xmp, iptc, textual, xmp_fields
from watchd.formats.picture import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.metadata.textual import TextItem

_GENERATED: Final = "parameters"
"""The keyword under which a program that generates pictures says how it did."""
_MOST_SEGMENT: Final = 65_533
_MOST_JPEG_EXIF: Final = _MOST_SEGMENT - len(exif.PREFIX)
_MOST_JPEG_PROFILE: Final = 255 * 65_519
_MOST_CHUNK: Final = textual.MOST_BYTES
_MOST_PACKED: Final = textual.MOST_PACKED_BYTES
_SPACE: Final = slice(16, 20)
_SPACES_OF_PNG: Final = (b"RGB ", b"GRAY")
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Dressed:
    """What an output says, and phrases that name what it loses, each completing the sentence "it loses …"."""

    metadata: Metadata
    left_out: tuple[str, ...] = ()


def fitted(metadata: Metadata, kind: Format, size: tuple[int, int]) -> Dressed:
    """The metadata in the forms that a file of `kind` and of `size` pixels has for it; the same if it fits already."""
    return _FITTING[kind](metadata, size) if kind in _FITTING else Dressed(metadata)


def _for_png(metadata: Metadata, _size: tuple[int, int]) -> Dressed:
    lost = []
    if metadata.icc is not None and metadata.icc[_SPACE] not in _SPACES_OF_PNG:
        lost.append("its colour profile, which is for another kind of colours")
        metadata = replace(metadata, icc=None)
    if metadata.icc is not None and len(metadata.icc) > _MOST_PACKED:
        lost.append(f"its colour profile of {_megabytes(metadata.icc)}")
        metadata = replace(metadata, icc=None)
    if metadata.exif is not None and len(metadata.exif) > _MOST_CHUNK:
        lost.append(f"its EXIF of {_megabytes(metadata.exif)}")
        metadata = replace(metadata, exif=None)
    if metadata.xmp is not None and len(metadata.xmp) > _MOST_CHUNK:
        lost.append(f"its XMP of {_megabytes(metadata.xmp)}")
        metadata = replace(metadata, xmp=None)
    if metadata.iptc is not None and len(iptc.raw_profile(metadata.iptc)) > _MOST_PACKED:
        lost.append(f"its IPTC of {_megabytes(metadata.iptc)}")
        metadata = replace(metadata, iptc=None)
    held = tuple(text for text in metadata.texts if textual.as_chunk(text) is not None)
    lost += [
        f"a text of {_megabytes(text.text.encode('utf-8', 'replace'))} named {textual.shown(text.keyword)}"
        for text in metadata.texts
        if text not in held
    ]
    return Dressed(replace(metadata, texts=held), (*lost,))


def _for_jpeg(metadata: Metadata, size: tuple[int, int]) -> Dressed:
    lost: list[str] = []
    block = metadata.exif
    if block is not None and len(block) > _MOST_JPEG_EXIF:
        if exif_building.has_maker_note(block):
            lost.append("its MakerNote, for which a JPEG has no room")
        block = exif_building.without_maker_note(block)
        if len(block) > _MOST_JPEG_EXIF:
            lost.append(f"its EXIF of {len(block):,} bytes, for which a JPEG has no room")
            block = None
    for more in (_completed, _with_user_comment):
        grown = more(block, metadata, Format.JPEG, size)
        block = grown if grown is not None and len(grown) <= _MOST_JPEG_EXIF else block
    packet, flaws = _packet_with_texts(metadata)
    cut = extended_xmp.cut(packet) if packet is not None else None
    if packet is not None and cut is None:
        flaws.append("its XMP, which a JPEG has no room for")
    icc = metadata.icc
    if icc is not None and len(icc) > _MOST_JPEG_PROFILE:
        lost.append(f"its colour profile of {_megabytes(icc)}")
        icc = None
    remarks = tuple(text for text in metadata.texts if text.keyword == textual.COMMENT and _has_room(text))
    fit = replace(metadata, exif=block, xmp=packet if cut is not None else None, icc=icc, texts=remarks)
    return Dressed(fit, (*lost, *flaws))


def _has_room(text: TextItem) -> bool:
    return len(text.text.encode("utf-8", "replace")) <= _MOST_SEGMENT


def _for_tiff(metadata: Metadata, size: tuple[int, int]) -> Dressed:
    packet, lost = _packet_with_texts(metadata)
    block = exif.as_in_tiff(metadata.exif) if metadata.exif is not None else None
    block = _completed(block, metadata, Format.TIFF, size)
    block = _with_user_comment(block, metadata, Format.TIFF, size)
    return Dressed(replace(metadata, exif=block, xmp=packet, texts=()), (*lost,))


def _for_webp(metadata: Metadata, size: tuple[int, int]) -> Dressed:
    """Which has no place of its own for a resolution or for IPTC's records: EXIF and XMP say them."""
    packet, lost = _packet_with_texts(metadata)
    if metadata.iptc is not None:
        packet = xmp_fields.with_records(packet, metadata.iptc)
        lost.append("its IPTC, but for what XMP has fields for")
    block = _with_user_comment(metadata.exif, metadata, Format.WEBP, size)
    resolution = metadata.pixels_per_metre
    if resolution is not None and (block is None or exif.pixels_per_metre(block) is None):
        block = exif_building.with_resolution(block or _new(metadata, Format.WEBP, size), resolution)
    return Dressed(replace(metadata, exif=block, xmp=packet, iptc=None, texts=()), (*lost,))


def _for_avif(metadata: Metadata, size: tuple[int, int]) -> Dressed:
    """As WebP, and how it is turned is said by the container alone."""
    dressed = _for_webp(metadata, size)
    block = dressed.metadata.exif
    if block is None:
        return dressed
    return replace(dressed, metadata=replace(dressed.metadata, exif=exif.without_orientation(block)))


def _packet_with_texts(metadata: Metadata) -> tuple[bytes | None, list[str]]:
    if not metadata.texts:
        return metadata.xmp, []
    lost = [
        f"control characters in a text named {textual.shown(text.keyword)}"
        for text in metadata.texts
        if textual.as_xml(text.text) != text.text
    ]
    return xmp_fields.with_texts(metadata.xmp, metadata.texts), lost


def _with_user_comment(
    block: bytes | None, metadata: Metadata, kind: Format, size: tuple[int, int]
) -> bytes | None:  # fmt: skip
    """How a picture was generated is looked for in EXIF wherever there is no text of PNG's."""
    said = next((text.text for text in metadata.texts if text.keyword == _GENERATED), None)
    return block if not said else exif_building.with_user_comment(block or _new(metadata, kind, size), said)


def _completed(block: bytes | None, metadata: Metadata, kind: Format, size: tuple[int, int]) -> bytes | None:
    """With what goes without saying, where there is a block at all."""
    if block is None:
        return None
    resolution = metadata.pixels_per_metre
    if kind is Format.JPEG and resolution is not None and exif.pixels_per_metre(block) is None:
        block = exif_building.with_resolution(block, resolution)
    return exif_building.completed(block, kind, size, is_srgb=metadata.icc is None)


def _new(metadata: Metadata, kind: Format, size: tuple[int, int]) -> bytes:
    return exif_building.completed(None, kind, size, is_srgb=metadata.icc is None)


def _megabytes(data: bytes) -> str:
    return f"{max(1, len(data) // _MEGABYTE)} MB"


_FITTING: Final[Mapping[Format, Callable[[Metadata, tuple[int, int]], Dressed]]] = {
    Format.PNG: _for_png, Format.JPEG: _for_jpeg, Format.TIFF: _for_tiff, Format.WEBP: _for_webp,
    Format.AVIF: _for_avif,
}  # fmt: skip
