"""The ledger in plain Python: what is promised of jobs, calls and money, without a database or a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watchd.model import Backlog, Failure, FailureKind, GateReason, JobState, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from watchd.core.calls.retrying import Conclusion
    from watchd.model import Admission, Asked, Gate, Limit

NEW = -1
"""The answer of `admission`: this file becomes a job of its own."""
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.UNKNOWN})
UNDER_WAY = frozenset(JobState) - {JobState.DONE, JobState.FAILED}
IN_HAND = frozenset({JobState.SENDING, JobState.ARMED, JobState.RECEIVED})
SHOWN = {JobState.ARMED: "sending"}
"""How a state is called outside, where that is not its own name."""
NOT_THE_FILES = frozenset({Outcome.BALANCE, Outcome.KEY, Outcome.RATE, Outcome.NETWORK})
"""Ends of a call that a file does not answer for."""
LONGEST_WAIT = 3600.0


@dataclass(slots=True)
class Work:
    """A job. `asked`: the owner, or the owner's policy, wants it paid whatever was paid before."""

    id: int
    folder: str
    path: str
    sha256: str
    parameters: str
    profile: str
    price: int
    priority: int
    state: JobState = JobState.QUEUED
    claimed: bool = False
    not_before: float = 0.0
    attempts: int = 0
    forgiven: int = 0
    resends: int = 0
    upload_cuts: int = 0
    behind: int | None = None
    fresh_after: int = 0
    ended: int = 0
    name: str | None = None
    approved: bool = False
    reused_from: int | None = None
    output: str | None = None
    output_sha256: str | None = None
    error: str | None = None
    failure: FailureKind | None = None
    asked: bool = False

    @property
    def in_hand(self) -> bool:
        """Whether somebody works on it, or its money is on the table."""
        return self.claimed or self.state in IN_HAND


@dataclass(slots=True)
class Try:
    """A call. `excused`: the owner has taken its doubt; `begun_on`: the day whose budgets let it go."""

    id: int
    job: int
    sha256: str
    folder: str
    parameters: str
    begun_on: str
    started_at: float
    reserved: int
    asked: bool
    booked: int = 0
    day: str | None = None
    armed: bool = False
    ended: bool = False
    outcome: str | None = None
    excused: bool = False


def same(one: Work, other: Work) -> bool:
    """One picture: equal bytes, and either what is asked of the service or the folder is equal."""
    return one.sha256 == other.sha256 and (one.parameters == other.parameters or one.folder == other.folder)


