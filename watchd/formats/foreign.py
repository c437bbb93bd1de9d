"""Names what lies in a file that is no PNG, JPEG or WebP, so that a refusal says what was found."""

from __future__ import annotations

import re
from typing import Final

# How many leading bytes `name_of` looks at; a stream may wait for as many before it is judged.
HEAD_BYTES: Final = 512

_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\x89PNG", "a PNG spoilt by a transfer in text mode"),
    (b"\x8aMNG", "an MNG animation"),
    (b"\x8bJNG", "a JNG picture"),
    (b"\xff\xd8", "a JPEG picture"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP picture"),
    (b"FUJIFILMCCD-RAW", "a camera raw file (RAF)"),
    (b"IIU\0", "a camera raw file (RW2)"),
    (b"IIRO", "a camera raw file (ORF)"),
    (b"IIRS", "a camera raw file (ORF)"),
    (b"MMOR", "a camera raw file (ORF)"),
    (b"FOVb", "a camera raw file (X3F)"),
    (b"\0MRM", "a camera raw file (MRW)"),
    (b"II*\0\x10\0\0\0CR", "a camera raw file (CR2)"),
    (b"II*\0", "a TIFF or a camera raw file made like one (NEF, ARW, DNG)"),
    (b"MM\0*", "a TIFF or a camera raw file made like one (NEF, PEF, DNG)"),
    (b"II+\0", "a BigTIFF"),
    (b"MM\0+", "a BigTIFF"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\x01\0", "an icon (ICO)"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"gimp xcf", "a GIMP file"),
    (b"\0\x05\x16\x07", "an AppleDouble companion, not the picture itself"),
    (b"\0\x05\x16\0", "an AppleSingle file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x7fELF", "a program"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
)
_RIFF_KINDS: Final = {b"WEBP": "a WebP picture", b"AVI ": "an AVI video", b"WAVE": "a WAV sound"}
_BRANDS: Final = {
    b"avif": "an AVIF picture",
    b"avis": "an AVIF animation",
    b"heic": "a HEIC picture",
    b"heix": "a HEIC picture",
    b"heim": "a HEIC picture",
    b"heis": "a HEIC picture",
    b"hevc": "a HEIC animation",
    b"hevx": "a HEIC animation",
    b"mif1": "a HEIF picture",
    b"msf1": "a HEIF animation",
    b"crx ": "a camera raw file (CR3)",
    b"qt  ": "a QuickTime video",
}
_FTYP: Final = slice(4, 8)
_BRAND: Final = slice(8, 12)
_SVG: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_HTML: Final = re.compile(rb"<(!doctype\s+html|html|head|body|title|meta|script)[\s>/]", re.IGNORECASE)
_XML: Final = re.compile(rb"<(\?xml|!doctype|!--|[a-z][a-z0-9:-]*[\s>/])", re.IGNORECASE)
_JSON: Final = re.compile(rb'(\{\s*("|\}|\Z)|\[\s*(["\[{\]0-9-]|\Z))')
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def name_of(head: bytes) -> str:
    """What the first bytes of a file (HEAD_BYTES of them at most are read) belong to, with its article.

    Sources: the signatures of the formats' own specifications; `ftyp` brands of ISO 14496-12 registrations.
    """
    head = head[:HEAD_BYTES]
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[_BRAND], "a RIFF file of another kind")
    if head[_FTYP] == b"ftyp":
        return _BRANDS.get(head[_BRAND], "a video (MP4 family)")
    name = next((name for start, name in _STARTS if head.startswith(start)), None) or _name_of_text(head)
    return name or f"of an unknown kind (it starts with the bytes {head[:8].hex(' ')})"


def _name_of_text(head: bytes) -> str | None:
    if not head or _NOT_TEXT.search(head):
        return None
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    xml = _XML.match(text)
    candidates = (
        (_HTML.match(text), "an HTML page"),
        (_JSON.match(text), "a JSON document"),
        (xml and _SVG.search(text), "an SVG drawing"),
        (xml and _HTML.search(text), "an HTML page"),
        (xml, "an XML document"),
        (text.isascii(), "a text file"),
    )
    return next((name for matches, name in candidates if matches), None)
