"""The ledger in SQLite as the house knows it: one connection that writes, behind one lock, in five rooms.

Below SQLite 3.51.3 a rare corruption of the WAL needs two connections that write or checkpoint, so nobody else ever
does: commands reach a running daemon through its control socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.admissions import Admissions
from watchd.adapters.ledgers.sqlite.call_points import Calls
from watchd.adapters.ledgers.sqlite.claims import Claims
from watchd.adapters.ledgers.sqlite.gate_rows import Gates
from watchd.adapters.ledgers.sqlite.operations import Operations

if TYPE_CHECKING:
    from pathlib import Path

    from watchd.interfaces import Clock

LONGEST_WAIT = 3600.0
"""Seconds: no job is ever told to wait longer, so a deadline further ahead comes from a clock that was wrong."""


class SqliteLedger(Admissions, Claims, Calls, Gates, Operations):
    """Implements `interfaces.Ledger`. The caller holds the daemon's lock on the folder of `path`."""

    def __init__(self, path: Path, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        super().__init__(path, clock, owner=owner, lease=lease)
        self._bound_deadlines()

    def _bound_deadlines(self) -> None:
        self.attempt(lambda: self.run("settle_limit", latest=self.clock.steady() + LONGEST_WAIT))
