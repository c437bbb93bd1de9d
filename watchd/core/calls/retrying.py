"""An outcome and its history: again at a later time, failed, unknown, or a gate that closes for all.

Pure: chance comes in as `jitter` (0..1), time as `now` (Unix seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Traffic, Trouble
from watchd.core.request import endpoint
from watchd.model import (
    AT_ONCE,
    Approval,
    BalanceProbe,
    FailureKind,
    Gate,
    GateReason,
    JobState,
    Outcome,
    Steady,
    after,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.model import Job

SERVER_BACKOFF_S = 2.0
NETWORK_BACKOFF_S = 2.0
SERVICE_PROBE_S = 5.0
LONGEST_BACKOFF_S = 300.0
LONGEST_ANSWERED_BACKOFF_S = 30.0
"""A service that answers is tried more often than one that does not, so that soon after its trouble all goes on."""
LONGEST_RATE_WAIT_S = 3600.0
RATE_BACKOFF_S = 5.0
BAN_WAIT_S = 30.0
SERVER_STREAK = 5
REFUSAL_STREAK = 3
NETWORK_STREAK = 3
MAX_UPLOAD_CUTS = 5
PUBLISH_AGAIN_S = 3600.0
"""Until a paid answer is tried again whose publishing met a fault of our own."""
LONGEST_JOB_WAIT_S = 3600.0
"""No job is ever told to wait longer, so a deadline further ahead comes from a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The owner's rules for what is tried again."""

    max_attempts: int = 5
    resend_lost: int = 0
    balance_probe: BalanceProbe = field(default_factory=BalanceProbe)
    approval: Approval = field(default_factory=Approval)


@dataclass(frozen=True, slots=True)
class Streaks:
    """How many different jobs in a row, over all workers, met the same trouble without one success between."""

    server_jobs: frozenset[int] = frozenset()
    refusal: int = 0
    network: int = 0
    rate: int = 0

    @property
    def server(self) -> int:
        """Different jobs that met 500, 502 or 503."""
        return len(self.server_jobs)

    def after(self, job_id: int, trouble: Trouble) -> Streaks:
        """With one more trouble counted; a refusal that names its file is none of the service's."""
        match trouble:
            case NotSent():
                return replace(self, network=self.network + 1)
            case Answered(answer):
                return self._answered(job_id, answer.status)
            case _:
                return replace(self, network=0)

    def _answered(self, job_id: int, status: int) -> Streaks:
        reached = replace(self, network=0)
        match endpoint.meaning(status):
            case Outcome.SERVER:
                return replace(reached, server_jobs=self.server_jobs | {job_id})
            case Outcome.RATE:
                return replace(reached, rate=self.rate + 1)
            case Outcome.REFUSED if not endpoint.names_the_file(status):
                return replace(reached, refusal=self.refusal + 1)
            case _:
                return reached


ENDS = {
    Outcome.REFUSED: FailureKind.REFUSED, Outcome.SERVER: FailureKind.SERVER, Outcome.NETWORK: FailureKind.UPLOAD_CUT,
    Outcome.LOST: FailureKind.LOST, Outcome.BAD_ANSWER: FailureKind.BAD_ANSWER,
}  # fmt: skip
"""What has ended a job whose last call ended so."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the ledger writes about a call that brought no picture, in one transaction.

    `counts`: the file answers for it (`jobs.attempts`). `unbook`: an answered error is not charged. `gate`: closes for
    all. `not_before`: Unix seconds, when the job may be claimed again.
    """

    outcome: Outcome
    state: JobState
    error: str
    traffic: Traffic
    status: int | None = None
    not_before: Steady = AT_ONCE
    counts: bool = False
    unbook: bool = True
    resend: bool = False
    upload_cut: bool = False
    gate: Gate | None = None
    balance: endpoint.Answer | None = None

    @property
    def failure(self) -> FailureKind | None:
        """What has ended the job; None: it is back in the queue."""
        return None if self.state is JobState.QUEUED else ENDS[self.outcome]


