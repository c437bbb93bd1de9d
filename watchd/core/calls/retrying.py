"""An outcome and its history: again at a later time, failed, unknown, or a gate that closes for all.

Pure: chance comes in as `jitter` (0..1), time as `now` (Unix seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Traffic, Trouble
from watchd.core.calls.streaks import DOUBT_STREAK, NETWORK_STREAK, REFUSAL_STREAK
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

    from watchd.core.calls.streaks import Streaks
    from watchd.model import Job

SERVER_BACKOFF_S = 2.0
NETWORK_BACKOFF_S = 2.0
SERVICE_PROBE_S = 5.0
DOUBT_PROBE_S = 60.0
LONGEST_DOUBT_PROBE_S = 1800.0
"""After doubts a probe may cost, so the first comes later, and further ones ever more rarely."""
KEY_PROBE_S = 60.0
LONGEST_KEY_PROBE_S = 900.0
LONGEST_BACKOFF_S = 300.0
LONGEST_ANSWERED_BACKOFF_S = 30.0
"""A service that answers is tried more often than one that does not, so that soon after its trouble all goes on."""
LONGEST_ASKED_S = 3600.0
"""No `Retry-After` is believed beyond this."""
TROUBLE_OF_ITS_OWN_S = 3600.0
"""What the service could not do with a file for so long is held against the file, though no other has passed."""
SIT_OUT_S = 1.0
"""A file whose probe failed leaves the next one to others for so long: it may be the only one with trouble."""
RATE_BACKOFF_S = 5.0
BAN_WAIT_S = 30.0
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
    """What surrounds a call: the streaks with it, the gates closed now, and whether it was made to try them.

    `key`: the fingerprint of the key that it was made with; `key_has_worked`: it has brought a picture before.
    `scale`: what it asked for. `in_flight`: calls under way, this one among them; `workers`: the most there can be.
    `others_passed`: pictures came since its file first met 500, 502 or 503; `lasts`: that is an hour ago.
    """

    policy: Policy
    streaks: Streaks
    gates: Mapping[GateReason, Gate]
    probe: bool
    now: Steady
    jitter: float
    key: str = ""
    key_has_worked: bool = False
    scale: float = 0.0
    in_flight: int = 1
    workers: int = 1
    others_passed: bool = True
    lasts: bool = False


def conclude(trouble: Trouble, job: Job, context: CallContext) -> Conclusion:
    """What follows from a call that brought no picture."""
    match trouble:
        case Answered(answer, traffic):
            return _answered(answer, traffic, job, context)
        case NotSent():
            return _not_sent(trouble, job, context)
        case Lost(reason, traffic, status, ours):
            ended = lost(job, Outcome.LOST, reason, traffic, policy=context.policy, status=status)
            return ended if ours else _doubted(ended, context)
        case BadAnswer(reason, traffic):
            return _doubted(lost(job, Outcome.BAD_ANSWER, reason, traffic, policy=context.policy, status=200), context)
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


def _doubted(ended: Conclusion, context: CallContext) -> Conclusion:
    """Close the door where one answer after the other is lost or bad: each of them may have been paid for."""
    doubts = len(context.streaks.doubtful)
    if GateReason.SERVICE not in context.gates and doubts < max(DOUBT_STREAK, context.workers):
        return ended
    detail = f"the answers to {doubts} files in a row were lost or wrong, and may have been charged"
    pace = _Pace(DOUBT_PROBE_S, LONGEST_DOUBT_PROBE_S)
    return _sitting_out(replace(ended, gate=_probed(context, GateReason.SERVICE, detail, pace)), context)


def _answered(answer: endpoint.Answer, traffic: Traffic, job: Job, context: CallContext) -> Conclusion:
    words = f"the service answered {answer.status}: {answer.message}"
    outcome = endpoint.meaning(answer)
    match outcome:
        case Outcome.BALANCE:
            detail = f"{endpoint.balance_meaning(answer.message)} (402: {answer.message})"
            probe = context.policy.balance_probe
            gate = _probed(context, GateReason.BALANCE, detail, _Pace(probe.first, probe.longest))
        case Outcome.KEY:
            gate = _key_refused(context, f"the service refuses the key ({answer.status}: {answer.message})")
        case Outcome.RATE:
            gate = _rate(answer, context)
        case Outcome.SERVER:
            return _server(words, answer, traffic, job, context)
        case Outcome.LOST:
            ended = lost(job, Outcome.LOST, words, traffic, policy=context.policy, status=answer.status)
            return _doubted(ended, context)
        case _:
            return _refused(words, answer.status, traffic, context)
    return Conclusion(outcome, JobState.QUEUED, words, traffic, answer.status, gate=gate, balance=answer)


def _refused(words: str, status: int, traffic: Traffic, context: CallContext) -> Conclusion:
    gate = None
    words += endpoint.of_another_dialect(status, context.scale)
    if not endpoint.names_the_file(status) and context.streaks.refusal >= REFUSAL_STREAK:
        gate = service_gate(context, f"{context.streaks.refusal} files in a row were refused with {status}")
    return Conclusion(Outcome.REFUSED, JobState.FAILED, words, traffic, status, counts=True, gate=gate)


def _server(words: str, answer: endpoint.Answer, traffic: Traffic, job: Job, context: CallContext) -> Conclusion:
    """500, 502, 503, or what a firewall in between says: a trouble of all is no file's."""
    back = Conclusion(Outcome.SERVER, JobState.QUEUED, words, traffic, answer.status)
    is_the_files = context.lasts or (context.others_passed and GateReason.SERVICE not in context.gates)
    if is_the_files and job.tries + 1 >= context.policy.max_attempts:
        error = f"{words}; given up after {job.tries + 1} attempts"
        return replace(back, state=JobState.FAILED, error=error, counts=True)
    asked = min(answer.retry_after or 0.0, LONGEST_ASKED_S)
    is_of_all = endpoint.is_firewalls(answer) or context.streaks.is_trouble_of_all(context.in_flight)
    if GateReason.SERVICE in context.gates or is_of_all:
        detail = f"several files in a row met trouble of the service's own ({words})"
        if endpoint.is_firewalls(answer):
            detail = f"something between here and the service refuses calls ({words})"
        gate = service_gate(context, detail, LONGEST_ANSWERED_BACKOFF_S, asked)
        return _sitting_out(replace(back, gate=gate), context)
    wait = asked or backoff(SERVER_BACKOFF_S, job.tries, context.jitter)
    return replace(back, not_before=after(context.now, wait), counts=True)


