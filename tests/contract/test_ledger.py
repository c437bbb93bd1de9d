"""What the conscience promises, whichever store is under it: identity, exclusive claims, money, names, recovery."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.memory.memory_ledger import MemoryLedger
from watchd.adapters.ledgers.memory.memory_store import MemoryStore
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.core.calls.outcomes import Traffic
from watchd.core.calls.retrying import Conclusion
from watchd.core.calls.scheduling import limits
from watchd.core.calls.state import Opened, Shut
from watchd.core.outgoing.naming import candidates, collision_key
from watchd.core.request.endpoint import Answer
from watchd.errors import LedgerError
from watchd.journey.work.reserving import reserve_first
from watchd.model import (
    Admission,
    Asked,
    Budget,
    BudgetReached,
    Call,
    ClaimLost,
    Failure,
    FailureKind,
    Gate,
    GateReason,
    Job,
    JobState,
    Outcome,
    Parameters,
    Place,
    Rect,
    Sample,
    Sighting,
    Steady,
    Tile,
    Wall,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watchd.interfaces import Ledger

GOLD = Asked("gold", 20_000, 512, 512)
FOUR = Asked("four", 80_000, 1024, 1024)
FOLDERS = frozenset({"one", "two"})
WIRE = Traffic(1000, 2000, "ray")
SAMPLE = Sample(100, 10**18, 10**18, 7)
LEASE = 60.0
samples = count(1)
UNFIT = Failure(FailureKind.UNFIT, "no picture that can be sent")
GONE = Failure(FailureKind.GONE, "it is gone")
INTERNAL = Failure(FailureKind.INTERNAL, "internal error")


@dataclass
class Store:
    """A ledger's store, which any number of owners open, one after the other or beside one another."""

    clock: ManualClock
    open_beside: Callable[[str], Ledger]
    opened: list[Ledger] = field(default_factory=list)

    def open_as(self, owner: str) -> Ledger:
        """The next owner, after the one before has gone."""
        if self.opened:
            self.opened.pop().close()
        return self.beside(owner)

    def beside(self, owner: str) -> Ledger:
        """One more owner, who lives beside the others."""
        self.opened.append(self.open_beside(owner))
        return self.opened[-1]


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One parameter for each implementation of `interfaces.Ledger`."""
    clock, memory = ManualClock(), MemoryStore()

    def sqlite(owner: str) -> Ledger:
        return SqliteLedger(tmp_path / "ledger.db", clock, owner=owner, lease=LEASE)

    def in_memory(owner: str) -> Ledger:
        return MemoryLedger(memory, clock, owner=owner, lease=LEASE)

    made = Store(clock, {"sqlite": sqlite, "memory": in_memory}[request.param])
    yield made
    for ledger in made.opened:
        ledger.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.open_as("first run")


def remembered(ledger: Ledger, folder: str) -> dict[str, Sighting]:
    """What is remembered of a folder's paths."""
    return {sighting.path: sighting for sighting in ledger.sightings(folder)}


def seen(path: str = "a.png", sha256: str = "aa", folder: str = "one", asked: Asked | None = GOLD) -> Admission:
    sample = replace(SAMPLE, inode=next(samples))
    refusal = None if asked else Failure(FailureKind.UNFIT, "no picture")
    return Admission(folder, path, sample, sha256, "profile", 0, asked=asked, refusal=refusal)


def admit(ledger: Ledger, *admissions: Admission) -> list[int]:
    found = ledger.admit(admissions)
    assert None not in found
    return [job for job in found if job is not None]


def job(ledger: Ledger, job_id: int) -> Job:
    found = ledger.job(job_id)
    assert found is not None
    return found


def claim(ledger: Ledger) -> Job:
    found = ledger.claim(FOLDERS, FOLDERS)
    assert found is not None
    return found


def claimed_ids(ledger: Ledger) -> list[int]:
    """All that can be claimed now."""
    found = []
    while (claimed := ledger.claim(FOLDERS, FOLDERS)) is not None:
        found.append(claimed.id)
    return found


def send(ledger: Ledger, claimed: Job, price: int = 20_000, tile: Tile | None = None) -> Call:
    attempt = ledger.begin_sending(claimed, price, (), (200, 100) if tile else (0, 0), tile)
    assert isinstance(attempt, int)
    return Call(claimed, attempt, price, f"{claimed.id}.png", tile.number if tile else None)


def arm(ledger: Ledger, claimed: Job, price: int = 20_000, tile: Tile | None = None) -> Call:
    call = send(ledger, claimed, price, tile)
    assert ledger.arm(call) is None
    return call


def pay(ledger: Ledger, claimed: Job, output: str = "/out/a.png") -> None:
    assert ledger.receive(arm(ledger, claimed), WIRE, 2.0) is None
    ledger.finish(claimed, output, f"sha of {output}", reused_from=None, detail="published")


def ended(outcome: Outcome, state: JobState, **more: object) -> Conclusion:
    return replace(Conclusion(outcome, state, "words", WIRE, 500), **more)  # type: ignore[arg-type]  # named fields


LOST = ended(Outcome.LOST, JobState.UNKNOWN, counts=True, unbook=False)
REFUSED = ended(Outcome.REFUSED, JobState.FAILED, counts=True)
BUSY = ended(Outcome.SERVER, JobState.QUEUED, counts=True)


# --- admission ------------------------------------------------------------------------------------------------------


def test_a_settled_file_becomes_a_queued_job_with_all_that_was_measured(ledger: Ledger) -> None:
    (job_id,) = admit(ledger, seen("sub/a.png"))
    found = job(ledger, job_id)
    assert (found.folder, found.path, found.sha256, found.state) == ("one", "sub/a.png", "aa", JobState.QUEUED)
    assert (found.parameters, found.price, found.width, found.height) == ("gold", 20_000, 512, 512)
    assert (found.attempts, found.booked, found.behind, found.mtime_ns) == (0, 0, None, 10**18)


def test_the_same_bytes_under_the_same_name_are_the_same_job_whatever_is_asked_now(ledger: Ledger) -> None:
    (first,) = admit(ledger, seen())
    assert admit(ledger, seen(), seen(asked=FOUR)) == [first, first]


def test_other_bytes_another_name_or_another_folder_are_other_jobs(ledger: Ledger) -> None:
    jobs = admit(ledger, seen(), seen(sha256="bb"), seen("b.png"), seen(folder="two"))
    assert len(set(jobs)) == 4


def test_what_is_done_stays_done_when_it_is_seen_again(ledger: Ledger) -> None:
    (first,) = admit(ledger, seen())
    pay(ledger, claim(ledger))
    assert admit(ledger, seen(asked=FOUR)) == [first]
    assert claimed_ids(ledger) == []


def test_what_failed_stays_failed_when_it_is_seen_again_unless_it_had_gone(ledger: Ledger) -> None:
    (first,) = admit(ledger, seen())
    ledger.fail(claim(ledger), UNFIT)
    assert admit(ledger, seen()) == [first]
    (second,) = admit(ledger, seen("b.png", "bb"))
    ledger.fail(claim(ledger), GONE)
    assert admit(ledger, seen("b.png", "bb")) != [second]


def test_a_refused_file_is_failed_at_once_and_nobody_claims_it(ledger: Ledger) -> None:
    (job_id,) = admit(ledger, seen(asked=None))
    assert (job(ledger, job_id).state, job(ledger, job_id).error) == (JobState.FAILED, "no picture")
    assert job(ledger, job_id).finished_at is not None
    assert claimed_ids(ledger) == []


