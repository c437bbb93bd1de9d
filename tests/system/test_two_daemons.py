"""One ledger, one daemon: whoever comes second ends at once, with 4 and the name of the first."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import Daemon, House

ROUNDS = 20 if os.environ.get("WATCHD_FAULTS") == "full" else 5


def sorted_out(house: House) -> tuple[Daemon, Daemon]:
    """Two daemons started at once: the one that works and the one that has ended."""
    pair = (house.launch(), house.launch())
    until(lambda: any(daemon.process.poll() is not None for daemon in pair), "one of the two has ended")
    ended = [daemon for daemon in pair if daemon.process.poll() is not None]
    assert len(ended) == 1, "both ended"
    (works,) = (daemon for daemon in pair if daemon is not ended[0])
    works.wait_for("started")
    return works, ended[0]


@pytest.mark.plain("it compares process ids, and a unit's own are others")
def test_of_two_daemons_started_at_once_exactly_one_works_and_the_other_ends_with_4_naming_it(house: House) -> None:
    house.configure()
    for number in range(ROUNDS):
        works, ended = sorted_out(house)
        assert ended.wait() == 4
        assert re.search(rf"in use by .*\b{works.pid}\b", ended.text)
        assert "started" not in ended.actions()
        house.drop(f"{number}.png", picture(number))
        house.wait_for_all(number + 1)
        assert works.stop() == 0
    assert len(house.sent()) == len(set(house.sent())) == ROUNDS


@pytest.mark.plain("it compares process ids, and a unit's own are others")
def test_once_beside_a_daemon_ends_with_4_at_once_and_leaves_the_work_to_it(house: House) -> None:
    house.open_sandbox(latency="2s")
    house.configure()
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    house.drop("b.png", picture(2))
    began = time.monotonic()
    ended = house.once(4)
    assert time.monotonic() - began < 5
    assert re.search(rf"\b{daemon.pid}\b", ended.stderr)
    house.wait_for_all(2)
    assert len(house.sent()) == len(set(house.sent())) == 2


def test_a_daemon_beside_once_ends_with_4_and_once_ends_well(house: House) -> None:
    house.open_sandbox(latency="2s")
    house.configure()
    house.drop("a.png", picture(1))
    with ThreadPoolExecutor(1) as beside:
        once = beside.submit(house.once, 0)
        assert house.sandbox.wait_for_charges(1)
        assert house.launch().wait() == 4
        once.result()
    assert house.states() == ["done"]


def test_a_ledger_whose_daemon_was_killed_is_free_at_once(house: House) -> None:
    house.configure()
    house.start().kill()
    house.start()
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
