"""What `status` shows of the folders of a file that nobody reads whole: the same file, and what may stand in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from watchd.config import glance, loading

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"HOME": "/home/someone", "PICTURES": "/pictures", "OTHER": "x"}
TEXT = """\
state_dir: {state}
profiles: {{plain: {{scale: 2}}}}
folders:
  - {{path: $PICTURES/in, output: ~/out, profile: plain, hours: "22:00-06:00"}}
  - {{path: /scans, output: /scanned, profile: plain, watch: poll, mount_marker: .here}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that was read whole."""
    path = tmp_path / "watchd.yaml"
    path.write_text(TEXT.format(state=tmp_path / "state"))
    (tmp_path / "state").mkdir()
    glance.remember(loading.load(str(path), ENVIRON), ENVIRON)
    return path


def test_what_was_read_whole_is_told_without_reading_it_again(file: Path) -> None:
    assert glance.recall(str(file), file.parent / "state", ENVIRON) == [
        glance.Glance("in", "/pictures/in", "plain", None, "auto", (22 * 60, 6 * 60)),
        glance.Glance("scans", "/scans", "plain", ".here", "poll", None),
    ]
    assert glance.recall(str(file), file.parent / "state", ENVIRON) == glance.of(loading.load(str(file), ENVIRON))


def test_what_no_path_names_changes_nothing(file: Path) -> None:
    assert glance.recall(str(file), file.parent / "state", {**ENVIRON, "OTHER": "y"}) is not None


@pytest.mark.parametrize("name", ["HOME", "PICTURES"])
@pytest.mark.parametrize("value", ["/elsewhere", None])
def test_a_variable_that_is_another_means_another_file(file: Path, name: str, value: str | None) -> None:
    other = {key: told for key, told in {**ENVIRON, name: value}.items() if told is not None}
    assert glance.recall(str(file), file.parent / "state", other) is None


def test_another_byte_another_place_and_another_program_are_another_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = file.with_name("copy.yaml")
    copy.write_bytes(file.read_bytes())
    assert glance.recall(str(copy), file.parent / "state", ENVIRON) is None
    with monkeypatch.context() as patch:
        patch.setattr(glance, "__version__", "another")
        assert glance.recall(str(file), file.parent / "state", ENVIRON) is None
    file.write_text(file.read_text() + "#\n")
    assert glance.recall(str(file), file.parent / "state", ENVIRON) is None


@pytest.mark.parametrize(
    "kept", ["", "[]", "{}", '{"of": 1}', "\0", '{"of": "OF", "folders": [[1]]}', '{"of": "OF", "folders": 3}']
)
def test_what_is_not_what_was_kept_is_passed_over(file: Path, kept: str) -> None:
    place = file.parent / "state" / glance.NAME
    place.write_text(kept.replace("OF", json.loads(place.read_text())["of"]))
    assert glance.recall(str(file), file.parent / "state", ENVIRON) is None


def test_where_nothing_was_kept_it_is_read_whole(file: Path) -> None:
    (file.parent / "state" / glance.NAME).unlink()
    assert glance.recall(str(file), file.parent / "state", ENVIRON) is None
