"""What an output says beside its pixels: the original's metadata as it is true of the result, kept as PNG chunks.

As chunks it lies in the spool from before the call until the output is published, whatever the output's format.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from watchd.formats.colour import dcf
from watchd.formats.metadata import exif, iptc, xmp
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.picture import Format
from watchd.formats.png import png_chunks
from watchd.formats.png.rewriter import XMP_KEYWORD

if TYPE_CHECKING:
    from watchd.formats.metadata.xmp import Done

_PHYS: Final = struct.Struct(">IIB")
_PHYS_METRE: Final = 1
_SPACE: Final = slice(16, 20)
_SPACES_OF_PNG: Final = (b"RGB ", b"GRAY")
_TEXT_CONTROL: Final = re.compile(rb"\0")


def dress(
    metadata: Metadata, *, keep: bool, width: int, height: int, done: Done, srgb_profile: bytes | None
) -> Metadata:
    """The original's metadata as it is true of a result of `width` x `height` upright pixels.

    `keep=False`: nothing at all. `srgb_profile`: of pixels whose colours were converted; theirs is true no longer.
    """
    if not keep:
        return Metadata()
    block = metadata.exif
    if block is not None:
        block = exif.describing(block, width=width, height=height, orientation=exif.UPRIGHT)
        block = block if srgb_profile is None else dcf.saying_srgb(block)
    packet = metadata.xmp
    if packet is not None:
        packet = xmp.true_of(packet, width, height)
    return replace(
        metadata, exif=block, xmp=xmp.with_done(packet, done), icc=srgb_profile or metadata.icc,
        orientation=exif.UPRIGHT,
    )  # fmt: skip


def as_png_chunks(dressed: Metadata) -> bytes:
    """The chunks that belong right behind the header of a PNG: iCCP, pHYs, eXIf, XMP in iTXt, IPTC in zTXt.

    A profile of CMYK or another space that no PNG has is left out, as is XMP that is not UTF-8.
    """
    found = []
    if dressed.icc is not None and dressed.icc[_SPACE] in _SPACES_OF_PNG:
        found.append(png_chunks.chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(dressed.icc)))
    if dressed.pixels_per_metre is not None:
        found.append(png_chunks.chunk(b"pHYs", _PHYS.pack(*dressed.pixels_per_metre, _PHYS_METRE)))
    if dressed.exif is not None:
        found.append(png_chunks.chunk(b"eXIf", dressed.exif))
    if dressed.xmp is not None and _is_text(dressed.xmp):
        found.append(png_chunks.chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0" + dressed.xmp))
    if dressed.iptc is not None:
        found.append(png_chunks.chunk(b"zTXt", iptc.KEYWORD + b"\0" + zlib.compress(iptc.raw_profile(dressed.iptc))))
    return b"".join(found)


def from_png_chunks(chunks: bytes) -> Metadata:
    """The inverse of `png_chunks`."""
    return collect(png_chunks.SIGNATURE + chunks, Format.PNG)


def _is_text(packet: bytes) -> bool:
    try:
        packet.decode()
    except UnicodeDecodeError:
        return False
    return not _TEXT_CONTROL.search(packet)
