"""Keys whose behaviour is still to come: refused where they ask for more than the default, never ignored.

Taking a line out of `NOT_YET` is all it takes to allow a key that `watchd.model` already has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchd.config.sections import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.config.document import Path
    from watchd.config.report import Report
    from watchd.config.schema import FileSection


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key, with `*` for any name or position; where `values` are given, these alone are refused."""

    key: str
    values: tuple[str, ...] = ()


NOT_YET = (NotYet("notify"),)


def check(file: FileSection, positions: list[int], report: Report) -> None:
    """Tells of every key in `file` that asks for what is still to come; `positions` are its folders' in the text."""
    for entry in NOT_YET:
        for place, value, default in _values(file, tuple(entry.key.split(".")), ()):
            path = _in_file(place, positions)
            if entry.values and value in entry.values:
                report.add(path, f"{value} is not supported yet, expected another value")
            elif not entry.values and value != default:
                of_key = isinstance(value, Section) or isinstance(default, Section)
                report.add(path, "not supported yet, expected the key left out or at its default", of_key=of_key)


def _in_file(place: Path, positions: list[int]) -> Path:
    match place:
        case (first, int(position), *rest):
            return (first, positions[position], *rest)
        case _:
            return place


def _values(value: Any, pattern: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """Each value that a pattern means, with its place and its default."""
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _values(item, rest, (*path, key))
    elif not isinstance(value, Section):
        return
    elif rest:
        yield from _values(getattr(value, first), rest, (*path, first))
    else:
        blank = type(value).model_validate(_required(value))
        yield (*path, first), getattr(value, first), getattr(blank, first)


def _required(value: Section) -> dict[str, Any]:
    """What must be given for the section to be valid at all; the rest then takes its defaults."""
    return {name: getattr(value, name) for name, field in type(value).model_fields.items() if field.is_required()}
