"""What a ledger promises, whatever was done to it: looked at after each step of a walk, beside the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.stateful.model import ENDED, IN_HAND, Model, same
from watchd.adapters.ledgers.sqlite import statements
from watchd.model import MICROS_PER_USD, Budget, JobState

if TYPE_CHECKING:
    from tests.stateful.bench import Face, OpenLedger, TurnedClock
    from watchd.adapters.ledgers.sqlite.reader import LedgerReader

FOLDERS = ("east", "north", "west")
TOTALS = statements.load("readings.sql")["totals_that_differ"]
OVERALL = Budget(day=110_000, month=310_000)
OWN = {"east": Budget(), "north": Budget(day=50_000), "west": Budget()}


@dataclass(frozen=True, slots=True)
class Stand:
    """A ledger, and what it should say."""

    ledger: OpenLedger
    model: Model
    clock: TurnedClock
    reader: LedgerReader
    face: Face

    def everything(self) -> list[object]:
        """All that is told outside, to be compared with itself."""
        tables = ("jobs", "attempts", "spending", "balance_failures")
        rows = [self.face.rows(f"SELECT * FROM {table}") for table in tables]
        return [rows, self.ledger.gates(), self.reader.counts(), self.ledger.backlog(), self.ledger.needed()]


def assert_kept(on: Stand, unknown: set[int]) -> set[int]:
    """Every promise; `unknown`: jobs that nobody but the owner may let go on. Answers those of now."""
    every_job_stands_as_in_the_model(on)
    a_file_seen_is_in_exactly_one_of_the_counts(on)
    nobody_works_on_a_picture_that_another_works_on_or_is_in_doubt_about(on)
    a_picture_is_paid_once_unless_somebody_asks(on)
    no_budget_is_passed(on)
    money_is_told_as_it_was_booked(on)
    running_totals_are_what_counting_gives(on)
    every_call_that_ever_began_is_told(on)
    gates_and_what_waits_behind_them_are_as_in_the_model(on)
    now = {job.id for job in on.model.jobs.values() if job.state is JobState.UNKNOWN}
    assert unknown <= now, "an unknown job left by itself"
    return now


def every_job_stands_as_in_the_model(on: Stand) -> None:
    for work in on.model.jobs.values():
        job = on.ledger.job(work.id)
        assert job is not None
        compared = (
            "folder", "path", "sha256", "parameters", "profile", "price", "state", "attempts", "forgiven",
            "resends", "upload_cuts", "behind", "failure", "reused_from", "output", "output_sha256",
        )  # fmt: skip
        assert [getattr(job, name) for name in compared] == [getattr(work, name) for name in compared]
        assert on.ledger.name_of(job) == on.model.name_of(work)
        assert job.booked == on.model.booked(work), "a job's money is the sum of its calls"
        assert (job.finished_at is not None) == (job.state in ENDED), "finished_at is set where it has ended"
        assert job.error is None or job.state is not JobState.DONE


def a_file_seen_is_in_exactly_one_of_the_counts(on: Stand) -> None:
    counts = on.reader.counts()
    assert counts == on.model.counts()
    assert sum(counts.values()) == len(on.model.jobs) + len(on.model.waiting)
    assert sum(len(list(on.ledger.sightings(folder))) for folder in FOLDERS) == (
        len(on.model.seen) + len(on.model.waiting) + len(on.model.own)
    )
    for folder in FOLDERS:
        for path, seen in ((seen.path, seen) for seen in on.ledger.sightings(folder)):
            place = (folder, path)
            stands = (
                seen.job is not None and on.model.seen.get(place) == seen.job,
                place in on.model.waiting,
                place in on.model.own,
            )
            assert stands.count(True) == 1, (place, stands)


def nobody_works_on_a_picture_that_another_works_on_or_is_in_doubt_about(on: Stand) -> None:
    jobs = on.model.jobs.values()
    busy = [job for job in jobs if job.in_hand]
    doubtful = [job for job in jobs if job.state is JobState.UNKNOWN]
    for number, job in enumerate(busy):
        assert not [other.id for other in (*busy[number + 1 :], *doubtful) if same(job, other)]
    assert on.ledger.is_claimed() == any(job.claimed for job in jobs)


def a_picture_is_paid_once_unless_somebody_asks(on: Stand) -> None:
    unasked = [one for one in on.model.tries.values() if one.booked and not (one.asked or one.excused)]
    for paid in (
        Counter((one.sha256, one.parameters) for one in unasked),
        Counter((one.sha256, one.folder) for one in unasked),
    ):
        assert max(paid.values(), default=0) <= 1, paid


def no_budget_is_passed(on: Stand) -> None:
    """By calls armed on the day that they were let go on; only a clock that was set moves one to another."""
    calls = [one for one in on.model.tries.values() if one.day == one.begun_on]
    for length, limit in ((10, OVERALL.day), (7, OVERALL.month)):
        spent: Counter[str] = Counter()
        for one in calls:
            spent[one.begun_on[:length]] += one.booked
        assert limit is not None
        assert max(spent.values(), default=0) <= limit
    own = OWN["north"].day
    assert own is not None
    north = Counter[str]()
    for one in calls:
        north[one.begun_on] += one.booked if one.folder == "north" else 0
    assert max(north.values(), default=0) <= own


def money_is_told_as_it_was_booked(on: Stand) -> None:
    spent = {name: round(usd * MICROS_PER_USD) for name, usd in on.reader.spent(on.clock.local()).items()}
    assert spent == on.model.spent(on.clock.today())
    (view,) = on.face.rows("SELECT coalesce(sum(cost), 0) AS cost FROM spending")
    assert round(view["cost"] * MICROS_PER_USD) == spent["total"]
    assert len(on.face.rows("SELECT id FROM balance_failures")) == on.model.balance_failures


def running_totals_are_what_counting_gives(on: Stand) -> None:
    """Every total of every table, and those that a page shows bucket by bucket."""
    assert on.face.rows(TOTALS) == []
    ended = [one for one in on.model.tries.values() if one.outcome is not None]
    assert on.reader.calls_by_outcome() == Counter(one.outcome for one in ended)
    assert sum(on.reader.seconds_of_calls((1.0, 60.0))[0]) == sum(one.outcome == "ok" for one in ended)
    assert sum(on.reader.seconds_in_queue((1.0, 60.0))[0]) == len({one.job for one in on.model.tries.values()})


def every_call_that_ever_began_is_told(on: Stand) -> None:
    rows = {row["id"]: row for row in on.face.rows("SELECT * FROM attempts")}
    assert rows.keys() == on.model.tries.keys()
    for one in on.model.tries.values():
        row = rows[one.id]
        assert (row["job_id"], row["outcome"], row["finished_at"] is not None) == (one.job, one.outcome, one.ended)
        assert round(row["cost"] * MICROS_PER_USD) == one.booked
    assert on.ledger.last_attempt() == max(rows, default=0)
    now = on.clock.wall()
    recent = [one for one in on.model.tries.values() if one.started_at > now - 60.0]
    assert len(on.ledger.recent_calls(60.0)) == len(recent)


def gates_and_what_waits_behind_them_are_as_in_the_model(on: Stand) -> None:
    assert on.ledger.gates() == on.model.gates
    assert on.ledger.backlog() == on.model.backlog()
    assert on.ledger.next_due(on.clock.steady()) == on.model.next_due(on.clock.steady())
    for calling in (FOLDERS, FOLDERS[:1], ()):
        assert on.ledger.is_busy(FOLDERS[:2], calling) == on.model.is_busy(FOLDERS[:2], calling)
    needed = {job.id for job in on.model.jobs.values() if job.state is JobState.QUEUED or job.state in IN_HAND}
    assert set(on.ledger.needed()) == needed