def test_an_output_of_ours_is_no_input_unless_the_folder_chains(ledger: Ledger) -> None:
    admit(ledger, seen())
    pay(ledger, claim(ledger), "/out/a.png")
    assert ledger.admit([seen("back.png", "sha of /out/a.png", "two")]) == [None]
    assert remembered(ledger, "two")["back.png"].own
    (chained,) = ledger.admit([replace(seen("chained.png", "sha of /out/a.png", "two"), chain=True)])
    assert chained is not None


def test_what_is_seen_is_remembered_with_its_job_or_its_reason(ledger: Ledger) -> None:
    ledger.note_waiting("one", [Sighting("w.png", SAMPLE, None, "it is empty so far")], [])
    admission = seen()
    (job_id,) = admit(ledger, admission)
    assert remembered(ledger, "one") == {
        "w.png": Sighting("w.png", SAMPLE, None, "it is empty so far"),
        "a.png": Sighting("a.png", admission.sample, job_id),
    }
    assert remembered(ledger, "two") == {}


def test_only_what_never_became_a_job_is_forgotten(ledger: Ledger) -> None:
    ledger.note_waiting("one", [Sighting("w.png", SAMPLE, None, "waits")], [])
    admit(ledger, seen())
    ledger.note_waiting("one", [], ["w.png", "a.png", "never.png"])
    assert list(remembered(ledger, "one")) == ["a.png"]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.png", b"\xff\xfe/\n.png", b"-rf \xf0\x9f\x98\x80.png", b"x" * 255, b"'\";--"]
)
def test_names_are_bytes_and_come_back_as_they_were(store: Store, name: bytes) -> None:
    path = os.fsdecode(name)
    first = store.open_as("first run")
    (job_id,) = admit(first, seen(path))
    assert first.take_name(claim(first), collision_key(path), path) is True
    again = store.open_as("second run")
    assert os.fsencode(job(again, job_id).path) == name
    assert list(remembered(again, "one")) == [path]
    assert again.name_of(job(again, job_id)) == path


# --- claims ---------------------------------------------------------------------------------------------------------


def test_a_job_is_claimed_once(ledger: Ledger) -> None:
    admit(ledger, seen())
    assert not ledger.is_claimed()
    assert claim(ledger).path == "a.png"
    assert ledger.is_claimed()
    assert ledger.claim(FOLDERS, FOLDERS) is None


def test_many_threads_never_get_the_same_job_nor_two_of_one_picture(ledger: Ledger) -> None:
    admit(ledger, *(seen(f"{number}.png", f"sha{number % 25}") for number in range(50)))
    barrier, taken, lock = threading.Barrier(8), [], threading.Lock()

    def work() -> None:
        barrier.wait(10)
        while (found := ledger.claim(FOLDERS, FOLDERS)) is not None:
            with lock:
                taken.append(found)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 25
    assert len({found.sha256 for found in taken}) == 25


def test_higher_priority_goes_first_then_the_oldest(ledger: Ledger) -> None:
    admit(
        ledger, seen("a", "a"), replace(seen("b", "b"), priority=5), seen("c", "c"), replace(seen("d", "d"), priority=5)
    )
    assert [job(ledger, found).path for found in claimed_ids(ledger)] == ["b", "d", "a", "c"]


def test_folders_that_are_not_online_are_left_alone(ledger: Ledger) -> None:
    admit(ledger, seen(), seen("b.png", "bb", "two"))
    found = ledger.claim({"two"}, {"two"})
    assert found is not None
    assert found.folder == "two"
    assert ledger.claim({"two"}, {"two"}) is None
    assert ledger.claim(set(), set()) is None


def test_a_job_released_for_later_is_claimed_when_its_time_has_come(store: Store, ledger: Ledger) -> None:
    admit(ledger, seen())
    due = store.clock.steady() + 30
    ledger.release(claim(ledger), Steady(due))
    assert (ledger.claim(FOLDERS, FOLDERS), ledger.next_due(store.clock.steady())) == (None, due)
    store.clock.advance(30)
    assert claim(ledger).id == 1
    assert ledger.next_due(store.clock.steady()) is None


def test_a_folder_that_may_not_call_gets_only_what_costs_nothing(ledger: Ledger) -> None:
    admit(ledger, seen("paid.png", "paid"))
    pay(ledger, claim(ledger))
    admit(ledger, seen("new.png", "new"), seen("twin.png", "paid"))
    found = ledger.claim(FOLDERS, ())
    assert found is not None
    assert found.path == "twin.png"
    assert ledger.claim(FOLDERS, ()) is None
    assert claim(ledger).path == "new.png"


def test_an_answer_that_is_received_is_claimed_before_all_others_and_with_the_gate_closed(ledger: Ledger) -> None:
    admit(ledger, seen(), replace(seen("b.png", "bb"), priority=9))
    for claimed in (claim(ledger), claim(ledger)):
        if claimed.path == "a.png":
            ledger.receive(arm(ledger, claimed), WIRE, 2.0)
            ledger.release(claimed)
        else:
            ledger.release(claimed)
    found = ledger.claim(FOLDERS, ())
    assert found is not None
    assert (found.path, found.state, found.result) == ("a.png", JobState.RECEIVED, "1.png")


# --- twins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("twin", "is_twin"),
    [
        (seen("b.png", "aa", "two", GOLD), True),
        (seen("b.png", "aa", "one", FOUR), True),
        (seen("b.png", "aa", "two", FOUR), False),
        (seen("b.png", "bb", "one", GOLD), False),
    ],
    ids=["same asked elsewhere", "same folder", "other asked elsewhere", "other bytes"],
)
def test_a_twin_is_the_same_picture_in_the_same_folder_or_under_the_same_parameters(
    ledger: Ledger,
    twin: Admission,
    is_twin: bool,  # noqa: FBT001 -- drawn
) -> None:
    first, second = admit(ledger, seen(), twin)
    assert job(ledger, second).behind == (first if is_twin else None)
    assert claimed_ids(ledger) == ([first] if is_twin else [first, second])


@pytest.mark.parametrize("state", [JobState.SENDING, JobState.ARMED, JobState.RECEIVED, JobState.UNKNOWN])
def test_a_twin_waits_while_the_first_is_under_way_or_unknown(ledger: Ledger, state: JobState) -> None:
    admit(ledger, seen(), seen("b.png"))
    first = claim(ledger)
    call = send(ledger, first)
    if state is not JobState.SENDING:
        ledger.arm(call)
    if state is JobState.RECEIVED:
        ledger.receive(call, WIRE, 2.0)
    if state is JobState.UNKNOWN:
        ledger.conclude(call, LOST)
    assert job(ledger, first.id).state is state
    assert claimed_ids(ledger) == []


@pytest.mark.parametrize("end", [REFUSED, None])
def test_a_twin_goes_on_when_the_first_has_ended(ledger: Ledger, end: Conclusion | None) -> None:
    admit(ledger, seen(), seen("b.png"))
    first = claim(ledger)
    if end is None:
        pay(ledger, first)
    else:
        ledger.conclude(arm(ledger, first), end)
    assert claim(ledger).path == "b.png"


def test_a_twin_is_not_held_up_by_one_that_waits_in_a_folder_that_is_away(ledger: Ledger) -> None:
    admit(ledger, seen(folder="two"), seen("b.png"))
    found = ledger.claim({"one"}, {"one"})
    assert found is not None
    assert ledger.claim({"one", "two"}, {"one", "two"}) is None


def test_results_that_can_serve_come_with_the_folders_own_first_then_the_latest(ledger: Ledger) -> None:
    admit(ledger, seen("1", "aa", "two"))
    pay(ledger, claim(ledger), "/out/1")
    admit(ledger, seen("2", "aa", "one", FOUR))
    pay(ledger, claim(ledger), "/out/2")
    admit(ledger, seen("3", "aa", "two", FOUR), seen("4", "bb"), seen("twin", "aa", "one", GOLD))
    twin = job(ledger, 5)
    assert [found.output for found in ledger.paid_results(twin)] == ["/out/2", "/out/1"]


