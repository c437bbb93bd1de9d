"""The ledger under test is made here and nowhere else: another implementation is put under the whole suite here."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.interfaces import Ledger
from watchd.model import Steady, Wall

if TYPE_CHECKING:
    from watchd.interfaces import Clock

LEASE = 60.0
NOON = 1_790_000_000.0 // 86_400 * 86_400 + 43_200
"""Unix seconds at which every story begins."""
MEMORY = Path("/dev/shm")  # noqa: S108 -- the one folder that is memory on every Linux; used where it is there
WORKSHOP = str(MEMORY) if MEMORY.is_dir() else None
"""Where ledgers are made: a commit is durable at once where there is no disk."""


class OpenLedger(Ledger, Protocol):
    """A ledger that was opened and can be closed."""

    def close(self) -> None: ...


def make_ledger(path: Path, clock: Clock, owner: str) -> OpenLedger:
    """Open the ledger at `path`, or make it."""
    return SqliteLedger(path, clock, owner=owner, lease=LEASE)


def left_by_a_kill(path: Path, folder: Path) -> Path:
    """What a kill at this moment would leave of an open ledger, in a folder of its own: no close, no checkpoint."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith("-shm"):
            shutil.copyfile(file, folder / file.name)
    return folder / path.name


class Face:
    """The public views, read as any other program reads them."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._connection.row_factory = sqlite3.Row

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query over the views."""
        return [dict(row) for row in self._connection.execute(query)]

    def close(self) -> None:
        """Close."""
        self._connection.close()


@dataclass(slots=True)
class TurnedClock:
    """Implements `interfaces.Clock`; turned by hand. The host lives in UTC."""

    wall_s: float = NOON
    steady_s: float = NOON

    def wall(self) -> Wall:
        return Wall(self.wall_s)

    def steady(self) -> Steady:
        return Steady(self.steady_s)

    def work(self) -> float:
        return 0.0

    def local(self, moment: Wall | None = None) -> datetime:
        return datetime.fromtimestamp(self.wall_s if moment is None else moment, UTC)

    def day_of(self, moment: Wall) -> str:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()

    def today(self) -> str:
        """The day that money armed now belongs to."""
        return self.day_of(self.wall())

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.wall_s += seconds
        self.steady_s += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall_s += seconds

    def restarted(self) -> TurnedClock:
        """The clock of the next process: it begins with what the wall clock says then."""
        return TurnedClock(self.wall_s, self.wall_s)
