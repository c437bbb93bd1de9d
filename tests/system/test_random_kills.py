"""The process is killed at any moment, whatever it is at: nothing is lost, torn, paid twice or hidden.

Files keep arriving that are all of what there is: plain ones, copies of others, tiled ones and broken ones, in folders
whose originals stay, go to an archive on another file system, or move away when they failed, in two output formats.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.system import failpoints
from tests.system.house import Daemon, House, until
from tests.system.pictures import patchwork, picture

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
KILLS = 500 if os.environ.get("WATCHD_FAULTS") == "full" else 30
AT_ONCE = 2
"""Houses that are tormented side by side, as most of a kill's time is another start."""
IN_FLIGHT = 4
BACKLOG = 12
SIDE, TILED_SIDE = 256, 400
LATENCY = 0.4
ENDED = "state IN ('done', 'failed', 'unknown')"
IN_DOUBT = "sha256 IN (SELECT sha256 FROM jobs WHERE state = 'unknown')"
"""The same picture is unknown elsewhere: it is not sent again before somebody says so."""
KINDS = ("plain", "plain/sub", "archived", "archived/copies", "failing/tiled", "failing/broken")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file as it was dropped, and what is to come of it."""

    sha256: str
    kind: str
    side: int


@dataclass(slots=True)
class Torment:
    """A house whose daemon is killed again and again, and what is known of it from outside."""

    house: House
    archive: Path
    dropped: dict[str, Dropped] = field(default_factory=dict)
    """FOLDER/PATH → what it is."""
    whole: set[Path] = field(default_factory=set)
    in_flight: list[int] = field(default_factory=list)
    """For each kill: the calls it met under way."""
    unknown: int = 0
    accused: int = 0
    """Files that two kills met while they were read, which are set aside until the owner says `retry`."""

    def configure(self) -> None:
        """Three folders: what becomes of originals, of pictures too large, and of outputs is another thing in each."""
        paths = {name: {"path": str(self.house.root / name), "settle": "50ms"} for name in self._roots}
        for root in self._roots.values():
            root.mkdir()
        self.house.open_sandbox(latency=LATENCY)
        self.house.configure(
            paths["plain"],
            paths["archived"] | {"originals": "archive", "archive": str(self.archive), "format": {"type": "jpeg"}},
            paths["failing"] | {"failed": str(self._failed), "oversize": "tile"},
            api={"workers": IN_FLIGHT},
        )

    @property
    def _roots(self) -> dict[str, Path]:
        return {name: self.house.root / name for name in ("plain", "archived", "failing")}

    @property
    def _failed(self) -> Path:
        return self.house.root / "failed"

    def launch(self) -> Daemon:
        """The daemon, which cuts what is small already."""
        return self.house.launch_as(sys.executable, failpoints.__file__)

    def drop(self, where: str, number: int) -> None:
        """One more file: in `copies` the same as the one before, `broken` no picture, else one like no other."""
        tiled, broken = where.endswith("tiled"), where.endswith("broken")
        side = TILED_SIDE if tiled else SIDE
        data = patchwork(number, side) if tiled else picture(number - where.endswith("copies"), side=side)
        data = f"<html>{number}</html>".encode() * 50 if broken else data
        name = f"{where}/{number}.png"
        kind = "none" if broken else "JPEG" if where.startswith("archived") else "PNG"
        self.dropped[name] = Dropped(hashlib.sha256(data).hexdigest(), kind, 2 * side)
        self.house.drop(name, data, self.house.root)

    def has_little_left(self) -> bool:
        """Whether more may be dropped."""
        return len(self.dropped) - self._ended() < BACKLOG

    def _all_is_done(self) -> bool:
        return self._ended() == len(self.dropped) and not self.house.read("SELECT 1 FROM job WHERE due")

    def _ended(self) -> int:
        if not self.house.jobs():
            return 0
        (row,) = self.house.read(f"SELECT count(*) AS count FROM jobs WHERE {ENDED} OR {IN_DOUBT}")
        return int(row["count"])

    def note_kill(self) -> None:
        """Look at what the kill left: never more calls than workers, never a name without its whole picture."""
        self.in_flight.append(self.house.states().count("sending"))
        assert self.in_flight[-1] <= IN_FLIGHT
        self.look_at_outputs()

    def look_at_outputs(self) -> set[Path]:
        """Every file in the output folders, all of its pixels read once."""
        files = {path for name in self._roots for path in Path(f"{self.house.root / name}-out").rglob("*.*")}
        for path in files - self.whole:
            folder = path.relative_to(self.house.root).parts[0].removesuffix("-out")
            below = path.relative_to(f"{self.house.root / folder}-out").parent
            number = path.stem.partition("-")[0]
            wanted = self.dropped[str(Path(folder, below, f"{number}.png"))]
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                image.load()
                assert (image.format, image.size) == (wanted.kind, (wanted.side, wanted.side)), path
        self.whole = files
        return files

    def finish(self) -> None:
        """Let a daemon that nobody kills bring everything to its end."""
        daemon = self.launch()
        until(
            self._all_is_done, f"all {len(self.dropped)} files have ended, their originals are in place", timeout=60.0
        )
        accused = [job["id"] for job in self.house.jobs() if "ended twice" in (job["error"] or "")]
        self.accused = len(accused)
        if accused:
            assert self.house.watchd("retry", *map(str, accused)).returncode == 0
            until(self._all_is_done, "they are done after all", timeout=60.0)
        assert daemon.stop() == 0

    def assert_nothing_is_wrong(self) -> None:
        """All that must hold after any number of kills."""
        jobs = {f"{job['folder']}/{job['path']}": job for job in self.house.jobs()}
        there = {name: one.sha256 for name, one in self.dropped.items()}
        assert {name: job["sha256"] for name, job in jobs.items()} == there, "a file is lost, or is two jobs"
        states = {name: job["state"] for name, job in jobs.items()}
        broken = {name for name, one in self.dropped.items() if one.kind == "none"}
        assert {name for name, state in states.items() if state == "failed"} == broken
        outputs = {Path(job["output"]) for job in jobs.values() if job["state"] == "done"}
        files = self.look_at_outputs()
        assert files == outputs, "outputs and finished jobs differ"
        self._assert_each_is_paid_once(jobs)
        self._assert_originals_are_where_they_belong(states)
        self.house.assert_books_balance()

    def _assert_each_is_paid_once(self, jobs: dict[str, dict[str, Any]]) -> None:
        charges = self.house.sandbox.charges().calls
        assert self.house.sandbox.wait_for_calls(lambda calls: sum(bool(call.charged) for call in calls) == charges)
        paid = Counter(self.house.sent())
        assert max(paid.values(), default=0) <= 1, "a picture was paid for twice"
        whole = {name: job for name, job in jobs.items() if not name.startswith("failing")}  # tiles have no job
        done, doubtful = ({job["sha256"] for job in whole.values() if job["state"] == state} for state in DONE_UNKNOWN)
        assert done <= paid.keys()
        named = paid.keys() & {job["sha256"] for job in whole.values()}
        assert named - done <= doubtful, "a picture is paid, and nobody was told"
        self.unknown = sum(job["state"] == "unknown" for job in jobs.values())
        assert self.unknown <= sum(self.in_flight)

    def _assert_originals_are_where_they_belong(self, states: dict[str, str]) -> None:
        for name, one in self.dropped.items():
            folder, _, path = name.partition("/")
            gone = {"archived": ("done", self.archive), "failing": ("failed", self._failed)}.get(folder)
            place = gone[1] / path if gone and states[name] == gone[0] else self._roots[folder] / path
            assert hashlib.sha256(place.read_bytes()).hexdigest() == one.sha256, f"the original {name} is lost"


DONE_UNKNOWN = ("done", "unknown")


def torment(root: Path, kills: int, seed: int) -> Torment:
    """Kill a daemon at random moments while files keep arriving, then let one finish."""
    chance = random.Random(seed)
    root.mkdir()
    memory = Path("/dev/shm")  # noqa: S108 -- another file system is what is wanted
    archive = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else root))
    try:
        with House(root) as house:
            tormented = Torment(house, archive)
            tormented.configure()
            over = threading.Event()
            feeder = threading.Thread(target=_feed, args=(tormented, over))
            feeder.start()
            try:
                for _ in range(kills):
                    _kill_one(tormented, chance)
            finally:
                over.set()
                feeder.join()
            tormented.finish()
            tormented.assert_nothing_is_wrong()
            return tormented
    finally:
        shutil.rmtree(archive)


def _kill_one(tormented: Torment, chance: random.Random) -> None:
    daemon = tormented.launch()
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 0.7))  # in its start and its recovery
    else:
        daemon.wait_for("started")
        # Long enough for the process that cuts tiles to be there, or nothing but the oldest tiles is ever begun.
        time.sleep(chance.uniform(0.0, 1.0))
    assert daemon.process.poll() is None, daemon.text
    daemon.kill()
    tormented.note_kill()


def _feed(tormented: Torment, over: threading.Event) -> None:
    """Drop files as they are done with, so that there is always work and never a mountain of it."""
    kinds = cycle(KINDS)
    while not over.wait(0.02):
        if tormented.has_little_left():
            tormented.drop(next(kinds), len(tormented.dropped))


@pytest.mark.timeout(60 + 4 * KILLS)
def test_kills_at_random_moments_lose_tear_and_repeat_nothing(tmp_path: Path) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    with ThreadPoolExecutor(AT_ONCE) as pool:
        share = KILLS // AT_ONCE
        torments = [pool.submit(torment, tmp_path / str(number), share, SEED + number) for number in range(AT_ONCE)]
        ended = [one.result() for one in torments]
    met = [calls for one in ended for calls in one.in_flight]
    files = sum(len(one.dropped) for one in ended)
    unknown, accused = (sum(getattr(one, name) for one in ended) for name in ("unknown", "accused"))
    told = f"{sum(calls > 0 for calls in met)} of {len(met)} kills met calls under way, {sum(met)} in all"
    print(f"{told}; {files} files, {unknown} unknown, {accused} set aside as deadly")  # noqa: T201 -- the figures of a campaign, with `pytest -s`
    assert len(met) == share * AT_ONCE
    assert sum(calls > 0 for calls in met) >= KILLS // 4, f"too few kills met a call under way: {met}"
