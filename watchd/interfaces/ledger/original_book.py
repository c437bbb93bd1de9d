"""The ledger's role for originals: which of them something is still to be done with, and where they have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchd.model import ClaimLost, Job, Steady


class OriginalBook(Protocol):
    """Originals of ended jobs."""

    def end_original(self, job: Job, moved: str | None, detail: str) -> ClaimLost | None:
        """What was to be done with a claimed job's original has been done, or cannot be; `moved`: where it is now."""
        ...

    def plan_move(self, job: Job, moving: str) -> ClaimLost | None:
        """Say where a claimed job's original is about to be moved, before it is."""
        ...

    def note_written(self, job: Job, note: str, sha256: str) -> None:
        """A note about a job lies beside its original, with these bytes (SHA-256, hex)."""
        ...

    def put_off_original(self, job: Job, not_before: Steady) -> ClaimLost | None:
        """Give the claim back; it is tried again at `not_before` (steady)."""
        ...

    def bring_back(self, job: Job, moved: str) -> ClaimLost | None:
        """The original that had gone to `moved` lies where it was again, for every job that knew of it."""
        ...
