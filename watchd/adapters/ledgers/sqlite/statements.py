"""Reads the .sql files: every statement by its name, and migrations in their order."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"^-- (?:name: (?P<name>\w+)|macro: (?P<macro>\w+)\((?P<given>[\w, ]+)\))$", re.MULTILINE)
_COMMENT = re.compile(r"^--[^\n]*\n", re.MULTILINE)
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class _Macro:
    """A part of a statement that is said once: `-- macro: name(one, other)`, then its body in terms of those names."""

    name: str
    given: tuple[str, ...]
    body: str

    def expand(self, text: str) -> str:
        """The text with every use of it, such as `name(first, second)`, replaced by its body."""
        return re.sub(rf"\b{self.name}\(([\w, ]+)\)", lambda use: f"({self._filled(use[1])})", text)

    def _filled(self, arguments: str) -> str:
        values = dict(zip(self.given, re.split(r",\s*", arguments), strict=True))
        return re.sub(r"\b(" + "|".join(self.given) + r")\b", lambda name: values[name[1]], self.body)


def load(file: str) -> dict[str, str]:
    """Name → statement, as written in `queries.sql` or `readings.sql`; macros are those of `queries.sql`."""
    macros = [_Macro(part["macro"], (*re.split(r",\s*", part["given"]),), body) for part, body in _parts("queries.sql")
              if part["macro"]]  # fmt: skip
    statements = {}
    for part, body in _parts(file):
        if part["name"]:
            # A later macro may use an earlier one.
            statements[part["name"]] = reduce(lambda text, macro: macro.expand(text), reversed(macros), body)
    return statements


def _parts(file: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each heading with what stands below it, less the comment that explains it."""
    text = _HERE.joinpath(file).read_text(encoding="utf-8")
    heads = [*_NAME.finditer(text)]
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : None if following is None else following.start()]
        yield head, _COMMENT.sub("", body).strip()


def migrations() -> list[tuple[str, list[str]]]:
    """(name, statements) of each migration, oldest first; the number of a migration is its place, from 1."""
    folder = _HERE.joinpath("migrations")
    files = sorted(folder.glob("*.sql"), key=lambda entry: entry.name)
    return [(entry.name.removesuffix(".sql"), _split(entry.read_text(encoding="utf-8"))) for entry in files]


def _split(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit the transaction that a migration runs in."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements
