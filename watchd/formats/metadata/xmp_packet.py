"""An XMP packet as a tree: its descriptions and their properties by namespace, whatever prefixes they were given.

Source: ISO 16684-1 (the data model, its RDF, and the packet's padding).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import xml_tree
from watchd.formats.metadata.xml_tree import Element, XmlDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC: Final = "http://purl.org/dc/elements/1.1/"
XMP: Final = "http://ns.adobe.com/xap/1.0/"
TIFF: Final = "http://ns.adobe.com/tiff/1.0/"
EXIF: Final = "http://ns.adobe.com/exif/1.0/"
PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
NOTE: Final = "http://ns.adobe.com/xmp/note/"
EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">\n'
    "</rdf:RDF></x:xmpmeta>\n"
    '<?xpacket end="w"?>'
).encode()
_USUAL: Final = {"rdf": RDF, "dc": DC, "xmp": XMP, "tiff": TIFF, "exif": EXIF, "photoshop": PHOTOSHOP}
"""What a prefix means that was never declared."""
_WIDE: Final = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
                (b"\xfe\xff", "utf-16"), (b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"),
                (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))  # fmt: skip
_XMLNS: Final = "xmlns:"
_MOST_BYTES: Final = 32_000_000
_LINE: Final = 100

Scope = dict[str, str]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a description, which `holder` is: its namespace, its name, and what it is written as."""

    holder: Element
    space: str
    name: str
    written: Element | str  # an element, or the name of an attribute
    scope: Scope

    def value(self) -> str:
        """The value where it is a plain one."""
        if isinstance(self.written, str):
            return self.holder.attributes[self.written]
        return self.written.text().strip()

    def set(self, value: str) -> None:
        """Give it a plain value."""
        if isinstance(self.written, str):
            self.holder.attributes[self.written] = value
        else:
            self.written.children = [value]

    def remove(self) -> None:
        """Take it out of its description."""
        if isinstance(self.written, str):
            del self.holder.attributes[self.written]
        else:
            self.holder.children.remove(self.written)


@dataclass(slots=True)
class Packet:
    """`size`: bytes of the packet as it was, padding included."""

    document: XmlDocument
    rdf: Element
    scope: Scope
    size: int

    def descriptions(self) -> list[tuple[Element, Scope]]:
        """Each description of the packet, with what its prefixes mean."""
        found = [(child, scope_of(child, self.scope)) for child in self.rdf.elements()]
        return [(child, scope) for child, scope in found if resolved(child.name, scope) == (RDF, "Description")]

    def properties(self) -> Iterator[Property]:
        """Each property of each description, in a list of its own: they can be removed on the way."""
        for holder, scope in self.descriptions():
            yield from properties(holder, scope)

    def find(self, space: str, name: str) -> Property | None:
        """The first property of that name."""
        return next((one for one in self.properties() if (one.space, one.name) == (space, name)), None)

    def add(self, description: Element) -> None:
        """Put a description of ours at the end."""
        self.rdf.children += [description, "\n"]

    def as_bytes(self, *, padded: bool = True) -> bytes:
        """The packet written out; what padding it had is used up before it grows."""
        head = "".join(markup.written + "\n" for markup in self.document.before)
        tail = "".join("\n" + markup.written for markup in self.document.behind)
        body = (head + xml_tree.written(self.document.root)).encode()
        end = tail.encode()
        spare = self.size - len(body) - len(end)
        lines, rest = divmod(max(0, spare), _LINE)
        padding = (b" " * (_LINE - 1) + b"\n") * lines + b" " * rest
        return body + (padding if padded and b'end="w"' in end.replace(b"'", b'"') else b"") + end


def parsed(packet: bytes) -> Packet | str:
    """The packet as a tree, or why it is not read."""
    if len(packet) > _MOST_BYTES:
        return "larger than 32 MB"
    text = _decoded(packet)
    if text is None:
        return "not UTF-8"
    document = xml_tree.parsed(text.strip("\ufeff\0 \t\r\n"))
    if isinstance(document, str):
        return document
    found = _rdf(document.root, {}, 2)
    if found is None:
        return "without RDF"
    return Packet(document, *found, len(packet))


def _decoded(packet: bytes) -> str | None:
    encoding = next((name for start, name in _WIDE if packet.startswith(start)), "utf-8")
    try:
        return packet.decode(encoding)
    except UnicodeDecodeError:
        return None


def _rdf(element: Element, scope: Scope, depth: int) -> tuple[Element, Scope] | None:
    scope = scope_of(element, scope)
    if resolved(element.name, scope) == (RDF, "RDF"):
        return element, scope
    inner = element.elements() if depth else []
    return next((found for child in inner if (found := _rdf(child, scope, depth - 1)) is not None), None)


def scope_of(element: Element, outer: Scope) -> Scope:
    """What prefixes mean in an element."""
    declared = {name.removeprefix(_XMLNS): value for name, value in element.attributes.items() if is_prefix(name)}
    return {**outer, **declared} if declared else outer


def is_prefix(attribute: str) -> bool:
    """Whether an attribute says what a prefix means."""
    return attribute.startswith(_XMLNS)


def resolved(name: str, scope: Scope) -> tuple[str, str]:
    """The namespace and the local name."""
    prefix, _, local = name.rpartition(":")
    return (scope.get(prefix) or _USUAL.get(prefix, "") if prefix else "", local)


def properties(holder: Element, scope: Scope) -> list[Property]:
    """The properties of a description, or of a structure that is written as one."""
    found = []
    for name in holder.attributes:
        space, local = resolved(name, scope)
        if space and space != RDF and not is_prefix(name) and not name.startswith("xml:"):
            found.append(Property(holder, space, local, name, scope))
    for child in holder.elements():
        inner = scope_of(child, scope)
        found.append(Property(holder, *resolved(child.name, inner), child, inner))
    return found


def tidy(packet: Packet) -> None:
    """Without descriptions that say nothing, and without prefixes that nothing uses."""
    for holder, scope in packet.descriptions():
        if not properties(holder, scope):
            packet.rdf.children.remove(holder)
    _forget(packet.document.root, set(_prefixes(packet.document.root)))


def _prefixes(element: Element) -> Iterator[str]:
    for name in (element.name, *element.attributes):
        if not is_prefix(name):
            yield name.rpartition(":")[0]
    for child in element.elements():
        yield from _prefixes(child)


def _forget(element: Element, used: set[str]) -> None:
    for name in [*element.attributes]:
        if is_prefix(name) and name.removeprefix(_XMLNS) not in used:
            del element.attributes[name]
    for child in element.elements():
        _forget(child, used)


def description(prefix: str, space: str) -> Element:
    """A description that is to hold properties of one namespace."""
    return Element("rdf:Description", {"xmlns:rdf": RDF, "rdf:about": "", f"xmlns:{prefix}": space})


def listed(name: str, kind: str, values: list[str]) -> Element:
    """A property whose value is a list: `Bag`, `Seq`, or `Alt`, whose items are in the default language."""
    items = [Element("rdf:li", {"xml:lang": "x-default"} if kind == "Alt" else {}, [value]) for value in values]
    return Element(name, {}, [Element(f"rdf:{kind}", {}, [*items])])
