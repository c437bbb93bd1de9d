"""The ledger's role for the gate: what is closed outlives the process, so that a restart is no burst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.core.calls.state import GateChange
    from watchd.model import Backlog, Gate, GateReason


class GateBook(Protocol):
    """One door: whatever closes or opens a gate comes through the gate's keeper, and is written here."""

    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        ...

    def keys_that_worked(self) -> frozenset[str]:
        """Fingerprints of keys that have brought a picture."""
        ...

    def write_gates(self, changes: Sequence[GateChange]) -> None:
        """What was closed, put off or opened, in that order, and which keys have worked."""
        ...

    def backlog(self) -> Backlog:
        """Calls that are queued and not let go by the owner yet."""
        ...
