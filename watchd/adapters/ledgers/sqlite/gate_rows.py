"""The ledger's side of the gate: what is closed, and how much waits behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.model import Backlog, Gate, GateReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.core.calls.state import GateChange


class GateRows(Transactions):
    """Implements `interfaces.GateBook`. Gates outlive the process, so that a restart is no burst."""

    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        gates = [Gate(GateReason(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in self.rows("gates")]
        return {gate.reason: gate for gate in gates}

    def keys_that_worked(self) -> frozenset[str]:
        """Fingerprints of keys that have brought a picture."""
        return frozenset(row["fingerprint"] for row in self.rows("keys_that_worked"))

    @transaction
    def write_gates(self, changes: Sequence[GateChange]) -> None:
        """What was closed, put off or opened, in that order."""
        self.change_gates(changes)

    def backlog(self) -> Backlog:
        """Calls that are queued and not let go by the owner yet."""
        row = self.rows("backlog")[0]
        return Backlog(int(row["files"]), int(row["cost"]))
