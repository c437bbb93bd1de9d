"""The transitions of the call state: `step(state, event)` answers the new state, a verdict, and what has to be done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from watchd.core import money
from watchd.core.calls import calling, closing, gating, retrying
from watchd.core.calls import state as events
from watchd.core.calls.gating import Probe
from watchd.core.calls.retrying import CallContext
from watchd.core.calls.standing import decision
from watchd.core.calls.state import CallState, Step, Wake
from watchd.core.calls.streaks import Streaks
from watchd.model import Gate, GateReason, Steady, after

if TYPE_CHECKING:
    from watchd.core.calls.state import Event

RESUMED = frozenset({
    GateReason.PAUSED, GateReason.KEY, GateReason.BUDGET, GateReason.BALANCE, GateReason.SERVICE, GateReason.DISK,
    GateReason.RATE,
})  # fmt: skip
"""What `resume` tries again; a backlog is let go by `approve` alone."""


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
            return _probe_returned(state)
        case events.Entering():
            return calling.entering(state, event)
        case events.PictureCame():
            return calling.picture_came(state, event)
        case events.CallFailed():
            return calling.call_failed(state, event)
        case events.NotBegun(permit):
            return Step(calling.out(state, permit))
        case events.OverBudget():
            return calling.over_budget(state, event)
        case events.GateClosed(gate):
            return closing.closed(state, gate, gate.detail)
        case events.FolderHeld(now, folder, reason, seconds):
            return closing.held(state, now, folder, reason, seconds)
        case events.BacklogCounted():
            return _backlog_counted(state, event)
        case events.KeySeen(fingerprint):
            return _key_seen(state, fingerprint)
        case events.OwnerPaused(now):
            return _owner_paused(state, now)
        case events.OwnerResumed(now):
            return _owner_resumed(state, now)
        case events.OwnerApproved(now):
            return closing.opened(replace(state, approved_at=now), (GateReason.APPROVAL,), None)
        case events.OwnerSpoke():
            tried_at_once = replace(state, limiter=replace(state.limiter, told=None), holds={})
            return Step(tried_at_once, effects=(Wake(),))
        case events.Configured():
            return _configured(state, event)
        case events.WallJumped(seconds):
            return _wall_jumped(state, seconds)
        case events.Stopped():
            return Step(replace(state, stopping=True))
        case _:
            assert_never(event)


def _looked(state: CallState, now: Steady) -> Step:
    return closing.then(closing.expired(state, now), lambda state: Step(state, decision(state, now)))


# Probes


def _probe_taken(state: CallState, now: Steady) -> Step:
    def take(state: CallState) -> Step:
        decided = decision(state, now)
        if not isinstance(decided, Probe):
            return Step(state)
        # Written before the probe is made: a restart in its midst does not make another at once.
        gate = gating.probing(decided.gate, now, state.policy.balance_probe.first)
        out = closing.put_off(replace(state, probing=decided.gate, probe_called=False), gate)
        return replace(out, verdict=gate)

    return closing.then(closing.expired(state, now), take)


def _probe_denied(state: CallState, now: Steady) -> Step:
    """Nothing to spend: what else was to be tried by this call waits for its next time."""
    gate, tried = state.gates.get(GateReason.BALANCE), state.probing
    back = replace(state, probing=None)
    is_due = gate is not None and gate.retry_at is not None and gate.retry_at <= now
    if gate is None or tried is None or not (tried.reason is GateReason.BALANCE or is_due):
        return Step(back)
    context = CallContext(state.policy, state.streaks, state.gates, probe=True, now=now, jitter=0.5)
    longer = retrying.refused_probe(gate, context, state.policy.balance_probe.longest)
    return closing.closed(back, longer, "the balance query, free of charge, says that there is nothing to spend yet")


def _probe_returned(state: CallState) -> Step:
    tried = state.probing
    gate = None if tried is None else state.gates.get(tried.reason)
    back = replace(state, probing=None)
    if tried is None or gate is None or state.probe_called:
        return Step(back)
    return closing.put_off(back, replace(gate, retry_at=tried.retry_at))


# Folders, the backlog, the key


def _backlog_counted(state: CallState, event: events.BacklogCounted) -> Step:
    if event.began <= state.approved_at:
        return Step(state)  # what was let go since is in this count; whoever let it go counts anew
    files, cost = event.backlog.files, event.backlog.cost
    if money.passes(state.policy.approval, files, cost):
        gate = Gate(GateReason.APPROVAL, event.began, money.of_backlog(files, cost))
        return closing.closed(state, gate, gate.detail)
    return closing.opened(state, (GateReason.APPROVAL,), "the backlog is within `approval` now")


def _key_seen(state: CallState, fingerprint: str) -> Step:
    gate = state.gates.get(GateReason.KEY)
    if gate is None or not gate.mark or gate.mark == fingerprint:
        return Step(state)
    return closing.opened(state, (GateReason.KEY,), "the key has changed")


# The owner, and the configuration


def _owner_paused(state: CallState, now: Steady) -> Step:
    if GateReason.PAUSED in state.gates:
        return Step(state)
    return closing.closed(state, Gate(GateReason.PAUSED, now, "the owner said `pause`"), None)


def _owner_resumed(state: CallState, now: Steady) -> Step:
    """Open what opens by asking; what is tried by a probe is tried at once, and by one call alone."""
    meant = [reason for reason in state.gates if reason in RESUMED]
    probed = [reason for reason in meant if reason in gating.PROBED and reason is not GateReason.KEY]
    first = closing.opened(state, [reason for reason in meant if reason not in probed], None)
    for reason in probed:
        due = replace(state.gates[reason], retry_at=now)
        first = closing.then(first, partial(closing.put_off, gate=due))
    return replace(first, verdict=tuple(meant), effects=(*first.effects, Wake()))


def _wall_jumped(state: CallState, seconds: float) -> Step:
    """Budgets begin anew with a day of the host's own clock: their gate, and the folders that wait for theirs."""
    holds = {name: replace(hold, until=after(hold.until, -seconds)) for name, hold in state.holds.items()}
    moved, gate = replace(state, holds=holds), state.gates.get(GateReason.BUDGET)
    if gate is None or gate.retry_at is None:
        return Step(moved, effects=(Wake(),))
    sooner = closing.put_off(moved, replace(gate, retry_at=after(gate.retry_at, -seconds)))
    return replace(sooner, effects=(*sooner.effects, Wake()))


def _configured(state: CallState, event: events.Configured) -> Step:
    """What was learnt of the service stays learnt; places and pace are the new ones."""
    limiter = replace(state.limiter, workers=event.workers, per_minute=event.per_minute)
    if limiter.window is not None and limiter.window >= event.workers:
        limiter = replace(limiter, window=None)
    begun = replace(state, policy=event.policy, limiter=limiter, probing=None, probe_called=False, stopping=False)
    return Step(replace(begun, holds={}, streaks=Streaks()))
