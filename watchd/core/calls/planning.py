"""A claimed job and what is known of the same picture: the next step, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.model import Failure, FailureKind, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.model import Job


@dataclass(frozen=True, slots=True)
class Reuse:
    """The picture has been paid for: make its output from one of these, the best first."""

    results: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class EndWith:
    """The job it waited behind failed, and so does it."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class AskService:
    """Ask the service."""


def next_step(job: Job, behind: Job | None, paid: Sequence[Job]) -> Reuse | EndWith | AskService:
    """What becomes of a claimed job that has no answer of its own.

    `behind`: the job it waited behind; `paid`: finished jobs of the same picture that may serve it.
    """
    if paid:
        return Reuse(tuple(paid))
    if behind is not None and behind.state is JobState.FAILED and _shares_its_end(job, behind):
        words = f"the same picture failed as job {behind.id}: {behind.error}; `watchd retry` tries both again"
        return EndWith(Failure(FailureKind.TWIN, words))
    return AskService()


def _shares_its_end(job: Job, behind: Job) -> bool:
    """Whether what ended the one ends the other: the same request, and not merely that the other's own file went."""
    same = behind.parameters == job.parameters or behind.folder == job.folder
    return same and behind.failure is not FailureKind.GONE
