"""The ledger's role for whoever leads jobs: claims, and how a job ends without a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from watchd.model import AT_ONCE, Steady

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Asked, ClaimLost, Failure, Job


class JobQueue(Protocol):
    """Claims are single atomic statements with an owner, a lease and a fencing token (`Job.claim`)."""

    def claim(self, folders: Collection[str], calling: Collection[str]) -> Job | None:
        """Take one job of `folders` that can go on now; outside `calling` only what costs nothing."""
        ...

    def next_due(self, since: Steady) -> Steady | None:
        """Steady time, after `since`, at which a job that waits becomes claimable; it may have passed by now."""
        ...

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        ...

    def release(self, job: Job, not_before: Steady = AT_ONCE) -> ClaimLost | None:
        """Give a claim back as it was, to be taken again at `not_before` (steady)."""
        ...

    def requalify(self, job: Job, asked: Asked, profile: str) -> ClaimLost | None:
        """Give a claim back under the folder's profile as it is now."""
        ...

    def finish(
        self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str,
        written: str | None = None, keeps: bool = False, due: bool = False,
    ) -> ClaimLost | None:  # fmt: skip
        """Published and safe (or nothing to publish, where a collision is to be skipped).

        `written`: how the output is written; `keeps`: the paid answer stays in the spool beside it. `due`: something is
        to be done with the original now.
        """
        ...

    def fail(self, job: Job, failure: Failure, *, due: bool = False) -> ClaimLost | None:
        """It ends here without a call; its original may be `due` to be moved away."""
        ...

    def abandon(self, job: Job, failure: Failure) -> ClaimLost | None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        ...

    def note(self, job: Job, step: str, detail: str) -> ClaimLost | None:
        """A step worth telling in `explain` that changes no state."""
        ...
