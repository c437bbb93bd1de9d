"""What the ledger promises as a file: to the disk, to who reads it beside the daemon, and when it cannot be trusted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.sqlite import opening, statements
from watchd.adapters.ledgers.sqlite.reader import COUNTS, LedgerReader
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.core.calls.outcomes import Traffic
from watchd.core.calls.retrying import Conclusion
from watchd.core.calls.state import Shut
from watchd.core.request.endpoint import Answer
from watchd.errors import LedgerError
from watchd.model import (
    Admission,
    Asked,
    Call,
    FailureKind,
    Gate,
    GateReason,
    JobState,
    Outcome,
    Sample,
    Sighting,
    Steady,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE = Sample(100, 10**18, 10**18, 7)
VIEWS = {
    "jobs": [
        "id", "folder", "path", "sha256", "profile", "state", "attempts", "cost", "output", "reused_from", "error",
        "created_at", "finished_at",
    ],
    "attempts": [
        "id", "job_id", "started_at", "finished_at", "http_status", "outcome", "error", "cost", "sent_bytes",
        "received_bytes", "cf_ray",
    ],
    "balance_failures": ["id", "at", "job_id", "folder", "path", "message", "balance_usd", "balance_diem"],
    "spending": ["day", "folder", "profile", "calls", "cost"],
}  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: ManualClock) -> Iterator[SqliteLedger]:
    made = SqliteLedger(tmp_path / "ledger.db", clock, owner="me", lease=60.0)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def rows(path: Path, question: str) -> list[dict[str, Any]]:
    """As anybody reads it with plain sqlite3, while the daemon runs."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(question)]
    finally:
        connection.close()


def live(ledger: SqliteLedger, clock: ManualClock) -> None:
    """Five files: one done, one failed, one unknown, one back after a 402, one armed; and one that waits."""
    asked = Asked("gold", 20_000, 512, 512)
    ledger.admit([
        Admission("hot", os.fsdecode(name), SAMPLE, f"sha {number}", "gold", 0, asked=asked)
        for number, name in enumerate([b"done.png", b"caf\xe9\n.png", b"unknown.png", b"empty.png", b"armed.png"])
    ])  # fmt: skip
    ledger.note_waiting("hot", [Sighting("wait.png", SAMPLE, None, "it is empty so far")], [])
    conclusions = [
        None,
        Conclusion(Outcome.REFUSED, JobState.FAILED, "400: no", Traffic(10, 20, "ray-2"), 400, counts=True),
        Conclusion(Outcome.LOST, JobState.UNKNOWN, "reset", Traffic(10), counts=True, unbook=False),
        Conclusion(
            Outcome.BALANCE,
            JobState.QUEUED,
            "402: empty",
            Traffic(10, 20),
            402,
            not_before=Steady(clock.steady() + 600),
            balance=Answer(402, "Insufficient balance", balance_usd=0.015, balance_diem=0.0),
        ),
    ]  # fmt: skip
    for conclusion in conclusions:
        job = ledger.claim({"hot"}, {"hot"})
        assert job is not None
        attempt = ledger.begin_sending(job, 20_000, ())
        assert isinstance(attempt, int)
        call = Call(job, attempt, 20_000, "1.png")
        ledger.arm(call)
        clock.advance(1.5)
        if conclusion is None:
            ledger.receive(call, Traffic(1000, 2000, "ray-1"), 2.0)
            ledger.finish(job, "/out/done.png", "sha of it", reused_from=None, detail="published")
        else:
            ledger.conclude(call, conclusion)
    job = ledger.claim({"hot"}, {"hot"})
    assert job is not None
    attempt = ledger.begin_sending(job, 80_000, ())
    assert isinstance(attempt, int)
    ledger.arm(Call(job, attempt, 80_000, "5.png"))


# --- durability -----------------------------------------------------------------------------------------------------


