"""The ledger's side of output names: one insert for each, which loses to whoever came before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.transactions import Transactions, passing
from watchd.interfaces.ledger.name_book import NameHolder
from watchd.model import ClaimLost

if TYPE_CHECKING:
    from watchd.model import Job


class Names(Transactions):
    """Implements `interfaces.NameBook`."""

    def holder_of(self, key: str) -> NameHolder | None:
        """Who has the name of this key; None: nobody."""
        for row in self.rows("name_holder", key=key):
            return NameHolder(row["job_id"], os.fsdecode(row["path"]), bool(row["ended"]))
        return None

    @passing
    def take_name(
        self, job: Job, key: str, path: str, *, instead_of: int | None = None, share: bool = False
    ) -> bool | ClaimLost:
        """Reserve a name for a claimed job, and drop the one it had; False: somebody else has it by now."""
        if not self.holds(job):
            return ClaimLost(job.id)
        encoded = os.fsencode(path)
        if not self.run("take_name", key=key, job_id=job.id, instead_of=instead_of, share=share).rowcount:
            return False
        self.run("keep_name", job_id=job.id, path=encoded)
        self.run("drop_names", job_id=job.id, keep=key)
        return True

    def name_of(self, job: Job) -> str | None:
        """The path of the name reserved for this job."""
        for row in self.rows("name_of", job_id=job.id):
            return os.fsdecode(row["name"])
        return None
