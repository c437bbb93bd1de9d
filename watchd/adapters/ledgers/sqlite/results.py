"""The ledger's side of pictures that are paid for, and can serve others of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.model import ClaimLost, Job


class Results(Transactions):
    """Implements `interfaces.ResultBook`."""

    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose result can serve this one: its own folder's first, then the latest."""
        return [job_of(row) for row in self.rows("paid_result", id=job.id)]

    @transaction
    def demand_new(self, job: Job, words: str) -> ClaimLost | None:
        """None of them is good enough: give the claim back, for a call of its own."""
        lost = self.write(job, "demand_new")
        if lost is None:
            self.event(job.id, "queued", words)
        return lost

    def kept_answers(self) -> Sequence[Job]:
        """Finished jobs whose paid answers are kept in the spool, what ended long ago first."""
        return [job_of(row) for row in self.rows("kept_answers")]

    @transaction
    def give_up_answer(self, job_id: int) -> None:
        """The paid answer of a finished job is kept no longer."""
        self.run("give_up_answer", id=job_id)
