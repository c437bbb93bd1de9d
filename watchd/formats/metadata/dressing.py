"""What an output says beside its pixels: the original's metadata as it is true of the result, kept as PNG chunks.

As chunks it lies in the spool from before the call until the output is published, whatever the output's format.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import exif, iptc, textual, xmp
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.fitting import Dressed, fitted
from watchd.formats.metadata.xmp_truth import Rendition
from watchd.formats.picture import Format
from watchd.formats.png import png_chunks
from watchd.formats.png.rewriter import XMP_KEYWORD

if TYPE_CHECKING:
    from watchd.formats.metadata.xmp import Done

_PHYS: Final = struct.Struct(">IIB")
_PHYS_METRE: Final = 1


def dress(
    metadata: Metadata, *, keep: bool, width: int, height: int, done: Done, srgb_profile: bytes | None,
    kind: Format = Format.PNG,
) -> Dressed:  # fmt: skip
    """The original's metadata as it is true of a result of `width` x `height` upright pixels, and what it loses.

    `keep=False`: nothing at all, and nothing is missed. `srgb_profile`: of pixels whose colours were converted; theirs
    is true no longer. `kind`: the format of the output; the metadata is in the forms of the spool, and `fitting.fitted`
    turns it into the output's.
    """
    if not keep:
        return Dressed(Metadata())
    in_srgb = srgb_profile is not None
    lost = [*metadata.unread]
    block = metadata.exif
    if block is not None:
        block = exif.describing(block, width=width, height=height, orientation=exif.UPRIGHT, in_srgb=in_srgb)
    rendition = Rendition(width, height, done.scale, metadata.orientation, in_srgb=in_srgb, format=kind)
    packet, flaw = xmp.of_result(metadata.xmp, done, rendition)
    if flaw is not None:
        lost.append(f"its XMP ({flaw})")
    true = replace(
        metadata, exif=block, xmp=packet, icc=srgb_profile or metadata.icc, orientation=exif.UPRIGHT, unread=()
    )  # fmt: skip
    spooled = fitted(true, Format.PNG, (width, height))
    lost += spooled.left_out
    if kind is not Format.PNG:
        lost += fitted(spooled.metadata, kind, (width, height)).left_out
    return Dressed(spooled.metadata, (*dict.fromkeys(lost),))


def as_png_chunks(dressed: Metadata) -> bytes:
    """The chunks that belong right behind the header of a PNG: iCCP, pHYs, eXIf, XMP in iTXt, IPTC in zTXt, texts.

    What no PNG can hold (`fitting.fitted`) is left out.
    """
    found = []
    fit = fitted(dressed, Format.PNG, (0, 0)).metadata
    if fit.icc is not None:
        found.append(png_chunks.chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(fit.icc)))
    if fit.pixels_per_metre is not None:
        found.append(png_chunks.chunk(b"pHYs", _PHYS.pack(*fit.pixels_per_metre, _PHYS_METRE)))
    if fit.exif is not None:
        found.append(png_chunks.chunk(b"eXIf", fit.exif))
    if fit.xmp is not None and _is_text(fit.xmp):
        found.append(png_chunks.chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0" + fit.xmp))
    if fit.iptc is not None:
        found.append(png_chunks.chunk(b"zTXt", iptc.KEYWORD + b"\0" + zlib.compress(iptc.raw_profile(fit.iptc))))
    found += [chunk for text in fit.texts if (chunk := textual.as_chunk(text)) is not None]
    return b"".join(found)


def from_png_chunks(chunks: bytes) -> Metadata:
    """The inverse of `as_png_chunks`."""
    return collect(png_chunks.SIGNATURE + chunks, Format.PNG)


def _is_text(packet: bytes) -> bool:
    try:
        packet.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in packet
