"""Row `circle`: trouble of one folder, of every kind, and what is left of another's pace."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import BenchError, wait_until
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench
    from benchmarks.service import Service

SECONDS_EACH = 0.2
AT_ONCE = 8
TROUBLED = 8
"""Pictures in the folder that is in trouble."""
PACE = 1 / 0.9
BESIDE = """\
  - path: beside
    output: beside-out
    profile: double
    settle: 0
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder `hot` is in trouble, `beside` is not; what is mounted and served is let go of in the end."""

    stage: Stage
    stack: ExitStack

    def mount(self, folder: Path, size: str = "64m") -> None:
        """A file system of its own."""
        folder.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "watchd-bench", str(folder))
        self.stack.callback(_run, "umount", "--lazy", str(folder))

    def serve(self, folder: Path) -> subprocess.Popen[bytes]:
        """A share whose server can be stopped."""
        behind = folder.with_name(f"{folder.name}-behind")
        behind.mkdir()
        folder.mkdir(exist_ok=True)
        options = "attr_timeout=0,entry_timeout=0,negative_timeout=0"
        command = [contenders.needed("bindfs"), "-f", "--no-allow-other", "-o", options, str(behind), str(folder)]
        server = subprocess.Popen(command)
        self.stack.callback(_let_go, server, folder)
        wait_until(lambda: os.path.ismount(folder), 10.0, "bindfs serves")
        return server


@dataclass(frozen=True, slots=True)
class Trouble:
    """`before` the start, and `then`, once the daemon runs; `keys`: more of the folder's settings."""

    before: Callable[[Ground], object] = lambda _: None
    then: Callable[[Ground], object] = lambda _: None
    keys: str = ""


def _full(ground: Ground, folder: str) -> None:
    ground.mount(ground.stage.home / folder, "1m")
    (ground.stage.home / folder / "filler").write_bytes(bytes(1 << 20))


def _read_only(ground: Ground, folder: str) -> None:
    ground.mount(ground.stage.home / folder)
    _run("mount", "-o", "remount,ro", str(ground.stage.home / folder))


def _link(ground: Ground) -> None:
    (ground.stage.home / "elsewhere").mkdir()
    (ground.stage.out / "sub").symlink_to(ground.stage.home / "elsewhere")


def _folders_under_the_names(ground: Ground) -> None:
    for number in range(TROUBLED):
        (ground.stage.out / f"{number}.png").mkdir()


def _served(ground: Ground, folder: str) -> None:
    server = ground.serve(ground.stage.home / folder)
    ground.stack.callback(server.send_signal, signal.SIGCONT)
    (ground.stage.home / "server").write_text(str(server.pid))


def _hangs(ground: Ground) -> None:
    os.kill(int((ground.stage.home / "server").read_text()), signal.SIGSTOP)


ARCHIVE = "    originals: archive\n    archive: archive\n"
FAILED = "    failed: failed\n"
TROUBLES: Mapping[str, Trouble] = {
    "output full": Trouble(partial(_full, folder="out")),
    "output read-only": Trouble(partial(_read_only, folder="out")),
    "a folder under each name": Trouble(_folders_under_the_names, keys="    on_collision: overwrite\n"),
    "a link for a sub-folder": Trouble(_link, keys='    output_name: "sub/{stem}.{ext}"\n'),
    "archive full": Trouble(partial(_full, folder="archive"), keys=ARCHIVE),
    "failed read-only": Trouble(partial(_read_only, folder="failed"), keys=FAILED),
    "input hangs": Trouble(partial(_served, folder="hot"), _hangs),
    "output hangs": Trouble(partial(_served, folder="out"), _hangs),
    "archive hangs": Trouble(partial(_served, folder="archive"), _hangs, keys=ARCHIVE),
}


class Circle:
    """Trouble stops only what it concerns."""

    name = "circle"
    about = (
        "two folders of one daemon, 8 workers, a service of 200 ms and 8 at once: how long the pictures of one take"
        " while the other is in trouble, against the same without"
    )

    def rounds(self, *, quick: bool) -> int:
        """Each turn goes through all troubles."""
        return 1 if quick else 3

    def number(self, *, quick: bool) -> int:
        """How many pictures the folder without trouble has."""
        return 48 if quick else 160

    def measures(self, *, quick: bool) -> Sequence[Measure]:  # noqa: ARG002 -- as the others
        """One for each trouble."""
        return [Measure(name, f"{name}: time of the other folder", "x without", AtMost(PACE)) for name in TROUBLES]

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """Nobody else has two folders."""
        if os.geteuid() != 0:
            raise BenchError("file systems are mounted for it, which needs root")
        answer = bench.folder / "answer.png"
        answer.write_bytes(pictures.twice_small())
        with serving(bench.folder / "server.log", latency=SECONDS_EACH, concurrency=AT_ONCE, answers=[answer]) as it:
            turns = _Turns(bench.folder, self.number(quick=bench.quick), it)
            yield (Contender(WATCHD, turns.take),)


class _Turns:
    """Every run has folders and pictures of its own."""

    def __init__(self, folder: Path, number: int, service: Service) -> None:
        self._folder = folder
        self._number = number
        self._service = service
        self._seed = 0

    def take(self) -> Mapping[str, float]:
        usual = self._seconds(Trouble())
        return {name: self._seconds(trouble) / usual for name, trouble in TROUBLES.items()}

    def _seconds(self, trouble: Trouble) -> float:
        """From the first picture of the folder without trouble to its last result."""
        with contenders.staged(self._folder / "turn") as stage, ExitStack() as stack:
            ground = Ground(stage, stack)
            (stage.home / "beside").mkdir()
            trouble.before(ground)
            with contenders.alone(stage, self._service.base_url, trouble.keys + BESIDE):
                self._drop(stage.hot, TROUBLED)
                time.sleep(0.5)  # what is in trouble has begun to be
                trouble.then(ground)
                began = time.monotonic()
                self._drop(stage.home / "beside", self._number)
                out = stage.home / "beside-out"
                wait_until(lambda: out.is_dir() and len([*out.iterdir()]) == self._number, 60.0, "the others are done")
                took = time.monotonic() - began
                stack.close()  # before the daemon is told to end: who hangs goes on
            return took

    def _drop(self, folder: Path, number: int) -> None:
        for place in range(number):
            self._seed += 1
            hidden = folder / f".{place}.part"
            hidden.write_bytes(pictures.small(self._seed))
            hidden.rename(folder / f"{place}.png")


def _let_go(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.send_signal(signal.SIGCONT)
    _run("umount", "--lazy", str(folder))
    server.kill()
    server.wait()


def _run(*command: str) -> None:
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if made.returncode:
        raise BenchError(f"{' '.join(command)}: {made.stderr.strip()}")