@dataclass(frozen=True, slots=True)
class CallContext:
    """What surrounds a call: the gates closed now, the streaks, and the gate that this call was the probe for."""

    policy: Policy
    streaks: Streaks
    gates: Mapping[GateReason, Gate]
    probe: GateReason | None
    now: Steady
    jitter: float
    key: str = ""
    """The fingerprint of the key that the call was made with."""
    scale: float = 0.0
    """What the call asked for."""


def conclude(trouble: Trouble, job: Job, context: CallContext) -> Conclusion:
    """What follows from a call that brought no picture."""
    match trouble:
        case Answered(answer, traffic):
            return _answered(answer, traffic, job, context)
        case NotSent():
            return _not_sent(trouble, job, context)
        case Lost(reason, traffic, status):
            return lost(job, Outcome.LOST, reason, traffic, policy=context.policy, status=status)
        case BadAnswer(reason, traffic):
            return lost(job, Outcome.BAD_ANSWER, reason, traffic, policy=context.policy, status=200)
        case _:
            assert_never(trouble)


def lost(
    job: Job, outcome: Outcome, reason: str, traffic: Traffic, *, policy: Policy, status: int | None = None
) -> Conclusion:
    """A call that was possibly charged: sent again on its own at most `resend_lost` times in the file's whole life."""
    if job.resends < policy.resend_lost:
        return Conclusion(
            outcome, JobState.QUEUED, f"{reason}; sent again as `resend_lost` allows", traffic, status=status,
            counts=True, unbook=False, resend=True,
        )  # fmt: skip
    return Conclusion(
        outcome, JobState.UNKNOWN, f"{reason}; possibly charged, so it is not sent again on its own", traffic,
        status=status, counts=True, unbook=False,
    )  # fmt: skip


def _answered(answer: endpoint.Answer, traffic: Traffic, job: Job, context: CallContext) -> Conclusion:
    words = f"the service answered {answer.status}: {answer.message}"
    outcome = endpoint.meaning(answer.status)
    match outcome:
        case Outcome.BALANCE:
            detail = f"{endpoint.balance_meaning(answer.message)} (402: {answer.message})"
            probe = context.policy.balance_probe
            gate = _probed(context, GateReason.BALANCE, detail, probe.first, probe.longest)
        case Outcome.KEY:
            gate = _closed(context, GateReason.KEY, f"the service refuses the key ({answer.status}: {answer.message})")
        case Outcome.RATE:
            gate = _rate(answer, context)
        case Outcome.SERVER:
            return _server(words, answer.status, traffic, job, context)
        case Outcome.LOST:
            return lost(job, Outcome.LOST, words, traffic, policy=context.policy, status=answer.status)
        case _:
            return _refused(words, answer.status, traffic, context)
    return Conclusion(outcome, JobState.QUEUED, words, traffic, answer.status, gate=gate, balance=answer)


def _refused(words: str, status: int, traffic: Traffic, context: CallContext) -> Conclusion:
    gate = None
    words += endpoint.of_another_dialect(status, context.scale)
    if not endpoint.names_the_file(status) and context.streaks.refusal >= REFUSAL_STREAK:
        gate = service_gate(context, f"{context.streaks.refusal} files in a row were refused with {status}")
    return Conclusion(Outcome.REFUSED, JobState.FAILED, words, traffic, status, counts=True, gate=gate)


