"""Row `flood`: many writers at once, more files than the kernel's queue holds events."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import peak_memory_mb, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

WRITERS = 4
IN_A_FOLDER = 1000
PATIENCE = 300.0
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
        with contenders.staged(bench.folder / "stage") as stage:
            yield (Contender(WATCHD, lambda: _flood(stage, self.number(quick=bench.quick))),)


def _flood(stage: Stage, number: int) -> Mapping[str, float]:
    with contenders.alone(stage, keys=HELD) as daemon:
        each = number // WRITERS
        writers = [multiprocessing.Process(target=_write, args=(stage, writer, each)) for writer in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        written = time.monotonic()
        wait_until(lambda: _jobs(stage)[1] >= number, PATIENCE, f"{number} files are jobs", step=0.5)
        seconds = time.monotonic() - written
        jobs, files = _jobs(stage)
        return {
            "lost": number - files, "twice": jobs - files, "seconds": seconds, "memory": peak_memory_mb(daemon.pid)
        }  # fmt: skip


def _write(stage: Stage, writer: int, count: int) -> None:
    for number in range(count):
        folder = stage.hot / f"{writer}" / f"{number // IN_A_FOLDER}"
        if number % IN_A_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:06}.png").write_bytes(pictures.tiny(writer * 1_000_003 + number))


def _jobs(stage: Stage) -> tuple[int, int]:
    """(jobs, files that have one)."""
    ledger = sqlite3.connect(f"file:{stage.home}/state/ledger.db?mode=ro", uri=True, timeout=10)
    try:
        jobs, files = ledger.execute("SELECT count(*), count(DISTINCT path) FROM job").fetchone()
        return int(jobs), int(files)
    finally:
        ledger.close()
