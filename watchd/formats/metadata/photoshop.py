"""Photoshop's image resources: IPTC's records are one of them; of the others, what a person put there is told as lost.

Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE: Final = b"8BIM"
_IPTC: Final = 1028
_GUIDES, _COPYRIGHT_FLAG, _URL = 1032, 1034, 1035
_PATHS: Final = range(2000, 2998)
_GUIDE_COUNT: Final = slice(12, 16)


def records(block: bytes) -> bytes | None:
    """IPTC's records among the resources; None where there are none."""
    return next((body for kind, body in _resources(block) if kind == _IPTC), None) or None


def wrapped(found: bytes) -> bytes:
    """IPTC's records as the one image resource of a block."""
    return SIGNATURE + struct.pack(">HHI", _IPTC, 0, len(found)) + found + bytes(len(found) % 2)


def made_by_a_person(block: bytes, packet: bytes) -> Iterator[str]:
    """Phrases that name what no output will have; `packet`: the XMP beside it.

    What Photoshop notes for itself, such as thumbnails, print settings and digests, is nobody's loss; that a picture is
    under copyright, and where it is from, it says in XMP as well, which is kept.
    """
    for kind, body in _resources(block):
        if kind in _PATHS:
            yield "its Photoshop paths"
        elif kind == _GUIDES and body[_GUIDE_COUNT].strip(b"\0"):
            yield "its Photoshop guides"
        elif kind == _COPYRIGHT_FLAG and body.strip(b"\0") and b"Marked" not in packet:
            yield "the copyright flag among its Photoshop resources"
        elif kind == _URL and body.strip(b"\0 ") and body.strip(b"\0 ") not in packet:
            yield "the address among its Photoshop resources"


def _resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and body of each; what is damaged ends them."""
    at = 0
    while block.startswith(SIGNATURE, at) and at + 12 <= len(block):
        (kind,) = struct.unpack_from(">H", block, at + 4)
        name = block[at + 6] + 1
        body = at + 6 + name + name % 2
        if body + 4 > len(block):
            return
        (size,) = struct.unpack_from(">I", block, body)
        yield kind, block[body + 4 : body + 4 + size]
        at = body + 4 + size + size % 2
