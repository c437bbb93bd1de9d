"""What becomes of originals: archived, deleted, moved away when they failed, brought back; whatever comes between."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system import fault_launcher
from tests.system.house import House, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = picture(1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made
        made.assert_books_balance()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")  # noqa: S108 -- another file system is what is wanted
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system is at hand")
    made = Path(tempfile.mkdtemp(dir=memory))
    yield made
    shutil.rmtree(made)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archiving(house: House, archive: Path | None = None) -> Path:
    where = archive or house.root / "archive"
    house.configure({"originals": "archive", "archive": str(where)})
    return where


def test_an_archived_original_lies_in_the_same_sub_folder_with_its_own_date(house: House) -> None:
    archive = archiving(house)
    path = house.drop("sub/a.png", PNG)
    os.utime(path, (10**9, 10**9))
    house.once()
    assert not path.exists()
    assert (archive / "sub" / "a.png").read_bytes() == PNG
    assert (archive / "sub" / "a.png").stat().st_mtime == 10**9
    assert (house.out / "sub" / "a.png").exists()


def test_an_archive_on_another_file_system_gets_a_whole_copy_and_the_original_goes(
    house: House, elsewhere: Path
) -> None:
    archive = archiving(house, elsewhere / "archive")
    path = house.drop("a.png", PNG)
    os.utime(path, (10**9, 10**9))
    house.once()
    assert not path.exists()
    assert (archive / "a.png").read_bytes() == PNG
    assert (archive / "a.png").stat().st_mtime == 10**9


def test_nothing_in_the_archive_is_ever_replaced(house: House) -> None:
    archive = archiving(house)
    archive.mkdir()
    (archive / "a.png").write_bytes(b"somebody else's")
    house.drop("a.png", PNG)
    house.once()
    assert (archive / "a.png").read_bytes() == b"somebody else's"
    assert (archive / "a-1.png").read_bytes() == PNG


def test_a_deleted_original_is_gone_and_its_output_is_there(house: House) -> None:
    house.configure({"originals": "delete"})
    path = house.drop("a.png", PNG)
    house.once()
    assert not path.exists()
    assert (house.out / "a.png").exists()


def test_copies_each_have_their_own_original_moved_and_one_is_paid(house: House) -> None:
    archive = archiving(house)
    for name in ("a.png", "b.png", "sub/c.png"):
        house.drop(name, PNG)
    house.once()
    assert sorted(str(path.relative_to(archive)) for path in archive.rglob("*.png")) == ["a.png", "b.png", "sub/c.png"]
    assert len(house.sent()) == 1


@pytest.mark.sample(3)
@pytest.mark.parametrize("originals", ["archive", "delete"])
@pytest.mark.parametrize(
    "fault", ["SqliteLedger.finish:after", "FileOriginals.move:before", "FileOriginals.move:after",
              "SqliteLedger.end_original:before"],
)  # fmt: skip
def test_a_kill_around_the_move_loses_no_original_and_pays_nothing_more(
    house: House, originals: str, fault: str
) -> None:
    archive = house.root / "archive"
    settings = {"originals": originals} | ({"archive": str(archive)} if originals == "archive" else {})
    house.configure(settings)
    path = house.drop("a.png", PNG)
    point = fault.replace("move", "delete") if originals == "delete" else fault
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT=f"{point}:1")
    assert daemon.wait() == -signal.SIGKILL, f"{point} never fired:\n{daemon.text}"
    for _ in range(3):
        house.once()
    assert not path.exists()
    assert originals == "delete" or (archive / "a.png").read_bytes() == PNG
    assert len(house.sent()) == 1
    assert house.read("SELECT due FROM job") == [{"due": 0}]


def test_a_file_that_was_replaced_since_stays(house: House) -> None:
    archive = archiving(house)
    path = house.drop("a.png", PNG)
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT="SqliteLedger.finish:after:1")
    assert daemon.wait() == -signal.SIGKILL, f"it never fired:\n{daemon.text}"
    path.write_bytes(picture(2))
    house.once()
    assert (archive / "a.png").read_bytes() == picture(2)  # processed under its own job, and then moved
    assert len(house.sent()) == 2
    assert not (archive / "a-1.png").exists()


def test_without_its_output_an_original_stays(house: House) -> None:
    archive = archiving(house)
    path = house.drop("a.png", PNG)
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT="SqliteLedger.finish:after:1")
    assert daemon.wait() == -signal.SIGKILL, f"it never fired:\n{daemon.text}"
    (house.out / "a.png").unlink()
    house.once()
    assert path.read_bytes() == PNG
    assert not archive.exists() or not any(archive.iterdir())


def test_a_share_that_cannot_be_written_is_one_warning_and_one_call_over_three_starts(house: House) -> None:
    archive = house.root / "archive"
    archive.write_text("in the way: a file where the folder should be")
    archiving(house, archive)
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    for _ in range(3):
        daemon = house.start()
        house.wait_for_all(3)
        daemon.wait_for("offline")
        assert daemon.stop() == 0
        assert daemon.actions().count("offline") == 1
    assert len(house.sent()) == 3
    archive.unlink()
    house.once()
    assert sorted(path.name for path in archive.iterdir()) == ["0.png", "1.png", "2.png"]


def failing(house: House) -> Path:
    failed = house.root / "failed"
    house.configure({"failed": str(failed)})
    return failed


def test_a_failed_original_is_moved_with_a_note_beside_it_that_says_what_to_do(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    failed = failing(house)
    path = house.drop("sub/a.png", PNG)
    house.once(1)
    assert not path.exists()
    assert (failed / "sub" / "a.png").read_bytes() == PNG
    note = json.loads((failed / "sub" / "a.png.error.json").read_text())
    assert note["attempts"] == 1
    assert note["answer"]["status"] == 415
    assert "watchd retry 1" in note["next"]
    assert not (house.state / "failed" / "hot" / "sub" / "a.png.error.json").exists()


def test_a_retry_brings_the_original_back_and_takes_the_note_away(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    failed = failing(house)
    path = house.drop("sub/a.png", PNG)
    house.once(1)
    house.watchd("retry", "1")
    house.once()
    assert path.read_bytes() == PNG
    assert list(failed.rglob("*.*")) == []
    assert [job["state"] for job in house.jobs()] == ["done"]


def test_a_retry_finds_something_else_in_the_place_of_its_original_and_leaves_both(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    failed = failing(house)
    path = house.drop("a.png", PNG)
    house.once(1)
    path.write_bytes(picture(2))
    house.watchd("retry", "1")
    house.once(1)
    assert (failed / "a.png").read_bytes() == PNG
    assert path.read_bytes() == picture(2)
    assert [job["state"] for job in house.jobs()] == ["failed", "done"]


def test_what_is_no_picture_is_moved_before_anything_is_paid(house: House) -> None:
    failed = failing(house)
    house.drop("a.jpg", b"<html>no picture</html>" * 50)
    house.once(1)
    assert (failed / "a.jpg").exists()
    assert house.sent() == []


def test_a_truncated_file_is_never_moved(house: House) -> None:
    failed = failing(house)
    path = house.drop("a.png", PNG[:-30])
    house.once(1)
    assert path.exists()
    assert not failed.exists() or not any(failed.iterdir())
    assert (house.state / "failed" / "hot" / "a.png.error.json").exists()


def test_reprocess_takes_an_archived_original_out_of_the_archive_and_puts_it_there_again(house: House) -> None:
    archive = archiving(house)
    path = house.drop("a.png", PNG)
    house.once()
    ended = house.watchd("reprocess", "--folder", "hot", "--yes")
    assert ended.returncode == 0, ended.stderr
    house.once()
    assert (archive / "a.png").read_bytes() == PNG
    assert not path.exists()
    assert len(house.sent()) == 2
    assert [job["state"] for job in house.jobs()] == ["done", "done"]


def test_a_daemon_moves_each_original_as_soon_as_its_output_is_safe(house: House) -> None:
    archive = archiving(house)
    daemon = house.start()
    for number in range(5):
        house.drop(f"{number}.png", picture(number))
    until(lambda: archive.is_dir() and len(list(archive.iterdir())) == 5, "all originals are archived")
    assert list(house.hot.iterdir()) == [] or all(path.name.startswith(".") for path in house.hot.iterdir())
    assert daemon.stop() == 0


def test_check_looks_at_the_folders_that_originals_go_to(house: House) -> None:
    archive, failed = str(house.root / "nowhere" / "archive"), str(house.root / "failed")
    house.configure({"originals": "archive", "archive": archive, "failed": failed})
    told = house.watchd("check", "--offline").stdout
    assert f"archive {house.root}/nowhere/archive: {house.root}/nowhere is not there" in told
    assert "folder hot, failed" in told
