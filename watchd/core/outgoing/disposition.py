"""What becomes of an original once its job has ended: it stays, it goes to another folder, or it is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.model import FailureKind, JobState

if TYPE_CHECKING:
    from watchd.model import Folder, Job

_NOT_THERE_OR_NOT_WHOLE: Final = frozenset({FailureKind.GONE, FailureKind.TRUNCATED})
"""There is nothing to move, or it may still be growing somewhere else."""


@dataclass(frozen=True, slots=True)
class Keep:
    """It stays where it is, and why."""

    reason: str = "its folder keeps originals by now"


@dataclass(frozen=True, slots=True)
class Delete:
    """It goes."""


@dataclass(frozen=True, slots=True)
class Move:
    """It goes below this folder; `reason`: why there, where it was to be deleted."""

    target: str
    reason: str | None = None


def is_due_when_done(folder: Folder) -> bool:
    """Whether something is done with an original whose output is safe."""
    return folder.originals != "keep"


def is_due_when_failed(folder: Folder, kind: FailureKind) -> bool:
    """Whether an original that failed is moved away."""
    return folder.failed is not None and kind not in _NOT_THERE_OR_NOT_WHOLE


def step(job: Job, folder: Folder) -> Keep | Delete | Move:
    """What is to be done with the original of a job that has ended, as its folder is configured now."""
    if job.state is JobState.FAILED:
        return Keep() if folder.failed is None else Move(folder.failed)
    match folder.originals:
        case "archive" if folder.archive is not None:
            return Move(folder.archive)
        case "delete" if job.besides is None:
            return Delete()
        case "delete":
            why = f"beside its picture it holds {job.besides}, which is not in the output"
            return Keep(why) if folder.archive is None else Move(folder.archive, why)
        case _:
            return Keep()
