"""Which gates are closed: as the ledger has them, told in the log whenever one closes, stays or opens."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchd.core.calls import gating
from watchd.model import Gate, GateReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from watchd.interfaces import Clock, Ledger

logger = logging.getLogger(__name__)


class ClosedGates:
    """The gates that are closed. Its owner holds a lock around every call of it."""

    def __init__(self, ledger: Ledger, clock: Clock, changed: Callable[[], None], opened: Callable[[], None]) -> None:
        """Gates left from before a restart hold as they did. `changed` hears of every change, `opened` of openings."""
        self._ledger = ledger
        self._clock = clock
        self._changed = changed
        self._opened = opened
        self._gates = self._read()

    def _read(self) -> dict[GateReason, Gate]:
        return {reason: self._bounded(gate) for reason, gate in self._ledger.gates().items()}

    def _bounded(self, gate: Gate) -> Gate:
        """A deadline from a clock that was wrong then or is wrong now never holds longer than its interval."""
        if gate.retry_at is None:
            return gate
        return replace(gate, retry_at=min(gate.retry_at, self._clock.steady() + gate.interval))

    def all(self) -> Mapping[GateReason, Gate]:
        """By reason."""
        return dict(self._gates)

    def get(self, reason: GateReason | None) -> Gate | None:
        """The gate that is closed for this reason."""
        return None if reason is None else self._gates.get(reason)

    def values(self) -> Iterable[Gate]:
        """Every one of them."""
        return self._gates.values()

    def is_due(self) -> bool:
        """Whether the time of any has come."""
        now = self._clock.steady()
        return any(gate.retry_at is not None and gate.retry_at <= now for gate in self._gates.values())

    def expire(self) -> None:
        """Open those that only time held closed."""
        now = self._clock.steady()
        for gate in [gate for gate in self._gates.values() if gating.expired(gate, now)]:
            self.open(gate.reason, "its time has passed")

    def put_off(self, gate: Gate) -> None:
        """Another time for a gate that is closed; nobody needs to hear of it."""
        self._gates[gate.reason] = gate
        self._ledger.close_gate(gate)

    def close(self, gate: Gate, why: str) -> None:
        """Close it, or take over what is new about it."""
        before = self._gates.get(gate.reason)
        if gate == before:
            return
        self.put_off(gate)
        when = _when(gate)
        if before is None:
            logger.warning(
                "No calls: gate %s closed, %s. Files wait and lose no attempt; %s.", gate.reason, gate.detail, when,
                extra={"action": "gate_closed", "gate": gate.reason.value},
            )  # fmt: skip
        elif gate.retry_at != before.retry_at:
            logger.info("Gate %s stays closed: %s; %s", gate.reason, why, when, extra={"action": "gate_closed"})
        self._changed()

    def open(self, reason: GateReason, why: str) -> None:
        """Open it."""
        del self._gates[reason]
        self._ledger.open_gate(reason)
        self._opened()
        level = logging.DEBUG if reason is GateReason.RATE else logging.INFO
        logger.log(level, "Gate %s open again: %s", reason, why, extra={"action": "gate_open", "gate": reason.value})
        self._changed()

    def read_again(self) -> None:
        """Take over what a command changed in the ledger."""
        before = self._gates.keys()
        self._gates = self._read()
        if before - self._gates.keys():
            self._opened()
        self._changed()

    def announce(self) -> None:
        """Say at the start what is closed from before: a daemon that does nothing has to tell why."""
        for gate in self._gates.values():
            logger.warning(
                "No calls: gate %s is closed since before this start, %s. Files wait and lose no attempt; %s.",
                gate.reason, gate.detail, _when(gate), extra={"action": "closed_at_start", "gate": gate.reason.value},
            )  # fmt: skip


def _when(gate: Gate) -> str:
    """When it is tried again, or what lets it go on."""
    if gate.retry_at is not None:
        return f"the next try is at {_clock_time(gate.retry_at)}"
    return "`watchd approve`" if gate.reason is GateReason.APPROVAL else "`watchd resume`"


def _clock_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%H:%M:%S")
