"""Row `idle`: what it costs to have done ten thousand pictures and to wait for the next."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted
from benchmarks.processes import BenchError, activity, environment, peak_memory_mb, wait_until
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

CALM = 2.0
"""Seconds before the window: the last commits, the rivals' first look at the folder."""


class Idle:
    """Nothing happens, beside 10,000 files that are done."""

    name = "idle"
    about = (
        "files already done lie in the folder and nothing happens: context switches (voluntary or not) and CPU time of"
        " all threads, all contenders side by side in the same window"
    )

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """One window of many seconds is a mean already."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many files."""
        return 200 if quick else 10_000

    def seconds(self, *, quick: bool) -> float:
        """The window."""
        return 6.0 if quick else 75.0  # long enough for a canary, which comes once a minute

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Wake-ups and CPU have bounds; the rest is told."""
        number = self.number(quick=quick)
        return (
            Measure("wakeups", f"wake-ups with {number} files", "per s", AtMost(2)),
            Measure("cpu", "CPU", "ms per s", AtMost(0.2)),
            Measure("memory", "peak memory", "MB", Noted()),
            Measure("each", "for each file before, service of 0 ms", "ms", Noted()),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon has the folder processed first; the rivals find its files there, as they keep no record."""
        number = self.number(quick=bench.quick)
        with ExitStack() as stack:
            service = stack.enter_context(serving(bench.folder / "server.log", latency=0.0))
            stage = stack.enter_context(contenders.staged(bench.folder / "stage"))
            for seed in range(number):
                (stage.hot / f"{seed:05}.png").write_bytes(pictures.tiny(seed))
            start = time.monotonic()
            daemon = stack.enter_context(contenders.watchd(stage, service))
            wait_until(lambda: done(stage) == number, 10 + number * 0.02, f"{number} files done", step=1.0)
            each = (time.monotonic() - start) / number * 1000
            pids = {WATCHD: daemon.pid}
            pids["PollingObserver"] = stack.enter_context(contenders.polling_script(stage, service)).pid
            pids["watchfiles"] = stack.enter_context(contenders.watchfiles_script(stage, service)).pid
            window = _Window(pids, self.seconds(quick=bench.quick), {WATCHD: {"each": each}})
            touched = stage.hot.stat().st_mtime_ns
            yield [Contender(name, partial(window.figures, name)) for name in pids]
            if not bench.quick and stage.hot.stat().st_mtime_ns == touched:
                raise BenchError("no canary in the window: the liveness checks are to be counted too")
            # Dead or deaf would look like the best of idleness: one more picture has to be seen.
            (stage.home / "last.png").write_bytes(pictures.tiny(number))
            (stage.home / "last.png").rename(stage.hot / "last.png")
            wait_until(lambda: done(stage) == number + 1, 10, "the idle daemon takes one more picture", step=0.5)


class _Window:
    """One stretch of time for all: the first who asks takes it, the others read it."""

    def __init__(self, pids: Mapping[str, int], seconds: float, known: Mapping[str, Mapping[str, float]]) -> None:
        self._pids = pids
        self._seconds = seconds
        self._known = known
        self._taken: dict[str, Mapping[str, float]] = {}

    def figures(self, name: str) -> Mapping[str, float]:
        if name not in self._taken:
            self._taken = self._look()
        return self._taken.pop(name)

    def _look(self) -> dict[str, Mapping[str, float]]:
        time.sleep(CALM)
        before = {name: (time.monotonic(), activity(pid)) for name, pid in self._pids.items()}
        time.sleep(self._seconds)
        figures: dict[str, Mapping[str, float]] = {}
        for name, pid in self._pids.items():
            (since, was), now = before[name], activity(pid)
            seconds = time.monotonic() - since
            figures[name] = {
                "wakeups": (now.switches - was.switches) / seconds,
                "cpu": (now.cpu_seconds - was.cpu_seconds) / seconds * 1000,
                "memory": peak_memory_mb(pid),
                **self._known.get(name, {}),
            }
        return figures


def done(stage: Stage) -> int:
    """Files that watchd says are done."""
    command = contenders.watchd_command(stage, "status", "--json")
    answer = subprocess.run(command, capture_output=True, check=False, timeout=30, env=environment())
    if answer.returncode != 0:
        raise BenchError(f"`watchd status` ended {answer.returncode}: {answer.stderr.decode(errors='replace')}")
    return int(json.loads(answer.stdout)["counts"]["done"])