@dataclass(slots=True)
class Model:
    """All that a ledger knows."""

    jobs: dict[int, Work] = field(default_factory=dict)
    tries: dict[int, Try] = field(default_factory=dict)
    waiting: set[tuple[str, str]] = field(default_factory=set)
    own: set[tuple[str, str]] = field(default_factory=set)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    """Where the files of jobs were last seen: (folder, path) → the job they became."""
    gates: dict[GateReason, Gate] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    balance_failures: int = 0
    tick: int = 0
    """Counts the ends of jobs: what came before what, whatever the clocks say."""

    # The door

    def admission(self, given: Admission) -> int | None:
        """The job that these bytes under this name have, NEW, or None for an output of ours that is no input."""
        known = [
            job.id for job in self.jobs.values()
            if (job.folder, job.path, job.sha256) == (given.folder, given.path, given.sha256)
            and not (job.state is JobState.FAILED and job.failure is FailureKind.GONE)
        ]  # fmt: skip
        if known:
            return max(known)
        ours = any(job.output_sha256 == given.sha256 for job in self.jobs.values())
        return None if ours and not given.chain else NEW

    def admitted(self, given: Admission, job: int | None) -> None:
        """Take over what became of an admission; a job that is not known is a new one."""
        place = (given.folder, given.path)
        self.waiting.discard(place)
        self.own.discard(place)
        self.seen.pop(place, None)
        if job is None:
            self.own.add(place)
            return
        self.seen[place] = job
        if job in self.jobs:
            return
        asked = given.asked
        work = Work(
            job, given.folder, given.path, given.sha256, asked.parameters if asked else "", given.profile,
            asked.price if asked else 0, given.priority,
        )  # fmt: skip
        first = [other.id for other in self.jobs.values() if same(other, work) and other.state in UNDER_WAY]
        work.behind = min(first, default=None)
        if given.refusal is not None:
            work.state, work.error, work.failure = JobState.FAILED, given.refusal.words, given.refusal.kind
        self.jobs[job] = work

    # Who works on what

    def next_claim(self, folders: Collection[str], calling: Collection[str], now: float) -> int | None:
        """The job that a claim must answer."""
        due = [job for job in self.jobs.values() if not job.claimed and job.not_before <= now and job.folder in folders]
        received = [job.id for job in due if job.state is JobState.RECEIVED]
        if received:
            return min(received)
        able = [
            job for job in due
            if job.state is JobState.QUEUED and not self._held_up(job, calling)
            and (job.folder in calling or self._costs_nothing(job))
        ]  # fmt: skip
        free = [job for job in able if self._costs_nothing(job)]
        return min(free or able, key=lambda job: (-job.priority, job.id)).id if able else None

    def _others(self, job: Work) -> Iterable[Work]:
        return (other for other in self.jobs.values() if other is not job and same(other, job))

    def _held_up(self, job: Work, calling: Collection[str]) -> bool:
        return any(
            other.in_hand
            or other.state is JobState.UNKNOWN
            or (other.state is JobState.QUEUED and other.id < job.id and other.folder in calling)
            for other in self._others(job)
        )

    def _costs_nothing(self, job: Work) -> bool:
        first = self.jobs.get(job.behind) if job.behind is not None else None
        return bool(self.paid_results(job)) or (
            first is not None
            and first.state is JobState.FAILED
            and first.failure is not FailureKind.GONE
            and same(first, job)
        )

    def paid_results(self, job: Work) -> list[int]:
        """Finished jobs with an output that can serve this one: its own folder's first, then the latest."""
        paid = [
            other for other in self._others(job)
            if other.state is JobState.DONE and other.output_sha256 and other.ended > job.fresh_after
        ]  # fmt: skip
        return [other.id for other in sorted(paid, key=lambda other: (other.folder != job.folder, -other.id))]

    def is_busy(self, folders: Collection[str], calling: Collection[str]) -> bool:
        """Whether somebody works, or anything but what waits for an unknown job can go on."""
        allowed = {JobState.QUEUED: calling, JobState.RECEIVED: folders}
        return any(
            job.claimed
            or (
                job.folder in allowed.get(job.state, ())
                and not any(self._holds_for_long(other, folders) for other in self._others(job))
            )
            for job in self.jobs.values()
        )

    @staticmethod
    def _holds_for_long(job: Work, folders: Collection[str]) -> bool:
        """Whether only the owner, or a folder that returns, lets go on what waits for this job."""
        away = job.state is JobState.RECEIVED and not job.claimed and job.folder not in folders
        return job.state is JobState.UNKNOWN or away

    def backlog(self) -> Backlog:
        """Calls that nobody let go yet, each picture once."""
        waiting = [
            job for job in self.jobs.values()
            if job.state is JobState.QUEUED and not job.approved
            and not (self.paid_results(job) or self._shares_a_call(job))
        ]  # fmt: skip
        return Backlog(len(waiting), sum(job.price for job in waiting))

    def _shares_a_call(self, job: Work) -> bool:
        return any(other.id < job.id and other.state in UNDER_WAY for other in self._others(job))

    def next_due(self, now: float) -> float | None:
        """When the next job that waits for its time may be claimed."""
        return min(
            (
                job.not_before for job in self.jobs.values()
                if job.state in {JobState.QUEUED, JobState.RECEIVED} and not job.claimed and job.not_before > now
            ),
            default=None,
        )  # fmt: skip

    # Names

    def may_take(self, job: Work, key: str, taken: Collection[str]) -> bool:
        """Whether this job gets an output name; `taken`: what lies on the disk."""
        holder = self.names.get(key)
        over = holder is None or holder == job.id or self.jobs[holder].state in {JobState.DONE, JobState.FAILED}
        return over and key not in taken

    def take(self, job: Work, key: str) -> None:
        """Reserve it; a job has one name."""
        self.names = {name: holder for name, holder in self.names.items() if holder != job.id} | {key: job.id}
        job.name = key

    def name_of(self, job: Work) -> str | None:
        """The one name that is reserved for a job."""
        return job.name

    # Calls and their money

    def held(self, limit: Limit) -> int:
        """What counts against a budget: booked in its period, or reserved at all."""
        return sum(
            (one.booked if (one.day or "").startswith(limit.period) else 0) + one.reserved
            for one in self.tries.values()
            if limit.folder in {None, one.folder}
        )

    def begin(self, job: Work, attempt: int, price: int, today: str, now: float) -> None:
        """A call has begun, and its price is held."""
        self.tries[attempt] = Try(
            attempt, job.id, job.sha256, job.folder, job.parameters, today, now, price, job.asked
        )  # fmt: skip
        job.state = JobState.SENDING
        for other in self._others(job):
            if other.state is JobState.QUEUED:
                other.behind = job.id

    def arm(self, job: Work, attempt: int, price: int, today: str) -> None:
        """The call may be charged from here on."""
        one = self.tries[attempt]
        one.reserved, one.booked, one.day, one.armed = 0, price, today, True
        job.state = JobState.ARMED

    def receive(self, job: Work, attempt: int) -> None:
        """The picture is there."""
        self._end(attempt, Outcome.OK)
        job.state = JobState.RECEIVED
        job.attempts += 1

    def _end(self, attempt: int, outcome: Outcome) -> None:
        one = self.tries[attempt]
        one.ended, one.outcome, one.reserved = True, outcome, 0

    def conclude(self, job: Work, attempt: int, conclusion: Conclusion) -> None:
        """The call brought no picture. What is charged, and what counts, follows from the outcome alone."""
        outcome = conclusion.outcome
        self._end(attempt, outcome)
        if outcome not in {Outcome.LOST, Outcome.BAD_ANSWER}:
            self.tries[attempt].booked = 0
        spared = outcome is Outcome.SERVER and conclusion.gate is not None
        job.attempts += outcome not in NOT_THE_FILES and not spared
        job.resends += conclusion.resend
        job.upload_cuts += conclusion.upload_cut
        if conclusion.resend:
            self._excuse(job)
        job.state, job.error, job.failure = conclusion.state, conclusion.error, conclusion.failure
        job.claimed, job.not_before = False, conclusion.not_before
        if conclusion.gate is not None:
            self.gates[conclusion.gate.reason] = conclusion.gate
        self.balance_failures += outcome is Outcome.BALANCE

    def _excuse(self, job: Work) -> None:
        job.asked = True
        for one in self.tries.values():
            one.excused = one.excused or one.job == job.id

    def fail(self, job: Work, failure: Failure) -> None:
        """It ends without a call; a file that had gone is looked at anew when it is back."""
        self.end(job, JobState.FAILED, failure)
        if failure.kind is FailureKind.GONE:
            self.seen = {place: seen for place, seen in self.seen.items() if seen != job.id}

    def requalify(self, job: Work, asked: Asked, profile: str) -> None:
        """It follows its folder's profile as it is now, and nobody's fate."""
        job.parameters, job.price, job.profile = asked.parameters, asked.price, profile
        job.claimed, job.behind = False, None

    def release(self, job: Work, not_before: float) -> None:
        """It is as it was before it was claimed; a call that had begun was never sent."""
        self._end_open(job)
        if job.state is JobState.SENDING:
            job.state = JobState.QUEUED
        job.claimed, job.not_before = False, not_before

    def _end_open(self, job: Work) -> None:
        for one in self.tries.values():
            if one.job == job.id and not one.ended:
                self._end(one.id, Outcome.LOST if one.armed else Outcome.NETWORK)

    def set_aside(self, job: Work, failure: Failure, now: float) -> None:
        """A fault of our own: what may be charged is in doubt, what is paid stays to be published."""
        self._end_open(job)
        match job.state:
            case JobState.RECEIVED:
                job.claimed, job.not_before, job.error = False, now + LONGEST_WAIT, failure.words
            case JobState.ARMED:
                job.attempts += 1
                self.end(job, JobState.UNKNOWN, failure)
            case _:
                self.end(job, JobState.FAILED, failure)

    def end(self, job: Work, state: JobState, failure: Failure | None) -> None:
        """It is over."""
        job.error, job.failure = (None, None) if failure is None else (failure.words, failure.kind)
        job.state, job.claimed = state, False
        self.tick += 1
        job.ended = self.tick

    # A new owner, and the operator

    def restart(self, steady: float) -> None:
        """A new owner has opened the ledger, whose clock says `steady`."""
        for job in self.jobs.values():
            job.not_before = min(job.not_before, steady + LONGEST_WAIT)

    def free_claims(self) -> None:
        """What nobody armed is as it was before it was claimed, and costs nothing."""
        for job in self.jobs.values():
            if job.state is JobState.SENDING:
                job.state = JobState.QUEUED
            job.claimed = job.claimed and job.state is JobState.ARMED
        for one in self.tries.values():
            if not one.ended and not one.armed:
                self._end(one.id, Outcome.NETWORK)

    def retry(self, job: Work) -> None:
        """The owner wants a failed or unknown job once more."""
        if job.state not in {JobState.FAILED, JobState.UNKNOWN}:
            return
        if job.failure is FailureKind.RESULT_GONE:
            job.fresh_after = self.tick
        job.state, job.error, job.failure, job.behind = JobState.QUEUED, None, None, None
        job.forgiven, job.upload_cuts, job.not_before, job.approved = job.attempts, 0, 0.0, True
        self._excuse(job)

    def dismiss(self, job: Work) -> None:
        """The owner lets an unknown job be."""
        if job.state is JobState.UNKNOWN:
            self._excuse(job)
            self.end(job, JobState.FAILED, Failure(FailureKind.DISMISSED, "dismissed by the owner"))

    def again(self, job: Work) -> bool:
        """Whether `reprocess` makes a new job of this one."""
        return job.state is JobState.DONE and not any(
            (other.folder, other.path, other.sha256) == (job.folder, job.path, job.sha256) and other.state in UNDER_WAY
            for other in self.jobs.values()
        )

    def reprocessed(self, job: Work, made: int) -> None:
        """It is under way again as a job of its own."""
        self.jobs[made] = Work(
            made, job.folder, job.path, job.sha256, job.parameters, job.profile, job.price, job.priority,
            fresh_after=self.tick, approved=True, asked=True,
        )  # fmt: skip

    # What is told

    def booked(self, job: Work) -> int:
        """Micro-dollars of a job: the sum of its calls."""
        return sum(one.booked for one in self.tries.values() if one.job == job.id)

    def spent(self, today: str) -> dict[str, int]:
        """Micro-dollars as `status` tells them."""
        tries = self.tries.values()
        return {
            "today": sum(one.booked for one in tries if one.day == today),
            "month": sum(one.booked for one in tries if (one.day or "").startswith(today[:7])),
            "total": sum(one.booked for one in tries),
            "in_doubt": sum(one.booked for one in tries if not one.ended or one.outcome in {"lost", "bad_answer"}),
        }

    def counts(self) -> dict[str, int]:
        """The seven counts."""
        counts = dict.fromkeys(("waiting", "queued", "sending", "received", "done", "failed", "unknown"), 0)
        counts["waiting"] = len(self.waiting)
        for job in self.jobs.values():
            counts[SHOWN.get(job.state, job.state.value)] += 1
        return counts
