"""IPTC's records in the wrappings that pictures have for them.

Sources: IPTC-NAA Information Interchange Model 4; Adobe's Photoshop image resources; ImageMagick's raw profiles in PNG.
"""

from __future__ import annotations

import struct
from typing import Final

KEYWORD: Final = b"Raw profile type iptc\0"
_RESOURCE: Final = b"8BIM"
_IPTC: Final = 0x0404
_HEX_A_LINE: Final = 72


def from_resources(block: bytes | None) -> bytes | None:
    """The records among Photoshop's image resources; None where there are none."""
    if block is None:
        return None
    at = 0
    while block.startswith(_RESOURCE, at) and at + 12 <= len(block):
        (kind,) = struct.unpack_from(">H", block, at + 4)
        name = block[at + 6] + 1
        body = at + 6 + name + name % 2
        if body + 4 > len(block):
            return None
        (size,) = struct.unpack_from(">I", block, body)
        if kind == _IPTC:
            return block[body + 4 : body + 4 + size] or None
        at = body + 4 + size + size % 2
    return None


def resources(records: bytes) -> bytes:
    """The records as the one image resource of a block."""
    return _RESOURCE + struct.pack(">HHI", _IPTC, 0, len(records)) + records + bytes(len(records) % 2)


def from_raw_profile(text: bytes | None) -> bytes | None:
    """The records in the text of a PNG: a name, a length, and hexadecimal digits."""
    words = (text or b"").split()
    if len(words) < 3:  # noqa: PLR2004 -- the three of them
        return None
    try:
        block = bytes.fromhex(b"".join(words[2:]).decode("ascii"))
    except ValueError:
        return None
    return from_resources(block) if block.startswith(_RESOURCE) else block or None


def raw_profile(records: bytes) -> bytes:
    """The same the other way, as ImageMagick writes it and others look for it."""
    block = resources(records)
    digits = block.hex().encode()
    lines = [digits[start : start + _HEX_A_LINE] for start in range(0, len(digits), _HEX_A_LINE)]
    return b"\niptc\n%8d\n" % len(block) + b"\n".join(lines) + b"\n"