def test_a_done_job_without_an_output_serves_nobody(ledger: Ledger) -> None:
    admit(ledger, seen())
    ledger.finish(claim(ledger), None, None, reused_from=None, detail="skipped")
    admit(ledger, seen("b.png"))
    assert ledger.paid_results(claim(ledger)) == []


def test_a_job_that_follows_another_profile_is_queued_under_it(ledger: Ledger) -> None:
    admit(ledger, seen())
    ledger.requalify(claim(ledger), FOUR, "four")
    found = claim(ledger)
    assert (found.parameters, found.profile, found.price, found.width) == ("four", "four", 80_000, 1024)


def test_nothing_can_go_on_behind_an_unknown_job(ledger: Ledger) -> None:
    admit(ledger, seen(), seen("b.png"))
    assert ledger.is_busy(FOLDERS, FOLDERS)
    first = claim(ledger)
    ledger.conclude(arm(ledger, first), LOST)
    assert not ledger.is_busy(FOLDERS, FOLDERS)
    assert not ledger.is_busy((), ())


@pytest.mark.parametrize(
    "state",
    [
        JobState.QUEUED,
        pytest.param(JobState.RECEIVED),
    ],
)
def test_what_can_go_on_by_itself_is_claimable_now_or_later_even_with_a_folder_away(
    ledger: Ledger, state: JobState
) -> None:
    admit(ledger, seen(folder="two"))
    if state is JobState.RECEIVED:
        claimed = claim(ledger)
        ledger.receive(arm(ledger, claimed), WIRE, 2.0)
        ledger.release(claimed)
    admit(ledger, seen("b.png"))
    is_busy = ledger.is_busy({"one"}, {"one"})
    assert is_busy == (ledger.claim({"one"}, {"one"}) is not None)


# --- money ----------------------------------------------------------------------------------------------------------


def test_a_call_is_booked_when_it_is_armed_and_not_before(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    call = send(ledger, claimed)
    assert (job(ledger, 1).state, job(ledger, 1).booked) == (JobState.SENDING, 0)
    ledger.arm(call)
    assert (job(ledger, 1).state, job(ledger, 1).booked) == (JobState.ARMED, 20_000)
    ledger.receive(call, WIRE, 2.0)
    found = job(ledger, 1)
    assert (found.state, found.booked, found.attempts, found.result) == (JobState.RECEIVED, 20_000, 1, "1.png")


def test_an_answered_error_unbooks_and_a_lost_answer_stays_booked(ledger: Ledger) -> None:
    admit(ledger, seen(), seen("b.png", "bb"))
    first, second = claim(ledger), claim(ledger)
    ledger.conclude(arm(ledger, first), REFUSED)
    ledger.conclude(arm(ledger, second), LOST)
    assert [(found.state, found.booked, found.attempts) for found in (job(ledger, 1), job(ledger, 2))] == [
        (JobState.FAILED, 0, 1),
        (JobState.UNKNOWN, 20_000, 1),
    ]
    assert ledger.progress(Wall(0.0), 0).booked == 20_000


def test_a_job_costs_the_sum_of_its_booked_calls(ledger: Ledger) -> None:
    admit(ledger, seen())
    for conclusion in (BUSY, replace(LOST, state=JobState.QUEUED, resend=True), BUSY):
        claimed = claim(ledger)
        ledger.conclude(arm(ledger, claimed), conclusion)
    pay(ledger, claim(ledger))
    found = job(ledger, 1)
    assert (found.state, found.booked, found.attempts, found.resends) == (JobState.DONE, 40_000, 4, 1)


@pytest.mark.parametrize("outcome", [Outcome.BALANCE, Outcome.KEY, Outcome.RATE, Outcome.NETWORK])
def test_what_the_file_does_not_answer_for_changes_no_count(ledger: Ledger, outcome: Outcome) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed), ended(outcome, JobState.QUEUED))
    found = job(ledger, 1)
    assert (found.state, found.attempts, found.booked, found.resends) == (JobState.QUEUED, 0, 0, 0)
    assert claim(ledger).id == 1


def test_a_gate_that_a_call_closed_is_there_with_its_conclusion(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    gate = Gate(GateReason.BALANCE, Steady(5.0), "empty", Steady(65.0), 60.0)
    answer = Answer(402, "empty", balance_usd=0.1)
    ending = ended(Outcome.BALANCE, JobState.QUEUED, gate=gate, balance=answer)
    ledger.conclude(arm(ledger, claimed), ending, [Shut(gate, None, None)])
    assert ledger.gates() == {GateReason.BALANCE: gate}


def test_nobody_arms_or_receives_what_is_not_his(store: Store, ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    call = send(ledger, claimed)
    second = store.open_as("second run")
    assert second.arm(call) == ClaimLost(1)
    assert second.begin_sending(claimed, 20_000, ()) == ClaimLost(1)
    assert job(second, 1).booked == 0


def test_nothing_is_armed_twice_nor_received_before_it_was_armed(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    call = send(ledger, claimed)
    with pytest.raises(LedgerError):
        ledger.receive(call, WIRE, 2.0)
    ledger.arm(call)
    with pytest.raises(LedgerError):
        ledger.arm(call)
    assert job(ledger, 1).booked == 20_000


def test_a_step_is_refused_where_the_claimed_job_does_not_stand_for_it(store: Store, ledger: Ledger) -> None:
    """No tiles to complete, no original to put off: the claim holds, so it is a fault of ours and no lost claim."""
    admit(ledger, seen())
    claimed = claim(ledger)
    with pytest.raises(LedgerError):
        ledger.complete_tiles(claimed)
    with pytest.raises(LedgerError):
        ledger.put_off_original(claimed, Steady(store.clock.steady() + 60))
    assert ledger.release(claimed) is None, "and it is held as before"


def test_calls_of_the_last_minute_are_told_with_their_ages(store: Store, ledger: Ledger) -> None:
    admit(ledger, *(seen(str(number), str(number)) for number in range(3)))
    for _ in range(3):
        send(ledger, claim(ledger))
        store.clock.advance(25)
    assert ledger.recent_calls(60.0) == pytest.approx([50, 25])


# --- budgets --------------------------------------------------------------------------------------------------------


def test_no_number_of_calls_begun_at_once_passes_a_budget(store: Store, ledger: Ledger) -> None:
    admit(ledger, *(seen(str(number), str(number)) for number in range(10)))
    day = limits(Budget(day=50_000), Budget(), "one", store.clock.local())
    begun = [ledger.begin_sending(claim(ledger), 20_000, day) for _ in range(4)]
    assert [isinstance(attempt, BudgetReached) for attempt in begun] == [False, False, True, True]


def test_a_budget_counts_what_is_booked_or_lost_and_not_what_was_answered_with_an_error(
    store: Store, ledger: Ledger
) -> None:
    admit(ledger, *(seen(str(number), str(number)) for number in range(4)))
    day = limits(Budget(day=40_000), Budget(), "one", store.clock.local())
    for conclusion in (REFUSED, LOST, BUSY):
        claimed = claim(ledger)
        attempt = ledger.begin_sending(claimed, 20_000, day)
        assert isinstance(attempt, int)
        call = Call(claimed, attempt, 20_000, "answer.png")
        ledger.arm(call)
        ledger.conclude(call, conclusion)
    pay(ledger, claim(ledger))
    assert isinstance(ledger.begin_sending(claim(ledger), 20_000, day), BudgetReached)


def test_a_folders_own_budget_holds_that_folder_alone_and_a_day_ends(store: Store, ledger: Ledger) -> None:
    admit(ledger, seen("1", "1"), seen("2", "2"), seen("3", "3", "two"))
    now = store.clock.local()
    own, others = limits(Budget(), Budget(day=20_000), "one", now), limits(Budget(), Budget(day=20_000), "two", now)
    arm_limited = [ledger.begin_sending(claim(ledger), 20_000, own) for _ in range(2)]
    assert isinstance(arm_limited[0], int)
    ledger.arm(Call(job(ledger, 1), arm_limited[0], 20_000, "1.png"))
    assert isinstance(arm_limited[1], BudgetReached)
    assert isinstance(ledger.begin_sending(claim(ledger), 20_000, others), int)
    store.clock.advance(86_400)
    tomorrow = limits(Budget(), Budget(day=20_000), "one", store.clock.local())
    assert isinstance(ledger.begin_sending(job(ledger, 2), 20_000, tomorrow), int)


@pytest.mark.parametrize("how", ["release", "abandon"])
def test_a_call_that_is_given_back_before_it_was_armed_holds_no_budget(store: Store, ledger: Ledger, how: str) -> None:
    admit(ledger, seen("1", "1"), seen("2", "2"))
    day = limits(Budget(day=20_000), Budget(), "one", store.clock.local())
    claimed = claim(ledger)
    assert isinstance(ledger.begin_sending(claimed, 20_000, day), int)
    if how == "release":
        ledger.release(claimed, Steady(store.clock.steady() + 30))
    else:
        ledger.abandon(claimed, INTERNAL)
    assert isinstance(ledger.begin_sending(claim(ledger), 20_000, day), int)


def test_a_backlog_counts_what_is_not_let_go_and_not_paid_for_by_another(ledger: Ledger) -> None:
    admit(ledger, seen("1", "1"), seen("twin", "1"), seen("2", "2", "one", FOUR))
    assert (ledger.backlog().files, ledger.backlog().cost) == (2, 100_000)
    assert ledger.approve() == 3
    assert ledger.backlog().files == 0
    admit(ledger, seen("3", "3"))
    assert (ledger.backlog().files, ledger.backlog().cost) == (1, 20_000)


# --- the owner's commands -------------------------------------------------------------------------------------------


def test_a_retry_forgives_attempts_and_does_not_forget_resends(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed), replace(LOST, state=JobState.QUEUED, resend=True))
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed), LOST)
    ledger.retry(ledger.chosen([1], None, None))
    found = claim(ledger)
    assert (found.attempts, found.tries, found.resends, found.booked) == (2, 0, 1, 40_000)


