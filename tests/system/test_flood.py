"""Thousands of files at once, and trees that grow while they are looked at: every file is found, and at once."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import until
from tests.system.pictures import numbered, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import House

BY_EVENTS: dict[str, Any] = {"settle": "50ms", "rescan_every": "1h"}
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


def test_three_thousand_files_at_once_are_all_recorded_within_seconds(house: House) -> None:
    house.configure(BY_EVENTS)
    daemon = house.start()
    for number in range(3000):
        house.drop(f"{number}.jpg", b"<html>no picture, page %d</html>" % number)
    last = time.monotonic()
    until(lambda: house.read("SELECT count(*) AS number FROM jobs")[0]["number"] >= 3000, "all are recorded")
    assert time.monotonic() - last < 15.0
    jobs = house.jobs()
    assert {job["path"] for job in jobs} == {f"{number}.jpg" for number in range(3000)}
    assert {job["state"] for job in jobs} == {"failed"}
    assert len(jobs) == 3000
    house.drop("own.png", picture(1))
    until(lambda: house.jobs()[-1]["state"] == "done", "and a picture after them is not kept waiting")
    assert house.sandbox.charges().calls == 1
    assert daemon.stop() == 0


def test_a_flood_while_the_balance_is_empty_loses_no_file_and_calls_once(house: House) -> None:
    house.open_sandbox(balance="0")
    house.configure(BY_EVENTS)
    daemon = house.start()
    base = picture(1)
    for number in range(800):
        house.drop(f"{number}.png", numbered(base, number))
    house.wait_for_all(800, "queued")
    assert len(house.sandbox.calls()) <= 4, "no more than were in flight when the first answer came"
    assert [job["attempts"] for job in house.jobs()] == [0] * 800
    assert len(house.read("SELECT 1 FROM balance_failures")) == len(house.sandbox.calls()) > 0
    assert daemon.stop() == 0


def test_trees_made_in_one_go_with_files_in_every_folder_are_found_whole(house: House) -> None:
    house.configure(BY_EVENTS)
    daemon = house.start()
    expected = set()
    for tree in range(8):
        for depth in range(1, 9):
            path = "/".join([f"tree{tree}", *(f"level{level}" for level in range(depth)), "leaf.png"])
            house.drop(path, b"<html>%d %d</html>" % (tree, depth))
            expected.add(path)
    until(lambda: len(house.jobs()) >= len(expected), f"{len(expected)} files, now {len(house.jobs())}")
    assert {job["path"] for job in house.jobs()} == expected
    house.drop("tree7/level0/level1/late.png", picture(1))
    until(lambda: house.jobs()[-1]["state"] == "done", "the new folders are watched")
    assert daemon.stop() == 0


@contextmanager
def short_queue() -> Iterator[None]:
    """Let the kernel's queue of a watch that is made now hold 16 events; put back whatever happens."""
    before = QUEUE.read_text()
    try:
        QUEUE.write_text("16")
    except OSError as error:
        pytest.skip(f"{QUEUE} cannot be lowered here: {error.strerror}")
    try:
        yield
    finally:
        QUEUE.write_text(before)


def test_what_an_overflowing_queue_swallowed_is_found_at_once(house: House) -> None:
    house.configure(BY_EVENTS)
    with short_queue():
        daemon = house.start()
    daemon.signal(signal.SIGSTOP)  # deaf for a moment, as a busy machine is
    for number in range(300):
        house.drop(f"{number}.jpg", b"<html>%d</html>" % number)
    for tree in range(20):
        house.drop(f"tree{tree}/a/leaf.jpg", b"<html>tree %d</html>" % tree)
    daemon.signal(signal.SIGCONT)
    until(lambda: len(house.jobs()) >= 320, f"320 files, now {len(house.jobs())}", timeout=10.0)
    assert "overflow" in daemon.text, "the queue did not overflow: nothing was tried"
    house.drop("tree19/a/own.png", picture(1))
    until(lambda: house.jobs()[-1]["state"] == "done", "folders whose events were swallowed are watched")
    assert daemon.stop() == 0
