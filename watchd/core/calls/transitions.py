"""The transitions of the call state: `step(state, event)` answers the new state, a verdict, and what has to be done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from watchd.core import money
from watchd.core.calls import gating, retrying
from watchd.core.calls import state as events
from watchd.core.calls.gating import Open, Probe
from watchd.core.calls.outcomes import Answered
from watchd.core.calls.pacing import MINUTE_S, Limiter
from watchd.core.calls.retrying import CallContext, Streaks
from watchd.core.calls.standing import decision
from watchd.core.calls.state import CallState, Effect, Step, Wake
from watchd.core.request import endpoint
from watchd.model import Gate, GateReason, Outcome, Permit, Steady, after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.core.calls.outcomes import Quota
    from watchd.core.calls.state import Event

RESUMED = frozenset({
    GateReason.PAUSED, GateReason.KEY, GateReason.BUDGET, GateReason.BALANCE, GateReason.SERVICE, GateReason.DISK,
    GateReason.RATE,
})  # fmt: skip
"""What `resume` tries again; a backlog is let go by `approve` alone."""


NO_STREAKS = Streaks()


def step(state: CallState, event: Event) -> Step:  # noqa: C901, PLR0911, PLR0912 -- a table: one row for each event
    """The one way from a state to the next."""
    match event:
        case events.Looked(now):
            return _looked(state, now)
        case events.ProbeTaken(now):
            return _probe_taken(state, now)
        case events.ProbeDenied(now):
            return _probe_denied(state, now)
        case events.ProbeReturned():
            return _probe_returned(state, event)
        case events.Entering():
            return _entering(state, event)
        case events.PictureCame():
            return _picture_came(state, event)
        case events.CallFailed():
            return _call_failed(state, event)
        case events.NotBegun():
            return Step(_out(state))
        case events.OverBudget():
            return _over_budget(state, event)
        case events.GateClosed(gate):
            return _closed(state, gate, gate.detail)
        case events.FolderHeld(now, folder, reason, seconds):
            return _held(state, now, folder, reason, seconds)
        case events.BacklogCounted():
            return _backlog_counted(state, event)
        case events.KeySeen(fingerprint):
            return _key_seen(state, fingerprint)
        case events.OwnerPaused(now):
            return _owner_paused(state, now)
        case events.OwnerResumed(now):
            return _owner_resumed(state, now)
        case events.OwnerApproved(now):
            return _opened(replace(state, approved_at=now), (GateReason.APPROVAL,), None)
        case events.OwnerSpoke():
            tried_at_once = replace(state, limiter=replace(state.limiter, told=None), holds={})
            return Step(tried_at_once, effects=(Wake(),))
        case events.Configured():
            return _configured(state, event)
        case events.Stopped():
            return Step(replace(state, stopping=True))
        case _:
            assert_never(event)


# What is closed


def _expired(state: CallState, now: Steady) -> Step:
    """Open what only time held closed."""
    due = [gate.reason for gate in state.gates.values() if gating.expired(gate, now)]
    return _opened(state, due, "its time has passed")


def _opened(state: CallState, reasons: Iterable[GateReason], why: str | None) -> Step:
    """Calls begin one at a time after any pause, not all at once."""
    meant = [reason for reason in reasons if reason in state.gates]
    if not meant:
        return Step(state)
    left = {reason: gate for reason, gate in state.gates.items() if reason not in meant}
    opened = replace(state, gates=left, limiter=state.limiter.after_a_pause())
    return Step(opened, effects=(*(events.Opened(reason, why) for reason in meant), Wake()))


def _closed(state: CallState, gate: Gate, why: str | None) -> Step:
    """Close a gate, or take over what is new about one that is closed since longer."""
    before = state.gates.get(gate.reason)
    gate = gate if before is None else replace(gate, since=before.since)
    if gate == before:
        return Step(state)
    shut = replace(state, gates={**state.gates, gate.reason: gate})
    return Step(shut, effects=(events.Shut(gate, before, why), Wake()))


def _put_off(state: CallState, gate: Gate) -> Step:
    """Another time for a gate that is closed; nobody needs to hear of it."""
    before = state.gates.get(gate.reason)
    return Step(replace(state, gates={**state.gates, gate.reason: gate}), effects=(events.Shut(gate, before, None),))


def _then(first: Step, further: Callable[[CallState], Step]) -> Step:
    """One transition after another, taken as one."""
    second = further(first.state)
    return Step(second.state, second.verdict, (*first.effects, *second.effects))


def _looked(state: CallState, now: Steady) -> Step:
    return _then(_expired(state, now), lambda state: Step(state, decision(state, now)))


# Probes


def _probe_taken(state: CallState, now: Steady) -> Step:
    def take(state: CallState) -> Step:
        decided = decision(state, now)
        if not isinstance(decided, Probe):
            return Step(state)
        # Written before the probe is made: a restart in its midst does not make another at once.
        gate = gating.probing(decided.gate, now, state.policy.balance_probe.first)
        out = _put_off(replace(state, probing=gate.reason, probe_called=False), gate)
        return replace(out, verdict=gate)

    return _then(_expired(state, now), take)


def _probe_denied(state: CallState, now: Steady) -> Step:
    gate = None if state.probing is None else state.gates.get(state.probing)
    back = replace(state, probing=None)
    if gate is None:
        return Step(back)
    context = CallContext(state.policy, state.streaks, state.gates, gate.reason, now, 0.5)
    longer = retrying.refused_probe(gate, context, state.policy.balance_probe.longest)
    return _closed(back, longer, "the balance query, free of charge, says that there is nothing to spend yet")


def _probe_returned(state: CallState, event: events.ProbeReturned) -> Step:
    gate = None if state.probing is None else state.gates.get(state.probing)
    back = replace(state, probing=None)
    if event.had_job and not state.probe_called and gate is not None:
        return _put_off(back, replace(gate, retry_at=event.now))
    return Step(back)


# A call's way in and out


def _entering(state: CallState, event: events.Entering) -> Step:
    now = event.now

    def enter(state: CallState) -> Step:
        if state.stopping or not _may_go(state, now, probe=event.probe):
            return Step(state)
        paced = state.limiter.admit(now, state.in_flight, again=event.again, probe=event.probe)
        if not isinstance(paced, Limiter):
            return Step(state, paced)
        called = state.probe_called or event.probe
        entered = replace(state, limiter=paced, in_flight=state.in_flight + 1, probe_called=called)
        return Step(entered, Permit(now, event.again, event.probe))

    return _then(_expired(state, now), enter)


def _may_go(state: CallState, now: Steady, *, probe: bool) -> bool:
    """Whether nothing is closed; for the probe, nothing but what it is to try."""
    if not probe:
        return isinstance(decision(state, now), Open)
    others = [gate for gate in state.gates.values() if gate.reason not in gating.PROBED]
    return isinstance(gating.decide(others, now), Open)


def _out(state: CallState) -> CallState:
    return replace(state, in_flight=state.in_flight - 1)


def _picture_came(state: CallState, event: events.PictureCame) -> Step:
    """The streaks end, the limiter widens, and a probe opens what it was made for."""
    was_narrowed = state.limiter.is_narrowed()
    first = Step(state if state.streaks == NO_STREAKS else replace(state, streaks=NO_STREAKS))
    if event.permit.probe:
        first = _opened(first.state, sorted(gating.PROBED), "the probe succeeded")

    def widen(state: CallState) -> Step:
        wider = state.limiter.succeeded(event.now, again=event.permit.again)
        heard = _heard(replace(state, limiter=wider), event.quota, event.now)
        full = (events.FullPace(),) if was_narrowed and not heard.state.limiter.is_narrowed() else ()
        return Step(_out(heard.state), None, (*heard.effects, *full))

    return _then(first, widen)


def _call_failed(state: CallState, event: events.CallFailed) -> Step:
    """Learn from the trouble, then say what follows for the job, and close what it closes for all."""
    counted = replace(state, streaks=state.streaks.after(event.call.job.id, event.trouble))
    slowed = _then(_slowed(counted, event), lambda state: _heard(state, event.trouble.traffic.quota, event.now))

    def conclude(state: CallState) -> Step:
        call, probe = event.call, state.probing if event.permit.probe else None
        context = CallContext(
            state.policy, state.streaks, state.gates, probe, event.now, event.jitter, call.key, call.scale
        )
        conclusion = retrying.conclude(event.trouble, call.job, context)
        if call.part:
            conclusion = replace(conclusion, error=f"{call.part}: {conclusion.error}")
        out = _out(state)
        closed = Step(out) if conclusion.gate is None else _closed(out, conclusion.gate, conclusion.error)
        return replace(closed, verdict=conclusion)

    return _then(slowed, conclude)


def _slowed(state: CallState, event: events.CallFailed) -> Step:
    if not isinstance(event.trouble, Answered):
        return Step(state)
    status = event.trouble.answer.status
    limiter = state.limiter
    told: tuple[Effect, ...] = ()
    if endpoint.counts_against_the_key(status):
        limiter = limiter.refused(event.now)
    if endpoint.meaning(status) in {Outcome.RATE, Outcome.SERVER}:
        was_narrowed = limiter.is_narrowed()
        limiter = limiter.troubled(event.now, event.permit.began)
        told = () if was_narrowed else (events.Slowed(status, limiter.places(event.now)),)
    return Step(replace(state, limiter=limiter), effects=told)


def _heard(state: CallState, quota: Quota, now: Steady) -> Step:
    """Take over what the service says of its own limit; the call that brought it is no longer in flight."""
    limiter = state.limiter.heard(quota, now, max(0, state.in_flight - 1))
    used_up = quota.remaining == 0 and (quota.resets_in or 0) > MINUTE_S
    effects = (events.LimitUsedUp(quota.resets_in or 0.0),) if used_up else ()
    return Step(replace(state, limiter=limiter), effects=effects)


def _over_budget(state: CallState, event: events.OverBudget) -> Step:
    """Nobody calls until the period of the budget is over, or that folder alone does not."""
    out, detail = _out(state), money.of_budget(event.reached)
    folder = event.reached.limit.folder
    if folder is not None:
        return _held(out, event.now, folder, f"budget: {detail}", event.wait)
    return _closed(out, Gate(GateReason.BUDGET, event.now, detail, after(event.now, event.wait), event.wait), detail)


# Folders, the backlog, the key


def _held(state: CallState, now: Steady, folder: str, reason: str, seconds: float) -> Step:
    before = state.holds.get(folder)
    holds = {name: hold for name, hold in state.holds.items() if hold.until > now}
    holds[folder] = events.FolderHold(reason, after(now, seconds))
    waits = () if before is not None and before.until > now else (events.FolderWaits(folder, reason),)
    return Step(replace(state, holds=holds), effects=waits)


def _backlog_counted(state: CallState, event: events.BacklogCounted) -> Step:
    if event.began <= state.approved_at:
        return Step(state)  # what was let go since is in this count; whoever let it go counts anew
    files, cost = event.backlog.files, event.backlog.cost
    if money.passes(state.policy.approval, files, cost):
        gate = Gate(GateReason.APPROVAL, event.began, money.of_backlog(files, cost))
        return _closed(state, gate, gate.detail)
    return _opened(state, (GateReason.APPROVAL,), "the backlog is within `approval` now")


def _key_seen(state: CallState, fingerprint: str) -> Step:
    gate = state.gates.get(GateReason.KEY)
    if gate is None or not gate.mark or gate.mark == fingerprint:
        return Step(state)
    return _opened(state, (GateReason.KEY,), "the key has changed")


# The owner, and the configuration


def _owner_paused(state: CallState, now: Steady) -> Step:
    if GateReason.PAUSED in state.gates:
        return Step(state)
    return _closed(state, Gate(GateReason.PAUSED, now, "the owner said `pause`"), None)


def _owner_resumed(state: CallState, now: Steady) -> Step:
    """Open what opens by asking; what is tried by a probe is tried at once, and by one call alone."""
    meant = [reason for reason in state.gates if reason in RESUMED]
    probed = [reason for reason in meant if reason in gating.PROBED]
    first = _opened(state, [reason for reason in meant if reason not in probed], None)
    for reason in probed:
        due = replace(state.gates[reason], retry_at=now)
        first = _then(first, partial(_put_off, gate=due))
    return replace(first, verdict=tuple(meant), effects=(*first.effects, Wake()))


def _configured(state: CallState, event: events.Configured) -> Step:
    """What was learnt of the service stays learnt; places and pace are the new ones."""
    limiter = replace(state.limiter, workers=event.workers, per_minute=event.per_minute)
    if limiter.window is not None and limiter.window >= event.workers:
        limiter = replace(limiter, window=None)
    begun = replace(state, policy=event.policy, limiter=limiter, probing=None, probe_called=False, stopping=False)
    return Step(replace(begun, holds={}, streaks=Streaks()))
