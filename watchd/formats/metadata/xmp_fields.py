"""What other wrappings say, said in XMP as well, for outputs that have no place for those: texts, and IPTC's records.

Sources: XMP specification part 1 (Dublin Core); IPTC Photo Metadata Standard (the fields that records have in XMP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import iptc, textual, xmp, xmp_packet
from watchd.formats.metadata.xml_tree import Element
from watchd.formats.metadata.xmp_packet import DC, PHOTOSHOP, RDF, XMP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from watchd.formats.metadata.textual import TextItem
    from watchd.formats.metadata.xmp_packet import Packet

_OURS: Final = "Texts"
_KEYWORD, _SAID = "Keyword", "Text"
_FIELDS: Final = {
    "Title": (DC, "dc", "title", "Alt"), "Description": (DC, "dc", "description", "Alt"),
    "Author": (DC, "dc", "creator", "Seq"), "Copyright": (DC, "dc", "rights", "Alt"),
    "Software": (XMP, "xmp", "CreatorTool", ""),
}  # fmt: skip
"""The field of XMP that says the same as one of PNG's predefined keywords."""
_RECORDS: Final = {
    5: (DC, "dc", "title", "Alt"), 25: (DC, "dc", "subject", "Bag"), 80: (DC, "dc", "creator", "Seq"),
    116: (DC, "dc", "rights", "Alt"), 120: (DC, "dc", "description", "Alt"),
    40: (PHOTOSHOP, "photoshop", "Instructions", ""), 85: (PHOTOSHOP, "photoshop", "AuthorsPosition", ""),
    90: (PHOTOSHOP, "photoshop", "City", ""), 95: (PHOTOSHOP, "photoshop", "State", ""),
    101: (PHOTOSHOP, "photoshop", "Country", ""), 103: (PHOTOSHOP, "photoshop", "TransmissionReference", ""),
    105: (PHOTOSHOP, "photoshop", "Headline", ""), 110: (PHOTOSHOP, "photoshop", "Credit", ""),
    115: (PHOTOSHOP, "photoshop", "Source", ""), 122: (PHOTOSHOP, "photoshop", "CaptionWriter", ""),
}  # fmt: skip


def with_texts(packet: bytes | None, said: Sequence[TextItem]) -> bytes:
    """The packet with every text in a bag of ours, and those that XMP has a field for in that too, if it is free."""
    tree = xmp.parsed_or_new(packet)
    bag = Element("rdf:Bag")
    for text in said:
        item = Element("rdf:li", {"rdf:parseType": "Resource"})
        for name, value in ((_KEYWORD, text.keyword), (_SAID, text.text)):
            item.children.append(Element(f"{xmp.PREFIX}:{name}", {}, [textual.as_xml(value)]))
        bag.children.append(item)
        if text.keyword in _FIELDS:
            _fill(tree, _FIELDS[text.keyword], [text.text])
    ours = xmp_packet.description(xmp.PREFIX, xmp.NAMESPACE)
    ours.children.append(Element(f"{xmp.PREFIX}:{_OURS}", {}, [bag]))
    tree.add(ours)
    return tree.as_bytes()


def with_records(packet: bytes | None, records: bytes) -> bytes:
    """The packet with what IPTC's records say, in the fields that are free."""
    tree = xmp.parsed_or_new(packet)
    for number, values in iptc.values(records).items():
        if number in _RECORDS:
            _fill(tree, _RECORDS[number], values)
    return tree.as_bytes()


def _fill(tree: Packet, field: tuple[str, str, str, str], values: list[str]) -> None:
    space, prefix, name, kind = field
    if tree.find(space, name) is not None:
        return
    home = xmp_packet.description(prefix, space)
    clean = [textual.as_xml(value) for value in values]
    full = f"{prefix}:{name}"
    home.children.append(xmp_packet.listed(full, kind, clean) if kind else Element(full, {}, [clean[0]]))
    tree.add(home)


def texts_of(packet: bytes | None) -> list[TextItem]:
    """The texts that an earlier output of ours has in its packet."""
    if packet is None or xmp.NAMESPACE.encode() not in packet:
        return []
    tree = xmp_packet.parsed(packet)
    ours = tree.find(xmp.NAMESPACE, _OURS) if not isinstance(tree, str) else None
    if ours is None or not isinstance(ours.written, Element):
        return []
    return list(_items(ours.written.elements()))[: textual.MOST_TEXTS]


def _items(bags: Iterable[Element]) -> Iterator[TextItem]:
    scope = {"rdf": RDF, xmp.PREFIX: xmp.NAMESPACE}
    for bag in bags:
        for item in bag.elements():
            found = {one.name: one.value() for one in xmp_packet.properties(item, scope)}
            if found.get(_KEYWORD):
                yield textual.plain(found[_KEYWORD], _exact(item))


def _exact(item: Element) -> str:
    """The text with the blanks around it."""
    return next((one.text() for one in item.elements() if one.name.endswith(f":{_SAID}")), "")
