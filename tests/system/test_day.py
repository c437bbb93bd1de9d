"""A compressed day: one call in a hundred fails, it is restarted and reloaded; nothing grows, all adds up."""

from __future__ import annotations

import os
import random
import signal
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.system.house import House, until
from tests.system.pictures import numbered, picture
from tests.system.test_web import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import Daemon

FULL = os.environ.get("WATCHD_FAULTS") == "full"
SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
JOBS = 30_000 if FULL else 900
RESTARTS = 50 if FULL else 6
RELOADS = 30 if FULL else 4
LONG_LIFE = 3
"""One part in so many of the jobs is done by one process, that is reloaded and not restarted."""
FAULTS = ("500:0.3%", "cut:0.2%", "lie:0.1%", "429:0.1%", "415:0.2%", "402:0.1%")
"""One call in a hundred, as it happens: answered, charged and lost, charged and wrong, refused, not paid."""
BACKLOG = 60
WORKERS = 4
ENDED = ("done", "failed", "unknown")
FOLDERS = 40


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process holds: bytes of memory and of the write-ahead log, descriptors, threads."""

    memory: int
    log: int
    descriptors: int
    threads: int


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        made.open_sandbox(fail=FAULTS, seed=SEED)
        yield made
        made.assert_books_balance()


class Day:
    """Feeds a house, and looks at it from outside."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.port = free_port()
        self.dropped = 0
        self.vitals: list[Vitals] = []
        self._base = picture(1)
        house.configure(
            {"rescan_every": "30s", "settle": "100ms"}, balance_probe={"first": "1s", "longest": "2s"},
            api={"workers": WORKERS}, approval={"cost": None, "files": None}, web={"listen": f"127.0.0.1:{self.port}"},
        )  # fmt: skip

    def feed(self, until_dropped: int) -> None:
        """Drop pictures like no other, no faster than they are worked on."""
        while self.dropped < until_dropped:
            until(lambda: self.dropped - self.ended() < BACKLOG, "the backlog shrinks", timeout=90)
            for _ in range(BACKLOG // 3):
                if self.dropped < until_dropped:
                    name = f"{self.dropped % FOLDERS}/{self.dropped}.png"
                    self.house.drop(name, numbered(self._base, self.dropped))
                    self.dropped += 1

    def ended(self) -> int:
        """Jobs that nothing more will happen to by itself."""
        (row,) = self.house.read("SELECT count(*) AS n FROM job WHERE state IN ('done', 'failed', 'unknown')") or [{}]
        return int(row.get("n", 0))

    def look(self, daemon: Daemon) -> None:
        """Take its vitals."""
        process = Path(f"/proc/{daemon.pid}")
        told = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        wal = self.house.state / "ledger.db-wal"
        self.vitals.append(Vitals(
            int(told["VmRSS"].split()[0]) * 1024, wal.stat().st_size if wal.exists() else 0,
            len(list((process / "fd").iterdir())), int(told["Threads"]),
        ))  # fmt: skip

    def settle(self) -> None:
        """Wait until everything that was dropped has ended."""
        until(lambda: self.ended() == self.dropped, f"{self.dropped} have ended, {self.ended()}", timeout=180)

    def figures(self) -> dict[str, float]:
        """What `/metrics` says."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10, trust_env=False)
        assert answer.status_code == 200, answer.text
        lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def assert_figures_are_the_ledgers(self) -> None:
        """Every counter beside what SQL says of the ledger's public face."""
        found, read = self.figures(), self.house.read
        jobs = Counter({row["state"]: row["n"] for row in read("SELECT state, count(*) AS n FROM jobs GROUP BY state")})
        for state in ("queued", "sending", "received", *ENDED):
            assert found[f'watchd_files{{state="{state}"}}'] == jobs[state], state
        calls = read("SELECT outcome, count(*) AS n FROM attempts WHERE outcome IS NOT NULL GROUP BY outcome")
        assert {name: count for name, count in found.items() if name.startswith("watchd_calls_total{") and count} == {
            f'watchd_calls_total{{outcome="{row["outcome"]}"}}': row["n"] for row in calls
        }
        answers = read(
            "SELECT http_status, count(*) AS n FROM attempts WHERE http_status IS NOT NULL GROUP BY http_status"
        )
        assert {name: count for name, count in found.items() if name.startswith("watchd_answers_total{") and count} == {
            f'watchd_answers_total{{status="{row["http_status"]}"}}': row["n"] for row in answers
        }
        (money,) = read(
            "SELECT coalesce(sum(cost), 0) AS total, coalesce(sum(cost) FILTER (WHERE finished_at IS NULL"
            " OR outcome IN ('lost', 'bad_answer')), 0) AS in_doubt FROM attempts"
        )
        assert found["watchd_spent_usd"] == pytest.approx(money["total"])
        assert found["watchd_in_doubt_usd"] == pytest.approx(money["in_doubt"])
        ok = next((row["n"] for row in calls if row["outcome"] == "ok"), 0)
        assert found["watchd_call_seconds_count"] == ok
        (begun,) = read("SELECT count(DISTINCT job_id) AS n FROM attempts")
        assert found["watchd_queue_seconds_count"] == begun["n"]

    def assert_each_file_is_in_one_count(self) -> None:
        """The seven counts of `status`, and the files that were dropped."""
        counts = self.house.status()["counts"]
        assert sum(counts.values()) == self.dropped, counts


def no_growth(values: list[int], what: str, share: float, spare: int) -> None:
    """The last third is no larger than the first, but for this share of it and so much more."""
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    print(f"{what}: {first:,.0f} at first, {last:,.0f} at last, {max(values):,} at most")  # noqa: T201 -- a figure
    assert last <= first * (1 + share) + spare, f"{what} grows: {values}"


@pytest.mark.timeout(3600 if FULL else 180)
def test_a_day_leaves_nothing_behind_and_all_adds_up(house: House) -> None:
    print(f"seed {SEED}")  # noqa: T201 -- to repeat it
    chance = random.Random(SEED)
    day = Day(house)
    restarted = JOBS - JOBS // LONG_LIFE
    daemon = house.start()
    for number in range(RESTARTS):
        day.feed(restarted * (number + 1) // RESTARTS)
        day.look(daemon)
        if chance.random() < 0.5:
            daemon.kill()
        else:
            assert daemon.stop() == 0
        daemon = house.start()
        if number % (RESTARTS // 3) == 0:
            day.settle()
            day.assert_each_file_is_in_one_count()
            day.assert_figures_are_the_ledgers()
    lives = day.vitals
    day.vitals = []
    for number in range(RELOADS):
        day.feed(restarted + JOBS // LONG_LIFE * (number + 1) // RELOADS)
        day.settle()  # so that nothing of a call in flight is among what it holds
        day.look(daemon)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded", number + 1)
    day.settle()
    day.assert_each_file_is_in_one_count()
    day.assert_figures_are_the_ledgers()
    assert day.dropped == JOBS
    outcomes = {row["outcome"] for row in house.read("SELECT DISTINCT outcome FROM attempts")}
    assert outcomes >= ({"ok", "server"} if FULL else {"ok"})  # few jobs do not meet each of six faults
    assert outcomes - {"ok"}, "no fault has fired"
    assert daemon.stop() == 0
    # A call in flight holds its socket, what it sends and what it receives.
    for told, vitals, flying in (("lives", lives, 4 * WORKERS), ("reloads", day.vitals, 0)):
        # What was seen of each file that still lies there is some hundred bytes.
        no_growth([each.memory for each in vitals], f"memory over {told}", 0.1, 400 * JOBS)
        no_growth([each.descriptors for each in vitals], f"descriptors over {told}", 0, 2 + flying)
        no_growth([each.threads for each in vitals], f"threads over {told}", 0, 2)
        no_growth([each.log for each in vitals], f"write-ahead log over {told}", 0.1, 4_500_000)
