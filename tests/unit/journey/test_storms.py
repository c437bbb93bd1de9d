"""A storm of 429, 500 or 503, by the clock of the test: it is not fed, and soon after its end all is as before.

The gate's keeper, the limiter and what follows from an answer are the real ones; workers, service and time are played.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from watchd.core.calls import retrying
from watchd.core.calls.gating import Open
from watchd.core.calls.outcomes import Answered, Quota, Traffic
from watchd.core.calls.pacing import Permit, PutOff, Wait
from watchd.core.request.endpoint import Answer
from watchd.model import Api, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.journey.workshop import Workshop

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


@dataclass
class World:
    """Workers that always have work, and a service in whose storm calls fail."""

    shop: Workshop
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
        clock = self.shop.clock
        while clock.steady() < until:
            asked_again = self._begin()
            if self.at_onset < 0 and clock.steady() >= self.onset:
                self.at_onset = len(self._flying)
            moments = [until, asked_again]
            moments += [at for at, *_ in self._flying[:1]] + [at for at, *_ in self._again[:1]]
            moments += [self.onset] if self.at_onset < 0 else []
            due = self.shop.keeper.next_change()
            moments += [] if due is None else [due]
            now = clock.steady()
            clock.advance(max(TINY, min((at for at in moments if at > now), default=until) - now))
            while self._flying and self._flying[0][0] <= clock.steady():
                self._finish(*heapq.heappop(self._flying)[1:])

    def _begin(self) -> float:
        """Begin what may begin; when it is worth asking again."""
        keeper, clock = self.shop.keeper, self.shop.clock
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
        if self._again and self._again[0][0] <= self.shop.clock.steady():
            return heapq.heappop(self._again)[2]
        self._number += 1
        return replace(JOB, id=self._number)

    def _finish(self, _id: int, job: Job, ticket: Permit) -> None:
        keeper, now = self.shop.keeper, self.shop.clock.steady()
        if self.onset <= now < self.end and self.trouble.meets(now - self.onset, self.chance):
            self.failed.append(now)
            answer = Answer(self.trouble.status, "trouble", retry_after=self.trouble.retry_after)
            met = Answered(answer, Traffic())
            scene = keeper.scene(job, met, ticket, luck=self.chance.random(), key="key")
            conclusion = retrying.conclude(met, job, scene)
            keeper.learn(conclusion)
            if conclusion.state is JobState.QUEUED:
                job = replace(job, attempts=job.attempts + conclusion.counts)
                heapq.heappush(self._again, (conclusion.not_before, job.id, job))
        else:
            self.ended.append(now)
            keeper.succeeded(ticket, Quota())
        if ticket.probe:
            keeper.give_probe_back()
        keeper.leave()


STATUSES = [429, 500, 503]
SHAPES: list[dict[str, Any]] = [{"share": 1.0}, {"share": 0.5}, {"flaps_every": 5.0}, {"flaps_every": 20.0}]
PLACES = [(4, 20, 10.0), (8, 0, 1.0), (16, 0, 0.2), (8, 120, 15.0)]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(f"{key}-{value}" for key, value in shape.items()))
@pytest.mark.parametrize(("workers", "per_minute", "seconds"), PLACES)
@pytest.mark.parametrize("storm", [HALF_A_MINUTE, STORM])
def test_a_storm_is_not_fed_and_two_minutes_after_its_end_the_rate_is_what_it_was(
    build: Callable[..., Workshop], status: int, shape: dict[str, Any], workers: int, per_minute: int, seconds: float,
    storm: float,
) -> None:  # fmt: skip
    shop = build(api=Api(requests_per_minute=per_minute, workers=workers))
    onset = shop.clock.steady() + CALM
    end = onset + storm
    seed = random.randrange(10**9)
    world = World(shop, seconds, workers, Trouble(status, **shape), onset, end, random.Random(seed))
    world.run(end + SOON + CALM)
    before = sum(onset - CALM <= at < onset for at in world.ended)
    after = sum(end + SOON <= at < end + SOON + CALM for at in world.ended)
    worst = max(sum(first <= at < first + HALF_A_MINUTE for at in world.failed) for first in world.failed)
    told = f"seed {seed}: {world.at_onset} in flight, {worst} failed in 30 s, {before} before, {after} after"
    assert world.at_onset > 0, told
    assert worst <= world.at_onset + 10, told
    assert after >= 0.9 * before, told


def test_a_429_that_names_its_end_again_and_again_is_not_met_by_all_at_once(build: Callable[..., Workshop]) -> None:
    shop = build(api=Api(requests_per_minute=0, workers=8))
    onset = shop.clock.steady() + CALM
    world = World(shop, 1.0, 8, Trouble(429, retry_after=1.0), onset, onset + STORM, random.Random(1))
    world.run(onset + STORM)
    assert len(world.failed) <= world.at_onset + 5 + STORM / 6 + 1


def test_after_hours_of_trouble_it_takes_no_longer(build: Callable[..., Workshop]) -> None:
    shop = build(api=Api(requests_per_minute=0, workers=8))
    onset = shop.clock.steady() + CALM
    end = onset + 3 * 3600
    world = World(shop, 10.0, 8, Trouble(503), onset, end, random.Random(2))
    world.run(end + SOON + CALM)
    before = sum(onset - CALM <= at < onset for at in world.ended)
    after = sum(end + SOON <= at < end + SOON + CALM for at in world.ended)
    assert after >= 0.9 * before
    assert len(world.failed) <= 8 + 3 * 120 + 10
