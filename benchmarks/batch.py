"""A heap of pictures moved in at once, and the time until the last result lies there: what two rows have in common."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.processes import BenchError, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.service import Service

    Start = Callable[[Stage, Service], AbstractContextManager[subprocess.Popen[bytes]]]

LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Batch:
    """`number` pictures in `source`, for a service at whose place results may take up to `seconds` in all."""

    source: Path
    number: int
    service: Service
    seconds: float

    def run(
        self, home: Path, start: Start, look: Callable[[int], Mapping[str, float]] = lambda _: {}, *, waits: bool = True
    ) -> Mapping[str, float]:
        """One turn: seconds from the first picture's arrival to the last result's, calls beyond one each, and `look`.

        `waits`: the contender is started before the pictures come; else after them, and its start counts.
        `look` takes figures from its process while that still lives.
        """
        with contenders.staged(home) as stage:
            pictures.link_all(self.source, home / "staged")
            self.service.report()
            began = time.time_ns()
            if not waits:
                pictures.move_in(home / "staged", stage.hot)
            with start(stage, self.service) as process:
                if waits:
                    began = time.time_ns()
                    pictures.move_in(home / "staged", stage.hot)
                wait_until(lambda: self._all_there(stage.out), self.seconds, f"{self.number} results", step=LOOK_EVERY)
                time.sleep(LOOK_EVERY)  # a rival's last file may have its name before its last bytes
                looked = dict(look(process.pid))
            seen = self.service.report()
            ended = max(entry.stat().st_ctime_ns for entry in os.scandir(stage.out))
        charged = sum(call.charged for call in seen.calls)
        if len({call.sha256 for call in seen.calls}) != self.number:
            raise BenchError(f"{charged} calls were charged, and not one for each of {self.number} pictures")
        return {"seconds": (ended - began) / 1e9, "extra": charged - self.number, "peak": seen.peak, **looked}

    def _all_there(self, out: Path) -> bool:
        entries = list(os.scandir(out))
        return len(entries) == self.number and all(entry.stat().st_size for entry in entries)
