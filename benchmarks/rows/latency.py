"""Row `latency`: how soon a picture that was renamed into the folder reaches the service, and that no half one does."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted, NoWorseThan, percentile
from benchmarks.processes import BenchError, wait_until
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.batch import Start
    from benchmarks.figures import Bench
    from benchmarks.server import Call
    from benchmarks.service import Service

GAP = 0.2
STALL = 1.0
LATENCY = 0.05
STALLED = 6
SCRIPT = "watchfiles+httpx"
PIPELINE = "inotifywait|xargs curl"
RIVALS = (SCRIPT, PIPELINE)


class Latency:
    """One picture every 200 ms, and writers that stall beside them."""

    name = "latency"
    about = (
        "a picture of 20 KB renamed in every 200 ms, settle 0: from its rename to the first and to the last byte of its"
        f" request at the service; beside them {STALLED} writers stall for 1 s half-way, every other one after closing"
    )

    def rounds(self, *, quick: bool) -> int:
        """Many pictures make a turn already."""
        return 1 if quick else 2

    def number(self, *, quick: bool) -> int:
        """How many pictures a turn."""
        return 8 if quick else 25

    def measures(self, *, quick: bool) -> Sequence[Measure]:  # noqa: ARG002 -- as the others
        """Medians against the best rival; the tail is told; a half picture is never sent."""
        return (
            Measure("first", "rename to first byte, median", "ms", NoWorseThan(RIVALS), 0),
            Measure("whole", "rename to whole request, median", "ms", NoWorseThan(RIVALS), 0),
            Measure("tail", "rename to whole request, 95 %", "ms", Noted()),
            Measure("wrong", "half pictures sent", "calls", AtMost(0), 0),
            Measure("wrong_bytes", "bytes of half pictures", "bytes", AtMost(0), 0),
            Measure("missed", "whole pictures never sent", "pictures", AtMost(0), 0),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """All three hear of files by inotify."""
        turn = _Turn(bench.folder, self.number(quick=bench.quick))
        with serving(bench.folder / "server.log", latency=LATENCY) as service:
            competing = [
                Contender(WATCHD, partial(turn.take, service, contenders.watchd)),
                Contender(SCRIPT, partial(turn.take, service, contenders.watchfiles_script)),
            ]
            if not bench.quick:
                # The least that it can be told to wait. Shown, not judged: it wakes a thousand times a second for it.
                impatient = partial(contenders.watchfiles_script, step_ms=1)
                competing.append(Contender("step=1", partial(turn.take, service, impatient)))
            if contenders.installed("inotifywait", "xargs", "curl"):
                competing.append(Contender(PIPELINE, partial(turn.take, service, contenders.inotifywait_pipeline)))
            else:
                bench.say("inotifywait is not installed (inotify-tools): that rival is left out")
            yield competing


@dataclass(frozen=True, slots=True)
class _Turn:
    """One contender's turn, on pictures that are the same for all."""

    folder: Path
    number: int

    def take(self, service: Service, start: Start) -> Mapping[str, float]:
        paced = {f"{seed:04}.png": pictures.small(seed) for seed in range(self.number)}
        stalled = {f"stalled-{seed}.png": pictures.small(10_000 + seed) for seed in range(STALLED)}
        home = self.folder / "turn"
        service.report()
        with contenders.staged(home) as stage:
            (home / "staged").mkdir()
            for name, data in paced.items():
                (home / "staged" / name).write_bytes(data)
            calls: list[Call] = []
            with start(stage, service):
                renamed = self._drop(home / "staged", stage.hot, stalled)
                whole = {_digest(data) for data in (*paced.values(), *stalled.values())}
                self._gather(service, calls, whole)
        return _figures({_digest(data): renamed[name] for name, data in paced.items()}, whole, calls)

    def _drop(self, staged: Path, hot: Path, stalled: Mapping[str, bytes]) -> Mapping[str, int]:
        """Rename the pictures in, one every `GAP`; answers when each was renamed (ns, CLOCK_MONOTONIC)."""
        time.sleep(GAP)
        writers = [
            threading.Thread(target=_write_stalling, args=(hot / name, data), kwargs={"closes": number % 2 == 1})
            for number, (name, data) in enumerate(stalled.items())
        ]
        every = max(1, self.number // len(writers))
        renamed = {}
        for number, picture in enumerate(sorted(staged.iterdir())):
            if number % every == 0 and number // every < len(writers):
                writers[number // every].start()
                time.sleep(GAP / 2)  # a writer at work is beside the next picture, not on top of it
            renamed[picture.name] = time.monotonic_ns()
            picture.rename(hot / picture.name)
            time.sleep(GAP)
        for writer in writers:
            writer.join()
        return renamed

    @staticmethod
    def _gather(service: Service, calls: list[Call], whole: set[str]) -> None:
        """Wait for every whole picture, but not for ever: a rival that sent a half never sends the rest."""

        def all_came() -> bool:
            calls.extend(service.report().calls)
            return whole <= {call.sha256 for call in calls}

        try:
            wait_until(all_came, 2.5, "every picture at the service", step=0.1)
        except BenchError:
            return  # counted as missed


def _figures(renamed: Mapping[str, int], whole: set[str], calls: Sequence[Call]) -> Mapping[str, float]:
    """`renamed`: SHA-256 → when."""
    came = {call.sha256: call for call in reversed(calls)}
    first = [(came[digest].first_byte_ns - at) / 1e6 for digest, at in renamed.items() if digest in came]
    complete = [(came[digest].complete_ns - at) / 1e6 for digest, at in renamed.items() if digest in came]
    wrong = [call for call in calls if call.sha256 not in whole]
    if not first:
        raise BenchError("not one picture came to the service")
    return {
        "first": median(first),
        "whole": median(complete),
        "tail": percentile(complete, 95),
        "wrong": len(wrong),
        "wrong_bytes": sum(call.size for call in wrong),
        "missed": len(whole - came.keys()),
    }


def _write_stalling(path: Path, data: bytes, *, closes: bool) -> None:
    """Half a picture, a second of nothing, the other half; `closes`: the file is closed in between and opened anew."""
    half = len(data) // 2
    with path.open("wb", buffering=0) as file:
        file.write(data[:half])
        if not closes:
            time.sleep(STALL)
            file.write(data[half:])
    if closes:
        time.sleep(STALL)
        with path.open("ab", buffering=0) as file:
            file.write(data[half:])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
