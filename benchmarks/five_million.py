"""A ledger of years: so many finished files under the schema of today, its indexes grown as in earnest.

    python -m benchmarks.five_million FOLDER [--files 5000000]

makes one in FOLDER, measures what the row `years` measures, and removes it again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite import clean_end, opening

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

YEARS = 5
DAY_S = 86_400.0
SPAN_S = YEARS * 365 * DAY_S
FOLDED_S = 30 * DAY_S
"""Files done within the last so many seconds have all of their steps still."""
STEPS = ("admitted", "sending", "armed", "received", "done")
BATCH = 20_000
PARAMETERS = '{"dialect": "enhance", "enhance": false, "replication": 0.35, "scale": 2.0}'
FAILED, UNKNOWN, QUEUED = 200, 20, 200
"""Jobs beside those that are done."""

JOB = (
    "INSERT INTO job (id, folder, path, path_text, sha256, picture, size, mtime_ns, parameters, profile, price,"
    " width, height, state, attempts, ended, booked, name, output, output_sha256, created_at, finished_at, claim,"
    " folded, error, failure)"
    " VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, 'gold', 20000, 6000, 4000, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)"
)
ATTEMPT = (
    "INSERT INTO attempt (job_id, started_at, armed_at, day, finished_at, http_status, outcome, booked, sent_bytes,"
    " received_bytes, cf_ray, scale, width, height)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 4100000, 21000000, ?, 2.0, 6000, 4000)"
)
EVENT = "INSERT INTO event (id, at, job_id, step, detail) VALUES (?, ?, ?, ?, ?)"
SIGHTING = (
    "INSERT INTO sighting (folder, path, size, mtime_ns, ctime_ns, inode, job_id, seen_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
NAME = "INSERT INTO output_name (key, job_id, may_change) VALUES (?, ?, 0)"


def make(path: Path, files: int, folder: str = "hot", now: float | None = None) -> None:
    """Make a ledger of so many finished files of one folder, spread over five years up to `now` (Unix seconds).

    Beside them a few that failed, are unknown, or wait in a folder that nobody has.
    """
    end = time.time() if now is None else now
    connection = opening.open_for_writing(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -2000000")
    for first in range(1, files + 1, BATCH):
        numbers = range(first, min(first + BATCH, files + 1))
        connection.execute("BEGIN")
        _insert(connection, [(number, end - SPAN_S * (1 - number / files)) for number in numbers], folder, end)
        connection.execute("COMMIT")
    connection.execute("BEGIN")
    _others(connection, files, folder, end)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    clean_end.leave(connection, path)


def _insert(connection: sqlite3.Connection, moments: Sequence[tuple[int, float]], folder: str, end: float) -> None:
    connection.executemany(JOB, (_job(number, at, folder, end) for number, at in moments))
    connection.executemany(ATTEMPT, (_attempt(number, at) for number, at in moments))
    connection.executemany(EVENT, (event for number, at in moments for event in _events(number, at, end)))
    connection.executemany(
        SIGHTING,
        ((folder, _path(number), 4_000_000 + number, int(at * 1e9), int(at * 1e9) + 7, 10**6 + number, number, at)
         for number, at in moments),
    )  # fmt: skip
    connection.executemany(NAME, ((_output(number).casefold(), number) for number, _ in moments))


def _digest(number: int, of: str) -> str:
    return sha256(f"{of} {number}".encode()).hexdigest()


def _path(number: int) -> bytes:
    return f"2026/{number // 2000:04}-wedding/IMG_{number % 10_000:04}.jpg".encode()


def _output(number: int) -> str:
    return f"/srv/hot/portraits-out/{_path(number)[:-4].decode()}.png"


def _job(number: int, at: float, folder: str, end: float) -> tuple[object, ...]:
    output = _output(number)
    return (
        number, folder, _path(number), _digest(number, "in"), _digest(number, "sent"), 4_000_000 + number,
        int(at * 1e9) + number % 1000, PARAMETERS, "done", 1, number * len(STEPS) - 1,
        20_000, _path(number)[:-4] + b".png", output.encode(),
        _digest(number, "out"), at - 12.3, at, int(end - at > FOLDED_S), None, None,
    )  # fmt: skip


def _attempt(number: int, at: float) -> tuple[object, ...]:
    day = time.strftime("%Y-%m-%d", time.localtime(at))
    return number, at - 9.1, at - 7.7, day, at - 0.4, 200, "ok", 20_000, _digest(number, "ray")[:16]


def _events(number: int, at: float, end: float) -> Iterator[tuple[object, ...]]:
    if end - at > FOLDED_S:
        yield number * len(STEPS), at, number, "done", f"{len(STEPS)} steps, told as one"
        return
    for place, step in enumerate(STEPS, 1):
        yield (
            (number - 1) * len(STEPS) + place,
            at - 10 + 2 * place,
            number,
            step,
            f"{step}: sixty or a hundred bytes of words",
        )


def _others(connection: sqlite3.Connection, files: int, folder: str, end: float) -> None:
    """Jobs that are not done. Those that wait do so in a folder of no configuration, so that nothing comes of them."""
    states = ["failed"] * FAILED + ["unknown"] * UNKNOWN + ["queued"] * QUEUED
    for number, state in enumerate(states, files + 1):
        where = "elsewhere" if state == "queued" else folder
        finished = None if state == "queued" else end
        connection.execute(JOB, (
            number, where, _path(number), _digest(number, "in"), None, 1, 1, PARAMETERS, state, 0, None, 0, None,
            None, None,
            end - 60, finished, 0, None if state == "queued" else "400: no", None if state == "queued" else "refused",
        ))  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one, measure, tell, remove it."""
    from benchmarks.rows import years  # noqa: PLC0415 -- the row makes its ledger by this very module

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.five_million", description="A ledger of years, measured."
    )
    parser.add_argument(
        "folder", type=Path, help="made, and removed again: a disk with a kilobyte for each file, twice"
    )
    parser.add_argument("--files", type=int, default=5_000_000)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True)
    try:
        for name, value in years.measure(options.folder, options.files, lambda text: print(text, flush=True)).items():
            print(f"{name:<10} {value:10.4f}", flush=True)
    finally:
        shutil.rmtree(options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
