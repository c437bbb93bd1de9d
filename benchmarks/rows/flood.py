"""Row `flood`: many writers at once, more files than the kernel's queue holds events."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import BenchError, hands, peak_memory_mb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

WRITERS = 4
FOLDERS = 10
"""Sub-folders of each writer, one after the other: each has files before it can have a watch."""
PATIENCE = 400.0
"""Seconds until what is no job counts as lost: longer than the 5 minutes between two reconcile scans."""
CALM = 5.0
"""Seconds for a second job of the same file to show itself."""
HELD = """\
    watch: events
approval: {files: 0, cost: null}
"""
"""The gate is closed before the first call: what is measured is how files are found and written down."""


class Flood:
    """Every file that was written is a job, once."""

    name = "flood"
    about = f"files written by {WRITERS} processes at once into a folder that is watched, until all of them are jobs"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A flood is long enough."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many files."""
        return 2_000 if quick else 100_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Nothing lost, nothing twice, soon, in little memory."""
        number = self.number(quick=quick)
        return (
            Measure("lost", f"files lost of {number:,}", "", AtMost(0)),
            Measure("twice", "files twice", "", AtMost(0)),
            Measure("seconds", "from the last write until all are in the ledger", "s", AtMost(60)),
            Measure("memory", "peak memory", "MB", AtMost(200)),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """Watchd alone: those it is compared with elsewhere keep no record that could be counted."""
        yield (Contender(WATCHD, partial(_flood, bench, self.number(quick=bench.quick))),)


def _flood(bench: Bench, number: int) -> Mapping[str, float]:
    with (
        contenders.staged(bench.folder / "stage") as stage,
        hands(WRITERS) as writers,
        contenders.alone(stage, keys=HELD) as daemon,
    ):
        start = time.monotonic()
        shares = [(stage, writer, number // WRITERS) for writer in range(WRITERS)]
        written = frozenset().union(*writers.starmap(_write, shares, chunksize=1))
        end = time.monotonic()
        bench.say(f"{len(written):,} files written in {end - start:.1f} s, {len(_jobs(stage)):,} of them jobs by then")
        while not (whole := _is_whole(stage, written)) and time.monotonic() < end + PATIENCE:
            time.sleep(0.5)
        seconds = time.monotonic() - end
        if whole:
            time.sleep(CALM)
        lost, twice = tally(written, _jobs(stage))
        return {"lost": lost, "twice": twice, "seconds": seconds, "memory": peak_memory_mb(daemon.pid)}


def _write(stage: Stage, writer: int, count: int) -> set[str]:
    """One writer's files; answers their paths, as they are in the ledger."""
    like, paths = pictures.tiny(0), set()
    for number in range(count):
        path = f"{writer}/{number * FOLDERS // count}/{number:06}.png"
        whole = stage.hot / path
        if not whole.parent.exists():
            whole.parent.mkdir(parents=True)
        whole.write_bytes(pictures.numbered(like, writer * count + number))
        paths.add(path)
    return paths


def tally(written: Collection[str], jobs: Sequence[str]) -> tuple[int, int]:
    """(Files without a job, jobs beyond one for each file), from the paths of both."""
    found = set(written) & set(jobs)
    return len(written) - len(found), len(jobs) - len(found)


def _is_whole(stage: Stage, written: Collection[str]) -> bool:
    """Whether each has its job; looked at in earnest only where there are enough, since the daemon is to be left alone.

    Raises BenchError after a call: then something else was measured.
    """
    with closing(_ledger(stage)) as ledger:
        ((jobs, calls),) = ledger.execute("SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM attempt)")
    if calls:
        raise BenchError(f"{calls} calls were tried behind a closed gate")
    return bool(jobs >= len(written)) and tally(written, _jobs(stage))[0] == 0


def _jobs(stage: Stage) -> list[str]:
    """The path of each job, as often as it has one; one whose file is not noted as seen does not count."""
    with closing(_ledger(stage)) as ledger:
        rows = ledger.execute("SELECT path FROM job JOIN sighting USING (folder, path) WHERE job_id IS NOT NULL")
        return [os.fsdecode(path) for (path,) in rows]


def _ledger(stage: Stage) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{stage.home}/state/ledger.db?mode=ro", uri=True, timeout=10)
