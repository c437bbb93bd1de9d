"""Rows `small`, `waiting` and `big`: what watchd's own work costs, beside clients that remember nothing.

The service is a fast one (fast_service.c), so what is measured is the client. A figure counts only if each picture was
charged once.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import contenders, fast, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted, NoWorseThan, TimesIdeal
from benchmarks.processes import BenchError, cpu_seconds, peak_memory_mb, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.fast import FastService
    from benchmarks.figures import Bench, Bound

HTTPX, AIOHTTP, CURL = "bare httpx", "bare aiohttp", "curl -Z"
LOOK_EVERY = 0.01
BARE_CLIENT = contenders.RIVALS / "bare_client.py"


@dataclass(frozen=True, slots=True)
class Overhead:
    """So many pictures that lie there at once, and a service that takes `latency` seconds for each of eight."""

    name: str
    about: str
    numbers: tuple[int, int]
    """How many, and how many where it is to be quick."""
    picture: Callable[[int], bytes]
    answer: Callable[[], bytes]
    bounds: Mapping[str, Bound]
    latency: float = 0.0

    def rounds(self, *, quick: bool) -> int:
        """Medians of five."""
        return 2 if quick else 5

    def number(self, *, quick: bool) -> int:
        """How many pictures."""
        return self.numbers[quick]

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Time, CPU, memory, and that nothing was paid twice."""
        number = self.number(quick=quick)
        return (
            Measure(
                "seconds",
                f"{number} pictures",
                "s",
                self.bounds["seconds"],
                number * self.latency / contenders.WORKERS or None,
            ),
            Measure("cpu", "CPU a file", "ms", self.bounds["cpu"]),
            Measure("memory", "peak", "MB", self.bounds["memory"]),
            Measure("extra", "charges beyond one each", "calls", AtMost(0), 0),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """All of them on the same pictures, each in folders of its own."""
        number = self.number(quick=bench.quick)
        source = pictures.fill(bench.folder / "pictures", number, self.picture)
        answer = bench.folder / "answer.png"
        answer.write_bytes(self.answer())
        expected = {fast.known_as(path.read_bytes()) for path in source.iterdir()}
        with fast.serving(bench.folder, [answer], latency=self.latency, at_once=contenders.WORKERS) as service:
            turn = _Turn(bench.folder / "turn", source, service, expected)
            bare = [HTTPX] + ([AIOHTTP] if importlib.util.find_spec("aiohttp") else [])
            yield (
                Contender(WATCHD, turn.watchd),
                *(Contender(name, partial(turn.bare, name.split()[1])) for name in bare),
                Contender(CURL, turn.curl),
            )


@dataclass(frozen=True, slots=True)
class _Turn:
    home: Path
    source: Path
    service: FastService
    expected: set[tuple[int, int]]

    def watchd(self) -> Mapping[str, float]:
        """The daemon, running before the pictures come."""
        with contenders.staged(self.home) as stage:
            pictures.link_all(self.source, self.home / "staged")
            with contenders.alone(stage, self.service.base_url) as process:
                self.service.report()
                before, began = cpu_seconds(process.pid), time.time_ns()
                pictures.move_in(self.home / "staged", stage.hot)
                self._await(stage.out)
                return self._told(stage.out, began, cpu_seconds(process.pid) - before, peak_memory_mb(process.pid))

    def bare(self, client: str) -> Mapping[str, float]:
        """A client that is loaded, and told to begin."""
        with contenders.staged(self.home) as stage:
            stage.hot.rmdir()
            pictures.link_all(self.source, stage.hot)
            command = [sys.executable, str(BARE_CLIENT), client, str(stage.hot), str(stage.out), self.service.url]
            with running(command, stage.log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                if process.stdin is None or process.stdout is None or process.stdout.readline() != b"ready\n":
                    raise BenchError(f"{client} did not become ready")
                self.service.report()
                before, began = cpu_seconds(process.pid), time.time_ns()
                process.stdin.write(b"\n")
                process.stdin.flush()
                if process.stdout.readline() != b"done\n":
                    raise BenchError(f"{client} did not come to its end")
                return self._told(stage.out, began, cpu_seconds(process.pid) - before, peak_memory_mb(process.pid))

    def curl(self) -> Mapping[str, float]:
        """All of them in one process, its start included."""
        with contenders.staged(self.home) as stage:
            config = stage.home / "curl.conf"
            config.write_text("\nnext\n".join(map(partial(self._for_curl, stage.out), sorted(self.source.iterdir()))))
            self.service.report()
            began = time.time_ns()
            process = subprocess.Popen(
                [contenders.needed("curl"), "-s", "-Z", "--parallel-max", "8", "-K", str(config)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return self._told(stage.out, began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)

    def _for_curl(self, out: Path, source: Path) -> str:
        form = f'form = "scale=2"\nform = "image=@{source};type=image/png"'
        return f'url = "{self.service.url}"\nheader = "Authorization: Bearer x"\n{form}\noutput = "{out / source.name}"'

    def _await(self, out: Path) -> None:
        wait_until(lambda: len([*out.iterdir()]) == len(self.expected), 120, "all results", step=LOOK_EVERY)

    def _told(self, out: Path, began: int, cpu: float, memory: float) -> Mapping[str, float]:
        seen = self.service.report().pictures
        if set(seen) != self.expected:
            raise BenchError(f"{len(set(seen) & self.expected)} of {len(self.expected)} pictures were sent as they are")
        ended = max(entry.stat().st_ctime_ns for entry in os.scandir(out))
        number = len(self.expected)
        return {
            "seconds": (ended - began) / 1e9, "cpu": cpu / number * 1000, "memory": memory,
            "extra": len(seen) - number,
        }  # fmt: skip


SMALL = Overhead(
    "small",
    "1,000 pictures of 20 KB moved in at once, settle 0, a service that answers at once: time, and CPU a file",
    (1000, 200),
    pictures.small,
    pictures.twice_small,
    {"seconds": NoWorseThan((HTTPX,), 0.8), "cpu": NoWorseThan((HTTPX,), 0.8), "memory": Noted()},
)
WAITING = Overhead(
    "waiting",
    "1,000 pictures of 20 KB moved in at once, a service of 200 ms that works on 8 at once: time, and CPU a file",
    (1000, 200),
    pictures.small,
    pictures.twice_small,
    {"seconds": TimesIdeal(1.04), "cpu": NoWorseThan((HTTPX,)), "memory": Noted()},
    latency=0.2,
)
BIG = Overhead(
    "big",
    "pictures of 8 MB in and 16 MB out, a service that answers at once: time, CPU a file, peak memory",
    (60, 12),
    lambda seed: pictures.numbered(_base(), seed),
    pictures.twice_large,
    {"seconds": NoWorseThan((CURL,), 1.5), "cpu": AtMost(50), "memory": AtMost(90)},
)
_made: list[bytes] = []


def _base() -> bytes:
    if not _made:
        _made.append(pictures.large(0))
    return _made[0]