def test_a_dismissed_job_is_failed_and_stays_booked(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed), LOST)
    ledger.dismiss(ledger.chosen(None, "unknown", None))
    assert (job(ledger, 1).state, job(ledger, 1).booked) == (JobState.FAILED, 20_000)


def test_retry_and_dismiss_touch_nothing_that_is_done_or_under_way(ledger: Ledger) -> None:
    admit(ledger, seen("1", "1"), seen("2", "2"))
    pay(ledger, claim(ledger))
    everything = ledger.chosen(None, None, None)
    ledger.retry(everything)
    ledger.dismiss(everything)
    assert [found.state for found in ledger.chosen(None, None, None)] == [JobState.DONE, JobState.QUEUED]


def test_a_twin_whose_paid_result_is_gone_is_paid_again_on_retry(ledger: Ledger) -> None:
    admit(ledger, seen("1", "1"))
    pay(ledger, claim(ledger))
    admit(ledger, seen("2", "1"))
    ledger.fail(claim(ledger), Failure(FailureKind.RESULT_GONE, "its output is gone"))
    ledger.retry(ledger.chosen([2], None, None))
    assert ledger.claim(FOLDERS, ()) is None
    assert ledger.paid_results(claim(ledger)) == []


SENT = replace(GOLD, picture="what is sent")


def test_files_are_one_picture_by_what_is_sent_of_them(ledger: Ledger) -> None:
    first, rated, other = admit(
        ledger, seen("a", "aa", asked=SENT), seen("b", "bb", asked=SENT),
        seen("c", "cc", asked=replace(SENT, picture="x")),
    )  # fmt: skip
    assert (job(ledger, first).known_by, job(ledger, rated).behind) == ("what is sent", first)
    assert job(ledger, other).behind is None
    pay(ledger, claim(ledger))
    assert [found.id for found in ledger.paid_results(job(ledger, rated))] == [first]
    assert ledger.paid_results(job(ledger, other)) == []


def test_files_of_the_same_bytes_are_one_picture_whatever_is_sent_of_each(ledger: Ledger) -> None:
    """As where an earlier version did not know what was sent, or one folder sends what another keeps back."""
    admit(ledger, seen("a", "aa"))
    pay(ledger, claim(ledger))
    copy, like_it = admit(ledger, seen("b", "aa", "two", SENT), seen("c", "bb", "two", replace(GOLD, picture="aa")))
    assert [found.id for found in ledger.paid_results(job(ledger, copy))] == [1]
    assert [found.id for found in ledger.paid_results(job(ledger, like_it))] == [1]


@pytest.mark.parametrize(("told", "known"), [("what is sent", "what is sent"), ("aa", None), (None, None)])
def test_all_files_of_the_same_bytes_are_identified_at_once(
    ledger: Ledger, told: str | None, known: str | None
) -> None:
    admit(ledger, seen("a", "aa"))
    pay(ledger, claim(ledger))
    admit(ledger, seen("b", "aa", "two"), seen("c", "bb", "two"))
    assert ledger.unidentified("one") is None, "nothing is of an earlier version"
    ledger.identify(job(ledger, 1), told)
    assert [job(ledger, number).picture for number in (1, 2, 3)] == [known, known, None]
    (rated,) = admit(ledger, seen("d", "cc", "one", SENT))
    assert [found.id for found in ledger.paid_results(job(ledger, rated))] == ([1] if told == SENT.picture else [])


def test_what_is_sent_may_be_the_very_bytes_of_another_file(ledger: Ledger) -> None:
    plain, dressed = admit(
        ledger, seen("a", "aa", asked=replace(GOLD, picture="aa")), seen("b", "bb", asked=replace(GOLD, picture="aa"))
    )
    assert (job(ledger, plain).picture, job(ledger, dressed).behind) == (None, plain)


def test_a_job_that_no_result_is_good_enough_for_is_called_for(ledger: Ledger) -> None:
    admit(ledger, seen("a", "aa"))
    pay(ledger, claim(ledger))
    admit(ledger, seen("b", "aa", "two"))
    claimed = ledger.claim(FOLDERS, ())
    assert claimed is not None
    assert ledger.demand_new(claimed, "they are all lossy") is None
    assert ledger.claim(FOLDERS, ()) is None, "it costs something now"
    again = claim(ledger)
    assert (again.path, ledger.paid_results(again)) == ("b", [])
    assert isinstance(ledger.demand_new(claimed, "once more"), ClaimLost)


def test_paid_answers_are_kept_beside_outputs_until_they_are_given_up(ledger: Ledger) -> None:
    for path in ("a", "b"):
        admit(ledger, seen(path, path))
        claimed = claim(ledger)
        ledger.receive(arm(ledger, claimed), WIRE, 2.0)
        ledger.finish(
            claimed, f"/out/{path}", path, reused_from=None, detail="published", written="jpeg 20", keeps=path == "a"
        )  # fmt: skip
    assert [(kept.path, kept.written) for kept in ledger.kept_answers()] == [("a", "jpeg 20")]
    assert ledger.needed() == {1}
    ledger.give_up_answer(1)
    assert (ledger.kept_answers(), ledger.needed()) == ([], set())


def test_what_else_a_file_holds_is_remembered_and_is_so_when_it_is_done_again(ledger: Ledger) -> None:
    admit(ledger, replace(seen(), besides="2 more pages"))
    pay(ledger, claim(ledger))
    (again,) = ledger.reprocess(ledger.chosen([1], None, None))
    assert [job(ledger, one).besides for one in (1, again)] == ["2 more pages"] * 2


