"""XMP, IPTC and EXIF as pictures carry them, made by hand.

Source: XMP specification parts 1 and 3 (1.1.3: extended XMP in JPEG), Photoshop's resource 1028, IPTC-IIM 4.2.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from tests.corpus.jpeg_bytes import segment

XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION: Final = b"http://ns.adobe.com/xmp/extension/\0"
_SPACES: Final = {
    "dc": "http://purl.org/dc/elements/1.1/", "xmp": "http://ns.adobe.com/xap/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/", "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/", "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/", "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/", "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
}  # fmt: skip
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def packet(attributes: str = "", elements: str = "", padding: int = 200) -> bytes:
    """A packet whose one description has these attributes and elements."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _SPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" {spaces} {attributes}>{elements}'
        f'</rdf:Description></rdf:RDF></x:xmpmeta>{" " * padding}<?xpacket end="w"?>'
    ).encode()


def title(text: str) -> str:
    """A title in the default language."""
    return f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:title>'


def container(*items: tuple[str, str, int]) -> str:
    """The directory of a file of several items: what each is, its type, its length."""
    rows = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{what}" Item:Mime="{kind}"'
        f' Item:Length="{size}"/></rdf:li>'
        for what, kind, size in items
    )
    return f"<Container:Directory><rdf:Seq>{rows}</rdf:Seq></Container:Directory>"


def xmp_segment(body: bytes) -> bytes:
    """A packet in an APP1."""
    return segment(0xE1, XMP + body)


def extended(attributes: str, elements: str, size: int = 65_400) -> list[bytes]:
    """A main packet that names its extension by MD5, and the extension in as many segments as it takes."""
    body = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
        + " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _SPACES.items())
        + f">{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
    main = xmp_segment(packet(f'{attributes} xmpNote:HasExtendedXMP="{digest}"'))
    pieces = [
        segment(0xE1, EXTENSION + digest.encode() + struct.pack(">II", len(body), at) + body[at : at + size])
        for at in range(0, len(body), size)
    ]
    return [main, *pieces]


def iptc(*records: tuple[int, bytes]) -> bytes:
    """Records of the application record: 5 a name, 120 a caption, 25 a keyword."""
    return b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in records)


def resources(records: bytes, *more: tuple[int, bytes]) -> bytes:
    """Photoshop's resources: IPTC and whatever else."""
    return b"".join(
        b"8BIM" + struct.pack(">H2xI", number, len(body)) + body + bytes(len(body) % 2)
        for number, body in ((0x0404, records), *more)
    )
