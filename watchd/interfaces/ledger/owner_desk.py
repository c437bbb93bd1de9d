"""The ledger's role for the owner's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.model import Job


class OwnerDesk(Protocol):
    """What a person decides."""

    def chosen(self, ids: Collection[int] | None, state: str | None, folder: str | None) -> Sequence[Job]:
        """Jobs by id, or all of a state, or those of one folder; oldest first."""
        ...

    def retry(self, jobs: Sequence[Job]) -> None:
        """Failed and unknown jobs go back into the queue."""
        ...

    def dismiss(self, jobs: Sequence[Job]) -> None:
        """Unknown jobs end as failed."""
        ...

    def reprocess(self, jobs: Sequence[Job]) -> list[int]:
        """Finished files once more; answers the new jobs. One that is on its way already is left to it."""
        ...

    def approve(self) -> int:
        """Let everything that is queued now go, whatever it costs; answers how many jobs that are."""
        ...

    def clear_delays(self) -> None:
        """Nothing waits for its time any more."""
        ...
