"""Row `status`: how soon `watchd status` answers, with a daemon and without one."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import seconds_of, wait_until
from benchmarks.rows.idle import done
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench
    from benchmarks.service import Service

MOST_S = 0.3
FILES = 100


class Status:
    """The question that is asked most."""

    name = "status"
    about = f"wall time of `watchd status` from a shell, over a ledger of {FILES} pictures; beside it an empty Python"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A turn is a median of many already."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many answers a turn."""
        return 5 if quick else 10

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Two medians."""
        number = self.number(quick=quick)
        return (
            Measure("with", f"with a daemon, median of {number}", "s", AtMost(MOST_S)),
            Measure("without", f"without one, median of {number}", "s", AtMost(MOST_S)),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The command, and what starting Python costs anybody."""
        number = self.number(quick=bench.quick)
        with (
            serving(bench.folder / "server.log", latency=0.0) as service,
            contenders.staged(bench.folder / "stage") as stage,
        ):
            for seed in range(FILES):
                (stage.hot / f"{seed:05}.png").write_bytes(pictures.tiny(seed))
            yield (
                Contender(WATCHD, lambda: _ask(stage, service, number)),
                Contender("python -c pass", lambda: _start_python(number)),
            )


def _ask(stage: Stage, service: Service, number: int) -> Mapping[str, float]:
    command = contenders.watchd_command(stage, "status")
    with contenders.watchd(stage, service):
        wait_until(lambda: done(stage) == FILES, 30, f"{FILES} files done", step=0.2)
        answered = _median_seconds(command, number)
    return {"with": answered, "without": _median_seconds(command, number)}


def _start_python(number: int) -> Mapping[str, float]:
    seconds = _median_seconds([sys.executable, "-c", "pass"], number)
    return {"with": seconds, "without": seconds}


def _median_seconds(command: Sequence[str], number: int) -> float:
    return median(seconds_of(command) for _ in range(number))
