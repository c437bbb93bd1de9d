"""Rows `scan` and `poll`: looking again at what is known, as the reconcile scan and poll mode do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import closing, contextmanager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import contenders
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted
from benchmarks.processes import BenchError, activity, hands, peak_memory_mb, wait_until
from watchd.adapters.host.system_clock import SystemClock
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.model import Admission, Failure, FailureKind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

IN_A_FOLDER = 1000
REFUSAL = Failure(FailureKind.UNFIT, "made for a benchmark")
MAKERS = 2
"""Processes that make files; more would only wait for each other in the file system."""
SCANS = 3
"""Scans that count, each followed by a `find`; the one before them only warms the caches."""
PATIENCE = 1800.0
"""Seconds for all scans of a tree: watchd rests for 19 times as long as each took."""
POLLS = 12
BYTES_EACH = 5_000
"""A block of the file system for each file, and its rows in the ledger."""
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
        """Each turn is a median of several scans already."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many files in the smaller tree."""
        return 5_000 if quick else 100_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """In multiples of what find takes, and how a scan grows with its tree."""
        number, many = self.number(quick=quick), 10 * self.number(quick=quick)
        return (
            Measure("ratio", f"a scan of {number:,} files, in times of find", "x", AtMost(2.0)),
            Measure("growth", f"a scan of {many:,} files, in times of one of {number:,}", "x", AtMost(12.0)),
            Measure("large", f"a scan of {many:,} files, in times of find over {number:,}", "x", Noted()),
            Measure("seconds", f"a scan of {number:,} files", "s", Noted()),
            Measure("memory", f"peak memory with {many:,} files", "MB", Noted()),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon on trees that its ledger knows, made for the purpose."""
        number = self.number(quick=bench.quick)
        check_room(bench.folder, 11 * number)
        with (
            contenders.staged(bench.folder / "small") as small,
            contenders.staged(bench.folder / "large") as large,
        ):
            fill_known(small, number)
            fill_known(large, 10 * number)
            yield (Contender(WATCHD, partial(_compare, small, large, number)),)


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
            number = self.number(quick=bench.quick)
            fill_known(stage, number)
            yield (Contender(WATCHD, partial(_poll, stage, number)),)


def check_room(folder: Path, files: int) -> None:
    """Raises BenchError where so many small files would not fit."""
    free, system = shutil.disk_usage(folder).free, os.statvfs(folder)
    if free < files * BYTES_EACH:
        raise BenchError(f"{files * BYTES_EACH / 1e9:.1f} GB are needed in {folder}, {free / 1e9:.1f} are free")
    if system.f_files and system.f_favail < files:  # some file systems have no such limit, and tell of none
        raise BenchError(f"{files:,} inodes are needed in {folder}, {system.f_favail:,} are free")


def fill_known(stage: Stage, number: int) -> None:
    """Files, and a ledger that knows each of them as it is: as refused, so that no queue comes of it."""
    state = stage.home / "state"
    state.mkdir()
    shares = [(stage.hot, start, min(number, start + IN_A_FOLDER)) for start in range(0, number, IN_A_FOLDER)]
    with (
        hands(MAKERS) as makers,
        closing(SqliteLedger(state / "ledger.db", SystemClock(), owner="bench", lease=60.0)) as ledger,
    ):
        for known in makers.imap_unordered(_make, shares):
            ledger.admit(known)


def _make(share: tuple[Path, int, int]) -> list[Admission]:
    """One sub-folder of files, and what is to be known of them."""
    hot, first, end = share
    name = f"{first // IN_A_FOLDER:04}"
    (hot / name).mkdir()
    return [_known(hot, f"{name}/{at:07}.png") for at in range(first, end)]


def _known(hot: Path, relative: str) -> Admission:
    path = hot / relative
    path.write_bytes(b"known")
    seen = path.stat()
    sample = Sample(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    return Admission(
        "hot",
        relative,
        sample,
        f"of {relative}",
        "double",
        0,
        refusal=Failure(FailureKind.UNFIT, "made for a benchmark"),
    )


def _compare(small: Stage, large: Stage, number: int) -> Mapping[str, float]:
    seconds, found, _ = _in_turns(small, number, small)
    many, beside, memory = _in_turns(large, 10 * number, small)
    return {
        "ratio": seconds / found, "growth": many / seconds, "large": many / beside, "seconds": seconds,
        "memory": memory,
    }  # fmt: skip


def _in_turns(stage: Stage, number: int, beside: Stage) -> tuple[float, float, float]:
    """Medians of a scan and of a `find` over another stage, which runs while watchd rests; peak memory in MB."""
    earlier = len(_scans(stage, number))
    found = []
    with contenders.alone(stage, keys=LOOKING.format(watch="events")) as daemon:
        for turn in range(SCANS + 1):
            _wait_for_scans(stage, number, earlier + turn + 1)
            found.append(_find(beside))
        seconds = [line["seconds"] for line in _scans(stage, number)[earlier + 1 :][:SCANS]]
        return median(seconds), median(found[1:]), peak_memory_mb(daemon.pid)


def _wait_for_scans(stage: Stage, number: int, scans: int) -> None:
    wait_until(lambda: len(_scans(stage, number)) >= scans, PATIENCE, f"{scans} scans of {number:,} files", step=0.2)


def _scans(stage: Stage, number: int) -> list[dict[str, float]]:
    return scans_in(stage.log.read_text(errors="replace") if stage.log.exists() else "", number)


def scans_in(log: str, number: int) -> list[dict[str, float]]:
    """The full scans that a log tells of. Raises BenchError where one did not find `number` files, all of them known.

    A line that is still being written is left for later.
    """
    told = [json.loads(line) for line in log.splitlines(keepends=True) if '"scanned"' in line and line.endswith("}\n")]
    for line in told:
        if (line["files"], line["fresh"]) != (number, 0):
            raise BenchError(f"a scan found {line['files']} known files and {line['fresh']} others, not {number}")
    return told


def _find(stage: Stage) -> float:
    command = [contenders.needed("find"), str(stage.hot), "-printf", "%s %T@\\n"]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def _poll(stage: Stage, number: int) -> Mapping[str, float]:
    earlier = len(_scans(stage, number))
    with contenders.alone(stage, keys=LOOKING.format(watch="poll")) as daemon:
        _wait_for_scans(stage, number, earlier + 2)
        before, used = len(_scans(stage, number)), activity(daemon.pid).cpu_seconds
        _wait_for_scans(stage, number, before + POLLS)
        lines = _scans(stage, number)[before:]
        counted = (activity(daemon.pid).cpu_seconds - used) / len(lines)
        return {"cpu": 1000 * max(counted, median(line["cpu_seconds"] for line in lines))}
