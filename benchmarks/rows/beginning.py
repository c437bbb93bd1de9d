"""Row `beginning`: from the start of the program to the output of the one picture that is new among very many."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import contenders, fast, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure, NoWorseThan
from benchmarks.processes import BenchError, peak_memory_mb, running, wait_until
from benchmarks.rows.scan import IN_A_FOLDER, check_room, fill_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.fast import FastService
    from benchmarks.figures import Bench

SHELL = "names-only shell"
LOOK_EVERY = 0.005
PATIENCE = 120.0
NEW = "0000/new.png"
SCRIPT = """\
hot=$1 out=$2 url=$3
(cd "$hot" && find . -name '*.png' -printf '%P\\n' | LC_ALL=C sort) > "$out.hot"
(cd "$out" && find . -name '*.png' -printf '%P\\n' | LC_ALL=C sort) > "$out.done"
LC_ALL=C comm -23 "$out.hot" "$out.done" | while read -r name; do
    curl -s -f -H 'Authorization: Bearer x' -F scale=2 -F "image=@$hot/$name;type=image/png" -o "$out/$name" "$url"
done
"""
"""What anybody would write: a name that has no output of that name is new, whatever is in the file."""


class Beginning:
    """A start, as after each reboot."""

    name = "beginning"
    about = "a start over files that are done, with one that is new: from the start to its output; peak memory"

    def rounds(self, *, quick: bool) -> int:
        """Medians of five."""
        return 1 if quick else 5

    def number(self, *, quick: bool) -> int:
        """How many files are done."""
        return 5_000 if quick else 100_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Until the output is there, and what it takes."""
        number = self.number(quick=quick)
        return (
            Measure("seconds", f"a start over {number:,} files, to the output of a new one", "s",
                    NoWorseThan((SHELL,), 2.5)),
            Measure("memory", "peak memory", "MB", AtMost(90)),
        )  # fmt: skip

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon, and a script that goes by names alone."""
        number = self.number(quick=bench.quick)
        check_room(bench.folder, 3 * number)
        answer = bench.folder / "answer.png"
        answer.write_bytes(pictures.twice_small())
        with (
            contenders.staged(bench.folder / "stage") as stage,
            fast.serving(bench.folder, [answer]) as service,
        ):
            fill_known(stage, number)
            for at in range(0, number, IN_A_FOLDER):
                (stage.out / f"{at // IN_A_FOLDER:04}").mkdir()
            for path in stage.hot.rglob("*.png"):
                (stage.out / path.relative_to(stage.hot)).touch()
            turns = _Turns(stage, service)
            yield Contender(WATCHD, turns.watchd), Contender(SHELL, turns.shell)


@dataclass(slots=True)
class _Turns:
    stage: Stage
    service: FastService
    seed: int = 0

    def watchd(self) -> Mapping[str, float]:
        """The daemon from its start."""
        contenders.configure(self.stage, self.service.base_url)
        output = self._new()
        began = time.time_ns()
        with running(contenders.watchd_command(self.stage, "run"), self.stage.log) as process:
            wait_until(output.exists, PATIENCE, "the output", step=LOOK_EVERY)
            return {**self._told(output, began), "memory": peak_memory_mb(process.pid)}

    def shell(self) -> Mapping[str, float]:
        """The script from its start; what its programs take is not asked."""
        output = self._new()
        began = time.time_ns()
        command = ["sh", "-c", SCRIPT, "sh", str(self.stage.hot), str(self.stage.out), self.service.url]
        subprocess.run(command, check=True, timeout=PATIENCE)
        return self._told(output, began)

    def _new(self) -> Path:
        """Another picture under the one new name, which has no output."""
        self.seed += 1
        output = self.stage.out / NEW
        output.unlink(missing_ok=True)
        fresh = self.stage.home / "fresh.png"
        fresh.write_bytes(pictures.small(self.seed))
        fresh.replace(self.stage.hot / NEW)
        self.service.report()
        return output

    def _told(self, output: Path, began: int) -> Mapping[str, float]:
        if len(self.service.report().pictures) != 1:
            raise BenchError("not just the new picture was sent")
        return {"seconds": (output.stat().st_ctime_ns - began) / 1e9}
