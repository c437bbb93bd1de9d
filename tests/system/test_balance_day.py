"""A day without balance, in seconds: hundreds of files wait behind one gate, restarts and all, and then go on alone."""

from __future__ import annotations

import os
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import pytest

from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import House

FULL = os.environ.get("WATCHD_FAULTS") == "full"
FILES = 1_000 if FULL else 200
WORKERS = 4
FIRST, LONGEST = 1.0, 4.0
PROBE = {"first": f"{FIRST:g}s", "longest": f"{LONGEST:g}s"}
RESTARTS = 2


def prepare(house: House, files: int) -> None:
    """So many different small files, and nothing but the balance to hold them."""
    house.configure(api={"workers": WORKERS}, balance_probe=PROBE, approval=None)
    for number in range(files):
        house.drop(f"{number:04}.png", picture(number, side=256))


def refused(house: House) -> int:
    """How many calls the service answered with 402."""
    return sum(call.status == 402 for call in house.sandbox.calls())


def live_through(house: House, files: int) -> None:
    """The day: all is queued, the daemon is restarted twice, each time the gate is tried again and stays closed."""
    daemon = house.start()
    until(lambda: house.states() == ["queued"] * files, "all are queued", timeout=60.0)
    until(lambda: refused(house) == len(failures(house)) > 0, "the service has said no, and it is written down")
    daemon.wait_for("gate_closed", 3)
    for _ in range(RESTARTS):
        assert daemon.stop() == 0
        calls, gate = refused(house), house.status()["gate"]
        assert gate["reason"] == "balance"
        daemon = house.start()
        told = house.status()["gate"]
        assert (told["since"], told["reason"]) == (gate["since"], "balance")
        assert refused(house) <= calls + 1, "a restart is no reason to try"
        daemon.wait_for("gate_closed", 1, timeout=3 * LONGEST)
    assert {(job["state"], job["attempts"], job["cost"]) for job in house.jobs()} == {("queued", 0, 0)}


def failures(house: House) -> list[str]:
    """The words of each row of the view `balance_failures`."""
    return [str(row["message"]) for row in house.read("SELECT message FROM balance_failures ORDER BY id")]


def go_on(house: House, files: int) -> None:
    """Everything is done by itself; the 402s stay as many rows as there were answers, and nothing else came of them."""
    house.wait_for_all(files, timeout=60.0 + files / 5)
    assert house.status()["gate"]["open"]
    assert len(house.sent()) == len(set(house.sent())) == files
    assert {(job["attempts"], job["cost"]) for job in house.jobs()} == {(1, 0.02)}
    assert len(failures(house)) == refused(house)
    assert {attempt["outcome"] for attempt in house.attempts()} == {"balance", "ok"}
    spent = house.status()["spent"]
    assert (spent["in_doubt"], spent["total"]) == (0, pytest.approx(float(house.sandbox.charges().usd)))


@pytest.mark.timeout(600 if FULL else 120)
def test_a_day_without_balance_costs_one_call_for_each_worker_as_the_query_is_free(house: House) -> None:
    house.open_sandbox(balance="0")
    prepare(house, FILES)
    live_through(house, FILES)
    assert 1 <= refused(house) <= WORKERS
    house.sandbox.top_up(FILES)
    go_on(house, FILES)


@pytest.mark.timeout(600 if FULL else 120)
def test_a_query_that_wrongly_says_yes_costs_one_call_for_each_interval(house: House) -> None:
    house.open_sandbox(fail=("402:1000",))  # a failure by count: the query knows nothing of it and says yes
    prepare(house, FILES // 4)
    live_through(house, FILES // 4)
    moments = [call.at for call in house.sandbox.calls()]
    lasted = (moments[-1] - moments[0]).total_seconds()
    assert refused(house) <= WORKERS + 1 + ceil(lasted / FIRST)
    probes = [call for call in moments if (call - moments[0]).total_seconds() >= FIRST / 2]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(probes)]
    assert gaps, "the gate was tried again"
    assert min(gaps) >= 0.95 * 2 * FIRST, f"probes come at intervals that double and hold across a restart: {gaps}"
    house.sandbox.script(fail=())
    go_on(house, FILES // 4)
