"""Disks that are full or fail, at each step: nothing is sent that cannot be kept, nothing paid is lost, all goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.pictures import picture as stored
from tests.system import fault_launcher, faulty_disk
from tests.system.house import until
from tests.system.pictures import picture, size_of
from watchd.journey.work.preparing import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import Daemon, House

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
MEGABYTE = 1 << 20
FILES, FAULTS = (60, 9) if os.environ.get("WATCHD_FAULTS") == "full" else (6, 2)


@pytest.fixture
def no_evidence(house: House) -> House:
    """A house where a bad answer cannot be moved aside: something else bears the name of that folder."""
    house.open_sandbox(fail=("lie:1",))
    house.configure()
    house.state.mkdir()
    (house.state / "evidence").write_text("in the way")
    house.drop("a.png", picture(1))
    return house


def test_a_bad_answer_that_cannot_be_kept_is_told_as_unknown_at_once(no_evidence: House) -> None:
    daemon = no_evidence.start()
    no_evidence.drop("b.png", picture(2))
    until(lambda: sorted(no_evidence.states()) == ["done", "unknown"], f"one is unknown; {no_evidence.jobs()}", 5.0)
    assert daemon.stop() == 0
    assert len(no_evidence.sent()) == 2


def test_a_bad_answer_that_cannot_be_kept_lets_once_end_with_3(no_evidence: House) -> None:
    ended = no_evidence.watchd("once", timeout=10.0)
    assert (ended.returncode, no_evidence.states()) == (3, ["unknown"])


# Full


@contextmanager
def small_disk(house: House, folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of that size on a folder; the books are compared before it goes, as the ledger may be on it."""
    folder.mkdir(exist_ok=True)
    options = ["-o", f"size={megabytes}m,mode=0700"]
    mounting = ["/bin/mount", "-t", "tmpfs", *options, "watchd-test", str(folder)]
    done = subprocess.run(mounting, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting does not work here: {done.stderr.strip()}")
    try:
        yield
        house.assert_books_balance()
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], timeout=10, check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Take what room there is, but for `leave` bytes; removing the file that is answered gives it back."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        while (room := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave) > 0:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
            except OSError:  # somebody was faster; what is left now is taken in the next round
                continue
    return filler


def start_hasty(house: House, **environment: str) -> Daemon:
    """A daemon that looks again soon after a disk was full."""
    daemon = house.launch_as(sys.executable, faulty_disk.__file__, **environment)
    daemon.wait_for("started")
    return daemon


@ROOT
@pytest.mark.parametrize("where", ["state", "hot-out"])
def test_with_no_room_for_the_answer_nothing_is_sent_until_there_is(house: House, where: str) -> None:
    house.configure()
    full, is_state = house.root / where, where == "state"
    with small_disk(house, full, 8):
        house.once()  # what the ledger needs itself is there before
        filler = fill(full, leave=MEGABYTE)
        for number in range(4):
            house.drop(f"{number}.png", picture(number))
        daemon = start_hasty(house)
        if is_state:
            daemon.wait_for("gate_closed", 3)  # it was looked again, and nothing had changed
            told = house.status()["gate"]
            assert (told["reason"], str(full) in told["detail"]) == ("disk", True)
        else:
            wait_until_offline(house, daemon, full)
        assert house.states() == ["queued"] * 4
        assert house.sandbox.calls() == ()

        filler.unlink()
        house.wait_for_all(4)
        assert len(house.sent()) == 4
        assert {job["attempts"] for job in house.jobs()} == {1}
        assert daemon.stop() == 0

        fill(full, leave=MEGABYTE)
        house.drop("last.png", picture(9))
        house.once(3)
        assert len(house.sandbox.calls()) == 4


def wait_until_offline(house: House, daemon: Daemon, full: Path) -> None:
    """Until the folder waits for its output, and was tried more than once; no gate is closed for it."""
    daemon.wait_for("offline")
    (told,) = house.status()["folders"]
    assert (told["state"], f"no space left for {full}" in told["reason"]) == ("offline", True)
    assert house.status()["gate"]["open"]


@ROOT
def test_an_output_that_fills_up_during_the_call_keeps_the_paid_answer_until_there_is_room(house: House) -> None:
    house.open_sandbox(latency="700ms")
    house.configure()
    with small_disk(house, house.out, 8):
        daemon = start_hasty(house)
        for number in range(2):
            house.drop(f"{number}.png", picture(number))
        assert house.sandbox.wait_for_charges(2)
        filler = fill(house.out)
        house.wait_for_all(2, "received")
        wait_until_offline(house, daemon, house.out)
        assert [path.name for path in house.out.iterdir()] == ["filler"]
        assert daemon.stop() == 0

        daemon = start_hasty(house)
        wait_until_offline(house, daemon, house.out)
        assert house.states() == ["received"] * 2
        filler.unlink()
        house.wait_for_all(2)
        for number in range(2):
            assert size_of((house.out / f"{number}.png").read_bytes()) == (600, 600)
        assert len(house.sent()) == len(house.sandbox.calls()) == 2
        assert daemon.stop() == 0


