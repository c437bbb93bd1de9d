"""Why a job has ended badly, and why a file waits: a kind that the program decides by, and words for people.

Nothing is ever decided by the words: they may be put better, or in another language, and everything goes on the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What ended a job that is `failed` or `unknown`; the ledger's column `job.failure`."""

    GONE = "gone"
    """Its file went, or holds other bytes now: what comes back is a new job, and nobody shares this end."""
    TRUNCATED = "truncated"
    """Its file never came whole, and may still be growing somewhere else: it is not moved away."""
    UNFIT = "unfit"
    """No picture that can be sent under its profile, or none at all."""
    TWIN = "twin"
    """The job of the same picture that it waited behind failed."""
    RESULT_GONE = "result_gone"
    """It was paid as another job whose output is nowhere any more: only a new result serves it."""
    ANSWER_GONE = "answer_gone"
    """Its own paid answer is nowhere any more."""
    INTERNAL = "internal"
    """A fault of our own met it."""
    REFUSED = "refused"
    """The service refused it."""
    SERVER = "server"
    """The service answered with trouble of its own until no attempt was left."""
    UPLOAD_CUT = "upload_cut"
    """Its upload was cut again and again, while others passed."""
    LOST = "lost"
    """It was sent whole and its answer never came."""
    BAD_ANSWER = "bad_answer"
    """It was sent, and what came back is not the picture asked for."""
    DISMISSED = "dismissed"
    """The owner let an unknown job be."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ends; `words` are for people alone."""

    kind: FailureKind
    words: str


class DelayKind(StrEnum):
    """Why a file that is seen is no job yet."""

    EMPTY = "empty"
    CHANGED = "changed"
    """It changed a moment ago."""
    BEING_WRITTEN = "being_written"
    """Another program has it open for writing."""
    UNMARKED = "unmarked"
    """The marker that its folder asks for is not there yet."""
    INCOMPLETE = "incomplete"
    """Its container is not whole."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Delay:
    """Why a file waits; `words` are for people alone."""

    kind: DelayKind
    words: str
