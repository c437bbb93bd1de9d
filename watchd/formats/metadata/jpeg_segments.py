"""Segments of a JPEG that hold what is said beside its pixels, for the head of a file that is written.

Sources: Exif 2.32 (CIPA DC-008), ICC.1:2022 annex B.4, XMP specification part 3, Photoshop's image resources.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import iptc

if TYPE_CHECKING:
    from watchd.formats.metadata.collecting import Metadata

_MOST: Final = 0xFFFF - 2
_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ICC: Final = b"ICC_PROFILE\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_ICC_PART: Final = _MOST - len(_ICC) - 2
_MOST_PARTS: Final = 255
_APP1, _APP2, _APP13 = 0xE1, 0xE2, 0xED


def segments(dressed: Metadata) -> bytes:
    """What belongs right behind the JFIF header; what no segment can hold (64 KB, XMP as a rule) is absent."""
    found = []
    if dressed.exif is not None:
        found.append(_segment(_APP1, _EXIF + dressed.exif))
    if dressed.xmp is not None:
        found.append(_segment(_APP1, _XMP + dressed.xmp))
    if dressed.icc is not None:
        found += _profile(dressed.icc)
    if dressed.iptc is not None:
        found.append(_segment(_APP13, _PHOTOSHOP + iptc.resources(dressed.iptc)))
    return b"".join(found)


def _profile(icc: bytes) -> list[bytes]:
    parts = [icc[start : start + _ICC_PART] for start in range(0, len(icc), _ICC_PART)]
    if len(parts) > _MOST_PARTS:
        return []
    return [_segment(_APP2, _ICC + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)]


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > _MOST:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
