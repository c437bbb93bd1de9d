"""The owner's commands as processes, with a daemon running and alone: each answers, whatever the daemon is at."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import House


@contextmanager
def asking(house: House, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way; ended when it is left."""
    process = subprocess.Popen(
        house.command(*arguments), env=house.environment, cwd=house.root, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_reload_that_comes_while_the_daemon_stops_is_answered_and_does_not_keep_it_from_ending(house: House) -> None:
    house.open_sandbox(latency="3s")
    house.configure()
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for("stopping")
    with asking(house, "reload") as reload:
        assert daemon.wait(10.0) == 0
        assert reload.wait(5.0) == 2
    assert house.states() == ["done"]


def test_status_answers_at_once_while_a_reload_waits_for_the_calls_in_flight(house: House) -> None:
    house.open_sandbox(fail=("stall:1",))
    house.configure(api={"timeout": "30s"})
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    with asking(house, "reload") as reload:
        time.sleep(0.5)  # the daemon tells nobody that it has begun to drain
        told = house.watchd("status", "--json", timeout=8.0)
        assert told.returncode == 0, told.stderr
        assert reload.poll() is None, "the reload was over before anybody asked"
    daemon.kill()
