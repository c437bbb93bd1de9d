"""What a ledger of years promises: what is asked often never walks what is done, and a clean end needs no check."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from benchmarks import five_million
from tests.fakes.clock import START, ManualClock
from watchd.adapters.ledgers.sqlite import clean_end, copying, log_size, proving, statements
from watchd.adapters.ledgers.sqlite.proving import LedgerProof
from watchd.adapters.ledgers.sqlite.reader import LedgerReader
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.core.calls import scheduling
from watchd.errors import LedgerError, LedgerSlowError, UsageError
from watchd.model import Admission, Asked, Budget, Sample, Settings, Wall
from watchd.reports.daemon_view import DaemonView
from watchd.web import app, site
from watchd.web.metrics import CALL_BOUNDS, QUEUE_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEW, MANY = 6_000, 50_000
DAY_S = 86_400.0
PAGE = 4096


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A ledger of few finished files, and one of many; both of five years, and with the same jobs under way."""
    folder = tmp_path_factory.mktemp("years")
    paths = {number: folder / f"{number}.db" for number in (FEW, MANY)}
    for number, path in paths.items():
        five_million.make(path, number, now=START)
    return paths


@pytest.fixture
def many(made: dict[int, Path], tmp_path: Path) -> Path:
    """A copy of the ledger of many, as it was left."""
    shutil.copy2(made[MANY], tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def opened(path: Path, clock: ManualClock | None = None) -> SqliteLedger:
    return SqliteLedger(path, clock or ManualClock(), owner="me", lease=60.0)


def admit(ledger: SqliteLedger, number: int) -> None:
    """A new file of folder `hot`."""
    asked = Asked(five_million.PARAMETERS, 20_000, 6000, 4000)
    sample = Sample(1, 1, 1, number)
    ledger.admit([Admission("hot", f"new-{number}.jpg", sample, f"{number:064}", "gold", 0, asked=asked)])


# --- what it costs --------------------------------------------------------------------------------------------------


def work(ledger: SqliteLedger) -> None:
    """All that a start, a look at the gate and a call ask."""
    ledger.free_claims(alone=True)
    ledger.interrupted(alone=True)
    ledger.needed()
    ledger.gates()
    ledger.backlog()
    ledger.recent_calls(60.0)
    ledger.has_work("hot")
    since, last = ledger.clock.wall(), ledger.last_attempt()
    admit(ledger, 1)
    job = ledger.claim({"hot"}, {"hot"})
    assert job is not None
    ledger.paid_results(job)
    assert ledger.take_name(job, "/out/new-1.png", "new-1.png") is True
    budget = Budget(day=10**12, month=10**12)
    limits = scheduling.limits(budget, budget, "hot", ledger.clock.local())
    assert isinstance(ledger.begin_sending(job, 20_000, limits), int)
    ledger.release(job)
    job = ledger.claim({"hot"}, {"hot"})
    assert job is not None
    ledger.finish(job, "/out/new-1.png", "digest of it", reused_from=None, detail="published", due=True)
    job = ledger.claim({"hot"}, {"hot"})
    assert job is not None
    ledger.end_original(job, "/archive/new-1.jpg", "moved")
    assert ledger.claim({"hot"}, {"hot"}) is None
    ledger.next_due(ledger.clock.steady())
    ledger.is_claimed()
    ledger.is_busy({"hot"}, {"hot"})
    ledger.progress(since, last)
    ledger.clear_delays()
    ledger.chosen([1, 2], None, None)
    ledger.chosen(None, "unknown", None)
    ledger.fold(Wall(START - 40 * DAY_S), 100)


def look(reader: LedgerReader) -> None:
    """All that `status`, `/metrics` and the page's first view ask."""
    reader.counts()
    reader.spent(ManualClock().local())
    reader.gates()
    reader.newest()
    reader.ended_badly(50)
    reader.history_page(None, None, None, before=None, limit=50, seconds=60.0)
    reader.history_page(None, "unknown", None, before=None, limit=50, seconds=60.0)
    list(reader.jobs("failed", None, 20))
    reader.calls_by_outcome()
    reader.calls_by_status()
    reader.seconds_of_calls(CALL_BOUNDS)
    reader.seconds_in_queue(QUEUE_BOUNDS)
    reader.oldest_waiting()


def steps(connection: sqlite3.Connection, doing: Callable[[], None]) -> int:
    """How many tens of steps SQLite's machine takes for it."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.set_progress_handler(count, 10)
    doing()
    connection.set_progress_handler(None, 0)
    return taken


def test_what_is_asked_often_takes_as_many_steps_over_many_files_as_over_few(
    made: dict[int, Path], tmp_path: Path
) -> None:
    taken = {}
    for number, original in made.items():
        path = tmp_path / f"{number}.db"
        shutil.copy2(original, path)
        ledger = opened(path)
        reader = LedgerReader(path)
        assert reader._connection is not None
        taken[number] = (
            steps(ledger.connection, lambda ledger=ledger: work(ledger)),  # type: ignore[misc]
            steps(reader._connection, lambda reader=reader: look(reader)),  # type: ignore[misc]
        )
        reader.close()
        ledger.close()
    for few, many in zip(taken[FEW], taken[MANY], strict=True):
        assert few > 50
        assert many < 1.1 * few + 20, taken


WHOLE = {
    "chosen_by_folder", "reprocess", "jobs", "history_page", "finished", "known", "job_of_output", "newest",
    "totals_that_differ", "insert_job", "insert_attempt",
}  # fmt: skip
"""Statements that may walk a large table: somebody asked for all of it, or they stop early. (Two that insert only seem
to: SQLite looks for rows that wait for a parent, and only where there are some.)"""
SMALL = {
    "job_total", "spending_total", "call_total", "duration_total", "gate", "target", "key_that_worked", "asked",
    "(subquery-1)", "(subquery-3)",
}  # fmt: skip
OPEN = {
    "job_in_queue", "job_free", "job_with_due_original", "job_under_way", "job_due", "job_in_tiles", "attempt_open",
    "sighting_waiting", "job_that_keeps",
}  # fmt: skip
"""Indexes in which nothing stands that is done with, or no more than has room in the spool."""


@pytest.mark.parametrize("file", ["queries.sql", "readings.sql"])
def test_no_statement_walks_what_is_done_unless_it_was_asked_for(made: dict[int, Path], file: str) -> None:
    class AnyValue(dict[str, None]):
        def __missing__(self, _name: str) -> None:
            return None

    walking = []
    with closing(sqlite3.connect(f"file:{made[FEW]}?mode=ro", uri=True)) as connection:
        for name, statement in statements.load(file).items():
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", AnyValue())]
            scans = [detail.split() for detail in plan if detail.startswith("SCAN ") and "VIRTUAL" not in detail]
            walking += [
                (name, scan) for scan in scans
                if scan[1] not in SMALL and scan[1:] != ["CONSTANT", "ROW"] and not OPEN.intersection(scan)
            ]  # fmt: skip
    assert [(name, scan) for name, scan in walking if name not in WHOLE] == []


def test_a_finished_file_has_a_kilobyte_on_the_disk(made: dict[int, Path]) -> None:
    assert made[MANY].stat().st_size / MANY < 1000


def test_the_bounds_of_metrics_are_those_that_are_kept(made: dict[int, Path]) -> None:
    with closing(sqlite3.connect(f"file:{made[FEW]}?mode=ro", uri=True)) as connection:
        kept = connection.execute("SELECT of, up_to FROM duration_total ORDER BY of, up_to").fetchall()
    for of, bounds in (("call", CALL_BOUNDS), ("queue", QUEUE_BOUNDS)):
        assert [up_to for one, up_to in kept if one == of] == [*bounds, 1e9]


# --- a search, and a reader that stays ------------------------------------------------------------------------------


def test_a_search_that_has_no_more_time_says_how_far_it_came_and_goes_on_from_there(made: dict[int, Path]) -> None:
    reader = LedgerReader(made[MANY])
    first = reader.history_page("IMG_0007", None, None, before=None, limit=50, seconds=0.0)
    found, before, pages = [*first.rows], first.before, 1
    while before is not None:
        more = reader.history_page("IMG_0007", None, None, before=before, limit=50, seconds=0.0)
        found, before, pages = [*found, *more.rows], more.before, pages + 1
    whole = reader.history_page("IMG_0007", None, None, before=None, limit=50, seconds=60.0)
    reader.close()
    assert pages > 2
    assert (
        [row["id"] for row in found] == [row["id"] for row in whole.rows] == [50_007, 40_007, 30_007, 20_007, 10_007, 7]
    )
    assert whole.before is None


def test_jobs_of_one_state_are_found_among_many(made: dict[int, Path]) -> None:
    reader = LedgerReader(made[MANY])
    page = reader.history_page(None, "unknown", None, before=None, limit=50, seconds=0.0)
    assert (len(page.rows), page.before) == (five_million.UNKNOWN, None)
    assert {row["state"] for row in page.rows} == {"unknown"}
    assert reader.history_page(None, None, "nobody's", before=None, limit=50, seconds=60.0).rows == []
    reader.close()


def test_who_reads_for_longer_than_a_page_may_is_broken_off(made: dict[int, Path]) -> None:
    reader = LedgerReader(made[MANY], patience=0.0)
    with pytest.raises(LedgerSlowError, match="took longer than 0 s"):
        list(reader.jobs(None, "nobody's", None))
    reader.close()


def test_a_page_that_the_ledger_keeps_waiting_says_so(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: dict[str, Any] = {}
    settings = Settings("watchd.yaml", str(many.parent), ())
    daemon = DaemonView(
        dict, lambda: True, dict, dict, int, lambda: nothing, list, lambda _: nothing, lambda: 0, lambda: settings
    )
    monkeypatch.setattr(site, "PATIENCE_S", 0.0)
    transport = httpx.ASGITransport(app=app.application(str(many.parent), daemon, ""))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/?folder=nobody")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.text) == (503, "the ledger took longer than 0 s to answer\n")


def test_a_log_that_a_reader_kept_long_is_told_and_given_back_when_it_goes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_size, "KEPT_BYTES", 0)
    monkeypatch.setattr(log_size, "LONG_BYTES", 1_000_000)
    ledger = opened(path)
    assert ledger.shrink_log() is None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as stays:
        stays.execute("BEGIN")
        stays.execute("SELECT * FROM job").fetchall()
        for number in range(100):
            admit(ledger, number)
        told = ledger.shrink_log()
        assert told is not None
        assert "has been reading the ledger" in told
    assert ledger.shrink_log() is None
    assert log_size.bytes_of(path) == 0
    ledger.close()


def test_a_log_that_was_long_keeps_a_bounded_room(path: Path) -> None:
    ledger = opened(path)
    assert ledger.connection.execute("PRAGMA journal_size_limit").fetchone()[0] == log_size.KEPT_BYTES
    ledger.close()


# --- folding --------------------------------------------------------------------------------------------------------


def test_the_steps_of_an_old_job_are_told_as_one_and_the_last_number_stays(many: Path) -> None:
    ledger = opened(many)
    highest = ledger.connection.execute("SELECT max(id) FROM event").fetchone()[0]
    folded = 0
    while piece := ledger.fold(Wall(START + DAY_S), 100):
        folded += piece
    assert folded > 100
    assert ledger.connection.execute("SELECT max(id) FROM event").fetchone()[0] == highest
    ledger.close()
    reader = LedgerReader(many)
    told = reader.told(MANY)
    assert told is not None
    assert [(step["step"], step["detail"]) for step in told["steps"]] == [("done", "5 steps, told as one")]
    assert told["steps"][0]["at"] == told["finished_at"]
    reader.close()


# --- a clean end ----------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    """As a disk does it: nobody wrote, so the file's own time stays."""
    was = path.stat()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_a_clean_end_puts_the_check_off_and_it_is_made_up_for(many: Path) -> None:
    assert clean_end.is_as_left(many)
    ledger = opened(many)
    assert not clean_end.is_as_left(many), "the mark is away while somebody writes"
    assert ledger.proof is not None
    ledger.prove()
    ledger.close()
    assert clean_end.is_as_left(many)


def test_an_end_that_was_none_has_all_of_it_checked_at_the_start(many: Path, tmp_path: Path) -> None:
    ledger = opened(many)
    killed = tmp_path / "killed.db"
    for ending in ("", "-wal"):
        shutil.copy2(f"{many}{ending}", f"{killed}{ending}")
    ledger.close()
    damage(killed)
    with pytest.raises(LedgerError, match="damaged"):
        opened(killed)


def test_whoever_writes_the_file_after_a_clean_end_has_it_checked_at_the_start(many: Path) -> None:
    with many.open("r+b") as file:
        file.seek(10 * PAGE)
        file.write(b"\xa5" * PAGE)
    with pytest.raises(LedgerError, match="damaged"):
        opened(many)


def test_damage_that_is_found_beside_the_work_is_told_and_found_again_at_the_next_start(many: Path) -> None:
    damage(many)
    ledger = opened(many)
    with pytest.raises(LedgerError, match="damaged"):
        ledger.prove()
    ledger.close()
    assert not clean_end.is_as_left(many)
    with pytest.raises(LedgerError, match="damaged"):
        opened(many)


def test_a_check_is_broken_off(many: Path) -> None:
    damage(many)
    proof = LedgerProof(many)
    proof.break_off()
    proof.run()  # or it would tell of the damage


def test_a_ledger_of_an_older_schema_is_checked_before_it_is_migrated(many: Path) -> None:
    damage(many)
    was = many.stat()
    with closing(sqlite3.connect(many)) as connection:
        connection.execute(f"PRAGMA user_version = {len(statements.migrations()) - 1}")
    os.utime(many, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert clean_end.is_as_left(many)
    with pytest.raises(LedgerError, match="damaged"):
        opened(many)


# --- a look through all of it, a copy, less of it -------------------------------------------------------------------


def test_a_look_through_all_of_it_finds_totals_that_are_not_what_counting_gives(many: Path) -> None:
    assert proving.flaws(many) == []
    with closing(sqlite3.connect(many)) as connection:
        connection.execute("UPDATE job_total SET jobs = jobs + 1 WHERE state = 'done'")
        connection.execute("UPDATE duration_total SET millis = millis + 1 WHERE up_to = 10")
        connection.commit()
    assert proving.flaws(many) == ["duration_total is not what counting gives", "job_total is not what counting gives"]


def test_a_copy_is_of_one_moment_though_the_daemon_writes_on(many: Path, tmp_path: Path) -> None:
    ledger = opened(many)
    written: list[int] = []

    def write(left: int, _of: int) -> None:
        written.append(left)
        admit(ledger, len(written))

    copy = tmp_path / "copy.db"
    size = copying.back_up(many, copy, write)
    ledger.close()
    assert len(written) > 1, "it was copied in one step, and nobody wrote in between"
    assert copy.stat().st_size == size
    assert proving.flaws(copy) == []
    counts = []
    for one in (copy, many):
        reader = LedgerReader(one)
        counts.append(reader.counts()["queued"])
        reader.close()
    assert counts == [five_million.QUEUED, five_million.QUEUED + len(written)]
    assert [file.name for file in tmp_path.iterdir() if "making" in file.name] == []


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_a_copy_replaces_nothing(many: Path, tmp_path: Path, kind: str) -> None:
    copy = tmp_path / "copy.db"
    if kind == "file":
        copy.write_text("mine")
    else:
        copy.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="there already"):
        copying.back_up(many, copy)
    assert copy.is_symlink() or copy.read_text() == "mine"


def test_a_ledger_written_anew_is_smaller_and_the_same(many: Path) -> None:
    with closing(sqlite3.connect(many)) as connection:
        connection.execute("DELETE FROM event WHERE id < 100000")
        connection.commit()
        before = connection.execute("SELECT * FROM jobs").fetchall()
    was, now = copying.compact(many)
    assert now < was
    with closing(sqlite3.connect(many)) as connection:
        assert connection.execute("SELECT * FROM jobs").fetchall() == before
    assert clean_end.is_as_left(many)
    assert proving.flaws(many) == []


def test_a_ledger_is_written_anew_only_where_there_is_room(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(many.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=many.stat().st_size))
    before = many.read_bytes()
    with pytest.raises(LedgerError, match="MB left"):
        copying.compact(many)
    assert len(many.read_bytes()) == len(before)