@contextmanager
def full_ledger(house: House) -> Iterator[tuple[Daemon, Path]]:
    """A daemon that has one file done and whose ledger has no room since; two more files were dropped."""
    house.configure()
    with small_disk(house, house.state, 16):
        daemon = start_hasty(house)
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
        filler = fill(house.state)
        house.drop("b.png", picture(2))
        house.drop("c.png", picture(3))

        def is_full() -> bool:
            fill(house.state)
            return "ledger_full" in daemon.actions()

        until(is_full, "the ledger, its ballast given up, has no room")
        yield daemon, filler
        assert house.states() == ["done"] * 3
        assert len(house.sent()) == 3


@ROOT
def test_a_ledger_without_room_stops_all_calls_and_goes_on_by_itself(house: House) -> None:
    with full_ledger(house) as (daemon, filler):
        began = time.monotonic()
        told = house.status()["gate"]
        assert time.monotonic() - began < 5.0
        assert (told["reason"], "no space left" in told["detail"]) == ("ledger", True)
        house.drop("sub/d.png", picture(1))  # the same picture as the first: it costs nothing later on
        time.sleep(2.5)  # longer than it takes to look for room again
        assert daemon.process.poll() is None
        assert len(house.sandbox.calls()) == 1
        assert house.status()["counts"]["done"] == 1
        (house.hot / "sub" / "d.png").unlink()

        filler.unlink()
        daemon.wait_for("ledger_room")
        until(lambda: [job["state"] for job in house.jobs()][:3] == ["done"] * 3, "all is done")
        assert house.status()["gate"]["open"]
        assert daemon.stop() == 0


@ROOT
def test_a_daemon_whose_ledger_has_no_room_ends_within_seconds_when_told_to(house: House) -> None:
    with full_ledger(house) as (daemon, filler):
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(8.0) == 0
        assert "Traceback" not in daemon.text
        filler.unlink()
        house.once()


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_a_daemon_whose_ledger_has_no_room_for_the_recovery_says_so_and_goes_on_by_itself(house: House) -> None:
    house.open_sandbox(fail=("stall:1",))
    house.configure()
    with small_disk(house, house.state, 16):
        daemon = house.start()
        house.drop("a.png", picture(1))
        assert house.sandbox.wait_for_charges(1)
        daemon.kill()
        (house.state / "ballast").unlink()  # given up as soon as the disk was full
        filler = fill(house.state)
        again = house.launch()
        again.wait_for("ledger_full")
        try:
            told = json.loads(house.watchd("status", "--json", timeout=6.0).stdout)
        finally:
            filler.unlink()
            house.wait_for_all(1, "unknown")
            assert again.stop() == 0
        assert (told["daemon"]["running"], told["gate"]["reason"]) == (True, "ledger")


@ROOT
def test_once_with_no_room_for_the_ledger_ends_with_4(house: House) -> None:
    with full_ledger(house) as (daemon, filler):
        daemon.kill()
        fill(house.state)
        try:
            assert house.watchd("once", timeout=6.0).returncode == 4
        finally:
            filler.unlink()
            house.once()


# Failing


SIDE, LARGE_SIDE = 300, 1100
assert LARGE_SIDE**2 > SMALL_BYTES
CASES = {
    # What fails → (call, below which folder, error, whether the paid answer itself is lost with it)
    "the sync of an answer": ("fsync", "state/spool", "EIO", True),
    "the sync of the spool": ("fsync folder", "state/spool", "EIO", True),
    "writing an answer": ("write", "state/spool", "EIO", True),
    "room for an answer, promised and not kept": ("write", "state/spool", "ENOSPC", True),
    "copying a picture": ("write", "state/spool", "EIO", False),
    "room for a copy": ("write", "state/spool", "ENOSPC", False),
    "setting room aside": ("posix_fallocate", "state/spool", "EIO", False),
    "room for an answer": ("posix_fallocate", "state/spool", "ENOSPC", False),
    "writing an output": ("write", "hot-out", "EIO", False),
    "room for an output": ("write", "hot-out", "ENOSPC", False),
    "the sync of an output": ("fsync", "hot-out", "EIO", False),
    "the name of an output": ("link", "hot-out", "EIO", False),
    "room for a name": ("link", "hot-out", "ENOSPC", False),
}


def launch_with_fault(
    house: House, call: str, where: str, error: str, first: int, count: int, ending: str = ""
) -> Daemon:
    """A daemon that meets this fault; see faulty_disk."""
    fault = {"call": call, "where": str(house.root / where), "error": error, "first": first, "count": count}
    fault["ending"] = ending
    told = {"below": str(house.root), "journal": str(house.root / "journal"), "fault": fault}
    return house.launch_as(sys.executable, faulty_disk.__file__, WATCHD_DISK=json.dumps(told))


