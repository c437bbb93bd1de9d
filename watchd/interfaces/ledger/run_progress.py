"""The ledger's role for a run: how far it has come, and whether anything can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Progress, Wall


class RunProgress(Protocol):
    """Questions that change nothing."""

    def is_claimed(self, silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job now; of folders that are `silent` it does not count."""
        ...

    def is_busy(self, folders: Collection[str], calling: Collection[str], silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job, or one can go on by itself: published in `folders`, called in `calling`.

        `silent`: folders whose share does not answer: what somebody does there has no end that could be waited for.
        """
        ...

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        ...

    def progress(self, since: Wall, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        ...
