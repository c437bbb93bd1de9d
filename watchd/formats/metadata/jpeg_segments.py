"""Segments of a JPEG that hold what is said beside its pixels, for the head of a file that is written.

Sources: Exif 2.32 (CIPA DC-008), ICC.1:2022 annex B.4, XMP specification part 3, Photoshop's image resources.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import exif, extended_xmp, photoshop
from watchd.formats.metadata.extended_xmp import EXTENSION_SEGMENT, XMP_SEGMENT

if TYPE_CHECKING:
    from watchd.formats.metadata.collecting import Metadata

_MOST: Final = 0xFFFF - 2
_ICC: Final = b"ICC_PROFILE\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_ICC_PART: Final = _MOST - len(_ICC) - 2
_RESOURCES_PART: Final = _MOST - len(_PHOTOSHOP)
_MOST_PARTS: Final = 255
_APP1, _APP2, _APP13, _COM = 0xE1, 0xE2, 0xED, 0xFE


def segments(fitted: Metadata) -> bytes:
    """What belongs right behind the JFIF header, of what has been fitted for a JPEG (`fitting`)."""
    found = []
    if fitted.exif is not None:
        found.append(_segment(_APP1, exif.PREFIX + fitted.exif))
    if fitted.xmp is not None:
        found += _packet(fitted.xmp)
    if fitted.icc is not None:
        found += _profile(fitted.icc)
    if fitted.iptc is not None:
        block = photoshop.wrapped(fitted.iptc)
        parts = range(0, len(block), _RESOURCES_PART)
        found += [_segment(_APP13, _PHOTOSHOP + block[start : start + _RESOURCES_PART]) for start in parts]
    found += [_segment(_COM, text.text.encode("utf-8", "replace")) for text in fitted.texts]
    return b"".join(found)


def _packet(xmp: bytes) -> list[bytes]:
    cut = extended_xmp.cut(xmp)
    if cut is None:
        return []
    main, extension = cut
    return [_segment(_APP1, XMP_SEGMENT + main), *(_segment(_APP1, EXTENSION_SEGMENT + part) for part in extension)]


def _profile(icc: bytes) -> list[bytes]:
    parts = [icc[start : start + _ICC_PART] for start in range(0, len(icc), _ICC_PART)]
    if len(parts) > _MOST_PARTS:
        return []
    return [_segment(_APP2, _ICC + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)]


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > _MOST:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
