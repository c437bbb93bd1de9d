"""A ledger that cannot be trusted: told, nothing spent, and left as it is for whoever mends it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system import faulty_disk
from tests.system.pictures import numbered, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.house import House

PAGE = 4096
SQLITE3 = Path("/usr/bin/sqlite3")
FULL = os.environ.get("WATCHD_FAULTS") == "full"
FILES = 200 if FULL else 20
PAGES = ["event", "job_by_path", "attempt_by_job", "sighting_waiting"][: None if FULL else 2]
KINDS = ["cifs", "fuse.sshfs", "nfs4", "9p"][: None if FULL else 2]


def test_a_damaged_ledger_is_left_byte_for_byte_with_the_log_that_a_kill_left_beside_it(house: House) -> None:
    house.configure()
    daemon = house.start()
    for number in range(20):
        house.drop(f"{number}.png", numbered(picture(1), number))
    house.wait_for_all(20)
    assert daemon.stop() == 0
    daemon = house.start()
    house.drop("last.png", picture(2))
    house.wait_for_all(21)
    daemon.kill()

    ledger, log = house.state / "ledger.db", house.state / "ledger.db-wal"
    assert log.stat().st_size > 0
    sound, logged = ledger.read_bytes(), log.read_bytes()
    damaged = sound[:PAGE] + b"\xa5" * PAGE + sound[2 * PAGE :]
    ledger.write_bytes(damaged)
    house.drop("more.png", picture(3))
    assert house.once(4).stderr
    assert (ledger.read_bytes() == damaged, log.exists() and log.read_bytes() == logged) == (True, True)
    assert house.sandbox.charges().calls == 21

    ledger.write_bytes(sound)  # the mended file and its log give all of it back
    log.write_bytes(logged)
    house.once(0)
    assert len(house.sent()) == 22


# Each trouble


def page_of(ledger: Path, table: str) -> int:
    """Where the first page of a table or an index begins."""
    connection = sqlite3.connect(ledger)
    try:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        return (int(connection.execute(query, (table,)).fetchone()[0]) - 1) * PAGE
    finally:
        connection.close()


def damage(ledger: Path, table: str) -> None:
    """Overwrite one page."""
    at = page_of(ledger, table)
    with ledger.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * PAGE)


def be_foreign(ledger: Path) -> None:
    """Somebody else's database under this name."""
    ledger.unlink()
    connection = sqlite3.connect(ledger)
    connection.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, state TEXT)")
    connection.commit()
    connection.close()


def be_newer(ledger: Path) -> None:
    """As a later release would leave it."""
    connection = sqlite3.connect(ledger)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


