"""XMP packets: what was done to a picture is added, and what they say of its size and its way up is made true.

Source: ISO 16684-1 (the data model and its RDF). A packet is patched as text, so that what others wrote stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

NAMESPACE: Final = "urn:watchd:1.0/"
_END: Final = re.compile(r"</(?P<prefix>[\w.-]+:)?RDF\s*>\s*(?=</|<\?|\Z)")
_OURS: Final = re.compile(
    r"<rdf:Description\b[^<>]*xmlns:watchd\s*=\s*(\"|')" + re.escape(NAMESPACE) + r"\1[^<>]*/>\s*"
)
_EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    "</rdf:RDF></x:xmpmeta>\n"
    '<?xpacket end="r"?>'
)
_UPRIGHT: Final = re.compile(r"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[1-8]""")
_WIDTHS: Final = re.compile(r"""((?:tiff:ImageWidth|exif:PixelXDimension)\s*(?:=\s*["']|>)\s*)\d+""")
_HEIGHTS: Final = re.compile(r"""((?:tiff:ImageLength|exif:PixelYDimension)\s*(?:=\s*["']|>)\s*)\d+""")


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a picture: watchd's version, the profile's name, the scale applied, when (ISO 8601)."""

    version: str
    profile: str
    scale: float
    date: str


def with_done(packet: bytes | None, done: Done) -> bytes | None:
    """The packet with what was done added, an earlier word of ours replaced; a new one where there is none.

    One that is no UTF-8, or has no end that could be told, is answered as it is.
    """
    text = _text(packet if packet is not None else _EMPTY.encode())
    if text is None:
        return packet
    text = _OURS.sub("", text)
    ends = list(_END.finditer(text))
    if not ends:
        return packet
    end = ends[-1]
    said = (
        f'<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about=""'
        f" xmlns:watchd={quoteattr(NAMESPACE)} watchd:Version={_quoted(done.version)}"
        f" watchd:Profile={_quoted(done.profile)} watchd:Scale={_quoted(f'{done.scale:g}')}"
        f" watchd:Date={_quoted(done.date)}/>"
    )
    return (text[: end.start()] + said + "\n" + text[end.start() :]).encode()


def true_of(packet: bytes, width: int, height: int) -> bytes:
    """The packet as it is true of upright pixels of that size; one that is no UTF-8 is answered as it is."""
    text = _text(packet)
    if text is None:
        return packet
    text = _UPRIGHT.sub(r"\g<1>1", text)
    text = _WIDTHS.sub(rf"\g<1>{width}", text)
    return _HEIGHTS.sub(rf"\g<1>{height}", text).encode()


def _quoted(value: str) -> str:
    """A value between quotes; what no XML may hold is shown instead."""
    return quoteattr("".join(char if char.isprintable() else "\ufffd" for char in value))


def _text(packet: bytes) -> str | None:
    try:
        return packet.decode()
    except UnicodeDecodeError:
        return None