def test_commits_are_durable_wal_and_full(ledger: SqliteLedger) -> None:
    pragmas = {
        name: ledger.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert ledger.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_closed_ledger_is_one_file_that_knows_what_it_is(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["ballast", "ledger.db"]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == 0x77617463
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(statements.migrations())
    connection.close()


def test_what_a_method_returned_from_is_there_after_a_crash(
    ledger: SqliteLedger, path: Path, clock: ManualClock
) -> None:
    live(ledger, clock)
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.db-wal").write_bytes(path.with_name("ledger.db-wal").read_bytes())
    assert rows(path, "SELECT * FROM attempts") == rows(copy, "SELECT * FROM attempts")


def test_a_transaction_that_fails_leaves_nothing_behind(ledger: SqliteLedger, path: Path) -> None:
    good = Admission("hot", "a.png", SAMPLE, "aa", "gold", 0, asked=Asked("gold", 1, 1, 1))
    bad = Admission("hot", "b.png", SAMPLE, "bb", None, 0, asked=Asked("gold", 1, 1, 1))  # type: ignore[arg-type]  # NULL
    with pytest.raises(LedgerError):
        ledger.admit([good, bad])
    assert rows(path, "SELECT * FROM jobs") == []
    assert ledger.admit([good]) == [1]


# --- the public face ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_have_the_columns_that_are_promised(ledger: SqliteLedger, path: Path, view: str) -> None:
    ledger.gates()
    assert [row["name"] for row in rows(path, f"PRAGMA table_info({view})")] == VIEWS[view]


def test_the_view_of_jobs_tells_states_money_names_and_times_as_promised(
    ledger: SqliteLedger, path: Path, clock: ManualClock
) -> None:
    live(ledger, clock)
    told = rows(path, "SELECT * FROM jobs ORDER BY id")
    assert [(row["path"], row["state"], row["attempts"], row["cost"]) for row in told] == [
        ("done.png", "done", 1, 0.02),
        ("caf\\xe9\n.png", "failed", 1, 0.0),
        ("unknown.png", "unknown", 1, 0.02),
        ("empty.png", "queued", 0, 0.0),
        ("armed.png", "sending", 0, 0.08),
    ]
    assert (told[0]["output"], told[0]["error"]) == ("/out/done.png", None)
    assert told[0]["created_at"] == "2027-01-15T08:00:00.000Z"
    assert told[0]["finished_at"] == "2027-01-15T08:00:01.500Z"
    assert [row["finished_at"] is None for row in told] == [False, False, False, True, True]


def test_the_view_of_attempts_tells_every_call(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    live(ledger, clock)
    told = rows(path, "SELECT job_id, http_status, outcome, cost, sent_bytes, received_bytes, cf_ray FROM attempts")
    assert [tuple(row.values()) for row in told] == [
        (1, 200, "ok", 0.02, 1000, 2000, "ray-1"),
        (2, 400, "refused", 0.0, 10, 20, "ray-2"),
        (3, None, "lost", 0.02, 10, 0, None),
        (4, 402, "balance", 0.0, 10, 20, None),
        (5, None, None, 0.08, 0, 0, None),
    ]


def test_each_402_has_its_row_with_the_balance_as_told(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    live(ledger, clock)
    (row,) = rows(path, "SELECT * FROM balance_failures")
    assert row == {
        "id": 1, "at": "2027-01-15T08:00:06.000Z", "job_id": 4, "folder": "hot", "path": "empty.png",
        "message": "Insufficient balance", "balance_usd": 0.015, "balance_diem": 0.0,
    }  # fmt: skip


def test_spending_is_what_is_booked_by_day_folder_and_profile(
    ledger: SqliteLedger, path: Path, clock: ManualClock
) -> None:
    live(ledger, clock)
    assert rows(path, "SELECT * FROM spending") == [
        {"day": "2027-01-15", "folder": "hot", "profile": "gold", "calls": 3, "cost": pytest.approx(0.12)}
    ]


def test_money_belongs_to_the_day_it_was_armed_on(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    clock.advance(16 * 3600 - 1)
    live(ledger, clock)
    clock.advance(3600)
    told = rows(path, "SELECT day, calls, cost FROM spending ORDER BY day")
    assert [(row["day"], row["calls"]) for row in told] == [("2027-01-15", 1), ("2027-01-16", 2)]


# --- a reader beside the writer -------------------------------------------------------------------------------------


def test_a_reader_beside_the_writer_sees_what_was_committed_and_holds_up_nobody(
    ledger: SqliteLedger, path: Path, clock: ManualClock
) -> None:
    reader = LedgerReader(path)
    assert sum(reader.counts().values()) == 0
    before = reader._connection
    assert before is not None
    before.execute("BEGIN")
    before.execute("SELECT * FROM job").fetchall()
    live(ledger, clock)
    before.execute("COMMIT")
    assert reader.counts() == dict.fromkeys(COUNTS, 1) | {"received": 0}
    reader.close()


def test_what_is_spent_is_told_with_what_is_in_doubt(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    live(ledger, clock)
    reader = LedgerReader(path)
    assert reader.spent(clock.local()) == pytest.approx({"today": 0.12, "month": 0.12, "total": 0.12, "in_doubt": 0.10})
    clock.advance(20 * 86_400)
    assert reader.spent(clock.local()) == pytest.approx({"today": 0, "month": 0, "total": 0.12, "in_doubt": 0.10})
    reader.close()


def test_jobs_are_told_newest_first_and_filtered(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    live(ledger, clock)
    reader = LedgerReader(path)
    assert [row["id"] for row in reader.jobs(None, None, None)] == [5, 4, 3, 2, 1]
    assert [row["id"] for row in reader.jobs(None, "hot", 2)] == [5, 4]
    assert [row["path"] for row in reader.jobs("unknown", None, None)] == ["unknown.png"]
    assert list(reader.jobs(None, "cold", None)) == []
    assert list(next(reader.jobs(None, None, 1))) == VIEWS["jobs"]
    reader.close()


def test_the_history_of_a_path_tells_its_jobs_calls_and_steps(
    ledger: SqliteLedger, path: Path, clock: ManualClock
) -> None:
    live(ledger, clock)
    reader = LedgerReader(path)
    (job,) = reader.history("hot", os.fsdecode(b"caf\xe9\n.png"))
    assert [call["outcome"] for call in job["calls"]] == ["refused"]
    assert [step["step"] for step in job["steps"]] == ["admitted", "sending", "armed", "failed"]
    assert reader.history("hot", "never.png") == []
    reader.close()


def test_gates_are_told_as_they_are_closed(ledger: SqliteLedger, path: Path) -> None:
    gate = Gate(GateReason.BALANCE, Steady(1.0), "empty", Steady(61.0), 60.0)
    ledger.write_gates([Shut(gate, None, None)])
    reader = LedgerReader(path)
    assert reader.gates() == [gate]
    reader.close()


def test_a_ledger_that_is_not_there_reads_as_empty_and_is_not_made(path: Path, clock: ManualClock) -> None:
    reader = LedgerReader(path)
    assert sum(reader.counts().values()) == 0
    assert reader.spent(clock.local())["total"] == 0
    assert list(reader.jobs(None, None, None)) == []
    assert not path.exists()
    reader.close()


def test_a_ledger_at_rest_can_be_read(ledger: SqliteLedger, path: Path, clock: ManualClock) -> None:
    live(ledger, clock)
    ledger.close()
    reader = LedgerReader(path)
    assert reader.counts()["done"] == 1
    reader.close()


# --- a ledger that cannot be trusted --------------------------------------------------------------------------------


def refused(path: Path) -> str:
    """What is said about a ledger that is not opened; checks that it was left exactly as it was."""
    before = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}
    with pytest.raises(LedgerError) as told:
        SqliteLedger(path, ManualClock(), owner="me", lease=60.0)
    after = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}
    assert after["ledger.db"] == before["ledger.db"]
    assert not [name for name in after.keys() - before.keys() if not name.endswith(("-wal", "-shm"))]
    return str(told.value)


def at_rest(path: Path) -> None:
    clock = ManualClock()
    ledger = SqliteLedger(path, clock, owner="me", lease=60.0)
    live(ledger, clock)
    ledger.close()


def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    at_rest(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "newer watchd" in refused(path)


def test_a_damaged_ledger_is_refused_and_left_as_it_is(path: Path) -> None:
    at_rest(path)
    data = bytearray(path.read_bytes())
    page = 4096
    for start in range(2 * page, len(data), page):
        data[start : start + 300] = b"\xff" * 300
    path.write_bytes(data)
    assert "damaged" in refused(path) or "cannot be opened" in refused(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"no ledger, and longer than a page" * 300])
def test_what_is_no_ledger_is_never_replaced_by_an_empty_one(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path)


def test_a_ledger_of_another_program_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE job (id INTEGER)")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert "no ledger" in refused(path)


def test_a_ledger_that_was_being_made_when_the_power_went_is_made_anew(path: Path, clock: ManualClock) -> None:
    path.with_name("ledger.db.new").write_bytes(b"half of it")
    path.with_name("ledger.db.new-wal").write_bytes(b"and its log")
    SqliteLedger(path, clock, owner="me", lease=60.0).close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["ballast", "ledger.db"]


def test_a_folder_that_is_not_there_is_an_error_of_the_ledgers(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(LedgerError):
        SqliteLedger(tmp_path / "none" / "ledger.db", clock, owner="me", lease=60.0)


# --- statements and migrations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["queries.sql", "readings.sql"])
def test_every_named_statement_is_explained_by_the_schema(ledger: SqliteLedger, file: str) -> None:
    for name, statement in statements.load(file).items():
        try:
            ledger.connection.execute(f"EXPLAIN {statement}", _AnyValue())
        except sqlite3.Error as error:
            pytest.fail(f"{name}: {error}")


class _AnyValue(dict[str, None]):
    """NULL for every parameter."""

    def __missing__(self, _name: str) -> None:
        return None


def test_a_ledger_of_an_older_watchd_is_taken_over_whole_and_a_copy_of_it_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = statements.migrations()
    with monkeypatch.context() as older:
        older.setattr(statements, "migrations", lambda: today[:1])
        opening.open_for_writing(path).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO job (id, folder, path, path_text, sha256, size, mtime_ns, parameters, profile, state, created_at)"
        " VALUES (7, 'f', x'61', 'a', 's', 1, 1, '{}', 'p', 'done', 1.0)"
    )
    connection.execute("INSERT INTO attempt (job_id, started_at, outcome, booked) VALUES (7, 1.0, 'ok', 20000)")
    connection.commit()
    connection.close()
    SqliteLedger(path, ManualClock(), owner="newer", lease=60.0).close()
    assert rows(path, "SELECT job_id, outcome, booked, scale FROM attempt") == [
        {"job_id": 7, "outcome": "ok", "booked": 20_000, "scale": None}
    ]
    assert rows(path, "PRAGMA user_version") == [{"user_version": len(today)}]
    assert rows(path.with_name("ledger.db.before-2"), "SELECT id, cost FROM jobs") == [{"id": 7, "cost": 0.0}]


OLD_ENDS = {
    "gone: it is gone, or no longer a regular file": FailureKind.GONE,
    "truncated: it ends before its last chunk (IEND), and nothing more came": FailureKind.TRUNCATED,
    "paid on 2026-10-01 as job 1, its output is gone; `watchd retry` pays again": FailureKind.RESULT_GONE,
    "the same picture failed as job 1: no; `watchd retry` tries both again": FailureKind.TWIN,
    "its paid answer is no longer in the spool; look for its output first": FailureKind.ANSWER_GONE,
    "dismissed by the owner; before: sent, and then: reset": FailureKind.DISMISSED,
    "internal error, see the log; `watchd retry` tries it again": FailureKind.INTERNAL,
    "sent, and then: hot-out cannot be written": FailureKind.LOST,
    "not a picture that can be sent: it is a PDF": FailureKind.UNFIT,
}
"""How the version before told why a job had ended."""
OLD_CALLS = {
    "refused": FailureKind.REFUSED, "server": FailureKind.SERVER, "network": FailureKind.UPLOAD_CUT,
    "lost": FailureKind.LOST, "bad_answer": FailureKind.BAD_ANSWER,
}  # fmt: skip
"""The outcome of the call that had ended it."""


def of_the_version_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger as it was made before there were kinds of failures: a job for each end, one that is done, one queued."""
    before = statements.migrations()[:6]
    with monkeypatch.context() as older:
        older.setattr(statements, "migrations", lambda: before)
        opening.open_for_writing(path).close()
    connection = sqlite3.connect(path)
    columns = "folder, path, path_text, sha256, size, mtime_ns, parameters, profile, created_at, state, error, booked"
    values = "'f', x'61', 'a', 's', 1, 1, '{}', 'p', 1.0, ?, ?, ?"
    for error in OLD_ENDS:
        connection.execute(f"INSERT INTO job ({columns}) VALUES ({values})", ("failed", error, 0))
    for outcome in OLD_CALLS:
        state = "unknown" if outcome in {"lost", "bad_answer"} else "failed"
        job = connection.execute(
            f"INSERT INTO job ({columns}) VALUES ({values})", (state, f"of {outcome}", 7)
        ).lastrowid
        connection.execute(
            "INSERT INTO attempt (job_id, started_at, finished_at, day, outcome, error, booked)"
            " VALUES (?, 1.0, 2.0, '2026-10-01', ?, ?, 7)", (job, outcome, f"of {outcome}"),
        )  # fmt: skip
    for state in ("done", "queued"):
        connection.execute(f"INSERT INTO job ({columns}) VALUES ({values})", (state, None, 0))
    connection.execute("INSERT INTO balance_failure (at, job_id, message, balance_usd) VALUES (3.0, 1, 'empty', 0.1)")
    connection.commit()
    connection.close()


def test_what_ended_the_jobs_of_an_older_watchd_is_told_from_its_sentences_and_calls(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_version_before(path, monkeypatch)
    before = {view: rows(path, f"SELECT * FROM {view}") for view in VIEWS}
    ledger = SqliteLedger(path, ManualClock(), owner="newer", lease=60.0)
    jobs = ledger.chosen(None, None, None)
    ledger.close()
    assert [job.failure for job in jobs] == [*OLD_ENDS.values(), *OLD_CALLS.values(), None, None]
    assert {view: rows(path, f"SELECT * FROM {view}") for view in VIEWS} == before, "the public face is the same"
    assert rows(path, statements.load("readings.sql")["totals_that_differ"]) == [], "totals begin with what was there"
    copy = path.with_name("ledger.db.before-7")
    assert {view: rows(copy, f"SELECT * FROM {view}") for view in VIEWS} == before, "a copy was kept"


def test_walking_all_migrations_from_nothing_gives_the_schema_of_today(path: Path) -> None:
    at_rest(path)
    connection = sqlite3.connect(":memory:")
    for _, script in statements.migrations():
        for statement in script:
            connection.execute(statement)
    walked = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    connection.close()
    made = {row["name"]: row["sql"] for row in rows(path, "SELECT name, sql FROM sqlite_master")}
    assert walked.items() <= made.items()


def test_a_change_that_was_broken_off_before_there_was_a_log_is_taken_back(tmp_path: Path, clock: ManualClock) -> None:
    """As a power cut leaves it, or an unlink that failed: a hot journal, which no reader may roll back."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path, clock, owner="first", lease=60.0).close()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = DELETE")
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("CREATE TABLE broken_off (data BLOB)")
    for _ in range(50):
        writer.execute("INSERT INTO broken_off VALUES (zeroblob(4000))")
    cut = tmp_path / "cut"
    cut.mkdir()
    for name in ("ledger.db", "ledger.db-journal"):
        (cut / name).write_bytes((tmp_path / name).read_bytes())
    writer.close()
    with pytest.raises(sqlite3.OperationalError):
        opening.look(cut / "ledger.db")  # so it is hot
    opened = SqliteLedger(cut / "ledger.db", clock, owner="next", lease=60.0)
    assert opened.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'broken_off'").fetchall() == []
    opened.close()
    assert sorted(file.name for file in cut.iterdir()) == ["ballast", "ledger.db"]
