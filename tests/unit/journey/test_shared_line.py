"""A line that all uploads share, by the clock of the test: fewer go up at once while it is slow, all when it is quick.

The gate's keeper and the limiter are the real ones; workers, line, service and time are played.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.unit.journey.test_storms import JOB, at_the_gate
from watchd.core.calls.outcomes import Received, Sent, Traffic
from watchd.model import Call, Permit, Steady

if TYPE_CHECKING:
    from tests.fakes.clock import ManualClock
    from watchd.journey.gate.keeper import GateKeeper

PICTURE = 12_000_000.0
SLOW, QUICK = 125_000.0, 12_500_000.0
"""Bytes a second: 1 Mbit/s, and 100."""
ANSWER_S = 15.0
TINY = 1e-6


@dataclass
class Flight:
    """One call: what is left to go up, and when its answer comes."""

    permit: Permit
    left: float = PICTURE
    upload_s: float = 0.0
    answered: Steady | None = None


@dataclass
class Line:
    """Workers that always have work, and a line that those who upload share alike."""

    clock: ManualClock
    keeper: GateKeeper
    rate: float
    flights: list[Flight] = field(default_factory=list)
    at_once: list[int] = field(default_factory=list)
    """How many were under way whenever one ended."""
    idle: float = 0.0

    def bring(self, pictures: int) -> float:
        """Until so many more have come; how many seconds it took."""
        began = self.clock.steady()
        for _ in range(pictures):
            while not (ended := [one for one in self.flights if self._is_over(one)]):
                self._begin()
                self._go_on()
            self.at_once.append(len(self.flights))
            self.flights.remove(ended[0])
            came = Received(1, 1, 1, Traffic(upload_s=ended[0].upload_s))
            self.keeper.tell(ended[0].permit, Sent(Call(JOB, 0, 20_000, "answer.png"), came))
        return self.clock.steady() - began

    def _is_over(self, flight: Flight) -> bool:
        return flight.answered is not None and flight.answered <= self.clock.steady()

    def _begin(self) -> None:
        while isinstance(permit := self.keeper.ask(again=False, probe=False), Permit):
            self.flights.append(Flight(permit))

    def _go_on(self) -> None:
        """To the next moment at which something ends."""
        now = self.clock.steady()
        going_up = [one for one in self.flights if one.answered is None]
        each = self.rate / max(1, len(going_up))
        moments = [one.left / each for one in going_up]
        moments += [one.answered - now for one in self.flights if one.answered is not None]
        seconds = max(TINY, min(moments))
        self.idle += 0.0 if going_up else seconds
        self.clock.advance(seconds)
        for one in going_up:
            one.left -= each * seconds
            one.upload_s += seconds
            if one.left < 1:
                one.answered = Steady(self.clock.steady() + ANSWER_S)


def line(workers: int, rate: float) -> Line:
    clock, keeper = at_the_gate(workers, 0)
    return Line(clock, keeper, rate)


@pytest.mark.parametrize("workers", [4, 8, 64])
def test_a_slow_line_comes_to_two_at_once_is_idle_for_a_tenth_at_most_and_is_told_once(
    workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shared = line(workers, SLOW)
    shared.bring(3 * workers)
    shared.at_once.clear()
    shared.idle = 0.0
    took = shared.bring(40)
    assert set(shared.at_once) <= {1, 2}
    assert shared.idle < 0.1 * took
    assert took < 1.1 * 40 * PICTURE / SLOW, "as many pictures as the line carries"
    assert [record.__dict__["action"] for record in caplog.records] == ["slower"]


def test_a_quick_line_is_used_by_all_from_the_first_to_the_last() -> None:
    shared = line(8, QUICK)
    shared.bring(80)
    assert max(shared.at_once[40:]) == max(shared.at_once[:40]) == 8


def test_a_line_that_is_quick_again_is_used_by_all_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shared = line(8, SLOW)
    shared.bring(24)
    shared.rate = QUICK
    shared.bring(24)
    assert max(shared.at_once[-8:]) == 8
    assert [record.__dict__["action"] for record in caplog.records] == ["slower", "full_pace"]
