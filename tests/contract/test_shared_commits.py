"""Transactions of several threads in one commit: each is all or nothing by itself."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 10.0
OTHERS = 7


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """One that counts its syncs by what it asks of SQLite."""
    with closing(SqliteLedger(tmp_path / "ledger.db", ManualClock(), owner="me", lease=60.0)) as opened:
        opened.connection.execute("CREATE TABLE mark (of INTEGER CHECK (of < 100))")
        yield opened


class Crowd:
    """Threads that all put their transactions down while another's is under way."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(OTHERS + 1)

    def marks(self, number: int) -> Callable[[], int]:
        """A body that leaves a mark."""

        def body() -> int:
            self._ledger.connection.execute("INSERT INTO mark VALUES (?)", (number,))
            return number

        return body

    def run(self, *bodies: Callable[[], int], durable: bool = True) -> list[Any]:
        """What each comes to; all wait while one that came before is carried out."""
        leads, goes = threading.Event(), threading.Event()

        def first() -> None:
            leads.set()
            assert goes.wait(PATIENCE_S)

        lead = self._pool.submit(self._ledger.transact, first)
        assert leads.wait(PATIENCE_S)
        others = [self._pool.submit(self._ledger.transact, body, durable=durable) for body in bodies]
        groups = self._ledger._groups
        while len(groups._turns) < 1 + len(bodies):
            threading.Event().wait(0.001)
        before = self._ledger.commits
        goes.set()
        lead.result(PATIENCE_S)
        came = [other.exception(PATIENCE_S) or other.result() for other in others]
        self.commits = self._ledger.commits - before - 1
        self._pool.shutdown()
        return came

    def there(self) -> list[int]:
        """The marks that a reader finds."""
        path = self._ledger._path
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            return sorted(row[0] for row in reader.execute("SELECT of FROM mark"))


def test_those_who_wait_share_one_commit(ledger: SqliteLedger) -> None:
    crowd = Crowd(ledger)
    assert crowd.run(*(crowd.marks(number) for number in range(OTHERS))) == [*range(OTHERS)]
    assert crowd.there() == [*range(OTHERS)]
    assert crowd.commits == 1


def test_one_that_raises_is_taken_back_alone(ledger: SqliteLedger) -> None:
    crowd = Crowd(ledger)

    def fails() -> int:
        crowd.marks(50)()
        raise LedgerError("a fault of its own")

    came = crowd.run(crowd.marks(1), fails, crowd.marks(2))
    assert [came[0], str(came[1]), came[2]] == [1, "a fault of its own", 2]
    assert crowd.there() == [1, 2]
    assert crowd.commits == 1


def test_where_the_database_refuses_one_the_others_go_on_by_themselves(ledger: SqliteLedger) -> None:
    crowd = Crowd(ledger)
    came = crowd.run(crowd.marks(1), crowd.marks(100), crowd.marks(2))
    assert [came[0], came[2]] == [1, 2]
    assert isinstance(came[1], LedgerError)
    assert crowd.there() == [1, 2]
    assert crowd.commits == 2


@pytest.mark.parametrize("durable", [False, True])
def test_a_commit_is_synced_where_one_of_its_transactions_has_to_outlive_the_power(
    ledger: SqliteLedger, *, durable: bool
) -> None:
    asked: list[str] = []
    ledger.connection.set_trace_callback(asked.append)
    crowd = Crowd(ledger)
    crowd.run(crowd.marks(1), crowd.marks(2), durable=durable)
    ledger.transact(crowd.marks(3), durable=True)
    modes = [text.rpartition(" ")[2] for text in asked if text.startswith("PRAGMA synchronous")]
    assert modes == ([] if durable else ["NORMAL", "FULL"])
    assert ledger.connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_what_was_broken_off_is_not_carried_out_behind_its_threads_back(ledger: SqliteLedger) -> None:
    crowd = Crowd(ledger)

    def breaks_off() -> int:
        crowd.marks(50)()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.transact(breaks_off)
    assert crowd.run(crowd.marks(1), crowd.marks(2)) == [1, 2]
    assert crowd.there() == [1, 2]
