"""The ledger's side of the gate: what is closed, and how much waits behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.model import Backlog, Gate, GateReason

if TYPE_CHECKING:
    from collections.abc import Sequence


class Gates(Transactions):
    """Gates outlive the process, so that a restart is no burst."""

    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        rows = self.rows("gates")
        gates = [Gate(GateReason(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in rows]
        return {gate.reason: gate for gate in gates}

    @transaction
    def close_gate(self, gate: Gate) -> None:
        """Close, or change the time or the words of what is closed."""
        self.shut(gate)

    @transaction
    def open_gate(self, reason: GateReason) -> None:
        """Open."""
        self.run("open_gate", reason=reason)

    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        now = self.clock.wall()
        return [max(0.0, now - row["started_at"]) for row in self.rows("recent_calls", since=now - seconds)]

    def backlog(self) -> Backlog:
        """Calls that are queued and not let go by the owner yet."""
        row = self.rows("backlog")[0]
        return Backlog(int(row["files"]), int(row["cost"]))
