"""The ledger's side of a start, and of how far a run has come: what former owners left, what is still to be done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.core.outgoing import spool_names
from watchd.model import Call, Interrupted, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.model import Wall


class Leftovers(Transactions):
    """Implements `interfaces.Recovery` and `interfaces.RunProgress`."""

    @transaction
    def free_claims(self, *, alone: bool) -> None:
        """Take back what others had claimed and not armed."""
        self.run("free_claims", me=self.owner, alone=alone, now=self.clock.steady())
        if alone:
            self.run("hurry_originals")
        self.run("drop_open_attempts", at=self.clock.wall())

    @transaction
    def interrupted(self, *, alone: bool) -> Sequence[Interrupted]:
        """Calls that others had armed; their jobs are this owner's now."""
        now = self.clock.steady()
        found = []
        for row in self.run("interrupted", me=self.owner, alone=alone, now=now).fetchall():
            adopted = self.run("adopt", id=row["id"], me=self.owner, lease_until=now + self.lease).fetchone()
            job = job_of(adopted)
            attempt = self.run("open_attempt", job_id=job.id).fetchone()
            answer = spool_names.answer(job, attempt["tile"])
            call = Call(job, attempt["id"], job.price, answer, attempt["tile"])
            found.append(Interrupted(call, attempt["width"], attempt["height"]))
        return found

    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        return {int(row["id"]) for row in self.rows("spool_names")}

    def is_claimed(self, silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job now, of another folder than those that are `silent`."""
        return bool(self.rows("claimed", silent=json.dumps([*silent]))[0]["yes"])

    def is_busy(self, folders: Collection[str], calling: Collection[str], silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job, or one can go on by itself: published in `folders`, called in `calling`."""
        given = {name: json.dumps([*names]) for name, names in
                 (("folders", folders), ("calling", calling), ("silent", silent))}  # fmt: skip
        return bool(self.rows("busy", **given)[0]["yes"])

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        return int(self.rows("last_attempt")[0]["id"])

    def progress(self, since: Wall, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        row = self.rows("progress", since=since)[0]
        booked = int(self.rows("booked_since", attempt=attempt)[0]["booked"])
        return Progress(
            done=row["done"], failed=row["failed"], unknown=row["unknown"], left=row["left_over"],
            bytes_done=row["bytes_done"], bytes_left=row["bytes_left"], booked=booked,
        )  # fmt: skip
