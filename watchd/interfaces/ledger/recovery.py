"""The ledger's role for a start: what owners who are no more have left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.model import Interrupted


class Recovery(Protocol):
    """Another owner is no more when the lease of its claim has run out.

    `alone`: the caller knows that nobody else lives, as it holds the lock of the ledger; then no lease is waited for.
    """

    def free_claims(self, *, alone: bool) -> None:
        """Take back what others had claimed and not armed; a claim beyond that is freed only by who is `alone`."""
        ...

    def interrupted(self, *, alone: bool) -> Sequence[Interrupted]:
        """Calls that others had armed; their jobs are this owner's now, to be received or concluded as lost."""
        ...

    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        ...
