"""A budget is held by the ledger itself: any number of threads that begin calls at once never pass it together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.stateful.bench import OpenLedger, TurnedClock, left_by_a_kill, make_ledger
from watchd.core.calls import scheduling
from watchd.core.calls.outcomes import NotSent, Traffic
from watchd.core.calls.retrying import Conclusion
from watchd.model import Admission, Asked, Budget, BudgetReached, Call, JobState, Limit, Outcome, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watchd.model import Job

THREADS = 16
JOBS = 48
PRICE = 20_000
FOLDERS = ("east", "west")
NO_LIMIT = Budget()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: TurnedClock) -> Iterator[OpenLedger]:
    """A ledger with `JOBS` different pictures in each of two folders."""
    ledger = make_ledger(tmp_path / "ledger.db", clock, "owner")
    for folder in FOLDERS:
        ledger.admit([
            Admission(
                folder, f"{number}.png", Sample(1, 1, 1, 1), f"{folder}-{number}", "plain", 0,
                asked=Asked("plain", PRICE, 600, 600),
            )
            for number in range(JOBS)
        ])  # fmt: skip
    yield ledger
    ledger.close()


def limits(clock: TurnedClock, folder: str, overall: Budget, own: Budget) -> Sequence[Limit]:
    return scheduling.limits(overall, own, folder, clock.local())


class Rush:
    """All threads at once claim jobs and begin calls until nothing more can begin."""

    def __init__(self, ledger: OpenLedger, clock: TurnedClock, overall: Budget, own: dict[str, Budget]) -> None:
        self.ledger = ledger
        self.clock = clock
        self.overall = overall
        self.own = own
        self.begun: list[tuple[Job, int]] = []
        self.refused: list[BudgetReached] = []
        self._together = threading.Barrier(THREADS)

    def run(self) -> Rush:
        """Let them run; what they raise is raised."""
        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(self._work) for _ in range(THREADS)]:
                done.result()
        return self

    def _work(self) -> None:
        self._together.wait(10.0)
        calling = [*FOLDERS]
        while (job := self.ledger.claim(FOLDERS, calling)) is not None:
            own = self.own.get(job.folder, NO_LIMIT)
            attempt = self.ledger.begin_sending(job, PRICE, limits(self.clock, job.folder, self.overall, own))
            if isinstance(attempt, BudgetReached):
                self.ledger.release(job)
                self.refused.append(attempt)
                calling = [name for name in calling if attempt.limit.folder not in {None, name}]
                continue
            assert isinstance(attempt, int)
            assert self.ledger.arm(Call(job, attempt, PRICE, "answer.png")) is None
            self.begun.append((job, attempt))

    def booked(self, folder: str | None = None) -> int:
        """Micro-dollars that the ledger says are booked, over all folders or in one."""
        jobs = (job for job in self.ledger.chosen(None, None, folder))
        return sum(job.booked for job in jobs)


@pytest.mark.parametrize("calls", [0, 1, 7, 31])
def test_sixteen_threads_book_the_day_s_budget_to_the_last_call_and_never_one_more(
    ledger: OpenLedger, clock: TurnedClock, calls: int
) -> None:
    rush = Rush(ledger, clock, Budget(day=calls * PRICE + PRICE - 1), {}).run()
    assert len(rush.begun) == calls
    assert rush.booked() == calls * PRICE
    assert {reached.limit.folder for reached in rush.refused} == {None}


def test_a_call_that_begins_and_is_not_armed_counts_against_the_budget(ledger: OpenLedger, clock: TurnedClock) -> None:
    budget = Budget(day=2 * PRICE)
    begun = []
    for _ in range(2):
        job = ledger.claim(FOLDERS, FOLDERS)
        assert job is not None
        begun.append((job, ledger.begin_sending(job, PRICE, limits(clock, job.folder, budget, NO_LIMIT))))
    third = ledger.claim(FOLDERS, FOLDERS)
    assert third is not None
    reached = ledger.begin_sending(third, PRICE, limits(clock, third.folder, budget, NO_LIMIT))
    assert isinstance(reached, BudgetReached)
    assert (reached.held, reached.price) == (2 * PRICE, PRICE)

    job, attempt = begun[0]
    assert isinstance(attempt, int)
    never_sent = NotSent("the connection was refused", uploading=False, traffic=Traffic())
    ending = Conclusion(Outcome.NETWORK, JobState.QUEUED, never_sent.reason, never_sent.traffic)
    assert ledger.conclude(Call(job, attempt, PRICE, "answer.png"), ending) is None
    assert isinstance(ledger.begin_sending(third, PRICE, limits(clock, third.folder, budget, NO_LIMIT)), int)


def test_a_folder_s_own_budget_holds_that_folder_alone(ledger: OpenLedger, clock: TurnedClock) -> None:
    rush = Rush(ledger, clock, Budget(day=1000 * PRICE), {"east": Budget(day=5 * PRICE)}).run()
    assert rush.booked("east") == 5 * PRICE
    assert rush.booked("west") == JOBS * PRICE
    assert {reached.limit.folder for reached in rush.refused} == {"east"}


def test_what_a_month_allows_is_held_over_its_days(ledger: OpenLedger, clock: TurnedClock) -> None:
    budget = Budget(day=4 * PRICE, month=6 * PRICE)
    spent = []
    for _ in range(3):
        spent.append(len(Rush(ledger, clock, budget, {}).run().begun))
        clock.advance(86_400.0)
    assert spent == [4, 2, 0]


def test_calls_begun_before_midnight_and_armed_after_it_do_not_pass_the_new_day_s_budget(
    ledger: OpenLedger, clock: TurnedClock
) -> None:
    budget = Budget(day=3 * PRICE)
    begun = []
    for _ in range(3):
        job = ledger.claim(FOLDERS, FOLDERS)
        assert job is not None
        attempt = ledger.begin_sending(job, PRICE, limits(clock, job.folder, budget, NO_LIMIT))
        assert isinstance(attempt, int)
        begun.append((job, attempt))
    clock.advance(86_400.0)
    for job, attempt in begun:
        assert ledger.arm(Call(job, attempt, PRICE, "answer.png")) is None
    rush = Rush(ledger, clock, budget, {}).run()
    assert rush.begun == []
    assert rush.booked() == 3 * PRICE


def test_a_call_begun_by_an_owner_who_was_killed_holds_no_budget(
    ledger: OpenLedger, clock: TurnedClock, tmp_path: Path
) -> None:
    budget = Budget(day=PRICE)
    job = ledger.claim(FOLDERS, FOLDERS)
    assert job is not None
    assert isinstance(ledger.begin_sending(job, PRICE, limits(clock, job.folder, budget, NO_LIMIT)), int)
    heir = make_ledger(left_by_a_kill(tmp_path / "ledger.db", tmp_path / "left"), clock, "heir")
    heir.free_claims(alone=True)
    again = heir.claim(FOLDERS, FOLDERS)
    assert again is not None
    assert again.id == job.id
    assert isinstance(heir.begin_sending(again, PRICE, limits(clock, job.folder, budget, NO_LIMIT)), int)
    heir.close()
