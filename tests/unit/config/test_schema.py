"""The schema explains every key, and the page made from it is the one in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.unit.config.writing import problems
from watchd.config.json_schema import FileSection, all_keys, json_schema, sections_of
from watchd.config.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema["$defs"].values()]


def test_the_committed_reference_page_is_the_rendered_one() -> None:
    assert PAGE.read_text() == render()


def test_the_reference_page_has_a_row_for_every_key() -> None:
    assert [key for key in all_keys() if f"| `{key}` |" not in render()] == []


def test_every_mapping_refuses_unknown_keys_and_every_key_is_explained_in_a_sentence() -> None:
    schema = json_schema()
    mappings = [part for part in objects(schema) if "properties" in part]
    assert len(mappings) > 10
    for part in mappings:
        assert part["additionalProperties"] is False
        for key, value in part["properties"].items():
            assert re.fullmatch(r"[^\n]{10,}[.]", value["description"]), key
            assert "default" in value or key in part["required"], key


def test_the_schema_asks_for_folders_and_names_its_draft() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["folders"]
    assert schema["$defs"]["Folder"]["required"] == ["path", "profile"]
    assert schema["$defs"]["Price"]["properties"]["up_to_2x"]["default"] == "0.02"
    assert re.search(schema["$defs"]["Folder"]["properties"]["rescan_every"]["pattern"], "1h30m")
    assert "Section" not in str(schema)


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    names = set(re.findall(r"#/\$defs/(\w+)", str(schema)))
    assert names
    assert names <= schema["$defs"].keys()


def test_every_default_of_the_schema_is_valid_in_a_file(tmp_path: Path) -> None:
    lines = [
        f"{name}: {{{', '.join(f'{key}: {value(field.default)}' for key, field in section.model_fields.items())}}}"
        for name, found in FileSection.model_fields.items()
        for section in sections_of(found.annotation)
        if name not in {"folders", "profiles", "web", "notify"}
    ]
    assert len(lines) == 5
    text = "\n".join([*lines, "folders: [{path: /srv/a, profile: {}}]"])
    assert problems(tmp_path, text) == []


def value(default: Any) -> str:
    if isinstance(default, str):
        return f'"{default}"'
    return "null" if default is None else str(default).lower()
