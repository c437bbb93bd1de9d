"""The ledger in SQLite as the house knows it: one connection that writes, behind one lock, a room for each role.

Below SQLite 3.51.3 a rare corruption of the WAL needs two connections that write or checkpoint, so nobody else ever
does: commands reach a running daemon through its control socket.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.admissions import Admissions
from watchd.adapters.ledgers.sqlite.call_points import CallPoints
from watchd.adapters.ledgers.sqlite.claims import Claims
from watchd.adapters.ledgers.sqlite.gate_rows import GateRows
from watchd.adapters.ledgers.sqlite.keeping import Keeping
from watchd.adapters.ledgers.sqlite.leftovers import Leftovers
from watchd.adapters.ledgers.sqlite.names import Names
from watchd.adapters.ledgers.sqlite.operations import Operations
from watchd.adapters.ledgers.sqlite.original_rows import OriginalRows
from watchd.adapters.ledgers.sqlite.results import Results
from watchd.adapters.ledgers.sqlite.target_rows import TargetRows
from watchd.core.calls.retrying import LONGEST_JOB_WAIT_S
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

    from watchd.interfaces import Clock


class SqliteLedger(
    Admissions, Claims, Results, CallPoints, Names, GateRows, OriginalRows, TargetRows, Operations, Leftovers, Keeping
):  # fmt: skip
    """Implements `interfaces.Ledger`. The caller holds the daemon's lock on the folder of `path`."""

    def __init__(self, path: Path, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        super().__init__(path, clock, owner=owner, lease=lease)
        try:
            self._bound_deadlines()
        except sqlite3.Error as error:
            self.connection.close()
            raise LedgerError(f"{path}: the ledger cannot be written ({error}). Nothing is sent.") from error

    def _bound_deadlines(self) -> None:
        latest = self.clock.steady() + LONGEST_JOB_WAIT_S
        for name in ("bound_delays", "bound_delays_of_originals"):
            self.attempt(partial(self.run, name, latest=latest))
