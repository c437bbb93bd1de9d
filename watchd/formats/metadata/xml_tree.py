"""A small XML document as a tree that is written as it was read: prefixes, order and comments stay.

Source: Extensible Markup Language (XML) 1.0, W3C. Parsed by expat; a document type, and with it every entity that
could grow, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_DEPTH: Final = 60
_MOST_ELEMENTS: Final = 50_000
_MOST_PREFIXES: Final = 2000
"""Declared anywhere: what prefixes mean is noted for every element that declares one."""


@dataclass(slots=True, eq=False)
class Element:
    """`name` and the names of attributes as written, prefix included; children are elements, text and markup."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | Markup | str] = field(default_factory=list)

    def elements(self) -> list[Element]:
        """The children that are elements."""
        return [child for child in self.children if isinstance(child, Element)]

    def text(self) -> str:
        """The text of this element itself."""
        return "".join(child for child in self.children if isinstance(child, str))


@dataclass(frozen=True, slots=True)
class Markup:
    """A comment or a processing instruction, as it is written."""

    written: str


@dataclass(slots=True)
class XmlDocument:
    """A root, and the markup before and behind it."""

    before: list[Markup]
    root: Element
    behind: list[Markup]


class _Refused(Exception):  # noqa: N818 -- caught right here
    """Why a document is not read."""


class _Building:
    def __init__(self) -> None:
        self.before: list[Markup] = []
        self.behind: list[Markup] = []
        self.root: Element | None = None
        self.open: list[Element] = []
        self.count = 0
        self.prefixes = 0

    def start(self, name: str, attributes: list[str]) -> None:
        self.count += 1 + len(attributes) // 2
        self.prefixes += sum(attribute.startswith("xmlns") for attribute in attributes[::2])
        if len(self.open) >= _MOST_DEPTH or self.count > _MOST_ELEMENTS or self.prefixes > _MOST_PREFIXES:
            raise _Refused("nested or cut up without end")
        element = Element(name, dict(zip(attributes[::2], attributes[1::2], strict=True)))
        if self.open:
            self.open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self.open.append(element)

    def end(self, _name: str) -> None:
        self.open.pop()

    def said(self, text: str) -> None:
        self.open[-1].children.append(text)

    def instruction(self, target: str, data: str) -> None:
        self._markup(Markup(f"<?{target} {data}?>"))

    def comment(self, data: str) -> None:
        self._markup(Markup(f"<!--{data}-->"))

    def _markup(self, markup: Markup) -> None:
        if self.open:
            self.open[-1].children.append(markup)
        else:
            (self.before if self.root is None else self.behind).append(markup)

    def doctype(self, *_: object) -> None:
        raise _Refused("it has a DOCTYPE")


def parsed(text: str) -> XmlDocument | str:
    """The document in `text`, or why it is not read; what follows the root and is none of it is passed over."""
    building = _Building()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = building.start
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.said
    parser.ProcessingInstructionHandler = building.instruction
    parser.CommentHandler = building.comment
    parser.StartDoctypeDeclHandler = building.doctype
    try:
        parser.Parse(text.encode(), True)
    except _Refused as refused:
        return str(refused)
    except expat.ExpatError:
        if building.root is None or building.open:
            return "not well-formed"
    except UnicodeEncodeError:
        return "not well-formed"
    return "empty" if building.root is None else XmlDocument(building.before, building.root, building.behind)


def written(element: Element) -> str:
    """The element as XML."""
    return "".join(_pieces(element))


def _pieces(element: Element) -> Iterator[str]:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in element.attributes.items())
    if not element.children:
        yield f"<{element.name}{attributes}/>"
        return
    yield f"<{element.name}{attributes}>"
    for child in element.children:
        match child:
            case Element():
                yield from _pieces(child)
            case Markup(markup):
                yield markup
            case _:
                # a bare CR would come back as LF
                yield escape(child, {"\r": "&#13;"})
    yield f"</{element.name}>"
