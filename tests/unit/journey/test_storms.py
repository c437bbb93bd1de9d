"""A storm of 429, 500 or 503, by the clock of the test: it is not fed, and soon after its end all is as before.

The gate's keeper, the limiter and what follows from an answer are the real ones; workers, service and time are played.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.memory.memory_ledger import MemoryLedger
from watchd.adapters.ledgers.memory.memory_store import MemoryStore
from watchd.core.calls.gating import Open
from watchd.core.calls.outcomes import Answered, Quota, Received, Sent, Traffic
from watchd.core.calls.pacing import PutOff, Wait
from watchd.core.calls.retrying import Conclusion, Policy
from watchd.core.request.endpoint import Answer
from watchd.journey.gate.keeper import GateKeeper
from watchd.model import Call, Job, JobState, Permit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.core.calls.state import GateChange
    from watchd.model import ClaimLost

CALM = 240.0
STORM = 300.0
HALF_A_MINUTE = 30.0
SOON = 120.0
TINY = 1e-6
JOB = Job(0, "portraits", "a.png", "sha", 0, "{}", "plain", JobState.QUEUED, price=20_000)


@dataclass(frozen=True)
class Trouble:
    """What a storm is made of: a status, how it comes, and what a 429 says of its end."""

    status: int
    share: float = 1.0
    flaps_every: float | None = None
    retry_after: float | None = None

    def meets(self, age: float, chance: random.Random) -> bool:
        """Whether a call that ends so many seconds after the onset meets it."""
        if self.flaps_every is not None:
            return int(age / self.flaps_every) % 2 == 0
        return chance.random() < self.share


class Blotter(MemoryLedger):
    """A ledger of which only the gates are of interest: what becomes of jobs is played by the world."""

    def conclude(
        self, call: Call, conclusion: Conclusion, changes: Sequence[GateChange] = (), *, due: bool = False
    ) -> ClaimLost | None:
        """The gates alone."""
        del call, conclusion, due
        self.write_gates(changes)
        return None


def at_the_gate(workers: int, per_minute: int) -> tuple[ManualClock, GateKeeper]:
    """A clock, and a gate that nothing has happened at."""
    clock = ManualClock()
    keeper = GateKeeper(Blotter(MemoryStore(), clock, owner="world", lease=60.0), clock)
    keeper.configure(Policy(), workers=workers, per_minute=per_minute, permits=lambda: None, changed=lambda: None)
    return clock, keeper


@dataclass
class World:
    """Workers that always have work, and a service in whose storm calls fail."""

    clock: ManualClock
    keeper: GateKeeper
    seconds: float
    workers: int
    trouble: Trouble
    onset: float
    end: float
    chance: random.Random
    ended: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    at_onset: int = -1
    _number: int = 0
    _again: list[tuple[float, int, Job]] = field(default_factory=list)
    _flying: list[tuple[float, int, Job, Permit]] = field(default_factory=list)

    def run(self, until: float) -> None:
        """Let the world turn."""
        clock = self.clock
        while clock.steady() < until:
            looked = clock.steady()
            asked_again = self._begin()
            if self.at_onset < 0 and clock.steady() >= self.onset:
                self.at_onset = len(self._flying)
            moments = [until, asked_again]
            moments += [at for at, *_ in self._flying[:1]] + [at for at, *_ in self._again[:1]]
            moments += [self.onset] if self.at_onset < 0 else []
            due = self.keeper.next_change(looked)
            moments += [] if due is None else [due]
            now = clock.steady()
            clock.advance(max(TINY, min((at for at in moments if at > now), default=until) - now))
            while self._flying and self._flying[0][0] <= clock.steady():
                self._finish(*heapq.heappop(self._flying)[1:])

    def _begin(self) -> float:
        """Begin what may begin; when it is worth asking again."""
        keeper, clock = self.keeper, self.clock
        while len(self._flying) < self.workers + 2:
            probe = not isinstance(keeper.decision(), Open) and keeper.take_probe()
            job = self._next_job()
            answer = keeper.ask(again=job.tries > 0, probe=probe)
            if isinstance(answer, Permit):
                ends = clock.steady() + self.seconds * self.chance.uniform(0.8, 1.2)
                heapq.heappush(self._flying, (ends, job.id, job, answer))
                continue
            if probe:
                keeper.give_probe_back()
            seconds = answer.seconds if isinstance(answer, PutOff) else 0.0
            heapq.heappush(self._again, (clock.steady() + seconds, job.id, job))
            if not isinstance(answer, PutOff):
                wait = answer.seconds if isinstance(answer, Wait) else None
                return float("inf") if wait is None else clock.steady() + wait
        return float("inf")

    def _next_job(self) -> Job:
        if self._again and self._again[0][0] <= self.clock.steady():
            return heapq.heappop(self._again)[2]
        self._number += 1
        return replace(JOB, id=self._number)

    def _finish(self, _id: int, job: Job, ticket: Permit) -> None:
        keeper, now = self.keeper, self.clock.steady()
        call = Call(job, 0, job.price, "answer.png")
        if self.onset <= now < self.end and self.trouble.meets(now - self.onset, self.chance):
            self.failed.append(now)
            answer = Answer(self.trouble.status, "trouble", retry_after=self.trouble.retry_after)
            met = Answered(answer, Traffic())
            conclusion = keeper.tell(ticket, Sent(call, met))
            assert isinstance(conclusion, Conclusion)
            if conclusion.state is JobState.QUEUED:
                job = replace(job, attempts=job.attempts + conclusion.counts)
                heapq.heappush(self._again, (conclusion.not_before, job.id, job))
        else:
            self.ended.append(now)
            keeper.tell(ticket, Sent(call, Received(1, 1, 1, Traffic(quota=Quota()))))
        if ticket.probe:
            keeper.give_probe_back()


STATUSES = [429, 500, 503]
SHAPES: list[dict[str, Any]] = [{"share": 1.0}, {"share": 0.5}, {"flaps_every": 5.0}, {"flaps_every": 20.0}]
PLACES = [(4, 20, 10.0), (8, 0, 1.0), (16, 0, 0.2), (8, 120, 15.0)]


@pytest.mark.sample(6)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(f"{key}-{value}" for key, value in shape.items()))
@pytest.mark.parametrize(("workers", "per_minute", "seconds"), PLACES)
@pytest.mark.parametrize("storm", [HALF_A_MINUTE, STORM])
def test_a_storm_is_not_fed_and_two_minutes_after_its_end_the_rate_is_what_it_was(
    status: int, shape: dict[str, Any], workers: int, per_minute: int, seconds: float,
    storm: float,
) -> None:  # fmt: skip
    clock, keeper = at_the_gate(workers, per_minute)
    onset = clock.steady() + CALM
    end = onset + storm
    seed = random.randrange(10**9)
    world = World(clock, keeper, seconds, workers, Trouble(status, **shape), onset, end, random.Random(seed))
    world.run(end + SOON + CALM)
    before = sum(onset - CALM <= at < onset for at in world.ended)
    after = sum(end + SOON <= at < end + SOON + CALM for at in world.ended)
    worst = max(sum(first <= at < first + HALF_A_MINUTE for at in world.failed) for first in world.failed)
    told = f"seed {seed}: {world.at_onset} in flight, {worst} failed in 30 s, {before} before, {after} after"
    assert world.at_onset > 0, told
    assert worst <= world.at_onset + 10, told
    assert after >= 0.9 * before, told


def test_a_429_that_names_its_end_again_and_again_is_not_met_by_all_at_once() -> None:
    clock, keeper = at_the_gate(8, 0)
    onset = clock.steady() + CALM
    world = World(clock, keeper, 1.0, 8, Trouble(429, retry_after=1.0), onset, onset + STORM, random.Random(1))
    world.run(onset + STORM)
    assert len(world.failed) <= world.at_onset + 5 + STORM / 6 + 1


def test_after_hours_of_trouble_it_takes_no_longer() -> None:
    clock, keeper = at_the_gate(8, 0)
    onset = clock.steady() + CALM
    end = onset + 3 * 3600
    world = World(clock, keeper, 10.0, 8, Trouble(503), onset, end, random.Random(2))
    world.run(end + SOON + CALM)
    before = sum(onset - CALM <= at < onset for at in world.ended)
    after = sum(end + SOON <= at < end + SOON + CALM for at in world.ended)
    assert after >= 0.9 * before
    assert len(world.failed) <= 8 + 3 * 120 + 10
