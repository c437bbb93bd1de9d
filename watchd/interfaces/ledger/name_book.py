"""The ledger's role for output names: reserved before anything is paid, by a key that no client can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchd.model import ClaimLost, Job


@dataclass(frozen=True, slots=True)
class NameHolder:
    """Who has a name, under which path, and whether that job has come to an end, so that its name may be free."""

    job: int
    path: str
    ended: bool


class NameBook(Protocol):
    """Nobody looks at a disk in here: look first, without a lock; then take, which loses to whoever came before."""

    def holder_of(self, key: str) -> NameHolder | None:
        """Who has the name of this key; None: nobody."""
        ...

    def take_name(
        self, job: Job, key: str, path: str, *, instead_of: int | None = None, share: bool = False
    ) -> bool | ClaimLost:
        """Reserve a name for a claimed job, and drop the one it had; False: somebody else has it by now.

        `instead_of`: the ended job that has it, as `holder_of` told, and whose file is gone. With `share` it may be
        another's too: the folder is told to overwrite.
        """
        ...

    def name_of(self, job: Job) -> str | None:
        """The path of the name reserved for this job."""
        ...
