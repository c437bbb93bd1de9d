"""What is in hand while a file is read: whoever finds it after a sudden end knows which file it may have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class InHand(Protocol):
    """A file that was being read when the process died is tried once more, alone, and then not again by itself."""

    def reading(self, path: str, mark: str) -> AbstractContextManager[bool]:
        """While a file is read, and as what it was seen (`mark`). False: it has ended the process twice; leave it."""
        ...
