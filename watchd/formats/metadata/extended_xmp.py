"""XMP in a JPEG: the main packet, and what has no room in it, joined to one and cut apart again.

Source: XMP specification part 3, 1.1.3.1 (extended XMP in JPEG).
"""

from __future__ import annotations

import hashlib
import struct
from copy import deepcopy
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import xml_tree, xmp_packet
from watchd.formats.metadata.xml_tree import Element
from watchd.formats.metadata.xmp_packet import NOTE, RDF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.formats.metadata.xmp_packet import Packet, Property

XMP_SEGMENT: Final = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_SEGMENT: Final = b"http://ns.adobe.com/xmp/extension/\0"
MOST_MAIN: Final = 65_502
"""Bytes of the packet that one segment can hold."""
_HEADER: Final = struct.Struct(">32sII")  # GUID, length of the whole, offset of this part
_MOST_PART: Final = 65_400
_DAMAGED: Final = "its extended XMP (not all of it is there)"
_ROOM_FOR_NOTE: Final = 300


def joined(main: bytes, parts: Iterable[bytes]) -> tuple[bytes, str | None]:
    """The main packet with what its extension says, and what could not be joined.

    `parts`: payloads of the extension's segments behind their name. Only those of the extension that the main packet
    announces count, and only if all of it is there: cameras and editors leave old ones behind.
    """
    if b"HasExtendedXMP" not in main:
        return main, None
    packet = xmp_packet.parsed(main)
    note = packet.find(NOTE, "HasExtendedXMP") if not isinstance(packet, str) else None
    if isinstance(packet, str) or note is None:
        return main, None
    extension = _assembled(note.value().encode(), parts)
    more = xmp_packet.parsed(extension) if extension is not None else _DAMAGED
    note.remove()
    if not isinstance(more, str):
        for description, scope in more.descriptions():
            description.attributes.update({f"xmlns:{prefix}": space for prefix, space in scope.items() if prefix})
            packet.add(description)
    xmp_packet.tidy(packet)
    return packet.as_bytes(padded=False), _DAMAGED if isinstance(more, str) else None


def _assembled(guid: bytes, parts: Iterable[bytes]) -> bytes | None:
    """The extension of that name, if it is whole: the name is the MD5 of it."""
    found: dict[int, bytes] = {}
    for part in parts:
        if len(part) > _HEADER.size and part.startswith(guid):
            _, _, at = _HEADER.unpack_from(part)
            found.setdefault(at, part[_HEADER.size :])
    whole = b"".join(found[at] for at in sorted(found))
    digest = hashlib.md5(whole, usedforsecurity=False).hexdigest().encode()
    return whole if whole and digest.upper() == guid.upper() else None


def cut(packet: bytes) -> tuple[bytes, list[bytes]] | None:
    """The main packet and the payloads of its extension, none where there is room; None: it cannot be cut so."""
    if len(packet) <= MOST_MAIN:
        return packet, []
    tree = xmp_packet.parsed(packet)
    if isinstance(tree, str):
        return None
    bare = tree.as_bytes(padded=False)
    if len(bare) <= MOST_MAIN:
        return bare, []
    extension = _moved(tree, len(bare) - MOST_MAIN + _ROOM_FOR_NOTE)
    guid = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    note = xmp_packet.description("xmpNote", NOTE)
    note.attributes["xmpNote:HasExtendedXMP"] = guid
    tree.add(note)
    main = tree.as_bytes(padded=False)
    if len(main) > MOST_MAIN:
        return None
    parts = range(0, len(extension), _MOST_PART)
    return main, [_HEADER.pack(guid.encode(), len(extension), at) + extension[at : at + _MOST_PART] for at in parts]


def _moved(tree: Packet, excess: int) -> bytes:
    """The extension of a packet, which loses its largest properties to it until it is smaller by `excess` bytes."""
    ordered = sorted(tree.properties(), key=_size, reverse=True)
    rdf = Element("rdf:RDF", {"xmlns:rdf": RDF})
    for one in ordered:
        if excess <= 0:
            break
        excess -= _size(one)
        scope = {f"xmlns:{prefix}": space for prefix, space in one.scope.items() if prefix and prefix != "rdf"}
        home = Element("rdf:Description", {"rdf:about": "", **scope})
        if isinstance(one.written, str):
            home.attributes[one.written] = one.value()
        else:
            home.children.append(deepcopy(one.written))
        one.remove()
        rdf.children.append(home)
    xmp_packet.tidy(tree)
    root = Element("x:xmpmeta", {"xmlns:x": "adobe:ns:meta/"}, [rdf])
    return xml_tree.written(root).encode()


def _size(one: Property) -> int:
    if isinstance(one.written, str):
        return len(one.written) + len(one.value().encode())
    return len(xml_tree.written(one.written).encode())