def test_a_finished_file_is_done_again_as_a_job_of_its_own_and_once_at_a_time(ledger: Ledger) -> None:
    admit(ledger, seen())
    pay(ledger, claim(ledger))
    (again,) = ledger.reprocess(ledger.chosen([1], None, None))
    assert ledger.reprocess(ledger.chosen([1], None, None)) == []
    assert ledger.paid_results(job(ledger, again)) == []
    assert (claim(ledger).id, job(ledger, 1).state) == (again, JobState.DONE)


# --- years ----------------------------------------------------------------------------------------------------------


def test_steps_of_long_ago_become_one_and_whose_result_serves_whom_stays(store: Store) -> None:
    ledger = store.open_as("first run")
    admit(ledger, seen())
    pay(ledger, claim(ledger))
    (again,) = ledger.reprocess(ledger.chosen([1], None, None))
    store.clock.advance(100.0)
    assert ledger.fold(store.clock.wall(), 10) == 1
    admit(ledger, seen(folder="two"))
    assert [paid.id for paid in ledger.paid_results(job(ledger, 3))] == [1], "what was done still serves others"
    assert ledger.paid_results(job(ledger, again)) == [], "and not whoever wants a new result"
    pay(ledger, claim(ledger))
    assert [paid.id for paid in ledger.paid_results(job(ledger, 3))] == [again, 1]


def test_only_what_was_done_before_is_folded_a_piece_at_a_time_and_once(store: Store) -> None:
    ledger = store.open_as("first run")
    admit(ledger, *[seen(f"{number}.png", f"{number}") for number in range(5)])
    ledger.fail(claim(ledger), UNFIT)
    for _ in range(3):
        pay(ledger, claim(ledger))
        store.clock.advance(100.0)
    before = Wall(store.clock.wall() - 150.0)
    assert [ledger.fold(before, 1) for _ in range(3)] == [1, 1, 0]
    assert [ledger.fold(store.clock.wall(), 10) for _ in range(2)] == [1, 0]


def test_a_job_whose_original_is_still_to_be_moved_is_not_folded(store: Store) -> None:
    ledger = store.open_as("first run")
    admit(ledger, seen())
    ledger.finish(claim(ledger), "/out/a.png", "sha of it", reused_from=None, detail="published", due=True)
    store.clock.advance(100.0)
    assert ledger.fold(store.clock.wall(), 10) == 0
    ledger.end_original(claim(ledger), None, "deleted")
    assert ledger.fold(store.clock.wall(), 10) == 1


# --- gates ----------------------------------------------------------------------------------------------------------


def test_gates_outlive_the_run_exactly_as_they_were(store: Store) -> None:
    gates = {
        GateReason.BALANCE: Gate(GateReason.BALANCE, Steady(1.5), "empty", Steady(61.5), 60.0),
        GateReason.KEY: Gate(GateReason.KEY, Steady(2.0), "refused", None, 0.0, "mark"),
    }
    first = store.open_as("first run")
    for gate in gates.values():
        first.write_gates([Shut(replace(gate, detail="before"), None, None), Shut(gate, None, None)])
    first.write_gates([Shut(Gate(GateReason.RATE, Steady(0), "slow", Steady(9.0), 1.0), None, None)])
    first.write_gates([Opened(GateReason.RATE, None), Opened(GateReason.PAUSED, None)])
    assert store.open_as("second run").gates() == gates


# --- names ----------------------------------------------------------------------------------------------------------


def take(ledger: Ledger, claimed: Job, wanted: str, *there: str, share: bool = False) -> str | ClaimLost | None:
    named = ((collision_key(f"/out/{path}"), path) for path in candidates(wanted))
    return reserve_first(ledger, claimed, named, there.__contains__, share=share)


def three(ledger: Ledger) -> list[Job]:
    admit(ledger, *(seen(str(number), str(number)) for number in range(3)))
    return [claim(ledger) for _ in range(3)]


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [
        ("a.png", "a.png", "a-1.png"),
        ("a.png", "A.PNG", "A-1.PNG"),
        ("caf\u00e9.png", "cafe\u0301.png", "cafe\u0301-1.png"),
        ("stra\u00dfe.png", "STRASSE.png", "STRASSE-1.png"),
        ("a.png", "b.png", "b.png"),
        ("x/a.png", "y/a.png", "y/a.png"),
    ],
)
def test_two_jobs_never_get_names_that_some_client_cannot_tell_apart(
    ledger: Ledger, one: str, other: str, taken: str
) -> None:
    first, second, _ = three(ledger)
    assert take(ledger, first, one) == one
    assert take(ledger, second, other) == taken
    assert (ledger.name_of(first), ledger.name_of(second)) == (one, taken)


def test_a_name_that_is_there_on_disk_is_not_given_away(ledger: Ledger) -> None:
    first, *_ = three(ledger)
    assert take(ledger, first, "a.png", "a.png", "a-1.png") == "a-2.png"


def test_a_job_that_asks_again_keeps_its_name(ledger: Ledger) -> None:
    first, *_ = three(ledger)
    assert take(ledger, first, "a.png") == "a.png"
    assert take(ledger, first, "a.png") == "a.png"


def test_a_job_whose_name_was_taken_on_disk_gets_another(ledger: Ledger) -> None:
    first, *_ = three(ledger)
    take(ledger, first, "a.png")
    assert take(ledger, first, "a.png", "a.png") == "a-1.png"


def test_the_name_of_an_ended_job_is_free_once_its_file_is_gone(ledger: Ledger) -> None:
    first, second, third = three(ledger)
    take(ledger, first, "a.png")
    pay(ledger, first)
    assert take(ledger, second, "a.png", "a.png") == "a-1.png"
    assert take(ledger, third, "a.png") == "a.png"


def test_the_name_of_a_job_in_doubt_is_not_given_away(ledger: Ledger) -> None:
    first, second, _ = three(ledger)
    take(ledger, first, "a.png")
    ledger.conclude(arm(ledger, first), LOST)
    assert take(ledger, second, "a.png") == "a-1.png"


def test_a_name_may_be_shared_where_the_folder_overwrites(ledger: Ledger) -> None:
    first, second, _ = three(ledger)
    assert take(ledger, first, "a.png", share=True) == "a.png"
    assert take(ledger, second, "a.png", "a.png", share=True) == "a.png"


def test_where_every_candidate_is_taken_there_is_none(ledger: Ledger) -> None:
    first, *_ = three(ledger)
    assert reserve_first(ledger, first, [("key", "a.png")], lambda _: True) is None
    assert ledger.name_of(first) is None


# --- recovery -------------------------------------------------------------------------------------------------------


def crashed_in(store: Store, state: JobState) -> None:
    """A run that ended without a word while its job was there."""
    first = store.open_as("first run")
    admit(first, seen())
    claimed = claim(first)
    if state is JobState.QUEUED:
        return
    call = send(first, claimed)
    if state is JobState.SENDING:
        return
    first.arm(call)
    if state is JobState.RECEIVED:
        first.receive(call, WIRE, 2.0)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SENDING, JobState.RECEIVED])
def test_claims_of_a_run_that_is_no_more_are_taken_back_with_nothing_counted(store: Store, state: JobState) -> None:
    crashed_in(store, state)
    for number in range(3):
        ledger = store.open_as(f"run {number + 2}")
        ledger.free_claims(alone=True)
        assert ledger.interrupted(alone=True) == []
        assert not ledger.is_claimed()
        found = job(ledger, 1)
        assert found.state is (JobState.RECEIVED if state is JobState.RECEIVED else JobState.QUEUED)
        assert found.booked == (20_000 if state is JobState.RECEIVED else 0)
        assert found.attempts == (1 if state is JobState.RECEIVED else 0)
    assert claim(ledger).id == 1


