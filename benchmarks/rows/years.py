"""Row `years`: what is asked often costs the same over millions of finished files, and each has little room."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import httpx

from benchmarks import contenders, five_million
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import seconds_of
from benchmarks.rows.web import free_port
from watchd.adapters.host.system_clock import SystemClock
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.model import Admission, Asked, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench

CLAIMS = 200
ASKED = 7


class Years:
    """No rival keeps a record."""

    name = "years"
    about = "a ledger of years: a start after a clean end, what is asked often, and the room of each finished file"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A turn has its own medians."""
        return 1

    def number(self, *, quick: bool) -> int:
        """Finished files. `python -m benchmarks.five_million` takes as many as one likes."""
        return 50_000 if quick else 1_000_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """What five million files are held to."""
        files = f"{self.number(quick=quick):,} files"
        return (
            Measure("start", f"start after a clean end, {files}", "s", AtMost(5.0)),
            Measure("metrics", "/metrics, median", "s", AtMost(0.3)),
            Measure("page", "the page, median", "s", AtMost(0.5)),
            Measure("status", "`watchd status`, median", "s", AtMost(0.3)),
            Measure("claim", f"a claim, median of {CLAIMS}", "ms", AtMost(2.0)),
            Measure("room", "a finished file on the disk", "bytes", AtMost(1000.0)),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """None but watchd."""
        number = self.number(quick=bench.quick)
        yield (Contender(WATCHD, lambda: measure(bench.folder, number, bench.say)),)


def measure(folder: Path, number: int, say: Callable[[str], None]) -> Mapping[str, float]:
    """Make the ledger, and ask everything of it that is asked often."""
    with contenders.staged(folder / "stage") as stage:
        state = stage.home / "state"
        state.mkdir()
        began = time.monotonic()
        five_million.make(state / "ledger.db", number)
        room = (state / "ledger.db").stat().st_size / number
        say(f"{number:,} files made in {time.monotonic() - began:.0f} s, {room:.0f} bytes each")
        told = {**_served(stage), "claim": _claim(state), "room": room}
        shutil.rmtree(state)
    return told


def _served(stage: Stage) -> Mapping[str, float]:
    port = free_port()
    (stage.hot / "there.txt").write_text("an empty folder would look like one that is not mounted")
    began = time.monotonic()
    with contenders.alone(stage, keys=f"web: {{listen: '127.0.0.1:{port}'}}\n"):
        start = time.monotonic() - began
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            told = {
                "metrics": _median(lambda: client.get("/metrics").raise_for_status()),
                "page": _median(lambda: client.get("/").raise_for_status()),
            }
        command = contenders.watchd_command(stage, "status")
        told["status"] = median(seconds_of(command) for _ in range(ASKED))
    return {"start": start, **told}


def _median(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(ASKED):
        began = time.monotonic()
        ask()
        taken.append(time.monotonic() - began)
    return median(taken)


def _claim(state: Path) -> float:
    """Milliseconds of a claim, durable, among jobs that have just come."""
    ledger = SqliteLedger(state / "ledger.db", SystemClock(), owner="bench", lease=60.0)
    asked = Asked(five_million.PARAMETERS, 20_000, 6000, 4000)
    ledger.admit([
        Admission("hot", f"new-{number}.jpg", Sample(1, 1, 1, number), f"{number:064}", "gold", 0, asked=asked)
        for number in range(CLAIMS)
    ])  # fmt: skip
    taken = []
    for _ in range(CLAIMS):
        began = time.monotonic()
        assert ledger.claim({"hot"}, {"hot"}) is not None  # noqa: S101 -- else there is nothing to measure
        taken.append(time.monotonic() - began)
    ledger.close()
    return median(taken) * 1000