def _server(words: str, status: int, traffic: Traffic, job: Job, context: CallContext) -> Conclusion:
    if GateReason.SERVICE in context.gates or context.streaks.server >= SERVER_STREAK:
        detail = f"several files in a row met trouble of the service's own ({words})"
        gate = service_gate(context, detail, LONGEST_ANSWERED_BACKOFF_S)
        return Conclusion(Outcome.SERVER, JobState.QUEUED, words, traffic, status, gate=gate)
    if job.tries + 1 >= context.policy.max_attempts:
        error = f"{words}; given up after {job.tries + 1} attempts"
        return Conclusion(Outcome.SERVER, JobState.FAILED, error, traffic, status, counts=True)
    wait = backoff(SERVER_BACKOFF_S, job.tries, context.jitter)
    return Conclusion(Outcome.SERVER, JobState.QUEUED, words, traffic, status, after(context.now, wait), counts=True)


def _not_sent(trouble: NotSent, job: Job, context: CallContext) -> Conclusion:
    error = f"not sent: {trouble.reason}"
    gate = None
    if GateReason.SERVICE in context.gates or context.streaks.network >= NETWORK_STREAK:
        gate = service_gate(context, f"the service cannot be reached ({trouble.reason})")
    elif trouble.uploading and job.upload_cuts + 1 >= MAX_UPLOAD_CUTS:
        error = f"cut {job.upload_cuts + 1} times while it was sent, while others passed: {trouble.reason}"
        return Conclusion(Outcome.NETWORK, JobState.FAILED, error, trouble.traffic, upload_cut=True)
    wait = backoff(NETWORK_BACKOFF_S, context.streaks.network, context.jitter)
    return Conclusion(
        Outcome.NETWORK, JobState.QUEUED, error, trouble.traffic,
        not_before=AT_ONCE if gate else after(context.now, wait),
        upload_cut=trouble.uploading and gate is None, gate=gate,
    )  # fmt: skip


def service_gate(context: CallContext, detail: str, longest: float = LONGEST_BACKOFF_S) -> Gate:
    """The gate `service`; a failed probe puts the next one twice as far away."""
    return _probed(context, GateReason.SERVICE, detail, SERVICE_PROBE_S, longest)


def refused_probe(gate: Gate, context: CallContext, longest: float) -> Gate:
    """The gate after its free query said no: the next probe twice as far away."""
    return _probed(context, gate.reason, gate.detail, gate.interval, longest)


def _probed(context: CallContext, reason: GateReason, detail: str, first: float, longest: float) -> Gate:
    """A gate that probes open. Calls that were in flight when it closed find it closed, and change nothing."""
    before = context.gates.get(reason)
    if before is None:
        return Gate(reason, context.now, detail, after(context.now, first), first)
    if context.probe is not reason:
        return before
    interval = min(before.interval * 2, longest)
    return replace(before, detail=detail, retry_at=after(context.now, interval), interval=interval)


def _closed(context: CallContext, reason: GateReason, detail: str) -> Gate:
    """A gate that only the operator opens."""
    return context.gates.get(reason) or Gate(reason, context.now, detail, mark=context.key)


def _rate(answer: endpoint.Answer, context: CallContext) -> Gate:
    """Closed for as long as the service asks, else a growing backoff with jitter; a ban on the key is waited out."""
    wait = answer.retry_after
    if wait is None:
        wait = RATE_BACKOFF_S / 2 + backoff(
            RATE_BACKOFF_S, context.streaks.rate, context.jitter, LONGEST_ANSWERED_BACKOFF_S
        )
    if endpoint.is_key_ban(answer.message):
        wait = max(wait, BAN_WAIT_S)
    wait = min(max(wait, 0.1), LONGEST_RATE_WAIT_S)
    before = context.gates.get(GateReason.RATE)
    since = before.since if before else context.now
    until = max(after(context.now, wait), (before.retry_at or AT_ONCE) if before else AT_ONCE)
    return Gate(
        GateReason.RATE, since, f"the service asks for fewer calls (429: {answer.message})", until, until - context.now
    )


def backoff(base: float, tries: int, jitter: float, longest: float = LONGEST_BACKOFF_S) -> float:
    """Seconds to wait, with full jitter: anywhere up to base * 2^tries, at most `longest`."""
    return jitter * min(longest, base * 2.0 ** min(tries, 20))