def test_what_was_armed_is_told_to_every_later_run_until_it_is_concluded_and_never_freed(store: Store) -> None:
    crashed_in(store, JobState.ARMED)
    for number in range(3):
        ledger = store.open_as(f"run {number + 2}")
        store.clock.advance(10**6)
        ledger.free_claims(alone=True)
        assert ledger.claim(FOLDERS, FOLDERS) is None
        (one,) = ledger.interrupted(alone=True)
        found, attempt = one.call.job, one.call.attempt
        assert (found.state, found.booked, attempt) == (JobState.ARMED, 20_000, 1)
        assert ledger.interrupted(alone=True) == []
    ledger.conclude(one.call, LOST)
    last = store.open_as("the last run")
    last.free_claims(alone=True)
    assert last.interrupted(alone=True) == []
    assert (job(last, 1).state, job(last, 1).attempts, job(last, 1).booked) == (JobState.UNKNOWN, 1, 20_000)


def test_files_in_the_spool_are_needed_until_their_job_has_ended(ledger: Ledger) -> None:
    admit(ledger, *(seen(str(number), str(number)) for number in range(4)))
    pay(ledger, claim(ledger))
    ledger.fail(claim(ledger), UNFIT)
    claimed = claim(ledger)
    ledger.receive(arm(ledger, claimed), WIRE, 2.0)
    assert set(ledger.needed()) == {3, 4}


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        (JobState.QUEUED, JobState.FAILED),
        (JobState.SENDING, JobState.FAILED),
        (JobState.ARMED, JobState.UNKNOWN),
        (JobState.RECEIVED, JobState.RECEIVED),
    ],
)
def test_a_job_that_met_a_fault_of_our_own_keeps_its_doubt_and_its_answer(
    store: Store, state: JobState, becomes: JobState
) -> None:
    crashed_in(store, state)
    ledger = store.open_as("first run")
    booked = job(ledger, 1).booked
    ledger.abandon(job(ledger, 1), INTERNAL)
    assert (job(ledger, 1).state, job(ledger, 1).booked) == (becomes, booked)
    assert not ledger.is_claimed()
    assert ledger.claim(FOLDERS, FOLDERS) is None


def test_a_deadline_from_a_clock_that_was_ahead_is_brought_back(store: Store) -> None:
    first = store.open_as("first run")
    admit(first, seen())
    first.release(claim(first), Steady(store.clock.steady() + 10**8))
    second = store.open_as("second run")
    assert second.next_due(store.clock.steady()) == store.clock.steady() + 3600


def test_progress_counts_the_files_of_a_run_and_what_was_booked_in_it(store: Store, ledger: Ledger) -> None:
    admit(ledger, *(seen(str(number), str(number)) for number in range(5)))
    pay(ledger, claim(ledger))
    store.clock.advance(10)
    since, last = store.clock.wall(), ledger.last_attempt()
    pay(ledger, claim(ledger))
    ledger.fail(claim(ledger), UNFIT)
    lost = claim(ledger)
    ledger.conclude(arm(ledger, lost, 80_000), LOST)
    found = ledger.progress(since, last)
    assert (found.done, found.failed, found.unknown, found.left) == (1, 1, 1, 1)
    assert (found.bytes_done, found.bytes_left, found.booked) == (100, 100, 100_000)


# --- folders --------------------------------------------------------------------------------------------------------


def test_the_place_of_a_folder_is_the_one_noted_last_and_none_before(ledger: Ledger) -> None:
    first, second = Place("/srv/hot", 2**63, 7, "/"), Place(os.fsdecode(b"/srv/caf\xe9"), 1, 2**64 - 1, "/srv")
    assert ledger.place("one") is None
    for place in (first, second):
        ledger.note_place("one", place)
        assert ledger.place("one") == place
    assert ledger.place("two") is None


def test_a_folder_has_work_while_a_file_of_it_waits_or_a_job_of_it_is_under_way(ledger: Ledger) -> None:
    assert not ledger.has_work("one")
    ledger.note_waiting("one", [Sighting("w.png", SAMPLE, None, "it is empty so far")], [])
    assert ledger.has_work("one")
    ledger.note_waiting("one", [], ["w.png"])
    ledger.admit([seen()])
    assert (ledger.has_work("one"), ledger.has_work("two")) == (True, False)
    claimed = ledger.claim(["one"], ["one"])
    assert claimed is not None
    ledger.fail(claimed, UNFIT)
    assert not ledger.has_work("one")


# --- a folder renamed -----------------------------------------------------------------------------------------------


def test_all_that_a_folder_had_is_another_s(ledger: Ledger) -> None:
    admit(ledger, seen("a", "a"), seen("b", "b"))
    pay(ledger, claim(ledger))
    claimed = claim(ledger)
    assert ledger.rename_folder("one", "two") is None, "somebody works on it"
    ledger.release(claimed)
    assert ledger.rename_folder("one", "two") == 2
    assert {found.folder for found in ledger.chosen(None, None, None)} == {"two"}
    assert remembered(ledger, "one") == {}
    assert remembered(ledger, "two").keys() == {"a", "b"}
    assert ledger.open_by_folder() == {"two": 1}


def test_what_the_new_folder_has_seen_by_itself_stays(ledger: Ledger) -> None:
    admit(ledger, seen("a", "a"))
    admit(ledger, seen("a", "other", "two"))
    assert ledger.rename_folder("one", "two") == 1
    assert remembered(ledger, "two")["a"].job == 2


# --- tiles ----------------------------------------------------------------------------------------------------------

TILED = Asked("tiled", 60_000, 400, 300, "in three tiles")
WHOLE = Parameters(2.0, 2.0, 200, 100, (), "tile", 20_000)


def tile(number: int) -> Tile:
    return Tile(number, 100 * number, 0, 100, 50, WHOLE)


def pay_tile(ledger: Ledger, claimed: Job, number: int, *, whole: bool = False) -> None:
    ledger.receive_tile(arm(ledger, claimed, tile=tile(number)), WIRE, 2.0, whole=whole)


