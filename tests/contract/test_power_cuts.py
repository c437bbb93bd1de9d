"""The power goes while several workers lead jobs: what the log holds up to the last sync is all that is left of it.

Commits are shared, and some are not synced. So the log of a whole run is cut at many places and opened as a start does:
whatever was told to a worker as durable before the cut is there, and no call is armed whose claim, name or attempt is
not.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.core.calls.outcomes import Traffic
from watchd.model import Admission, Asked, Call, Job, Sample

if TYPE_CHECKING:
    from pathlib import Path

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
CUTS = 200 if os.environ.get("WATCHD_FAULTS") == "full" else 20
WORKERS, JOBS = 6, 36
LATER = {"armed": ("armed", "received", "done"), "received": ("received", "done"), "done": ("done",)}


@dataclass(slots=True)
class Told:
    """What a worker was told is durable, and how long the log was when it was synced for that."""

    job: int
    state: str
    log_bytes: int


@dataclass(slots=True)
class Run:
    """A ledger on which workers lead jobs, as it lies on the disk at its end, its log not folded back."""

    folder: Path
    told: list[Told] = field(default_factory=list)
    modes: Counter[bool] = field(default_factory=Counter)

    @property
    def path(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def log(self) -> Path:
        return self.folder / "ledger.db-wal"

    def lead(self) -> None:
        """All jobs, from admitted to done."""
        synced: list[int] = []
        log, modes = self.log, self.modes

        class Noting(SqliteLedger):
            """Notes how long the log is after each sync."""

            def attempt(self, body: Any, *, durable: bool = True) -> Any:
                answer = super().attempt(body, durable=durable)
                modes[durable] += 1
                if durable:
                    synced.append(log.stat().st_size)  # within the lock: nothing has come behind it
                return answer

        ledger = Noting(self.path, ManualClock(), owner="me", lease=60.0)
        ledger.connection.execute("PRAGMA wal_autocheckpoint = 0")
        ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.path, self.folder / "before.db")
        modes.clear()
        ledger.admit([_admission(number) for number in range(JOBS)])
        with ThreadPoolExecutor(WORKERS) as pool:
            for worker in [pool.submit(self._work, ledger, synced) for _ in range(WORKERS)]:
                worker.result()
        shutil.copy(self.log, self.folder / "whole-log")
        ledger.connection.close()

    def _work(self, ledger: SqliteLedger, synced: list[int]) -> None:
        while (job := ledger.claim(["hot"], ["hot"])) is not None:
            assert ledger.take_name(job, f"/out/{job.path}", job.path) is True
            attempt = ledger.begin_sending(job, 100, [], (512, 512))
            assert isinstance(attempt, int)
            call = Call(job, attempt, 100, f"{job.id}.png", None, 0, 2.0, "key")
            assert ledger.arm(call) is None
            self._tell(job, "armed", synced)
            assert ledger.receive(call, Traffic(1, 1), 2.0) is None
            self._tell(job, "received", synced)
            sha256 = hashlib.sha256(job.path.encode()).hexdigest()
            assert ledger.finish(job, f"/out/{job.path}", sha256, reused_from=None, detail="published") is None
            self._tell(job, "done", synced)

    def _tell(self, job: Job, state: str, synced: list[int]) -> None:
        self.told.append(Told(job.id, state, synced[-1]))

    def after(self, cut: int, place: Path) -> Path:
        """The ledger as the disk has it whose log ends there."""
        place.mkdir()
        shutil.copy(self.folder / "before.db", place / "ledger.db")
        (place / "ledger.db-wal").write_bytes((self.folder / "whole-log").read_bytes()[:cut])
        return place / "ledger.db"


def _admission(number: int) -> Admission:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    asked = Asked("{}", 100, 512, 512, picture=sha256)
    return Admission("hot", f"{number}.png", Sample(1, number, 1, number), sha256, "plain", 0, False, asked, None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for all cuts."""
    whole = Run(tmp_path_factory.mktemp("run"))
    whole.lead()
    assert len(whole.told) == 3 * JOBS
    assert whole.modes[False] > 0, "nothing was left unsynced"
    assert whole.modes[True] < 3 * JOBS, "no commit was shared"
    return whole


@pytest.mark.parametrize("number", range(CUTS))
def test_what_was_told_as_durable_outlives_a_cut(run: Run, tmp_path: Path, number: int) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    chance = random.Random(SEED + number)
    size = (run.folder / "whole-log").stat().st_size
    # Just after a sync, when all that was not synced behind it goes; or anywhere, in the middle of a page too.
    cut = chance.choice([one.log_bytes for one in run.told]) if number % 2 else chance.randrange(size)
    path = run.after(cut, tmp_path / "cut")
    with closing(SqliteLedger(path, ManualClock(), owner="next", lease=60.0)) as ledger:
        assert ledger.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for told in run.told:
            if told.log_bytes <= cut:
                job = ledger.job(told.job)
                assert job is not None
                assert job.state in LATER[told.state], told
    _assert_no_call_without_its_papers(path)


def _assert_no_call_without_its_papers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as reader:
        orphans = reader.execute(
            "SELECT id FROM job WHERE state IN ('armed', 'received', 'done') AND (name IS NULL"
            " OR NOT EXISTS (SELECT 1 FROM attempt WHERE job_id = job.id AND armed_at IS NOT NULL AND booked = 100)"
            " OR NOT EXISTS (SELECT 1 FROM output_name WHERE job_id = job.id))"
        ).fetchall()
        booked, spent = (reader.execute(f"SELECT coalesce(sum(booked), 0) FROM {table}").fetchone()[0]
                         for table in ("job", "spending_total"))  # fmt: skip
    assert orphans == []
    assert booked == spent
