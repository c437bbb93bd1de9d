"""Reads the .sql files: every statement by its name, and migrations in their order."""

from __future__ import annotations

import re
import sqlite3
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_HERE = resources.files("watchd.adapters.ledgers.sqlite")


def load(file: str) -> dict[str, str]:
    """Name → statement, as written in `queries.sql` or `readings.sql`."""
    text = _HERE.joinpath(file).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def migrations() -> list[tuple[str, list[str]]]:
    """(name, statements) of each migration, oldest first; the number of a migration is its place, from 1."""
    folder = _HERE.joinpath("migrations")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
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
