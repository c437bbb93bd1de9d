"""Row `throughput`: how near a heap of pictures comes to what the service itself allows."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.batch import Batch
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted, TimesIdeal
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.batch import Start
    from benchmarks.figures import Bench

SECONDS_EACH = 0.2
AT_ONCE = 8
FACTOR = 1.10


class Throughput:
    """A service that takes 200 ms, 8 at once."""

    name = "throughput"
    about = (
        "pictures of 20 KB renamed into the folder all at once, settle 0, 8 workers, a service of 200 ms and 8 at once:"
        " from the first rename to the last result published"
    )

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A turn takes 25 s at best, and a thousand pictures make a mean of their own."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many pictures."""
        return 64 if quick else 1000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Time against the ideal, and that nothing was paid twice."""
        ideal = self.number(quick=quick) * SECONDS_EACH / AT_ONCE
        # A few pictures measure the start and the end more than what lies between.
        bound = Noted() if quick else TimesIdeal(FACTOR)
        return (
            Measure("seconds", f"{self.number(quick=quick)} pictures", "s", bound, ideal),
            Measure("extra", "charges beyond one each", "calls", AtMost(0), 0),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon and the script wait for the pictures; find and xargs are started when they are there."""
        number = self.number(quick=bench.quick)
        source = pictures.fill(bench.folder / "pictures", number, pictures.small)
        answer = bench.folder / "answer.png"
        answer.write_bytes(pictures.twice_small())
        with serving(bench.folder / "server.log", latency=SECONDS_EACH, concurrency=AT_ONCE, answers=[answer]) as it:
            few = [pictures.small(seed) for seed in range(5 * AT_ONCE)]
            bare = it.send_bare(few, AT_ONCE) / (len(few) * SECONDS_EACH / AT_ONCE)
            bench.say(f"the service alone, called by bare sockets: {bare:.3f} x ideal")
            batch = Batch(source, number, it, seconds=10 + 4 * number * SECONDS_EACH / AT_ONCE)
            turns = _Turns(bench.folder, batch)
            yield (
                Contender(WATCHD, partial(turns.take, contenders.watchd, waits=True)),
                Contender("find|xargs curl", partial(turns.take, contenders.find_pipeline, waits=False)),
                Contender("watchfiles+httpx", partial(turns.take, contenders.watchfiles_script, waits=True)),
            )


class _Turns:
    """Every turn has a folder of its own: bytes that are done in a folder stay done there."""

    def __init__(self, folder: Path, batch: Batch) -> None:
        self._folder = folder
        self._batch = batch

    def take(self, start: Start, *, waits: bool) -> Mapping[str, float]:
        return self._batch.run(self._folder / "turn", start, waits=waits)
