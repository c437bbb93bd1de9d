"""What `check` says of the kernel's limits, with limits of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from watchd.inspection import machine
from watchd.inspection.finding import Finding, Grade
from watchd.model import Folder, Profile, Settings

if TYPE_CHECKING:
    from pathlib import Path


def looked_at(tmp_path: Path, watches: str, instances: str = "128", watch: str = "events") -> list[Finding]:
    hot = tmp_path / "hot"
    for number in range(20):
        (hot / f"{number}" / "inner").mkdir(parents=True)
        (hot / f"{number}" / "@eaDir" / "junk").mkdir(parents=True)
    limits = tmp_path / "inotify"
    limits.mkdir()
    (limits / "max_user_watches").write_text(watches)
    (limits / "max_user_instances").write_text(instances)
    folder = Folder("hot", str(hot), Profile("plain", 2.0), str(tmp_path / "out"), watch=watch)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "INOTIFY", limits)
        return list(machine.watches(Settings("watchd.yaml", str(tmp_path / "state"), (folder,))))


def test_each_folder_that_is_entered_needs_a_watch_and_junk_needs_none(tmp_path: Path) -> None:
    (found,) = looked_at(tmp_path, "1000\n")
    assert (found.grade, found.text.split(" to be")[0]) == (Grade.WELL, "41 folders")


def test_too_few_are_told_with_the_line_that_mends_it(tmp_path: Path) -> None:
    (found,) = looked_at(tmp_path, "42\n")
    assert (found.grade, "sysctl fs.inotify.max_user_watches=1048576" in found.text) == (Grade.WARNING, True)


def test_a_user_with_one_instance_is_told(tmp_path: Path) -> None:
    (found,) = looked_at(tmp_path, "1000\n", instances="1\n")
    assert found.grade == Grade.WARNING


def test_folders_that_are_scanned_need_none(tmp_path: Path) -> None:
    assert looked_at(tmp_path, "1\n", watch="poll") == []


def test_limits_that_cannot_be_read_are_no_trouble(tmp_path: Path) -> None:
    (found,) = looked_at(tmp_path, "many")
    assert (found.grade, "cannot be read" in found.text) == (Grade.WELL, True)
