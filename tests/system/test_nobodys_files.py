"""Nobody's file is ever harmed: not through a link, not by its name, not for a picture that was about to be moved."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system import fault_launcher
from tests.system.house import until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.house import House

STRANGERS = b"somebody else's"
NO_PICTURE = b"no picture" * 99


@pytest.fixture
def failed(house: House) -> Path:
    """A folder for failed originals."""
    folder = house.root / "failed"
    folder.mkdir()
    house.configure({"failed": str(folder)})
    return folder


def test_a_link_under_the_name_of_a_note_harms_no_ledger(house: House, failed: Path) -> None:
    house.drop("ok.png", picture(1))
    house.once()
    (failed / "bad.png.error.json").symlink_to(house.state / "ledger.db")
    house.drop("bad.png", NO_PICTURE)
    house.once(1)
    assert (failed / "bad.png").read_bytes() == NO_PICTURE
    assert json.loads((failed / "bad.png-1.error.json").read_text())["path"] == "bad.png"
    connection = sqlite3.connect(house.state / "ledger.db")
    assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    connection.close()
    house.once()


def test_somebodys_own_file_under_the_name_of_a_note_stays_and_retry_does_not_remove_it(
    house: House, failed: Path
) -> None:
    (failed / "bad.png.error.json").write_bytes(STRANGERS)
    house.drop("bad.png", NO_PICTURE)
    house.once(1)
    assert house.watchd("retry", "--failed").returncode == 0
    house.once(1)
    assert (failed / "bad.png.error.json").read_bytes() == STRANGERS


def test_a_note_that_somebody_has_changed_is_not_removed(house: House, failed: Path) -> None:
    house.drop("bad.png", NO_PICTURE)
    house.once(1)
    (failed / "bad.png.error.json").write_bytes(STRANGERS)
    assert house.watchd("retry", "--failed").returncode == 0
    house.once(1)
    assert (failed / "bad.png.error.json").read_bytes() == STRANGERS


def test_an_earlier_output_is_served_as_it_was_published_or_not_at_all(house: House) -> None:
    a, b = house.root / "a", house.root / "b"
    a.mkdir()
    b.mkdir()
    house.configure({"path": str(a)}, {"path": str(b), "profile": {"scale": 2}})
    house.drop("x.png", picture(1), a)
    house.once()
    secret = house.root / "secret"
    secret.write_bytes(STRANGERS)
    output = house.root / "a-out" / "x.png"
    output.unlink()
    output.symlink_to(secret)
    house.drop("y.png", picture(1), b)
    house.once(1)
    assert not list((house.root / "b-out").glob("y*"))
    assert "its output is gone" in house.job("y.png")["error"]


def test_a_name_that_is_no_text_and_a_reason_that_quotes_it_end_no_process(house: House) -> None:
    a, b = house.root / "a", house.root / "b"
    a.mkdir()
    b.mkdir()
    house.configure({"path": str(a)}, {"path": str(b)})
    name = os.fsdecode(b"photo\xff.png")
    house.drop(name, picture(1), a)
    house.once()
    # A folder where the output was: it can be opened, and not read.
    output = house.root / "a-out" / name
    output.unlink()
    (house.root / "b-out").mkdir()
    (house.root / "b-out" / name).mkdir()
    house.configure({"path": str(a)}, {"path": str(b), "on_collision": "overwrite", "profile": {"scale": 4}})
    house.drop(name, picture(2), b)
    house.drop("good.png", picture(3), b)
    daemon = house.start()
    done = "SELECT count(*) AS count FROM jobs WHERE path = 'good.png' AND state = 'done'"
    until(lambda: house.read(done)[0]["count"] == 1, "the other goes on")
    assert daemon.process.poll() is None
    assert daemon.stop() == 0


@pytest.mark.parametrize("what", ["archive", "failed"])
@pytest.mark.parametrize("fault", ["FileOriginals.move:after:1", "SqliteLedger.end_original:before:1"])
def test_a_kill_between_a_move_and_its_record_loses_no_original(house: House, what: str, fault: str) -> None:
    target = house.root / "away"
    settings = {"originals": "archive", "archive": str(target)} if what == "archive" else {"failed": str(target)}
    house.configure(settings)
    data = picture(1) if what == "archive" else NO_PICTURE
    house.drop("a.png", data)
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT=fault)
    assert daemon.wait() == -signal.SIGKILL, f"it never fired:\n{daemon.text}"
    assert (target / "a.png").read_bytes() == data
    house.once()
    assert [path.name for path in target.iterdir() if "error" not in path.name] == ["a.png"]
    again = ("reprocess", "--yes", str(house.hot / "a.png")) if what == "archive" else ("retry", "1")
    assert house.watchd(*again).returncode == 0
    house.once(0 if what == "archive" else 1)
    assert house.jobs()[0]["state"] == ("done" if what == "archive" else "failed")
    assert "gone" not in (house.jobs()[0]["error"] or "")


def test_what_is_wanted_once_more_while_its_original_is_moved_finds_it(house: House) -> None:
    archive = house.root / "not" / "yet"
    house.configure({"originals": "archive", "archive": str(archive)})
    house.drop("a.png", picture(1))
    daemon = house.start()
    until(lambda: "done" in house.states(), "it is done, and its original is due")
    assert house.watchd("reprocess", "--yes", str(house.hot / "a.png")).returncode == 0
    archive.parent.mkdir()
    assert house.watchd("resume").returncode == 0
    until(lambda: [job["state"] for job in house.jobs()] == ["done", "done"], f"twice done: {house.jobs()}")
    until((archive / "a.png").exists, "and archived")
    assert daemon.stop() == 0
    assert all(size_of(path.read_bytes()) for path in house.out.iterdir())
