"""IPTC's records in the wrappings that pictures have for them.

Sources: IPTC-NAA Information Interchange Model 4; ImageMagick's raw profiles in PNG.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import photoshop

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYWORD: Final = b"Raw profile type iptc\0"
_HEX_A_LINE: Final = 72
_MARK: Final = b"\x1c"
_HEADER: Final = struct.Struct(">BBBH")  # marker, record, number, size
_EXTENDED: Final = 0x8000
_APPLICATION: Final = 2
_CHARACTERS: Final = 90
_UTF8: Final = b"\x1b%G"


def raw_block(text: bytes) -> bytes | None:
    """What ImageMagick has wrapped into a text of a PNG: a name, a length, and hexadecimal digits."""
    parts = text.strip().split(b"\n", 2)
    if len(parts) < 3:  # noqa: PLR2004 -- the three of them
        parts = text.split(None, 2)
    if len(parts) < 3 or not parts[1].strip().isdigit():  # noqa: PLR2004 -- the three of them
        return None
    try:
        return bytes.fromhex(parts[2].decode("ascii")) or None
    except ValueError:
        return None


def trimmed(found: bytes) -> bytes:
    """The records without the zeros that fill them up to whole numbers in a TIFF."""
    ends = [end for _, _, end in _datasets(found)]
    return found[: ends[-1]] if ends and not found[ends[-1] :].strip(b"\0") else found


def _datasets(found: bytes) -> Iterator[tuple[tuple[int, int], bytes, int]]:
    """Record and number, value and end of each; what is damaged ends them."""
    at = 0
    while found.startswith(_MARK, at) and at + _HEADER.size <= len(found):
        _, record, number, size = _HEADER.unpack_from(found, at)
        start, at = at + _HEADER.size, at + _HEADER.size + size
        if size >= _EXTENDED or at > len(found):
            return
        yield (record, number), found[start:at], at


def values(found: bytes) -> dict[int, list[str]]:
    """What the records of the application say (2:xx), by their number."""
    said: dict[int, list[str]] = {}
    encoding = None
    for (record, number), value, _ in _datasets(found):
        if (record, number) == (1, _CHARACTERS) and value == _UTF8:
            encoding = "utf-8"
        elif record == _APPLICATION and number:
            said.setdefault(number, []).append(_text(value, encoding))
    return said


def _text(value: bytes, encoding: str | None) -> str:
    """A value as text: many programs write UTF-8 without saying so."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1") if encoding is None else value.decode(encoding, "replace")


def raw_profile(found: bytes) -> bytes:
    """The same the other way, as ImageMagick writes it and others look for it."""
    block = photoshop.wrapped(found)
    digits = block.hex().encode()
    lines = [digits[start : start + _HEX_A_LINE] for start in range(0, len(digits), _HEX_A_LINE)]
    return b"\niptc\n%8d\n" % len(block) + b"\n".join(lines) + b"\n"
