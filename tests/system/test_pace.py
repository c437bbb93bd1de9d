"""How fast the real daemon asks, against a service that counts: a limit kept, a ban never met, a storm not fed."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.fakes.pictures import picture, png
from tests.system.house import House, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as opened:
        yield opened
        opened.assert_books_balance()


def begun(house: House) -> list[float]:
    """When each call began, in seconds."""
    told = house.read("SELECT started_at FROM attempt ORDER BY started_at")
    return [row["started_at"] for row in told]


def test_calls_keep_to_requests_per_minute_one_by_one_and_across_a_restart(house: House) -> None:
    house.configure(api={"requests_per_minute": 120})
    for number in range(6):
        house.drop(f"{number}.png", picture(number))
    daemon = house.start()
    until(lambda: len(begun(house)) >= 3, "three calls")
    daemon.stop()
    house.start()
    house.wait_for_all(6)
    assert all(later - earlier > 0.45 for earlier, later in pairwise(begun(house)))


def test_a_limit_that_the_service_tells_is_kept_without_a_single_429(house: House) -> None:
    house.open_sandbox(requests_per_minute=300)
    house.configure(api={"workers": 4})
    for number in range(12):
        house.drop(f"{number}.png", picture(number))
    house.start()
    house.wait_for_all(12)
    calls = begun(house)
    assert {call.status for call in house.sandbox.calls()} == {200}
    assert calls[-1] - calls[3] > 0.7 * 8 * 60 / 300, "spread over the minute, not all at once"


def test_a_folder_of_refused_pictures_never_brings_the_ban_upon_the_key(house: House) -> None:
    # The vendor refuses every call of a key that met more than 50 answers of 4xx in 30 seconds.
    house.open_sandbox(fail=("400",), refusals=50)
    house.configure(api={"workers": 8})
    for number in range(55):
        house.drop(f"{number}.png", picture(number))
    house.start()
    house.wait_for_all(55, "failed", timeout=90.0)
    assert {call.status for call in house.sandbox.calls()} == {400}
    times = begun(house)
    assert times[54] - times[0] > 25, "the last ones waited until the first were forgotten"


def test_21_photos_that_no_call_can_enlarge_cost_no_call_and_each_says_why(house: House) -> None:
    house.configure()
    for number in range(21):
        house.drop(f"{number}.png", png(6000, 4000, bytes([number])))
    ended = house.once(status=1)
    assert house.states() == ["failed"] * 21
    assert house.sandbox.calls() == ()
    assert house.attempts() == []
    assert all("6000x4000" in job["error"] and "oversize: tile" in job["error"] for job in house.jobs())
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("rule", ["429", "503:50%"])
def test_a_storm_is_not_fed_and_all_goes_on_after_it(house: House, rule: str) -> None:
    house.open_sandbox(fail=(rule,), latency="50ms")
    house.configure(api={"workers": 4, "max_attempts": 50})
    for number in range(60):
        house.drop(f"{number}.png", picture(number))
    daemon = house.start()
    daemon.wait_for("slower")
    until(lambda: len(_failed(house)) >= 5, "the storm is met")
    first = _failed(house)[0]
    until(lambda: time.time() > first + 15 or len(_failed(house)) > 4 + 10, "15 s of the storm are over", 30.0)
    met = _failed(house)
    assert len([at for at in met if at < met[0] + 30]) <= 4 + 10
    house.sandbox.script(fail=())
    house.wait_for_all(60, timeout=100.0)


def _failed(house: House) -> list[float]:
    told = house.read("SELECT finished_at FROM attempt WHERE outcome IN ('rate', 'server') ORDER BY finished_at")
    return [row["finished_at"] for row in told]