def test_a_tile_that_is_safe_sends_its_job_back_for_the_next_and_makes_what_is_left_cheaper(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    pay_tile(ledger, claim(ledger), 1)
    found = job(ledger, 1)
    assert (found.state, found.tiles, found.price, found.booked) == (JobState.QUEUED, 1, 40_000, 20_000)
    assert (found.attempts, found.tries) == (1, 0)
    assert ledger.tiles(found) == {1: Rect(100, 0, 100, 50)}


def test_the_tile_that_makes_it_whole_leaves_the_job_received_and_claimed(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    pay_tile(ledger, claim(ledger), 1, whole=True)
    assert job(ledger, 1).state is JobState.RECEIVED
    assert ledger.is_claimed()


def test_a_tile_that_never_came_is_not_safe(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed, tile=tile(1)), LOST)
    assert ledger.tiles(job(ledger, 1)) == {}


def test_a_tile_that_is_nowhere_is_to_be_paid_again_and_the_others_are_not(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    for number in (1, 2):
        pay_tile(ledger, claim(ledger), number, whole=number == 2)
    ledger.lose_tiles(job(ledger, 1), [1])
    found = job(ledger, 1)
    assert (found.state, found.tiles, found.price, found.booked) == (JobState.QUEUED, 1, 40_000, 40_000)
    assert ledger.tiles(found).keys() == {2}
    with pytest.raises(LedgerError):
        ledger.lose_tiles(found, [1])


def test_tiles_of_pictures_that_ended_are_kept_until_they_are_given_up(store: Store, ledger: Ledger) -> None:
    for name in ("a", "b"):
        admit(ledger, seen(name, name, asked=TILED))
        pay_tile(ledger, claim(ledger), 1)
        assert not ledger.give_up_tiles(job(ledger, 1).id), "it is under way, or was given up"
        ledger.fail(claim(ledger), INTERNAL)
        store.clock.advance(60)
        if name == "a":
            assert ledger.kept_tiles() == [(1, 1)]
            assert ledger.give_up_tiles(1)
            assert (job(ledger, 1).tiles, job(ledger, 1).price) == (0, 60_000)
    assert ledger.kept_tiles() == [(2, 1)]


def test_tiles_of_a_picture_that_is_gone_are_not_kept(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    pay_tile(ledger, claim(ledger), 1)
    ledger.fail(claim(ledger), GONE)
    assert ledger.kept_tiles() == []
    assert not ledger.give_up_tiles(1)
    assert ledger.needed() == set()


def test_what_is_told_of_an_interrupted_call_is_which_tile_it_was_and_what_it_should_have_brought(store: Store) -> None:
    first = store.open_as("first run")
    admit(first, seen(asked=TILED))
    claimed = claim(first)
    attempt = arm(first, claimed, tile=tile(2)).attempt
    (one,) = store.open_as("second run").interrupted(alone=True)
    assert (one.call.attempt, one.call.tile, one.width, one.height) == (attempt, 2, 200, 100)


def test_a_copy_admitted_before_waits_while_the_other_is_between_two_tiles(ledger: Ledger) -> None:
    admit(ledger, seen("a.png", folder="one", asked=TILED), seen("b.png", folder="two", asked=TILED))
    claimed = ledger.claim(["two"], ["two"])  # the first one's folder is away for a moment
    assert claimed is not None
    pay_tile(ledger, claimed, 1)
    assert claim(ledger).id == claimed.id


def test_tiles_of_another_profile_are_forgotten_with_it(ledger: Ledger) -> None:
    admit(ledger, seen(asked=TILED))
    pay_tile(ledger, claim(ledger), 1)
    ledger.requalify(claim(ledger), GOLD, "another")
    found = job(ledger, 1)
    assert (found.tiles, ledger.tiles(found)) == (0, {})


def test_tiles_are_needed_while_their_job_may_be_taken_up_again(ledger: Ledger) -> None:
    admit(ledger, *(seen(f"{number}.png", f"{number}", asked=TILED) for number in range(3)))
    for failure in (UNFIT, GONE):
        pay_tile(ledger, claim(ledger), 1)
        ledger.fail(claim(ledger), failure)
    assert ledger.needed() == {1, 3}


# --- originals ------------------------------------------------------------------------------------------------------


def finish_due(ledger: Ledger, *, due: bool = True) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    ledger.receive(arm(ledger, claimed), WIRE, 2.0)
    ledger.finish(claimed, "/out/a.png", "sha", reused_from=None, detail="published", due=due)


def test_an_original_that_is_due_is_work_that_costs_nothing(ledger: Ledger) -> None:
    finish_due(ledger)
    assert ledger.is_busy(FOLDERS, ())
    claimed = ledger.claim(FOLDERS, ())
    assert claimed is not None
    assert (claimed.state, claimed.due) == (JobState.DONE, True)
    ledger.end_original(claimed, "/archive/a.png", "moved")
    found = job(ledger, 1)
    assert (found.due, found.moved, found.state) == (False, "/archive/a.png", JobState.DONE)
    assert not ledger.is_busy(FOLDERS, ())


def test_one_that_is_kept_is_no_work(ledger: Ledger) -> None:
    finish_due(ledger, due=False)
    assert ledger.claim(FOLDERS, FOLDERS) is None


def test_one_that_cannot_be_moved_waits_and_keeps_nobody_busy(store: Store) -> None:
    ledger = store.open_as("first run")
    finish_due(ledger)
    ledger.put_off_original(claim(ledger), Steady(store.clock.steady() + 600))
    assert ledger.claim(FOLDERS, FOLDERS) is None
    assert not ledger.is_busy(FOLDERS, FOLDERS)
    assert ledger.next_due(store.clock.steady()) == pytest.approx(store.clock.steady() + 600)
    store.clock.advance(601)
    assert claim(ledger).due


def test_every_start_tries_again_and_takes_back_what_a_former_run_had_claimed(store: Store) -> None:
    first = store.open_as("first run")
    finish_due(first)
    first.put_off_original(claim(first), Steady(store.clock.steady() + 600))
    second = store.open_as("second run")
    second.free_claims(alone=True)
    assert claim(second).due
    third = store.open_as("third run")
    third.free_claims(alone=True)
    assert claim(third).due


def test_a_retry_wants_the_original_and_knows_where_it_went(ledger: Ledger) -> None:
    admit(ledger, seen())
    ledger.fail(claim(ledger), UNFIT, due=True)
    ledger.end_original(claim(ledger), "/failed/a.png", "moved")
    ledger.retry([job(ledger, 1)])
    claimed = claim(ledger)
    assert (claimed.state, claimed.due, claimed.moved) == (JobState.QUEUED, False, "/failed/a.png")
    ledger.bring_back(claimed, "/failed/a.png")
    assert job(ledger, 1).moved is None


def test_a_file_processed_again_knows_where_its_original_went(ledger: Ledger) -> None:
    finish_due(ledger)
    ledger.end_original(claim(ledger), "/archive/a.png", "moved")
    (again,) = ledger.reprocess([job(ledger, 1)])
    assert job(ledger, again).moved == "/archive/a.png"


def test_how_the_last_call_ended_can_be_told(ledger: Ledger) -> None:
    admit(ledger, seen())
    claimed = claim(ledger)
    ledger.conclude(arm(ledger, claimed), REFUSED, due=True)
    assert job(ledger, 1).due
    found = ledger.last_call(1)
    assert found is not None
    assert (found.outcome, found.status) == ("refused", 500)


# --- two living owners, one that stalls, one that returns -------------------------------------------------------------


@dataclass
class Pair:
    """Two owners who live beside each other, and the clock of both."""

    clock: ManualClock
    one: Ledger
    other: Ledger


@pytest.fixture
def pair(store: Store) -> Pair:
    return Pair(store.clock, store.beside("one"), store.beside("other"))


def test_two_owners_never_get_the_same_job_nor_two_of_one_picture(pair: Pair) -> None:
    admit(pair.one, *(seen(f"{number}.png", f"sha{number % 5}") for number in range(10)))
    taken = [found for _ in range(5) for owner in (pair.one, pair.other) if (found := owner.claim(FOLDERS, FOLDERS))]
    assert sorted({found.sha256 for found in taken}) == sorted(found.sha256 for found in taken)
    assert len(taken) == 5


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SENDING, JobState.ARMED, JobState.RECEIVED])
def test_the_start_of_one_undoes_nothing_of_another_who_lives(pair: Pair, state: JobState) -> None:
    admit(pair.one, seen())
    claimed = claim(pair.one)
    budget = limits(Budget(day=20_000), Budget(), "one", pair.clock.local())
    if state is not JobState.QUEUED:
        call = send(pair.one, claimed)
        if state is not JobState.SENDING:
            pair.one.arm(call)
        if state is JobState.RECEIVED:
            pair.one.receive(call, WIRE, 2.0)
    pair.other.free_claims(alone=False)
    assert pair.other.interrupted(alone=False) == []
    assert pair.other.claim(FOLDERS, FOLDERS) is None
    assert (job(pair.one, 1).state, job(pair.one, 1).claim) == (state, claimed.claim)
    admit(pair.other, seen("b.png", "bb"))
    reached = pair.other.begin_sending(claim(pair.other), 20_000, budget)
    assert isinstance(reached, BudgetReached) == (state is not JobState.QUEUED), "what is reserved stays reserved"


def test_a_claim_whose_lease_has_run_out_is_anybodys_before_it_is_armed(pair: Pair) -> None:
    admit(pair.one, seen())
    call = send(pair.one, claim(pair.one))
    pair.clock.advance(LEASE + 1)
    pair.other.free_claims(alone=False)
    taken = claim(pair.other)
    assert (taken.id, taken.claim) == (1, call.job.claim + 1)
    assert job(pair.other, 1).booked == 0


@pytest.mark.parametrize("state", [JobState.ARMED, JobState.RECEIVED])
def test_expiry_frees_no_job_that_is_armed_or_beyond(pair: Pair, state: JobState) -> None:
    admit(pair.one, seen())
    call = arm(pair.one, claim(pair.one))
    if state is JobState.RECEIVED:
        pair.one.receive(call, WIRE, 2.0)
    pair.clock.advance(10 * LEASE)
    pair.other.free_claims(alone=False)
    assert pair.other.claim(FOLDERS, FOLDERS) is None
    assert job(pair.other, 1).state is state


def test_a_call_that_a_stalled_owner_had_armed_is_concluded_by_another_once_its_lease_is_over(pair: Pair) -> None:
    admit(pair.one, seen())
    arm(pair.one, claim(pair.one))
    pair.clock.advance(LEASE / 2)
    assert pair.other.interrupted(alone=False) == []
    pair.clock.advance(LEASE)
    (found,) = pair.other.interrupted(alone=False)
    assert pair.other.conclude(found.call, LOST) is None
    assert (job(pair.other, 1).state, job(pair.other, 1).booked, job(pair.other, 1).attempts) == (
        JobState.UNKNOWN, 20_000, 1,
    )  # fmt: skip


def test_the_lease_of_an_armed_call_begins_with_its_last_bytes_however_long_its_upload_took(pair: Pair) -> None:
    admit(pair.one, seen())
    call = send(pair.one, claim(pair.one))
    pair.clock.advance(LEASE - 1)
    pair.one.arm(call)
    pair.clock.advance(LEASE - 1)
    assert pair.other.interrupted(alone=False) == []
    pair.clock.advance(2)
    assert len(pair.other.interrupted(alone=False)) == 1


def returning(pair: Pair, state: JobState) -> Call:
    """A call of an owner who stalled in that state, and whose job another has brought to its end meanwhile."""
    admit(pair.one, seen())
    claimed = claim(pair.one)
    call = Call(claimed, 0, 20_000, "1.png")
    if state is not JobState.QUEUED:
        call = send(pair.one, claimed)
    if state is JobState.ARMED:
        pair.one.arm(call)
    pair.clock.advance(LEASE + 1)
    pair.other.free_claims(alone=False)
    for found in pair.other.interrupted(alone=False):
        pair.other.conclude(found.call, LOST)
    if state is not JobState.ARMED:
        pay(pair.other, claim(pair.other))
    return call


WRITES: dict[str, Callable[[Ledger, Call], object]] = {
    "release": lambda ledger, call: ledger.release(call.job),
    "requalify": lambda ledger, call: ledger.requalify(call.job, FOUR, "four"),
    "begin_sending": lambda ledger, call: ledger.begin_sending(call.job, 20_000, ()),
    "arm": lambda ledger, call: ledger.arm(call),
    "receive": lambda ledger, call: ledger.receive(call, WIRE, 2.0),
    "receive_tile": lambda ledger, call: ledger.receive_tile(call, WIRE, 2.0, whole=True),
    "lose_tiles": lambda ledger, call: ledger.lose_tiles(call.job, [1]),
    "complete_tiles": lambda ledger, call: ledger.complete_tiles(call.job),
    "conclude": lambda ledger, call: ledger.conclude(call, REFUSED),
    "conclude and close a gate": lambda ledger, call: ledger.conclude(
        call, BUSY, [Shut(Gate(GateReason.SERVICE, Steady(1.0), "busy"), None, None)]
    ),
    "finish": lambda ledger, call: ledger.finish(call.job, "/out/x", "sha", reused_from=None, detail="published"),
    "fail": lambda ledger, call: ledger.fail(call.job, GONE),
    "abandon": lambda ledger, call: ledger.abandon(call.job, INTERNAL),
    "lose_answer": lambda ledger, call: ledger.lose_answer(call.job, INTERNAL),
    "note": lambda ledger, call: ledger.note(call.job, "later", "words"),
    "take_name": lambda ledger, call: ledger.take_name(call.job, "another", "another.png"),
    "end_original": lambda ledger, call: ledger.end_original(call.job, "/archive/a.png", "moved"),
    "put_off_original": lambda ledger, call: ledger.put_off_original(call.job, Steady(1.0)),
    "bring_back": lambda ledger, call: ledger.bring_back(call.job, "/archive/a.png"),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SENDING, JobState.ARMED])