def read_journal(house: House, error: str, fired: int) -> list[dict[str, Any]]:
    """What happened on the disk; the fault was met so often."""
    lines = [json.loads(line) for line in (house.root / "journal").read_text().splitlines()]
    assert sum(line["error"] == f"fired {error}" for line in lines) == fired, "the fault has not fired"
    return lines


@pytest.mark.sample(5)
@pytest.mark.parametrize("case", CASES)
def test_what_a_failing_disk_did_not_keep_is_never_acknowledged(house: House, case: str) -> None:
    call, where, error, loses = CASES[case]
    house.configure({"settle": "50ms"})
    # What is written into the spool is a copy of what is not small on its way out, or an answer on its way in.
    ending = {True: ".png", False: ".send"}[loses] if call == "write" and where == "state/spool" else ""
    side = LARGE_SIDE if ending == ".send" else SIDE
    made = partial(stored, width=side, height=side) if ending == ".send" else picture
    for number in range(FILES):
        name = f"sub/{number}.png" if number % 3 == 0 else f"{number}.png"
        house.drop(name, made(number))
    daemon = launch_with_fault(house, call, where, error, 2, FAULTS, ending)
    ended = {"done", "unknown"}
    until(lambda: len(house.states()) == FILES and ended.issuperset(house.states()), f"all has ended {house.jobs()}")
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.text

    lines = read_journal(house, error, FAULTS)
    assert_only_what_was_safe_was_acknowledged(lines)
    assert house.states().count("unknown") == (FAULTS if loses else 0)
    assert len(house.sent()) == len(set(house.sent())) == FILES
    assert sum(line["call"] == "finished" for line in lines) == house.states().count("done")
    for job in house.jobs():
        assert (job["output"] is not None) == (job["state"] == "done")
        if job["output"]:
            assert size_of(Path(job["output"]).read_bytes()) == (2 * side, 2 * side)


@pytest.mark.parametrize("folder", ["hot-out/deep/er", "hot-out/deep", "hot-out", ""])
def test_a_file_is_done_only_when_every_name_on_the_way_to_its_output_is_synced(house: House, folder: str) -> None:
    house.configure()
    house.drop("deep/er/a.png", picture(1))
    daemon = launch_with_fault(house, "fsync folder", folder, "EIO", 1, 1)
    house.wait_for_all(1)
    assert daemon.stop() == 0
    assert len(house.sandbox.calls()) == 1
    assert_only_what_was_safe_was_acknowledged(read_journal(house, "EIO", 1))


@pytest.mark.parametrize("call", ["fsync", "fsync folder"])
def test_a_disk_that_fails_while_an_answer_is_saved_after_a_crash_costs_nothing_and_is_tried_again(
    house: House, call: str
) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    killed = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT="SqliteLedger.receive:before:1")
    assert killed.wait() == -signal.SIGKILL
    daemon = launch_with_fault(house, call, "state/spool", "EIO", 1, 1)
    until(lambda: daemon.process.poll() is not None or house.states() == ["done"], "it ends, or gets over it")
    assert "Traceback" not in daemon.text
    ended = daemon.process.poll()
    assert ended != 2, "systemd does not start it again after this status, and the answer is paid for"
    if ended is None:
        assert daemon.stop() == 0
    assert_only_what_was_safe_was_acknowledged(read_journal(house, "EIO", 1))
    house.once()
    assert (house.states(), len(house.sandbox.calls())) == (["done"], 1)


def assert_only_what_was_safe_was_acknowledged(lines: list[dict[str, Any]]) -> None:
    """Before the ledger hears of a file, its bytes are synced, and after its name was made, the folder that has it."""
    for position, line in enumerate(lines):
        if line["call"] not in {"received", "finished"}:
            continue
        before, path = lines[:position], Path(line["path"])
        touched = [past for past in before if past["inode"] == line["inode"] and past["call"] in {"write", "fsync"}]
        assert touched, f"{path} was never written"
        assert (touched[-1]["call"], touched[-1]["error"]) == ("fsync", None), f"{path} is not synced, and {line}"
        made = {"mkdir", "link", "rename"} if line["call"] == "finished" else {"write"}
        for name in (path, *path.parents):
            born = [at for at, past in enumerate(before) if past["path"] == str(name) and past["call"] in made]
            born = [at for at in born if before[at]["error"] is None]
            if born:
                kept = [past["error"] for past in before[born[-1] :] if _is_sync_of(past, name.parent)]
                assert None in kept, f"the name {name} is not synced, and {line}"


def _is_sync_of(line: dict[str, Any], folder: Path) -> bool:
    return (line["call"], line["path"]) == ("fsync folder", str(folder))
