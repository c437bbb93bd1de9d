"""The ledger's role for whoever supervises it: can it be written, has it been, and let it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchd.model import Steady


class LedgerHealth(Protocol):
    """Read from any thread without waiting for the ledger: a writer may be waiting in it for room."""

    @property
    def trouble(self) -> str | None:
        """Why it cannot be written at present, so that everybody who wants to waits; None: it can."""
        ...

    @property
    def trouble_since(self) -> Steady:
        """When that began."""
        ...

    @property
    def commits(self) -> int:
        """Transactions so far, for those who look often whether anything has changed."""
        ...

    def give_up(self) -> None:
        """Wait for room no longer: what could not be written is found again at the next start. A signal may say so."""
        ...

    def close(self) -> None:
        """Write all that is to be written, and let it go."""
        ...