def test_an_owner_who_returns_changes_nothing_money_included(pair: Pair, state: JobState, write: str) -> None:
    call = returning(pair, state)

    def everything() -> list[object]:
        ledger = pair.other
        money = ledger.progress(Wall(0.0), 0).booked, ledger.backlog(), ledger.last_attempt(), ledger.last_call(1)
        return [ledger.chosen(None, None, None), money, ledger.gates(), remembered(ledger, "one"), ledger.needed(),
                ledger.name_of(job(ledger, 1)), ledger.tiles(job(ledger, 1)), ledger.is_claimed()]  # fmt: skip

    before = everything()
    if write.startswith("conclude") and state is JobState.QUEUED:
        pytest.skip("there is no call to conclude")
    assert WRITES[write](pair.one, call) == ClaimLost(1)
    assert everything() == before


def test_a_claim_that_its_own_run_has_lost_is_lost_as_well(ledger: Ledger) -> None:
    admit(ledger, seen())
    ledger.fail(claim(ledger), UNFIT, due=True)
    archiving = claim(ledger)
    ledger.retry([job(ledger, 1)])  # the owner is quicker than whoever moves the original
    taken = claim(ledger)
    assert ledger.end_original(archiving, "/failed/a.png", "moved") == ClaimLost(1)
    assert (job(ledger, 1).moved, taken.claim) == (None, archiving.claim + 1)


def test_every_claim_has_a_higher_token_than_the_last(ledger: Ledger) -> None:
    admit(ledger, seen())
    tokens = []
    for _ in range(3):
        claimed = claim(ledger)
        tokens.append(claimed.claim)
        ledger.release(claimed)
    assert tokens == sorted(set(tokens))


def test_of_two_who_want_one_name_the_second_loses_whatever_both_have_seen(pair: Pair) -> None:
    admit(pair.one, seen(), seen("b.png", "bb"))
    first, second = claim(pair.one), claim(pair.other)
    assert (pair.one.holder_of("key"), pair.other.holder_of("key")) == (None, None)
    assert pair.one.take_name(first, "key", "a.png") is True
    assert pair.other.take_name(second, "key", "a.png") is False
    assert pair.other.take_name(second, "key", "a.png", instead_of=first.id) is False, "it has not ended"
    pay(pair.one, first)
    assert pair.other.take_name(second, "key", "a.png") is False, "nobody has looked whether its file is gone"
    assert pair.other.take_name(second, "key", "a.png", instead_of=first.id) is True


def test_no_number_of_owners_passes_a_budget_together(pair: Pair) -> None:
    admit(pair.one, *(seen(str(number), str(number)) for number in range(10)))
    day = limits(Budget(day=50_000), Budget(), "one", pair.clock.local())
    begun = [owner.begin_sending(claim(owner), 20_000, day) for _ in range(2) for owner in (pair.one, pair.other)]
    assert [isinstance(attempt, BudgetReached) for attempt in begun] == [False, False, True, True]
