"""What is closed, held and due at one moment: questions to the call state that change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.core.calls import gating
from watchd.core.calls.gating import Hold, Open, Probe

if TYPE_CHECKING:
    from watchd.core.calls.state import CallState, FolderHold
    from watchd.model import Gate, GateReason, Steady


def decision(state: CallState, now: Steady) -> Open | Probe | Hold:
    """Whether a call may be made; a probe under way holds the others."""
    decided = gating.decide(state.gates.values(), now)
    if isinstance(decided, Probe) and state.probing is not None:
        return Hold(decided.gate, None)
    return decided


def is_probe_due(state: CallState, now: Steady) -> bool:
    """Whether a closed gate is being tried, or may be tried now."""
    return state.probing is not None or isinstance(decision(state, now), Probe)


def next_change(state: CallState, now: Steady, since: Steady) -> Steady | None:
    """Steady time at which a closed gate may open or be probed, or a folder that waits goes on; None: by no time.

    `since`: when whoever asks looked. What was due by then was found to be of no use, and is left to others.
    """
    decided = gating.decide(state.gates.values(), now)
    moments = [hold.until for hold in state.holds.values() if hold.until > now]
    if isinstance(decided, Hold):
        moments += [] if decided.until is None else [decided.until]
    elif state.probing is None and any(_came_due(gate, since, now) for gate in state.gates.values()):
        moments.append(now)
    return min(moments, default=None)


def _came_due(gate: Gate, since: Steady, now: Steady) -> bool:
    return gate.retry_at is not None and since < gate.retry_at <= now


def closed_now(state: CallState, now: Steady) -> dict[GateReason, Gate]:
    """What is closed, less what only time has held until now."""
    return {reason: gate for reason, gate in state.gates.items() if not gating.expired(gate, now)}


def held_now(state: CallState, now: Steady) -> dict[str, FolderHold]:
    """Folders that wait by themselves."""
    return {name: hold for name, hold in state.holds.items() if hold.until > now}


def retry_wait(state: CallState, now: Steady) -> float:
    """Seconds until one more job that was tried before may be tried again; 0: now."""
    return state.limiter.retry_budget.wait_for_one(now)
