"""What one reader found beside the pixels of a file, as it stands there; what it cannot read it names."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watchd.formats.metadata.textual import TextItem

MOST_INFLATED: Final = 16 * 1024 * 1024
"""Bytes of a compressed profile, packet or text; the largest seen have 4 MB."""


@dataclass(slots=True)
class Findings:
    """`resources`: Photoshop's, the records of `iptc` among them where these stand nowhere else.

    `unread`: phrases that name what is there and could not be read, or has no place in any output.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    pixels_per_metre: tuple[int, int] | None = None
    iptc: bytes | None = None
    resources: bytes = b""
    texts: list[TextItem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def miss(self, phrase: str) -> None:
        """Name what could not be read, once."""
        if phrase not in self.unread:
            self.unread.append(phrase)


def inflated(compressed: bytes) -> bytes | None:
    """What a zlib stream holds, unless it is damaged, cut, or larger than any metadata ought to be."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(compressed, MOST_INFLATED)
    except zlib.error:
        return None
    return found if stream.eof else None
