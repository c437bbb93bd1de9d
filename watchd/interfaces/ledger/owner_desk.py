"""The ledger's role for the owner's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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

    def rename_folder(self, old: str, new: str) -> int | None:
        """Jobs, sightings and money of a folder are another's; what that has seen by itself under a path stays.

        Answers how many jobs that are; None: somebody works on one of them, and nothing was done.
        """
        ...

    def open_by_folder(self) -> Mapping[str, int]:
        """How many jobs have not ended, by folder; only those that have any."""
        ...

    def approve(self) -> int:
        """Let everything that is queued now go, whatever it costs; answers how many jobs that are."""
        ...

    def clear_delays(self) -> None:
        """Nothing waits for its time any more."""
        ...
