"""One gate before all workers: whether a call may be made now, as the one probe, or not yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchd.model import Gate, GateReason, Steady, after

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBED = frozenset({GateReason.BALANCE, GateReason.SERVICE, GateReason.KEY})
"""Gates that one call tries when their time has come; it opens them by succeeding. `rate` opens by time alone.

`key` has a time only where that key has worked before."""


@dataclass(frozen=True, slots=True)
class Open:
    """Calls may be made."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One call may be made, to try this gate; everyone else holds."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Hold:
    """No call. `until`: Unix seconds; None: only the operator opens it."""

    gate: Gate
    until: Steady | None


def decide(gates: Iterable[Gate], now: Steady) -> Open | Probe | Hold:
    """Whether a call may be made. One call tries all that is probed, as soon as the time of any of them has come."""
    closed = [gate for gate in gates if not expired(gate, now)]
    if not closed:
        return Open()
    until: list[tuple[Steady, Gate]] = []
    for gate in closed:
        if gate.retry_at is None:
            return Hold(gate, None)
        until.append((gate.retry_at, gate))
    probed = [(at, gate) for at, gate in until if gate.reason in PROBED]
    first = min(probed, key=_when, default=None)
    moments = [(at, gate) for at, gate in until if gate.reason not in PROBED]
    moments += [] if first is None else [first]
    at, last = max(moments, key=_when)
    return Hold(last, at) if at > now else Probe(first[1] if first is not None else last)


def _when(moment: tuple[Steady, Gate]) -> Steady:
    return moment[0]


def expired(gate: Gate, now: Steady) -> bool:
    """Whether a gate opens by time alone and its time has come."""
    return gate.reason not in PROBED and gate.retry_at is not None and gate.retry_at <= now


def foremost(gates: Iterable[Gate]) -> Gate | None:
    """The gate to tell about, where several are closed: the order of `GateReason`."""
    order = list(GateReason)
    return min(gates, key=lambda gate: order.index(gate.reason), default=None)


def probing(gate: Gate, now: Steady, first: float) -> Gate:
    """The gate while its probe is under way: the next is due an interval later, whatever becomes of this one.

    Written before the probe is made, so that a restart in its midst does not make another.
    """
    return replace(gate, retry_at=after(now, gate.interval or first))
