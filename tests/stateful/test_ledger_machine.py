"""Any order of arrivals, calls, crashes and commands: after each step the ledger says what the model says, and holds.

`WATCHD_FAULTS=full` walks for long. A failure prints the steps that led to it and a line to repeat them with.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.stateful import promises, troubles
from tests.stateful.bench import WORKSHOP, Face, OpenLedger, TurnedClock, left_by_a_kill, make_ledger
from tests.stateful.model import NEW, Model, Work
from tests.stateful.promises import FOLDERS, OVERALL, OWN, Stand
from watchd.adapters.ledgers.sqlite.reader import LedgerReader
from watchd.core.calls import planning, retrying, scheduling
from watchd.core.calls.outcomes import Traffic
from watchd.core.calls.state import Opened, Shut
from watchd.journey.work.reserving import reserve_first
from watchd.model import (
    Admission,
    Asked,
    BudgetReached,
    Call,
    Failure,
    FailureKind,
    Gate,
    GateReason,
    Job,
    JobState,
    Limit,
    Outcome,
    Sample,
    Sighting,
    Steady,
    Wall,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

FULL = os.environ.get("WATCHD_FAULTS") == "full"
DAY_S = 86_400.0
PATHS = ("a.png", "b.png", "c.png")
PICTURES = ("sha-1", "sha-2", "sha-3")
PRICES = {"gold": 80_000, "plain": 20_000}
PRIORITIES = {"east": 0, "north": 1, "west": 0}
SAMPLE = Sample(1000, 1, 1, 1)
TRAFFIC = Traffic(1000, 4000, "ray")
INTERNAL = Failure(FailureKind.INTERNAL, "internal error")

folders = st.sampled_from(FOLDERS)
some_folders = st.sampled_from((FOLDERS, FOLDERS, FOLDERS, FOLDERS, FOLDERS[:2], FOLDERS[1:], FOLDERS[:1], ()))
profiles = st.sampled_from(sorted(PRICES))
jitter = st.floats(0.0, 1.0)


def asked(profile: str) -> Asked:
    """What a profile comes to."""
    return Asked(f"identity of {profile}", PRICES[profile], 600, 600)


def limits(folder: str, clock: TurnedClock) -> tuple[Limit, ...]:
    """The budgets that a call of this folder has to pass now."""
    return scheduling.limits(OVERALL, OWN[folder], folder, clock.local())


class LedgerMachine(RuleBasedStateMachine):
    """One owner after another on one ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.workshop = Path(tempfile.mkdtemp(prefix="watchd-ledger-", dir=WORKSHOP))
        self.clock = TurnedClock()
        self.model = Model()
        self.profile = dict.fromkeys(FOLDERS, "plain")
        self.disk: set[str] = set()
        self.attempt: dict[int, int] = {}
        """Job → its call under way."""
        self.unknown: set[int] = set()
        self.owners = 0
        self.policy = troubles.POLICIES[0]
        self.path = self.workshop / "0" / "ledger.db"
        self.path.parent.mkdir()
        self.ledger = self._opened(self.path)

    def _opened(self, path: Path) -> OpenLedger:
        self.owners += 1
        ledger = make_ledger(path, self.clock, f"owner-{self.owners}")
        self.model.restart(self.clock.steady())
        self.reader, self.face = LedgerReader(path), Face(path)
        return ledger

    def _closed(self) -> None:
        self.reader.close()
        self.face.close()
        self.ledger.close()

    def teardown(self) -> None:
        self._closed()
        shutil.rmtree(self.workshop)

    @initialize(policy=st.sampled_from(troubles.POLICIES))
    def choose_the_owners_rules(self, policy: retrying.Policy) -> None:
        self.policy = policy

    # Files come

    @initialize(data=st.data())
    def a_folder_has_files_already(self, data: st.DataObject) -> None:
        self._settle(data)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule for all: of several, hypothesis leaves most out for most of its walks, and nothing comes far."""
        steps = [
            *[self._work] * 8, *[self._files_come] * 3, *[self._the_owner_speaks] * 2, self._is_killed,
            self._time_passes, self._the_wall_clock_jumps, self._a_gate_moves, self._another_profile, self._fold,
        ]  # fmt: skip
        data.draw(st.sampled_from(steps))(data)

    def _files_come(self, data: st.DataObject) -> None:
        steps = [self._settle, self._settle, self._refuse, self._wait, *[self._wait_no_more] * bool(self.model.waiting)]
        data.draw(st.sampled_from(steps))(data)

    def _settle(self, data: st.DataObject) -> None:
        ours = sorted({job.output_sha256 for job in self.model.jobs.values() if job.output_sha256})
        bytes_ = st.sampled_from((*PICTURES, *PICTURES, *ours[:1]))
        folder, chain = data.draw(folders), data.draw(st.booleans())
        profile = self.profile[folder]
        self._admit([
            Admission(
                folder, data.draw(st.sampled_from(PATHS)), SAMPLE, data.draw(bytes_), profile, PRIORITIES[folder],
                chain, asked(profile),
            )
            for _ in range(data.draw(st.integers(1, 3)))
        ])  # fmt: skip

    def _refuse(self, data: st.DataObject) -> None:
        folder, path = data.draw(folders), data.draw(st.sampled_from(PATHS))
        profile = self.profile[folder]
        refusal = Failure(FailureKind.TRUNCATED, "truncated: nothing more came")
        sha256 = data.draw(st.sampled_from(PICTURES))
        self._admit([Admission(folder, path, SAMPLE, sha256, profile, PRIORITIES[folder], refusal=refusal)])

    def _admit(self, given: Sequence[Admission]) -> None:
        answers = self.ledger.admit(given)
        for admission, answer in zip(given, answers, strict=True):
            expected = self.model.admission(admission)
            if expected == NEW:
                assert answer is not None
                assert answer not in self.model.jobs, "new bytes under a name are a new job"
            else:
                assert answer == expected
            self.model.admitted(admission, answer)

    def _wait(self, data: st.DataObject) -> None:
        folder, path = data.draw(folders), data.draw(st.sampled_from(("young-1.png", "young-2.png")))
        known = {seen.path: seen for seen in self.ledger.sightings(folder)}.get(path)
        if known is None or known.job is None:
            self.ledger.note_waiting(folder, [Sighting(path, SAMPLE, None, "it is still written")], [])
            self.model.waiting.add((folder, path))
            self.model.own.discard((folder, path))

    def _wait_no_more(self, data: st.DataObject) -> None:
        folder, path = data.draw(st.sampled_from(sorted(self.model.waiting)))
        if data.draw(st.booleans()):
            self.ledger.note_waiting(folder, [], [path])
            self.model.waiting.discard((folder, path))
            return
        profile = self.profile[folder]
        sha256 = data.draw(st.sampled_from(PICTURES))
        self._admit([Admission(folder, path, SAMPLE, sha256, profile, PRIORITIES[folder], asked=asked(profile))])

    def _another_profile(self, data: st.DataObject) -> None:
        folder, profile = data.draw(folders), data.draw(profiles)
        self.profile[folder] = profile

    # Jobs are led on

    def _work(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 8))):
            self._find_work(data)
            able = [step for step, states in self._steps() if self._in_hand(*states)]
            data.draw(st.sampled_from([self._claim, self._claim, *able]))(data)
            self._look()

    def _find_work(self, data: st.DataObject) -> None:
        """Workers who idle teach nothing: a file comes, or the time for which a job waits."""
        if not any(job.state is JobState.QUEUED or job.claimed for job in self.model.jobs.values()):
            self._settle(data)
        due = self.model.next_due(self.clock.steady())
        if due is not None and data.draw(st.booleans()):
            self.clock.advance(due - self.clock.steady())

    def _steps(self) -> list[tuple[Callable[[st.DataObject], None], tuple[JobState, ...]]]:
        """What can be done with a claimed job, and the states it can be done in; what is usual stands there often."""
        sent = (JobState.SENDING, JobState.ARMED)
        return [
            *[(self._go_on, ())] * 6,
            *[(self._meet_trouble, sent)] * 2,
            (self._give_back, (JobState.QUEUED, JobState.SENDING, JobState.RECEIVED)),
            (self._end_without_a_call, (JobState.QUEUED,)),
            (self._set_aside, ()),
        ]

    def _claim(self, data: st.DataObject) -> None:
        online, calling = data.draw(some_folders), data.draw(some_folders)
        expected = self.model.next_claim(online, calling, self.clock.steady())
        job = self.ledger.claim(online, calling)
        assert (job.id if job else None) == expected
        if job is not None:
            self.model.jobs[job.id].claimed = True

    def _in_hand(self, *states: JobState) -> list[int]:
        return sorted(job.id for job in self.model.jobs.values() if job.claimed and (not states or job.state in states))

    def _drawn(self, data: st.DataObject, ids: Collection[int]) -> tuple[Job, Work]:
        job = self.ledger.job(data.draw(st.sampled_from(sorted(ids))))
        assert job is not None
        return job, self.model.jobs[job.id]

    def _go_on(self, data: st.DataObject) -> None:
        self._lead(data.draw(st.sampled_from(self._in_hand())), data)

    def _lead(self, job_id: int, data: st.DataObject) -> None:
        """The next step of the journey, as the program takes it."""
        job, work = self._drawn(data, [job_id])
        match work.state:
            case JobState.SENDING:
                price = self.model.tries[self.attempt[job.id]].reserved
                assert self.ledger.arm(self._called(job, price)) is None
                self.model.arm(work, self.attempt[job.id], price, self.clock.today())
            case JobState.ARMED:
                assert self.ledger.receive(self._called(job), TRAFFIC, 2.0) is None
                self.model.receive(work, self.attempt[job.id])
            case JobState.RECEIVED:
                self._finish(job, work, None)
            case _:
                self._plan(job, work, data)

    def _plan(self, job: Job, work: Work, data: st.DataObject) -> None:
        profile = self.profile[job.folder]
        if asked(profile).parameters != job.parameters:
            self.ledger.requalify(job, asked(profile), profile)
            self.model.requalify(work, asked(profile), profile)
            return
        behind = self.ledger.job(job.behind) if job.behind is not None else None
        paid = self.ledger.paid_results(job)
        assert [each.id for each in paid] == self.model.paid_results(work)
        match planning.next_step(job, behind, paid):
            case planning.Reuse(results):
                if data.draw(st.booleans()):
                    earlier = data.draw(st.sampled_from(results))
                    self._finish(job, work, earlier.reused_from or earlier.id)
                else:
                    self._fail(job, work, Failure(FailureKind.RESULT_GONE, "its output is gone"))
            case planning.EndWith(failure):
                self._fail(job, work, failure)
            case planning.AskService():
                self._call(job, work)

    def _call(self, job: Job, work: Work) -> None:
        self._name(job, work)
        held_against = limits(job.folder, self.clock)
        broken = [limit for limit in held_against if self.model.held(limit) + work.price > limit.most]
        attempt = self.ledger.begin_sending(job, work.price, held_against)
        if isinstance(attempt, BudgetReached):
            assert attempt == BudgetReached(broken[0], self.model.held(broken[0]), work.price)
            self._release(job, work, 0.0)
            return
        assert not broken, "a call has begun that a budget does not allow"
        assert isinstance(attempt, int)
        assert attempt not in self.model.tries
        self.attempt[job.id] = attempt
        self.model.begin(work, attempt, work.price, self.clock.today(), self.clock.wall())

    def _name(self, job: Job, work: Work) -> None:
        """One output folder for all, so that they want each other's names."""
        stem = job.path.removesuffix(".png")
        wanted = [stem, *(f"{stem}-{number}" for number in range(1, 100))]
        expected = next(key for key in wanted if self.model.may_take(work, key, self.disk))
        taken = reserve_first(self.ledger, job, [(key, key) for key in wanted], self.disk.__contains__)
        assert taken == expected
        assert isinstance(taken, str)
        self.model.take(work, taken)

    def _finish(self, job: Job, work: Work, reused_from: int | None) -> None:
        name = self.ledger.name_of(job)
        output, digest = f"/out/{name or job.id}", f"output of {job.id}"
        self.ledger.finish(job, output, digest, reused_from=reused_from, detail="published")
        self.disk.update([name] if name else [])
        work.output, work.output_sha256, work.reused_from = output, digest, reused_from
        self.model.end(work, JobState.DONE, None)

    def _fail(self, job: Job, work: Work, failure: Failure) -> None:
        self.ledger.fail(job, failure)
        self.model.fail(work, failure)

    def _release(self, job: Job, work: Work, not_before: float) -> None:
        self.ledger.release(job, Steady(not_before))
        self.model.release(work, not_before)

    def _give_back(self, data: st.DataObject) -> None:
        wait_s = data.draw(st.sampled_from((0.0, 30.0, 7200.0)))
        job, work = self._drawn(data, self._in_hand(JobState.QUEUED, JobState.SENDING, JobState.RECEIVED))
        self._release(job, work, self.clock.steady() + wait_s if wait_s else 0.0)

    def _end_without_a_call(self, data: st.DataObject) -> None:
        job, work = self._drawn(data, self._in_hand(JobState.QUEUED))
        if data.draw(st.booleans()):
            self.ledger.finish(job, None, None, reused_from=None, detail="its output is there")
            self.model.end(work, JobState.DONE, None)
        else:
            self._fail(job, work, Failure(FailureKind.GONE, "other bytes lie under its name now"))

    def _meet_trouble(self, data: st.DataObject) -> None:
        job, work = self._drawn(data, self._in_hand(JobState.SENDING, JobState.ARMED))
        trouble = data.draw(troubles.after_arming if work.state is JobState.ARMED else troubles.before_arming)
        streaks = data.draw(troubles.streaks)
        gates = self.ledger.gates()
        context = retrying.CallContext(
            self.policy, streaks, gates, data.draw(st.booleans()), self.clock.steady(), data.draw(jitter),
            key_has_worked=data.draw(st.booleans()), others_passed=data.draw(st.booleans()),
        )  # fmt: skip
        conclusion = retrying.conclude(trouble, job, context)
        shut = [Shut(conclusion.gate, None, None)] if conclusion.gate is not None else []
        assert self.ledger.conclude(self._called(job), conclusion, shut) is None
        self.model.conclude(work, self.attempt.pop(job.id), conclusion)

    def _called(self, job: Job, price: int = 0) -> Call:
        """The call of a job that is under way."""
        return Call(job, self.attempt[job.id], price, f"{job.id}.png")

    def _set_aside(self, data: st.DataObject) -> None:
        job, work = self._drawn(data, self._in_hand())
        self.ledger.abandon(job, INTERNAL)
        self.model.set_aside(work, INTERNAL, self.clock.steady())

    # The process ends, and another begins

    def _is_killed(self, data: st.DataObject) -> None:
        """All starts but the last are killed somewhere in their recovery; two more of them change nothing."""
        starts, interrupted_at = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 3))
        for start in range(starts):
            self._kill()
            self._recover(interrupted_at if start < starts - 1 else None, data)
        told = self._stand().everything()
        for _ in range(2):
            self._kill()
            self._recover(None, data)
            assert self._stand().everything() == told, "another start changed something"

    def _kill(self) -> None:
        left = left_by_a_kill(self.path, self.workshop / str(self.owners))
        self._closed()
        self.path = left
        self.clock = self.clock.restarted()
        self.ledger = self._opened(left)

    def _recover(self, stop_after: int | None, data: st.DataObject) -> None:
        """As the program does at its start; `stop_after`: steps until the next kill."""
        for number, step in enumerate(self._recovery(data)):
            if number == stop_after:
                return
            step()

    def _recovery(self, data: st.DataObject) -> Iterator[Callable[[], None]]:
        yield self._free_claims
        for one in self.ledger.interrupted(alone=True):
            yield partial(self._settle_interrupted, one.call, data)

    def _free_claims(self) -> None:
        self.ledger.free_claims(alone=True)
        self.model.free_claims()

    def _settle_interrupted(self, call: Call, data: st.DataObject) -> None:
        """A call whose end nobody saw: its answer lies whole in the spool, or it is lost."""
        job, attempt = call.job, call.attempt
        work = self.model.jobs[job.id]
        assert work.state is JobState.ARMED
        assert attempt == self.attempt.pop(job.id)
        if data.draw(st.booleans()):
            assert self.ledger.receive(call, Traffic(), 2.0) is None
            self.model.receive(work, attempt)
            self._release(job, work, 0.0)
            return
        conclusion = retrying.lost(job, Outcome.LOST, "watchd ended", Traffic(), policy=self.policy)
        assert self.ledger.conclude(call, conclusion) is None
        self.model.conclude(work, attempt, conclusion)

    # Time, and the operator

    def _time_passes(self, data: st.DataObject) -> None:
        self.clock.advance(data.draw(st.sampled_from((1.0, 40.0, 1000.0, DAY_S / 2))))

    def _fold(self, data: st.DataObject) -> None:
        """What is old becomes less, and nothing that is promised changes by it."""
        before = Wall(self.clock.wall() - data.draw(st.sampled_from((0.0, 1000.0, DAY_S))))
        self.ledger.fold(before, data.draw(st.integers(1, 3)))

    def _the_wall_clock_jumps(self, data: st.DataObject) -> None:
        self.clock.jump(data.draw(st.sampled_from((-40 * DAY_S, -DAY_S, -3.0, 3.0, DAY_S, 40 * DAY_S))))

    def _the_owner_speaks(self, data: st.DataObject) -> None:
        steps = [self._retry, self._retry, self._dismiss, self._reprocess, self._approve, self._hurry]
        data.draw(st.sampled_from(steps))(data)

    def _retry(self, data: st.DataObject) -> None:
        state = data.draw(st.sampled_from((None, "failed", "unknown")))
        for job in self._chosen(data, state):
            self.ledger.retry([job])
            self.model.retry(self.model.jobs[job.id])
            self.unknown.discard(job.id)

    def _dismiss(self, data: st.DataObject) -> None:
        for job in self._chosen(data, None):
            self.ledger.dismiss([job])
            self.model.dismiss(self.model.jobs[job.id])
            self.unknown.discard(job.id)

    def _reprocess(self, data: st.DataObject) -> None:
        for job in self._chosen(data, None):
            made = self.ledger.reprocess([job])
            assert bool(made) == self.model.again(self.model.jobs[job.id])
            for each in made:
                assert each not in self.model.jobs
                self.model.reprocessed(self.model.jobs[job.id], each)

    def _chosen(self, data: st.DataObject, state: str | None) -> Sequence[Job]:
        """Jobs as a command means them: all of a state, or some by their ids, whatever their state."""
        if state is not None:
            folder = data.draw(st.sampled_from((None, *FOLDERS)))
            chosen = self.ledger.chosen(None, state, folder)
            expected = [
                job.id for job in self.model.jobs.values() if job.state == state and folder in {None, job.folder}
            ]
            assert [job.id for job in chosen] == sorted(expected)
            return chosen
        if not self.model.jobs:
            return ()
        ids = data.draw(st.lists(st.sampled_from(sorted(self.model.jobs)), max_size=2, unique=True))
        chosen = self.ledger.chosen(ids, None, None)
        assert [job.id for job in chosen] == sorted(ids)
        return chosen

    def _approve(self, _data: st.DataObject) -> None:
        held = [job for job in self.model.jobs.values() if job.state is JobState.QUEUED and not job.approved]
        assert self.ledger.approve() == len(held)
        for job in held:
            job.approved = True

    def _a_gate_moves(self, data: st.DataObject) -> None:
        reason = data.draw(st.sampled_from(GateReason))
        if data.draw(st.booleans()):
            now = self.clock.steady()
            self.model.gates[reason] = Gate(reason, now, "closed by hand", Steady(now + 60.0), 60.0, "mark")
            self.ledger.write_gates([Shut(self.model.gates[reason], None, None)])
        else:
            self.ledger.write_gates([Opened(reason, None)])
            self.model.gates.pop(reason, None)

    def _hurry(self, _data: st.DataObject) -> None:
        self.ledger.clear_delays()
        for job in self.model.jobs.values():
            if job.state in {JobState.QUEUED, JobState.RECEIVED}:
                job.not_before = 0.0

    @invariant()
    def all_that_is_promised_holds(self) -> None:
        self._look()

    def _look(self) -> None:
        self.unknown = promises.assert_kept(self._stand(), self.unknown)

    def _stand(self) -> Stand:
        return Stand(self.ledger, self.model, self.clock, self.reader, self.face)


LedgerMachine.TestCase.settings = settings(
    max_examples=1000 if FULL else 40,
    stateful_step_count=100 if FULL else 40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestTheLedgerAgainstItsModel = pytest.mark.timeout(7200 if FULL else 600)(LedgerMachine.TestCase)
