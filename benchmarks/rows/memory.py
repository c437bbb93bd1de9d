"""Row `memory`: large pictures are streamed both ways, so that eight in flight are not eight in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.batch import Batch
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted
from benchmarks.processes import peak_memory_mb
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.figures import Bench

SECONDS_EACH = 1.5
AT_ONCE = 8
MOST_MB = 150


class Memory:
    """8 MB in, 16 MB out, 8 in flight."""

    name = "memory"
    about = "pictures of 8 MB in and 16 MB out, 8 in flight: the peak resident memory (VmHWM) of the process"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A peak needs no median."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many pictures."""
        return 8 if quick else 100

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """The peak; the time and the calls in flight beside it, for what they explain."""
        number = self.number(quick=quick)
        return (
            Measure("memory", f"peak, {number} pictures", "MB", AtMost(MOST_MB)),
            Measure("seconds", "time for all", "s", Noted(), number * SECONDS_EACH / AT_ONCE),
            Measure("peak", "most calls in flight", "calls", Noted()),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon, and the script that reads whole files and whole answers."""
        number = self.number(quick=bench.quick)
        source = pictures.fill(bench.folder / "pictures", number, pictures.large)
        answer = bench.folder / "answer.png"
        answer.write_bytes(pictures.twice_large())
        bench.say(f"the answer has {answer.stat().st_size / 1e6:.1f} MB")
        with serving(bench.folder / "server.log", latency=SECONDS_EACH, concurrency=AT_ONCE, answers=[answer]) as it:
            batch = Batch(source, number, it, seconds=20 + number)

            def peak(pid: int) -> Mapping[str, float]:
                return {"memory": peak_memory_mb(pid)}

            yield (
                Contender(WATCHD, lambda: batch.run(bench.folder / "turn", contenders.watchd, peak)),
                Contender(
                    "watchfiles+httpx", lambda: batch.run(bench.folder / "turn", contenders.watchfiles_script, peak)
                ),
            )
