"""Reading the ledger beside whoever writes it: never a lock, never a wait; one that is not there yet reads as empty.

Opened by `adapters.ledgers.choosing.view`, and by nobody else. All raise LedgerError where it cannot be read. Rows are
those of the public views (`jobs`, `attempts`), as docs/json.md has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from watchd.model import Gate, Job, KnownFile


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Rows of `jobs`, newest first. `before`: what is older than this job was not looked at; None: there is nothing."""

    rows: Sequence[dict[str, Any]]
    before: int | None


class StatusView(Protocol):
    """How all stands."""

    def counts(self) -> dict[str, int]:
        """The seven counts; every file seen is in exactly one."""
        ...

    def spent(self, now: datetime) -> dict[str, float]:
        """USD booked on the host's own day, in its month, and in all; with what of it is in doubt."""
        ...

    def gates(self) -> list[Gate]:
        """What is closed."""
        ...

    def kept_tiles(self) -> list[tuple[int, int]]:
        """Job and number of each paid tile of pictures that ended without the others."""
        ...

    def newest(self) -> float | None:
        """Unix seconds of the latest thing that was written down."""
        ...

    def version(self) -> int:
        """Another number whenever somebody has written since the last question of this very view."""
        ...


class HistoryView(Protocol):
    """Jobs, and what became of them step by step."""

    def job(self, number: int) -> Job | None:
        """One job as it stands."""
        ...

    def job_of_output(self, output: str) -> Job | None:
        """The last job whose output (absolute) was published there."""
        ...

    def last_job(self, folder: str, path: str) -> Job | None:
        """The last job of a path."""
        ...

    def jobs(self, state: str | None, folder: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
        """Rows of `jobs`, newest first."""
        ...

    def history_page(
        self, words: str | None, state: str | None, folder: str | None, *, before: int | None, limit: int,
        seconds: float,
    ) -> HistoryPage:  # fmt: skip
        """Newest first; `words`: a part of the path; `before`: jobs older than this one.

        The search ends after `seconds` with what it has found so far.
        """
        ...

    def ended_badly(self, limit: int) -> list[dict[str, Any]]:
        """Rows of `jobs` that are failed or unknown, newest first."""
        ...

    def told(self, number: int) -> dict[str, Any] | None:
        """A row of `jobs` with its `calls` and its `steps`."""
        ...

    def calls(self, job: int) -> list[dict[str, Any]]:
        """Rows of `attempts` of one job, oldest first."""
        ...

    def sighting(self, folder: str, path: str) -> dict[str, Any] | None:
        """What is remembered of a path."""
        ...

    def history(self, folder: str, path: str) -> list[dict[str, Any]]:
        """Every job of a path, oldest first, each with its `calls` and its `steps`."""
        ...


class IdentityView(Protocol):
    """What is known of files and pictures, for whoever asks what something would cost."""

    def known(self, folder: str) -> dict[str, KnownFile]:
        """Every path that was ever seen in a folder."""
        ...

    def is_ended(self, folder: str, path: str, sha256: str) -> bool:
        """Whether these bytes under this name have come to an end in this folder."""
        ...

    def is_paid(self, folder: str, sha256: str, picture: str, parameters: str) -> bool:
        """Whether a call for this picture was made, or is under way, that serves this folder too."""
        ...

    def finished(self, folder: str, path: str | None) -> list[tuple[int, str]]:
        """(job, path) of the last finished job of a path, or of every path of the folder."""
        ...

    def moved(self, job: int) -> str | None:
        """Where the original of a job has been moved; None: it lies where it was, as far as we know."""
        ...


class FigureView(Protocol):
    """What is counted for `/metrics`."""

    def calls_by_outcome(self) -> dict[str, int]:
        """How many calls ended how."""
        ...

    def calls_by_status(self) -> dict[int, int]:
        """How many answers had which HTTP status."""
        ...

    def seconds_of_calls(self, bounds: Sequence[float]) -> tuple[list[int], float]:
        """How many calls that brought a picture took up to each bound, and how many more; the sum of their seconds.

        Exact for the bounds that are kept: those of `/metrics`.
        """
        ...

    def seconds_in_queue(self, bounds: Sequence[float]) -> tuple[list[int], float]:
        """The same of the time that jobs waited for their first call."""
        ...

    def oldest_waiting(self) -> float | None:
        """When the oldest file was seen that is not done with, in Unix seconds; None: there is none."""
        ...


class LedgerView(StatusView, HistoryView, IdentityView, FigureView, Protocol):
    """All that can be read."""
