"""A text beside the pixels: a keyword and what it says, as PNG has them; a comment is one whose keyword says so.

Source: Portable Network Graphics (PNG) Specification, Third Edition, W3C, 11.3.3.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from watchd.formats.png import png_chunks

COMMENT: Final = "Comment"
MOST_BYTES: Final = 7_900_000
"""Of one text that is not packed: libpng takes no chunk above 8 MB."""
MOST_PACKED_BYTES: Final = 1_000_000
"""Of one text that has to be unpacked; common decoders refuse a mebibyte."""
MOST_TEXTS: Final = 1000
_MOST_KEYWORD: Final = 79
_MOST_SHOWN: Final = 40
_TEXT_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\ufffd")


@dataclass(frozen=True, slots=True)
class TextItem:
    """`language`: None where it is said in no particular one; `packed`: it was compressed where it was found."""

    keyword: str
    text: str
    language: str | None = None
    translated: str = ""
    packed: bool = False


def plain(keyword: str, text: str) -> TextItem:
    """A text in no particular language, as a PNG can hold it."""
    return TextItem(keyword, text, None if _is_latin(keyword + text) else "")


def comment(data: bytes) -> TextItem | None:
    """A comment of a format that does not say how it is encoded; None where it is empty, or bytes that say nothing."""
    data = data.rstrip(b"\0 ")
    if not data or b"\0" in data:
        return None
    try:
        return plain(COMMENT, data.decode())
    except UnicodeDecodeError:
        return plain(COMMENT, data.decode("latin-1"))


def shown(keyword: str) -> str:
    """A keyword as a message can name it, whoever wrote it."""
    printable = "".join(char if char.isprintable() else "\ufffd" for char in keyword)
    return printable if len(printable) <= _MOST_SHOWN else printable[: _MOST_SHOWN - 1] + "…"


def as_xml(text: str) -> str:
    """The same without the characters that no XML may hold."""
    return text.translate(_TEXT_CONTROLS).encode("utf-8", "replace").decode()


def as_chunk(text: TextItem) -> bytes | None:
    """The chunk that says it in a PNG; None: no PNG can."""
    try:
        keyword = text.keyword.encode("latin-1")
        body = text.text.encode("latin-1" if text.language is None else "utf-8")
        translated = text.translated.encode()
        language = (text.language or "").encode("ascii")
    except UnicodeEncodeError:
        return None
    if not 0 < len(keyword) <= _MOST_KEYWORD or b"\0" in keyword or len(body) > MOST_BYTES:
        return None
    packed = text.packed and len(body) <= MOST_PACKED_BYTES
    said = zlib.compress(body) if packed else body
    if text.language is None:
        return png_chunks.chunk(b"zTXt" if packed else b"tEXt", keyword + (b"\0\0" if packed else b"\0") + said)
    head = keyword + (b"\0\1\0" if packed else b"\0\0\0") + language + b"\0" + translated + b"\0"
    return png_chunks.chunk(b"iTXt", head + said)


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
