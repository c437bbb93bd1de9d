"""Rows `scan` and `poll`: looking again at what is known, as the reconcile scan and poll mode do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import contenders
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted
from benchmarks.processes import BenchError, activity, peak_memory_mb, wait_until
from watchd.adapters.clock import SystemClock
from watchd.adapters.ledger.writer import SqliteLedger
from watchd.model import Admission, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

IN_A_FOLDER = 1000
SCANS = 3
ROOM = 6_000_000_000
FIND = "find"
LOOKING = """\
    watch: {watch}
    poll_every: 1s
    rescan_every: 1s
log: {{level: debug, format: json}}
"""


class Scan:
    """Files that are all known, and unchanged."""

    name = "scan"
    about = "a full scan of files that are known and unchanged, as the daemon logs it; beside it `find -printf`"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """Each turn is a median of several scans."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many files in the smaller tree."""
        return 5_000 if quick else 100_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """In multiples of what find takes over the smaller tree."""
        number = self.number(quick=quick)
        small = Measure("ratio", f"a scan of {number:,} files, in times of find", "x", AtMost(2.0))
        large = Measure(
            "large", f"a scan of {10 * number:,} files, in times of find over {number:,}", "x", AtMost(12.0)
        )
        seconds = Measure("seconds", f"a scan of {number:,} files", "s", Noted())
        memory = Measure("memory", f"peak memory with {10 * number:,} files", "MB", Noted())
        return (small, large, seconds, memory)

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon on trees that its ledger knows, made for the purpose."""
        number = self.number(quick=bench.quick)
        if shutil.disk_usage(bench.folder).free < ROOM or os.statvfs(bench.folder).f_favail < 12 * number:
            raise BenchError(f"{ROOM:,} bytes and {12 * number:,} inodes are needed in {bench.folder}")
        with (
            contenders.staged(bench.folder / "small") as small,
            contenders.staged(bench.folder / "large") as large,
        ):
            _fill(small, number)
            _fill(large, 10 * number)
            yield (Contender(WATCHD, partial(_compare, small, large)),)


class Poll:
    """Poll mode over ten thousand files."""

    name = "poll"
    about = "CPU time of a scan in poll mode, as the daemon logs it and as the kernel counts it: the larger figure"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A window of many scans is a mean already."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many files."""
        return 1_000 if quick else 10_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """One figure."""
        return (Measure("cpu", f"CPU for each scan of {self.number(quick=quick):,} files", "ms", AtMost(45)),)

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon, told to poll each second."""
        with contenders.staged(bench.folder / "stage") as stage:
            _fill(stage, self.number(quick=bench.quick))
            yield (Contender(WATCHD, lambda: _poll(stage)),)


def _fill(stage: Stage, number: int) -> None:
    """Files, and a ledger that knows each of them as it is: as refused, so that no queue comes of it."""
    state = stage.home / "state"
    state.mkdir()
    ledger = SqliteLedger(state / "ledger.db", SystemClock(), owner="bench", lease=60.0)
    try:
        for start in range(0, number, IN_A_FOLDER):
            folder = stage.hot / f"{start // IN_A_FOLDER:04}"
            folder.mkdir()
            ledger.admit(
                [_known(stage, folder / f"{at:07}.png") for at in range(start, min(number, start + IN_A_FOLDER))]
            )
    finally:
        ledger.close()


def _known(stage: Stage, path: Path) -> Admission:
    path.write_bytes(b"known")
    seen = path.stat()
    sample = Sample(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    relative = str(path.relative_to(stage.hot))
    return Admission("hot", relative, sample, f"of {relative}", "double", 0, refusal="made for a benchmark")


def _compare(small: Stage, large: Stage) -> Mapping[str, float]:
    seconds, _ = _scans(small, "events")
    found = _find(small)
    many, memory = _scans(large, "events")
    return {"ratio": seconds / found, "large": many / found, "seconds": seconds, "memory": memory}


def _scans(stage: Stage, watch: str) -> tuple[float, float]:
    """Median seconds of a scan, the first one left out; peak memory in MB."""
    with contenders.alone(stage, keys=LOOKING.format(watch=watch)) as daemon:
        wait_until(lambda: len(_logged(stage)) > SCANS, 600, f"{SCANS} scans", step=0.5)
        return median(line["seconds"] for line in _logged(stage)[1:]), peak_memory_mb(daemon.pid)


def _logged(stage: Stage) -> list[dict[str, float]]:
    lines = stage.log.read_text().splitlines() if stage.log.exists() else []
    told = [json.loads(line) for line in lines if '"scanned"' in line and line.endswith("}")]
    if any(line["fresh"] for line in told):
        raise BenchError("the ledger did not know every file")
    return told


def _find(stage: Stage) -> float:
    taken = []
    for _ in range(SCANS):
        start = time.monotonic()
        subprocess.run([FIND, str(stage.hot), "-printf", "%s %T@\\n"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.monotonic() - start)
    return median(taken)


def _poll(stage: Stage) -> Mapping[str, float]:
    with contenders.alone(stage, keys=LOOKING.format(watch="poll")) as daemon:
        wait_until(lambda: len(_logged(stage)) > 1, 60, "the first scans", step=0.2)
        before, used = len(_logged(stage)), activity(daemon.pid).cpu_seconds
        wait_until(lambda: len(_logged(stage)) >= before + 4 * SCANS, 300, "more scans", step=0.2)
        lines = _logged(stage)
        counted = (activity(daemon.pid).cpu_seconds - used) / (len(lines) - before)
        logged = median(line["cpu_seconds"] for line in lines[before:])
        return {"cpu": 1000 * max(counted, logged)}
