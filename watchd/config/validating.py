"""Plain values to a checked model, telling of everything that is wrong on the way.

What is wrong is reported, taken out, and the rest is validated again: so the checks that follow see all that can
still be checked, and a file with a misspelt key and two overlapping folders is told of both at once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from watchd.config.json_schema import FileSection, all_keys, keys_at, places_of
from watchd.config.problems import nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from watchd.config.document import Document, Path
    from watchd.config.problems import Report

_SECRETS = frozenset({
    "key", "apikey", "venicekey", "veniceapikey", "token", "apitoken", "accesstoken", "secret", "apisecret",
    "password", "passwd", "bearer", "authorization", "auth", "credential", "credentials",
})  # fmt: skip
"""Keys, without their punctuation, behind which a secret may stand."""


@dataclass(slots=True)
class Checked:
    """What could be read; `positions` are those in the file of the folders that are left."""

    file: FileSection
    positions: list[int] = field(default_factory=list)


def validate(document: Document, report: Report) -> Checked | None:
    """The valid part of a document, everything else reported; None where nothing is left to check."""
    data = copy.deepcopy(document.value)
    folders = data.get("folders")
    positions = list(range(len(folders))) if isinstance(folders, list) else []
    for _ in range(_passes(data)):
        try:
            return Checked(FileSection.model_validate(data), positions)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
        gone: set[int] = set()
        for problem in problems:
            loc = _place(problem, data)
            path = _in_file(loc, positions)
            if not report.told(path):
                _tell(problem, path, report)
            position = _prune(data, loc)
            if position is not None:
                gone.add(position)
        for position in sorted(gone, reverse=True):
            del data["folders"][position]
            del positions[position]
    return None


def _passes(data: Any) -> int:
    """Each pass takes something out, so there are never more than there are values."""
    if isinstance(data, dict):
        return 2 + sum(_passes(item) for item in data.values())
    return 2 + sum(_passes(item) for item in data) if isinstance(data, list) else 1


def _place(problem: ErrorDetails, data: Any) -> Path:
    """Where pydantic found it, without the marks that it puts in for alternatives and for keys."""
    path: list[str | int] = []
    for part in problem["loc"]:
        if part in {"[key]", "<name>", "<parameters>"} and not (isinstance(data, dict) and part in data):
            continue
        path.append(part)
        try:
            data = data[part]
        except (LookupError, TypeError):
            data = None
    return tuple(path)


def _in_file(loc: Path, positions: list[int]) -> Path:
    if len(loc) > 1 and loc[0] == "folders" and isinstance(loc[1], int):
        return ("folders", positions[loc[1]], *loc[2:])
    return loc


def _prune(data: Any, loc: Path) -> int | None:
    """Takes what stands at `loc` out of `data`; a position instead, if a whole folder has to go."""
    if loc[0] == "folders" and len(loc) > 1:
        folder = data["folders"][int(loc[1])]
        if len(loc) == 2 or loc[2] == "path":  # noqa: PLR2004 -- folders, position, key
            return int(loc[1])
        if loc[2:] == ("profile",):
            folder["profile"] = {}
            return None
        data, loc = folder, loc[2:]
    for depth, part in enumerate(loc):
        inner = data.get(part)
        if depth == len(loc) - 1 or (isinstance(inner, list) and part != "folders"):
            data.pop(part, None)
            break
        if inner is None:
            break
        data = inner
    return None


def _tell(problem: ErrorDetails, path: Path, report: Report) -> None:
    value = problem["input"]
    match problem["type"]:
        case "refused":
            report.add(path, problem["msg"], of_key="[key]" in problem["loc"])
        case "extra_forbidden":
            report.add(path, _unknown_key(path), of_key=True)
        case "missing":
            report.add(path, "missing, expected this key in every folder")
        case "too_short":
            report.add(path, "empty, expected at least one entry")
        case "list_type":
            report.add(path, f"not a list, expected one such as [a, b], {_found_kind(value)}")
        case "model_type" | "model_attributes_type" | "dict_type":
            keys = ", ".join(keys_at(path)[:3]) or "names"
            report.add(path, f"not a mapping, expected keys such as {keys}, {_found_kind(value)}")
        case _:
            report.add(path, problem["msg"])


def _found_kind(value: Any) -> str:
    """What was found where a mapping or list belongs; never its text, which may be a key put in the wrong place."""
    match value:
        case None:
            return "found null"
        case str():
            return "found text"
        case bool() | int() | float():
            return "found a single value"
        case list():
            return "found a list"
        case _:
            return "found a mapping"


def _unknown_key(path: Path) -> str:
    key = str(path[-1])
    if "".join(filter(str.isalnum, key.lower())) in _SECRETS:
        return (
            "a secret never stands in this file, expected the API key in a file of its own, named by api.key_file, "
            "in the systemd credential venice-api-key or in $VENICE_API_KEY; replace a key that others may have read"
        )
    known = keys_at(path[:-1])
    near = nearest(key, [*known, *all_keys()])
    if near in known:
        return f'unknown key; did you mean "{near}"?'
    if near is not None:
        return f'unknown key here; did you mean "{" or ".join(places_of(near))}"?'
    return f"unknown key, expected one of {', '.join(known)}"
