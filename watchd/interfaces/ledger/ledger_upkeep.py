"""The ledger's role for its own keeping: done beside the work, a little at a time, so that it serves for years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchd.model import Wall


class LedgerUpkeep(Protocol):
    """Nobody waits for any of this."""

    def prove(self) -> None:
        """Look whether all of it is sound, where its opening has not done so.

        Raises:
            LedgerError: it is damaged.
        """
        ...

    def break_off(self) -> None:
        """End `prove` at once; called by another thread, until that has returned."""
        ...

    def fold(self, before: Wall, most: int) -> int:
        """Make one step of all those of up to `most` jobs that were done `before`; answers how many jobs.

        What came before what is told as it was: which results may serve whom does not change.
        """
        ...

    def shrink_log(self) -> str | None:
        """Give back room that only writing needed, where it can be had; words for the owner where that is too much."""
        ...
