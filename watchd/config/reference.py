"""The configuration's reference page, made from the schema so that it cannot fall behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from watchd.config.folder_sections import FolderSection, ProfileSection
from watchd.config.json_schema import FileSection, alternatives, sections_of
from watchd.config.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from watchd.config.sections import Section

_HEAD = """\
# Configuration

This page is made from the schema by `python -m watchd.config.reference`.

`watchd --config FILE COMMAND` names the file; without it `$WATCHD_CONFIG`, `./watchd.yaml`,
`$XDG_CONFIG_HOME/watchd/config.yaml` and `/etc/watchd/config.yaml` are looked at, first found.
`config.example.yaml` is a tour in comments; `watchd schema` prints a JSON Schema for editors.

- Relative paths are relative to the file's own folder. `~`, `$VAR` and `${VAR}` expand in paths; `$$` is a `$` itself.
- Durations read `500ms`, `2s`, `10m`, `1h30m`, `1d`; a bare number is refused, except 0.
- Money is USD, such as `10.00`, exact to a millionth of a dollar.
- Hours read `"22:00-06:00"`, local time; `24:00` may stand as the end.
- `null` switches a limit off. Unknown keys are errors; `yes`, `no`, `on` and `off` are understood for true and false.
- Anchors, aliases and `<<` of YAML work. Plain values are read as YAML 1.2 reads them, so `on` is a key like any other.

Every problem in the file is told at once, each as `FILE:LINE:COLUMN: key.path: what is wrong, what is expected, what
was found`.
"""


def render() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for title, section in _sections():
        parts.append(f"## {title}\n\n{(section.__doc__ or '').strip()}\n")
        rows = [_row(name, field) for name, field in section.model_fields.items()]
        parts.append("\n".join(["| key | value | default | what it does |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _sections() -> Iterator[tuple[str, type[Section]]]:
    yield "The whole file", FileSection
    for name, field in FileSection.model_fields.items():
        if name == "profiles":
            yield "profiles.NAME", ProfileSection
        elif name == "folders":
            yield "folders", FolderSection
            yield from _nested("folders.", FolderSection)
        else:
            for section in sections_of(field.annotation):
                yield name, section
                yield from _nested(f"{name}.", section)


def _nested(title: str, section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    for name, field in section.model_fields.items():
        for inner in sections_of(field.annotation):
            if inner is not ProfileSection:
                yield f"{title}{name}", inner


def _row(name: str, field: FieldInfo) -> str:
    said = (field.description or "").rstrip()
    default = "required" if field.is_required() or name == "folders" else _default(field)
    return f"| `{name}` | {_cell(_value(field))} | {default} | {_cell(said)} |"


def _default(field: FieldInfo) -> str:
    if field.default in ({}, None) and sections_of(field.annotation):
        return "see below" if field.default == {} else "`null`"
    if isinstance(field.default, str):
        return f"`{field.default}`" if field.default else '`""`'
    return f"`{_cell(json.dumps(field.default, ensure_ascii=False))}`"


def _value(field: FieldInfo) -> str:
    """What may be written, in words; `null` is named where it may stand."""
    words = [*_kinds(field.annotation, field.metadata)]
    if type(None) in alternatives(field.annotation):
        words.append("null")
    return ", or ".join(words)


def _kinds(annotation: Any, metadata: list[Any]) -> Iterator[str]:
    own = [kind.words() for kind in metadata if isinstance(kind, Kind)]
    if own:
        yield from own
    elif get_origin(annotation) is Annotated:
        inner, *beside = get_args(annotation)
        yield from _kinds(inner, beside)
    elif get_origin(annotation) is list:
        yield "a list of: " + ", ".join(_kinds(get_args(annotation)[0], [])).replace("keys", "folders")
    elif get_origin(annotation) is dict:
        yield "names, each with its keys"
    elif sections_of(annotation) == [annotation]:
        yield "keys"
    else:
        for option in get_args(annotation):
            yield from _kinds(option, [])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 -- the page is this module's answer when it is run
