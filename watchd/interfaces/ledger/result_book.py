"""The ledger's role for pictures that are paid for, and can serve others of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.model import ClaimLost, Job


class ResultBook(Protocol):
    """Results of finished jobs: their outputs, and answers that are kept beside them."""

    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose result can serve this one: its own folder's first, then the latest."""
        ...

    def demand_new(self, job: Job, words: str) -> ClaimLost | None:
        """None of them is good enough, as `words` say: give the claim back, for a call of its own."""
        ...

    def kept_answers(self) -> Sequence[Job]:
        """Finished jobs whose paid answers are kept in the spool, what ended long ago first."""
        ...

    def give_up_answer(self, job_id: int) -> None:
        """The paid answer of a finished job is kept no longer."""
        ...
