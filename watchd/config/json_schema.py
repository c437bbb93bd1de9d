"""The whole file as one model, what its keys are called at any place, and its JSON Schema for editors."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from watchd.config.folder_sections import FolderSection, ProfileSection
from watchd.config.sections import (
    ApiSection,
    ApprovalSection,
    BalanceProbeSection,
    BudgetSection,
    Forgiving,
    ForgivingList,
    LogSection,
    NotifySection,
    Section,
    WebSection,
    key,
)
from watchd.config.texts import Name, PathText

if TYPE_CHECKING:
    from watchd.config.document import Path


class FileSection(Section):
    """Configuration of watchd: folders that turn dropped pictures into enlarged ones."""

    api: Annotated[ApiSection, Forgiving] = key({}, description="The service: where it is, and how it is called.")
    state_dir: Annotated[str, PathText()] | None = key(
        None,
        description="Where ledger and spool lie, on a local disk; default: `$STATE_DIRECTORY` (under systemd "
        "/var/lib/watchd), else `$XDG_STATE_HOME/watchd`.",
        examples=["/var/lib/watchd"],
    )
    budget: Annotated[BudgetSection, Forgiving] = key({}, description="The most that may be spent over all folders.")
    approval: ApprovalSection | None = key(
        {}, description="A backlog above this waits for `watchd approve`; null: nothing waits."
    )
    balance_probe: Annotated[BalanceProbeSection, Forgiving] = key(
        {}, description="How an empty balance is tried again."
    )
    profiles: Annotated[dict[Annotated[str, Name()], ProfileSection], Forgiving] = key(
        {}, description="Named sets of parameters for folders to use."
    )
    folders: Annotated[list[FolderSection], ForgivingList] = key([], description="The hot folders; at least one.")
    web: WebSection | None = key(None, description="The page, health and metrics; off unless given.")
    notify: NotifySection | None = key(None, description="Who is told of what happens; off unless given.")
    log: Annotated[LogSection, Forgiving] = key({}, description="How much is logged, and what it looks like.")


def alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without what pydantic is told beside them."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [found for part in get_args(annotation) for found in alternatives(part)]
    return [annotation]


def sections_of(annotation: Any) -> list[type[Section]]:
    """The sections among the types that an annotation allows."""
    return [kind for kind in alternatives(annotation) if isinstance(kind, type) and issubclass(kind, Section)]


def annotation_at(path: Path) -> Any:
    """What the schema allows at a place of the file; None where it knows no such place."""
    annotation: Any = FileSection
    for part in path:
        annotation = _inside(annotation, part)
    return annotation


def _inside(annotation: Any, part: str | int) -> Any:
    for option in alternatives(annotation):
        if isinstance(option, type) and issubclass(option, Section):
            if part in option.model_fields:
                return option.model_fields[str(part)].annotation
        elif get_origin(option) is dict and isinstance(part, str):
            return get_args(option)[1]
        elif get_origin(option) is list and isinstance(part, int):
            return get_args(option)[0]
    return None


def keys_at(path: Path) -> tuple[str, ...]:
    """The keys that may stand in the mapping at a place of the file."""
    return tuple(name for section in sections_of(annotation_at(path)) for name in section.model_fields)


def places_of(name: str) -> list[str]:
    """Where else in the file a key of that name may stand, dotted, such as `api.workers`."""
    return [f"{where}{name}" for where, section in _all_sections() if name in section.model_fields]


def all_keys() -> list[str]:
    """Every key that may stand anywhere in the file."""
    return list(dict.fromkeys(name for _, section in _all_sections() for name in section.model_fields))


def _all_sections() -> list[tuple[str, type[Section]]]:
    nested = [
        (f"{name}.", section)
        for name, field in FileSection.model_fields.items()
        for section in sections_of(field.annotation)
    ]
    return [("", FileSection), *nested, ("profiles.NAME.", ProfileSection), ("folders.N.", FolderSection)]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the file, as editors understand it."""
    schema = FileSection.model_json_schema(ref_template="#/$defs/{model}")
    schema = _renamed(schema)
    schema["required"] = ["folders"]
    schema["properties"]["folders"]["minItems"] = 1
    del schema["properties"]["folders"]["default"]
    schema["properties"]["profiles"]["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Configuration of watchd"}


def _renamed(value: Any) -> Any:
    """The schema with the names of the sections as users know them, and without titles that only repeat a key."""
    if isinstance(value, dict):
        return {
            key.removesuffix("Section"): _renamed(item)
            for key, item in value.items()
            if not (key == "title" and isinstance(item, str) and not item.endswith("Section"))
        }
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    return value.removesuffix("Section") if isinstance(value, str) else value