def _sitting_out(ended: Conclusion, context: CallContext) -> Conclusion:
    """Let another file be the next probe, where there is one."""
    gate = ended.gate
    if not context.probe or gate is None or gate.retry_at is None or ended.state is not JobState.QUEUED:
        return ended
    return replace(ended, not_before=after(gate.retry_at, SIT_OUT_S))


def _not_sent(trouble: NotSent, job: Job, context: CallContext) -> Conclusion:
    error = f"not sent: {trouble.reason}"
    if trouble.ours:
        return Conclusion(Outcome.NETWORK, JobState.QUEUED, error, trouble.traffic)
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


@dataclass(frozen=True, slots=True)
class _Pace:
    """How probes of a gate follow each other, in seconds: the first, doubling to the longest; `asked` at the least."""

    first: float
    longest: float
    asked: float = 0.0


def service_gate(context: CallContext, detail: str, longest: float = LONGEST_BACKOFF_S, asked: float = 0.0) -> Gate:
    """The gate `service`; a failed probe puts the next one twice as far away."""
    return _probed(context, GateReason.SERVICE, detail, _Pace(SERVICE_PROBE_S, longest, asked))


def refused_probe(gate: Gate, context: CallContext, longest: float) -> Gate:
    """The gate after its free query said no: the next probe twice as far away."""
    return _probed(context, gate.reason, gate.detail, _Pace(gate.interval, longest))


def _probed(context: CallContext, reason: GateReason, detail: str, pace: _Pace) -> Gate:
    """A gate that probes open. Calls that were in flight when it closed find it closed, and change nothing."""
    before = context.gates.get(reason)
    if before is None:
        first = max(pace.first, pace.asked)
        return Gate(reason, context.now, detail, after(context.now, first), pace.first)
    if not context.probe or before.retry_at is None:
        return before
    interval = min(max(before.interval * 2, pace.first), pace.longest)
    until = after(context.now, max(interval, pace.asked))
    return replace(before, detail=detail, retry_at=until, interval=interval)


def _key_refused(context: CallContext, detail: str) -> Gate:
    """One that has worked is tried again by itself; else only the operator, or another key, opens the gate."""
    if context.key_has_worked:
        gate = _probed(context, GateReason.KEY, detail, _Pace(KEY_PROBE_S, LONGEST_KEY_PROBE_S))
        return replace(gate, mark=context.key)
    return context.gates.get(GateReason.KEY) or Gate(GateReason.KEY, context.now, detail, mark=context.key)


def _rate(answer: endpoint.Answer, context: CallContext) -> Gate:
    """Closed for as long as the service asks, else a growing backoff with jitter; a ban on the key is waited out."""
    wait = answer.retry_after
    if wait is None:
        wait = RATE_BACKOFF_S / 2 + backoff(
            RATE_BACKOFF_S, context.streaks.rate, context.jitter, LONGEST_ANSWERED_BACKOFF_S
        )
    if endpoint.is_key_ban(answer.message):
        wait = max(wait, BAN_WAIT_S)
    wait = min(max(wait, 0.1), LONGEST_ASKED_S)
    before = context.gates.get(GateReason.RATE)
    since = before.since if before else context.now
    until = max(after(context.now, wait), (before.retry_at or AT_ONCE) if before else AT_ONCE)
    return Gate(
        GateReason.RATE, since, f"the service asks for fewer calls (429: {answer.message})", until, until - context.now
    )


def backoff(base: float, tries: int, jitter: float, longest: float = LONGEST_BACKOFF_S) -> float:
    """Seconds to wait, with full jitter: anywhere up to base * 2^tries, at most `longest`."""
    return jitter * min(longest, base * 2.0 ** min(tries, 20))
