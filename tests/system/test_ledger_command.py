"""`watchd ledger`: a copy beside a daemon that works, a look through all of it, less of it; and a start that trusts."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.system.house import House, until
from tests.system.pictures import numbered, picture
from tests.system.test_ledger_trouble import damage

if TYPE_CHECKING:
    from pathlib import Path

FILES = 5


def silently(ledger: Path, table: str) -> None:
    """Damage it as a disk does, so that nobody has written it."""
    was = ledger.stat()
    damage(ledger, table)
    os.utime(ledger, ns=(was.st_atime_ns, was.st_mtime_ns))


@pytest.fixture
def paid(house: House) -> House:
    """A house with files done and paid, and nobody at work."""
    house.configure()
    for number in range(FILES):
        house.drop(f"{number}.png", numbered(picture(1), number))
    house.once()
    return house


def test_a_copy_is_made_beside_a_daemon_and_is_a_ledger(paid: House) -> None:
    paid.start()
    copy = paid.root / "copy.db"
    ended = paid.watchd("ledger", "backup", str(copy))
    assert (ended.returncode, "durable" in ended.stdout) == (0, True), ended.stderr
    paid.drop("more.png", picture(2))
    paid.wait_for_all(FILES + 1)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall() == [("done", FILES)]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_copy_replaces_nothing_and_says_so_with_2(paid: House) -> None:
    copy = paid.drop("copy.db", b"mine", paid.root)
    ended = paid.watchd("ledger", "backup", str(copy))
    assert (ended.returncode, "is there already" in ended.stderr, copy.read_bytes()) == (2, True, b"mine")


def test_a_look_through_all_of_it_tells_beside_a_daemon_that_it_is_sound(paid: House) -> None:
    paid.start()
    ended = paid.watchd("ledger", "check")
    assert (ended.returncode, "is sound" in ended.stdout) == (0, True), ended.stderr


def test_a_look_through_all_of_it_tells_damage_with_4(paid: House) -> None:
    damage(paid.state / "ledger.db", "event_by_job")
    ended = paid.watchd("ledger", "check")
    assert (ended.returncode, "It is damaged" in ended.stderr) == (4, True), ended.stdout
    assert "Traceback" not in ended.stderr


def test_it_is_written_anew_with_its_bytes_before_and_after(paid: House) -> None:
    before = paid.jobs()
    ended = paid.watchd("ledger", "compact")
    assert (ended.returncode, "bytes before" in ended.stdout) == (0, True), ended.stderr
    assert paid.jobs() == before
    paid.once(0)


def test_it_is_not_written_anew_while_a_daemon_has_it(paid: House) -> None:
    paid.start()
    ended = paid.watchd("ledger", "compact")
    assert (ended.returncode, "is in use by" in ended.stderr) == (4, True), ended.stdout


@pytest.mark.parametrize("what", [("backup", "copy.db"), ("check",), ("compact",)])
def test_where_there_is_no_ledger_none_is_made(house: House, what: tuple[str, ...]) -> None:
    house.configure()
    assert house.watchd("ledger", *what).returncode == 2
    assert not (house.state / "ledger.db").exists()


def test_damage_that_nobody_wrote_ends_a_daemon_that_has_started_with_4(paid: House) -> None:
    silently(paid.state / "ledger.db", "event_by_job")
    daemon = paid.launch()
    assert daemon.wait() == 4
    (fatal,) = daemon.wait_for("fatal")
    assert "it is damaged" in fatal["message"]
    again = paid.watchd("run", timeout=20.0)
    assert (again.returncode, "it is damaged" in again.stderr) == (4, True), "the next start looks at all of it first"


def test_a_log_that_has_grown_is_told_by_status_and_check(paid: House) -> None:
    with (paid.state / "ledger.db-wal").open("wb") as log:
        log.truncate(65_000_000)
    assert "has grown to 65 MB" in paid.watchd("status").stdout
    assert "has grown to 65 MB" in paid.watchd("check", "--offline").stdout


def test_the_ledger_is_looked_through_beside_the_work_and_left_well(paid: House) -> None:
    daemon = paid.start()
    paid.drop("more.png", picture(2))
    paid.wait_for_all(FILES + 1)
    assert daemon.stop() == 0
    ledger = paid.state / "ledger.db"
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        ((mark,),) = connection.execute("SELECT mtime_ns FROM clean_end")
    assert ledger.stat().st_mtime_ns == mark
    until(lambda: paid.once(0), "the next start trusts it")