TROUBLES: dict[str, tuple[Callable[[Path], object], str]] = {
    # What happened to the file → (how, words that `check` must have for it)
    "a damaged page": (lambda ledger: damage(ledger, "event"), "it is damaged"),
    "a damaged header": (lambda ledger: ledger.write_bytes(b"\xa5" * PAGE + ledger.read_bytes()[PAGE:]), "damaged"),
    "cut in the middle": (lambda ledger: os.truncate(ledger, ledger.stat().st_size // 2), "it is damaged"),
    "no bytes": (lambda ledger: ledger.write_bytes(b""), "Put the ledger back from a backup"),
    "another program's": (be_foreign, "it is no ledger"),
    "a newer schema": (be_newer, "install the newer watchd"),
}


@pytest.fixture
def paid(house: House) -> House:
    """A house with files done and paid, a daemon that ended well, and one more file that waits."""
    house.configure()
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    house.once()
    house.drop("more.png", picture(9))
    return house


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_ledger_in_trouble_is_told_with_4_and_words_and_nothing_is_sent_or_changed(paid: House, trouble: str) -> None:
    happen, words = TROUBLES[trouble]
    ledger = paid.state / "ledger.db"
    happen(ledger)
    before = ledger.read_bytes()
    for command in ("once", "run"):
        ended = paid.watchd(command, timeout=20.0)
        assert (ended.returncode, words in ended.stderr) == (4, True), ended.stderr
        assert str(ledger) in ended.stderr
        assert "Traceback" not in ended.stderr
    told = paid.watchd("check", timeout=20.0)
    assert (told.returncode, words in told.stdout) == (4, True), told.stdout + told.stderr
    assert "nothing is sent" in told.stdout
    assert ledger.read_bytes() == before
    assert [path.name for path in paid.state.glob("ledger.db-wal") if path.stat().st_size] == []
    assert len(paid.sandbox.calls()) == 3
    shutil.move(ledger, paid.root / "looked-at")  # so that nobody reads the books from it


# The way out


@pytest.mark.skipif(not SQLITE3.exists(), reason="the advice needs /usr/bin/sqlite3")
@pytest.mark.parametrize("page", PAGES)
def test_the_way_out_that_check_tells_gives_a_ledger_that_pays_for_nothing_again(house: House, page: str) -> None:
    house.configure()
    for number in range(FILES):
        house.drop(f"{number}.png", numbered(picture(1), number))
    house.once()
    ledger = house.state / "ledger.db"
    before = house.read("SELECT path, sha256, state, output, cost FROM jobs ORDER BY id")
    damage(ledger, page)
    told = house.watchd("check", "--offline", timeout=20.0)
    assert told.returncode == 4, told.stdout

    follow(told.stdout, house.state)
    sound = house.watchd("check", "--offline", timeout=20.0)
    assert (sound.returncode, f"{ledger} is sound" in sound.stdout) == (0, True), sound.stdout
    assert house.read("SELECT path, sha256, state, output, cost FROM jobs ORDER BY id") == before
    house.drop("more.png", picture(2))
    house.once()
    assert house.states() == ["done"] * (FILES + 1)
    assert len(house.sandbox.calls()) == FILES + 1


def follow(told: str, state: Path) -> None:
    """Do what the message says, to the letter, as somebody would who has nothing else."""
    found = re.search(
        r": (sqlite3 ledger\.db \.dump \|.*mended\.db), then in (mended\.db) (PRAGMA .*;.*;) remove (\S+) and (\S+),"
        r" and put (mended\.db) in the place of (ledger\.db)\.", told
    )  # fmt: skip
    assert found is not None, told
    pipeline, mended, pragmas, *leftovers, new, old = found.groups()
    environment = {"PATH": f"{SQLITE3.parent}:/bin"}
    for command in (["/bin/sh", "-c", pipeline], [str(SQLITE3), mended, pragmas]):
        done = subprocess.run(
            command, cwd=state, env=environment, timeout=30, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    for leftover in leftovers:
        (state / leftover).unlink(missing_ok=True)
    (state / new).rename(state / old)


# Places


def ask(
    house: House, *arguments: str, by: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command with the launcher's surroundings, started `by` another program."""
    return subprocess.run(
        [*by, sys.executable, faulty_disk.__file__, "--config", str(house.config), *arguments],
        env=house.environment | environment, cwd=house.root, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


@pytest.fixture
def humble() -> tuple[str, ...]:
    """What lets a program obey the permissions of files even where tests run as root."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed, and root may write everywhere")
    return (setpriv, "--bounding-set", "-dac_override,-dac_read_search")


@pytest.fixture
def read_only(house: House) -> Iterator[House]:
    """A house with one file paid and one that waits, whose ledger may be read and not written."""
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    house.drop("b.png", picture(2))
    ledger, lock = house.state / "ledger.db", house.state / "lock"
    before = ledger.read_bytes()
    ledger.chmod(0o400)
    lock.chmod(0o400)
    house.state.chmod(0o500)
    try:
        yield house
    finally:
        house.state.chmod(0o700)
        lock.chmod(0o600)
        ledger.chmod(0o600)
    assert (ledger.read_bytes() == before, len(house.sandbox.calls())) == (True, 1)
    house.once()
    assert house.states() == ["done"] * 2


def test_a_state_folder_that_may_not_be_written_is_told_with_4(read_only: House, humble: tuple[str, ...]) -> None:
    for command in ("once", "run"):
        ended = ask(read_only, command, by=humble)
        told = f"{read_only.state} cannot be written" in ended.stderr
        assert (ended.returncode, told, "Traceback" in ended.stderr) == (4, True, False), ended.stderr


def test_check_tells_a_ledger_that_may_not_be_written_from_one_that_is_lost(
    read_only: House, humble: tuple[str, ...]
) -> None:
    told = ask(read_only, "check", by=humble)
    assert (told.returncode, "Traceback" in told.stderr) == (4, False), told.stdout
    assert re.search(r"^wrong +ledger: .*cannot be written", told.stdout, re.MULTILINE), told.stdout
    assert "backup" not in told.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_folder_on_a_network_file_system_is_refused_with_advice(house: House, kind: str) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    mounts = house.root / "mountinfo"
    place = str(house.root).replace(" ", r"\040")
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"23 22 0:41 / {place} rw,relatime shared:2 - {kind} nas:/volume1/state rw\n"
    )
    for command in ("once", "run"):
        ended = ask(house, command, WATCHD_MOUNTS=str(mounts))
        assert ended.returncode == 4
        assert f"({kind})" in ended.stderr
        assert "local disk" in ended.stderr
    told = ask(house, "check", WATCHD_MOUNTS=str(mounts))
    assert (told.returncode, "local disk" in told.stdout) == (4, True), told.stdout
    assert not house.state.exists()
    assert house.sandbox.calls() == ()
    house.once()  # where it is what it is, nothing keeps it from working
    assert house.states() == ["done"]
