"""One YAML text to plain values, keeping for every key and value the place where it stands.

YAML 1.1 reads `on` as true, `22:30` as the number 1350 and `010` as 8. Here plain scalars are read as YAML 1.2 has it
(true, false, null, decimal numbers, all else text), and a key is always text: `notify: {on: …}` works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, such as `("folders", 0, "settle")`."""

Mark = tuple[int, int]
"""Line and column, both counted from 1."""

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 20
MAX_VALUES: Final = 20_000
_TAG: Final = "tag:yaml.org,2002:"
_BROKEN: Final = object()
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")


class _Loader(yaml.CSafeLoader):
    """libyaml's parser with the scalars of YAML 1.2 in place of PyYAML's of 1.1."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 -- PyYAML keeps its resolvers in this class attribute


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _first_characters = [*_first, ""] if _name == "null" else [*_first]
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first_characters)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A problem of the text itself. `path` is empty where no key can be named."""

    mark: Mark
    path: Path
    text: str


@dataclass(slots=True)
class Document:
    """The values of a text, and where each stands. `blanks` are keys with nothing written behind them."""

    value: Any = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    blanks: set[Path] = field(default_factory=set)
    flaws: list[Flaw] = field(default_factory=list)

    def mark(self, path: Path, *, of_key: bool = False) -> Mark:
        """The place of a value (or of its key); of its nearest parent where it is not written at all."""
        while path:
            places = (self.keys, self.values) if of_key else (self.values, self.keys)
            for place in places:
                if path in place:
                    return place[path]
            path, of_key = path[:-1], True
        return (1, 1)


def parse(content: bytes) -> Document:
    """The document in `content`; what is wrong with it stands in its `flaws`, and nothing is raised."""
    document = Document()
    flaw = _unreadable(content)
    if flaw is not None:
        document.flaws.append(flaw)
        return document
    text = content.decode("utf-8-sig")
    try:
        _check_depth(text)
        node = _Loader(text).get_single_node()
    except _TooDeepError as error:
        document.flaws.append(Flaw(error.args[0], (), f"nested too deeply, expected at most {MAX_DEPTH} levels"))
        return document
    except yaml.YAMLError as error:
        document.flaws.append(_from_yaml(error, text))
        return document
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == "" and not node.style):
        document.flaws.append(Flaw((1, 1), (), "the file is empty, expected at least `folders:`"))
    elif not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        document.flaws.append(Flaw(_start(node), (), f"expected keys such as `folders:` at the top, found {kind}"))
    else:
        document.value = _DocumentWalk(document).value(node, ())
    return document


def _unreadable(content: bytes) -> Flaw | None:
    if len(content) > MAX_BYTES:
        return Flaw((1, 1), (), f"too large, expected at most {MAX_BYTES:,} bytes of configuration")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        mark = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Flaw(mark, (), f"not UTF-8 text, found the byte 0x{content[error.start]:02x}; save the file as UTF-8")
    return None


class _TooDeepError(Exception):
    """Nesting that no configuration needs, with its mark; libyaml's composer would overflow the C stack on it."""


