"""The ledger's side of its own keeping: old steps folded, the log folded back, and all of it looked through."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite import log_size
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Wall


class Keeping(Transactions):
    """Implements `interfaces.LedgerUpkeep`."""

    def fold(self, before: Wall, most: int) -> int:
        """Make one step of all those of up to `most` jobs that were done `before`; answers how many jobs."""
        old = [int(row["id"]) for row in self.rows("to_fold", before=before, most=most)]
        if old:
            self._fold(old)
        return len(old)

    @transaction
    def _fold(self, jobs: Collection[int]) -> None:
        listed = json.dumps([*jobs])
        self.run("fold_into_last", ids=listed)
        self.run("drop_folded", ids=listed)
        self.run("mark_folded", ids=listed)

    def shrink_log(self) -> str | None:
        """Fold the log back where no reader is in the way; words for the owner where it is too long all the same."""
        if log_size.bytes_of(self._path) > log_size.KEPT_BYTES:
            with self.lock:
                try:
                    self.connection.execute("PRAGMA busy_timeout = 0")  # whoever reads is not waited for
                    self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    self.connection.execute("PRAGMA busy_timeout = 5000")
                except sqlite3.Error as error:
                    raise LedgerError(f"the ledger cannot be written ({error}): nothing more is sent") from error
        return log_size.long_log(self._path)

    def prove(self) -> None:
        """Look whether all of it is sound, where its opening has not done so."""
        if self.proof is None:
            return
        try:
            self.proof.run()
        except LedgerError:
            self.is_sound = False
            raise

    def break_off(self) -> None:
        """End `prove` at once."""
        if self.proof is not None:
            self.proof.break_off()
