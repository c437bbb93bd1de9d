"""The ledger's side of the folders that files go to: what each of them was on."""

from __future__ import annotations

import os

from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction


class TargetRows(Transactions):
    """Implements `interfaces.TargetBook`."""

    def targets(self) -> dict[str, str]:
        """Root → the mount point that served it."""
        return {os.fsdecode(row["root"]): os.fsdecode(row["mount"]) for row in self.rows("targets")}

    @transaction
    def note_target(self, root: str, mount: str) -> None:
        """A root is served by this mount from now on."""
        self.run("note_target", root=os.fsencode(root), mount=os.fsencode(mount))