def _check_depth(text: str) -> None:
    loader, depth = _Loader(text), 0
    while (event := loader.get_event()) is not None:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _TooDeepError(_mark(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _from_yaml(error: yaml.YAMLError, text: str) -> Flaw:
    """What the parser says, without what it quotes: it may have stumbled over a secret."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        position = min(getattr(error, "position", 0), len(text))
        before = text[:position]
        mark = (before.count("\n") + 1, position - before.rfind("\n"))
        return Flaw(mark, (), "a character that YAML does not allow, expected printable text")
    mark = _mark(error.problem_mark)
    problem = str(error.problem or "not valid YAML")
    lines = text.splitlines()
    line = lines[mark[0] - 1] if mark[0] <= len(lines) else ""
    if "\t" in line[: mark[1]] and ("tab" in problem or "cannot start any token" in problem):
        return Flaw(mark, (), "a tab, expected spaces: YAML is indented by spaces alone")
    for known, said in (
        ("undefined alias", "an alias (*) to an anchor (&) that does not stand before it"),
        ("another document", "a second document begins here, expected one document in the file"),
        ("but found", "a second document begins here, expected one document in the file"),
        ("mapping values are not allowed", "a colon out of place; put the value in quotes, or check the indentation"),
        ("duplicate anchor", "an anchor (&) of that name stands above already"),
    ):
        if known in problem:
            return Flaw(mark, (), f"not valid YAML: {said}")
    context = f"{error.context}, " if error.context and not re.search(r"['\"]", str(error.context)) else ""
    return Flaw(mark, (), f"not valid YAML: {context}{problem}")


def _start(node: yaml.Node) -> Mark:
    return _mark(node.start_mark)


def _mark(mark: Any) -> Mark:
    """Counted from 1, of a mark of PyYAML or of libyaml, which share no type."""
    return (mark.line + 1, mark.column + 1)


class _DocumentWalk:
    """One pass over the nodes: values, places, duplicate keys and merges, with a bound on what aliases unfold to."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._values = 0
        self._above: list[int] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The plain value of a node, its places noted; `_BROKEN` for one that is reported and left out."""
        self._document.values.setdefault(path, _start(node))
        self._values += 1
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self._flaw(node, path, f"more than {MAX_VALUES:,} values, counting each use of an alias")
            return _BROKEN
        if id(node) in self._above or len(self._above) > MAX_DEPTH:
            self._flaw(node, path, "an anchor (&) that contains its own alias (*), expected a value")
            return _BROKEN
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in {_TAG + "map", _TAG + "seq"}:
            self._flaw(node, path, "a YAML tag (!), expected a plain value")
            return _BROKEN
        self._above.append(id(node))
        try:
            return self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        finally:
            self._above.pop()

    def _flaw(self, node: yaml.Node, path: Path, text: str) -> None:
        self._document.flaws.append(Flaw(_start(node), path, text))

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        items = [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        return [None if item is _BROKEN else item for item in items]

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        sources: list[yaml.Node] = []
        for key, item in node.value:
            if key.tag == _TAG + "merge":
                sources += item.value if isinstance(item, yaml.SequenceNode) else [item]
            elif not isinstance(key, yaml.ScalarNode) or (key.value == "" and not key.style):
                self._flaw(key, path, "a key that is not text, expected a name before the colon")
            elif key.value in own:
                first = self._document.keys[(*path, key.value)]
                self._flaw(key, (*path, key.value), f"the key stands here twice, first in line {first[0]}")
            else:
                self._document.keys[(*path, key.value)] = _start(key)
                own[key.value] = self.value(item, (*path, key.value))
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._flaw(source, (*path, "<<"), "expected an alias to a mapping after `<<:`")
                continue
            inherited = self._inherited(source, path, own)
            merged = {**inherited, **merged}
        return {key: item for key, item in {**merged, **own}.items() if item is not _BROKEN}

    def _inherited(self, source: yaml.Node, path: Path, own: dict[str, Any]) -> dict[str, Any]:
        """The keys that `<<` brings in; those written beside it win and keep their places."""
        shadow = Document()
        walk = _DocumentWalk(shadow)
        walk._values, walk._above = self._values, self._above
        items = walk.value(source, path)
        self._values = walk._values
        kept = {key: item for key, item in items.items() if key not in own} if isinstance(items, dict) else {}
        depth = len(path)
        for places, mine in ((shadow.keys, self._document.keys), (shadow.values, self._document.values)):
            for place, mark in places.items():
                if len(place) > depth and place[depth] in kept:
                    mine.setdefault(place, mark)
        self._document.blanks |= {place for place in shadow.blanks if place[depth : depth + 1] and place[depth] in kept}
        self._document.flaws += [flaw for flaw in shadow.flaws if flaw not in self._document.flaws]
        return kept

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        value: Any = node.value
        match node.tag.removeprefix(_TAG):
            case "null":
                value = None
                if node.value == "":
                    self._document.blanks.add(path)
            case "bool":
                value = node.value.lower() == "true"
            case "int" | "float" as kind:
                value = self._number(node, path, kind)
            case "str" if not node.style and _LEADING_ZERO.fullmatch(node.value):
                self._flaw(node, path, "a leading zero (octal or decimal?), expected none, or quotes if it is text")
                value = _BROKEN
            case "str" | "merge":
                pass
            case _:
                self._flaw(node, path, "a YAML tag (!), expected a plain value")
                value = _BROKEN
        return value

    def _number(self, node: yaml.ScalarNode, path: Path, kind: str) -> Any:
        try:
            number = int(node.value) if kind == "int" else float(node.value)
        except ValueError:
            number = float("inf")
        if number in {float("inf"), float("-inf")} or number != number:  # noqa: PLR0124 -- only NaN differs from itself
            self._flaw(node, path, "not a number that can be used, expected decimal digits")
            return _BROKEN
        return number
