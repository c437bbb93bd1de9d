"""Which ledger it is, and where it lies: the one place that knows, for whoever writes it and for whoever reads beside.

Nothing heavy is imported on the way to a view, as `watchd status` is to answer at once.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite import log_size
from watchd.adapters.ledgers.sqlite.reader import LedgerReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Clock, Ledger, LedgerView
    from watchd.model import Settings

LEASE_SPARE_S = 120.0
"""What a claim is good for beyond the longest call."""


def path_of(state_dir: str | Path) -> Path:
    """The ledger's file, for whoever looks at it as a file."""
    return Path(state_dir, "ledger.db")


def long_log(state_dir: str | Path) -> str | None:
    """What is to be said of a write-ahead log that has become long; None: it has not, or there is none."""
    return log_size.long_log(path_of(state_dir))


def open_for_writing(settings: Settings, clock: Clock, *, owner: str) -> Ledger:
    """The ledger for this process, which holds the lock; `owner` names this very run in its claims.

    Raises:
        LedgerError: it cannot be trusted, or not be opened.
    """
    from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger  # noqa: PLC0415 -- a reader pays nothing for it

    lease = settings.api.connect_timeout + settings.api.timeout + LEASE_SPARE_S
    return SqliteLedger(path_of(settings.state_dir), clock, owner=owner, lease=lease)


@contextmanager
def view(state_dir: str | Path, patience: float | None = None) -> Iterator[LedgerView]:
    """The ledger to be read, beside whoever writes it; one that is not there yet reads as empty.

    Raises:
        LedgerError: there is one, and it cannot be read.
        LedgerSlowError: what is read in here took longer than `patience` seconds.
    """
    reader = LedgerReader(path_of(state_dir), patience)
    try:
        yield reader
    finally:
        reader.close()
