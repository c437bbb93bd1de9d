"""Closing and opening: the steps that several transitions of the call state are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchd.core.calls import gating
from watchd.core.calls import state as events
from watchd.core.calls.state import CallState, Step, Wake
from watchd.model import after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.model import Gate, GateReason, Steady


def expired(state: CallState, now: Steady) -> Step:
    """Open what only time held closed."""
    due = [gate.reason for gate in state.gates.values() if gating.expired(gate, now)]
    return opened(state, due, "its time has passed")


def opened(state: CallState, reasons: Iterable[GateReason], why: str | None) -> Step:
    """Calls begin one at a time after any pause, not all at once."""
    meant = [reason for reason in reasons if reason in state.gates]
    if not meant:
        return Step(state)
    left = {reason: gate for reason, gate in state.gates.items() if reason not in meant}
    after_a_pause = replace(state, gates=left, limiter=state.limiter.after_a_pause())
    return Step(after_a_pause, effects=(*(events.Opened(reason, why) for reason in meant), Wake()))


def closed(state: CallState, gate: Gate, why: str | None) -> Step:
    """Close a gate, or take over what is new about one that is closed since longer."""
    before = state.gates.get(gate.reason)
    gate = gate if before is None else replace(gate, since=before.since)
    if gate == before:
        return Step(state)
    shut = replace(state, gates={**state.gates, gate.reason: gate})
    return Step(shut, effects=(events.Shut(gate, before, why), Wake()))


def put_off(state: CallState, gate: Gate) -> Step:
    """Another time for a gate that is closed; nobody needs to hear of it."""
    before = state.gates.get(gate.reason)
    return Step(replace(state, gates={**state.gates, gate.reason: gate}), effects=(events.Shut(gate, before, None),))


def then(first: Step, further: Callable[[CallState], Step]) -> Step:
    """One transition after another, taken as one."""
    second = further(first.state)
    return Step(second.state, second.verdict, (*first.effects, *second.effects))


def held(state: CallState, now: Steady, folder: str, reason: str, seconds: float) -> Step:
    """One folder makes no calls for a while; it is told where it made some until now."""
    before = state.holds.get(folder)
    holds = {name: hold for name, hold in state.holds.items() if hold.until > now}
    holds[folder] = events.FolderHold(reason, after(now, seconds))
    waits = () if before is not None and before.until > now else (events.FolderWaits(folder, reason),)
    return Step(replace(state, holds=holds), effects=waits)
