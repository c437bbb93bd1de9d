"""Each system call that changes something fails once, at each place where a run makes it: a sweep over all of them.

What a run does is known by holding every such call back (failpoints.py). Then each of them fails in turn, by each
error, in a run of its own. A second run without a fault is to bring everything to its end.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.system import failpoints
from tests.system.failpoints import MOST_PIXELS, Call, Failpoints, Met
from tests.system.house import Daemon, House, until
from tests.system.pictures import patchwork, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
FULL = os.environ.get("WATCHD_FAULTS") == "full"
AT_ONCE = 2
WHY_NOT = failpoints.why_not()

KINDS = {
    "making a file": {Call.openat},
    "writing": {Call.write, Call.writev, Call.sendfile, Call.copy_file_range},
    "writing at a place": {Call.pwrite64},
    "setting room aside": {Call.fallocate},
    "cutting": {Call.truncate, Call.ftruncate},
    "syncing": {Call.fsync, Call.fdatasync},
    "linking": {Call.link, Call.linkat, Call.symlink, Call.symlinkat},
    "renaming": {Call.rename, Call.renameat, Call.renameat2},
    "unlinking": {Call.unlink, Call.unlinkat, Call.rmdir},
    "making a folder": {Call.mkdir, Call.mkdirat},
    "setting dates": {Call.utimensat},
    "setting a mode": {Call.chmod, Call.fchmod, Call.fchmodat},
    "giving to an owner": {Call.fchown, Call.fchownat},
}
ERRORS = ("EIO", "ENOSPC", "EPERM")
ENDED = {"done", "failed", "unknown"}
STRANGERS = b"somebody else's"
LONG_AGO_S = 10**9
STATUSES = {"once": {0, 1, 2, 3, 4}, "run": {0, 2, 4}}
"""As README.md and docs/operating.md have them."""
ENDS_WITHIN_S = 30.0
GETS_OVER_IT_S = 6.0
"""How long a daemon is watched; what it has not got over then is the second run's."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to become of a picture that is dropped."""

    data: bytes
    kind: str
    size: tuple[int, int]


PICTURES = {
    "archived/a.png": Wanted(picture(1), "JPEG", (600, 600)),
    "archived/sub/b.png": Wanted(picture(2), "JPEG", (600, 600)),
    "deleted/c.png": Wanted(picture(3), "PNG", (600, 600)),
    "deleted/sub/again.png": Wanted(picture(3), "PNG", (600, 600)),
    "failing/tiled.png": Wanted(patchwork(4, 400), "PNG", (800, 800)),
}
BROKEN = "failing/broken.jpg"
NO_PICTURE = b"<html>no picture</html>" * 50
assert MOST_PIXELS < 800 * 800


class Quick(House):
    """A house whose processes are forked even in the campaigns: a sweep begins thousands."""

    forks_in_campaigns = True


class Ground:
    """A house with a folder for each thing that can become of an original, and strangers' files wherever we write."""

    def __init__(self, house: House, elsewhere: Path) -> None:
        """`elsewhere`: on another file system, where there is one; the archive is there."""
        self.house = house
        self.archive = elsewhere / "archive"
        self.failed = house.root / "failed"
        self.outputs = {name: house.root / f"{name}-out" for name in ("archived", "deleted", "failing")}
        paths = {name: {"path": str(house.root / name), "settle": "50ms"} for name in self.outputs}
        house.open_sandbox()
        house.configure(
            paths["archived"]
            | {"originals": "archive", "archive": str(self.archive), "format": {"type": "jpeg", "quality": 95}},
            paths["deleted"] | {"originals": "delete"},
            paths["failing"] | {"failed": str(self.failed), "oversize": "tile"},
            api={"workers": 1},
        )
        dropped = {name: wanted.data for name, wanted in PICTURES.items()} | {BROKEN: NO_PICTURE}
        for name, data in dropped.items():
            house.drop(name, data, house.root)
        strange = (
            self.outputs["archived"] / "a.jpg", self.outputs["deleted"] / "theirs.txt",
            self.outputs["failing"] / "tiled.png", self.archive / "a.png", self.failed / "broken.jpg",
        )  # fmt: skip
        self.strangers = {self._plant(path) for path in strange}

    def _plant(self, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(STRANGERS)
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
        return path

    @property
    def roots(self) -> list[Path]:
        """Whatever is written lies below these."""
        return [self.house.root, self.archive.parent]

    def begin(self, command: str, points: Failpoints | None = None) -> Daemon:
        """Start `once` or `run`."""
        program = (sys.executable, failpoints.__file__, "--config", str(self.house.config), command)
        return Daemon(self.house.begin(*program, **(points.environment if points else {})))

    def has_ended(self) -> bool:
        """Whether nothing is left to be done, originals included."""
        jobs = self.house.jobs()
        ended = all(job["state"] in ENDED or self._waits_for_its_twin(job) for job in jobs)
        return len(jobs) == len(PICTURES) + 1 and ended and not self.house.read("SELECT 1 FROM job WHERE due")

    def _seems_ended(self) -> bool:
        """The same while the fault is about: a ledger broken off at its making can be read by nobody before a start."""
        try:
            return self.has_ended()
        except sqlite3.OperationalError:
            return False

    def _waits_for_its_twin(self, job: dict[str, Any]) -> bool:
        """Whether the same picture is unknown elsewhere: then it is not sent again before somebody says so."""
        twins = "SELECT 1 FROM jobs WHERE sha256 = ? AND state = 'unknown'"
        return job["state"] == "queued" and bool(self.house.read(twins, job["sha256"]))

    def run(self, command: str, points: Failpoints) -> Daemon:
        """Let a process meet its fault, and end."""
        daemon = self.begin(command, points)
        try:
            if command == "once":
                daemon.wait(30.0)
                return daemon
            with suppress(AssertionError):  # what it has not got over is asked of the second run
                until(lambda: daemon.process.poll() is not None or self._seems_ended(), "it is over", GETS_OVER_IT_S)
            daemon.stop()
        finally:
            if daemon.process.poll() is None:
                daemon.kill()
        return daemon

    def finish(self) -> None:
        """Runs without a fault, as somebody would who looks after it."""
        for _ in range(3):
            self.house.watchd("resume")
            daemon = self.begin("once")
            try:
                daemon.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                told = self.house.jobs()
                daemon.kill()
                raise AssertionError(f"it does not end: {told}\n{daemon.text}") from None
            assert "Traceback" not in daemon.text, daemon.text
            if self.has_ended():
                return
        raise AssertionError(f"it never ended: {self.house.jobs()}\n{daemon.text}")

    # What must hold

    def assert_nothing_is_wrong(self) -> None:
        """Nothing lost, torn, paid twice, or somebody else's."""
        jobs = {f"{job['folder']}/{job['path']}": job for job in self.house.jobs()}
        assert jobs.keys() == {*PICTURES, BROKEN}
        assert jobs[BROKEN]["state"] == "failed"
        outputs = {self._assert_ended_well(jobs[name], wanted) for name, wanted in PICTURES.items()}
        for path in self.strangers:
            assert (path.read_bytes(), path.stat().st_mtime) == (STRANGERS, LONG_AGO_S), f"{path} is not as it was"
        for folder in self.outputs.values():
            there = {path for path in folder.rglob("*") if path.is_file()}
            assert there <= outputs | self.strangers, f"nobody's files: {there - outputs - self.strangers}"
        self._assert_originals_are_kept(jobs)
        assert max(Counter(self.house.sent()).values(), default=0) <= 1, "a picture was paid for twice"
        self.house.assert_books_balance()

    def _assert_ended_well(self, job: dict[str, Any], wanted: Wanted) -> Path | None:
        if self._waits_for_its_twin(job):
            return None
        if job["state"] != "done":
            assert job["error"], f"no reason is given: {job}"
            if job["state"] == "unknown":
                doubts = "SELECT 1 FROM attempts WHERE job_id = ? AND outcome IN ('lost', 'bad_answer')"
                assert self.house.read(doubts, job["id"]), f"there is no doubt about {job}"
            return None
        with Image.open(io.BytesIO(Path(job["output"]).read_bytes())) as image:
            image.load()
            assert (image.format, image.size) == (wanted.kind, wanted.size), job
        return Path(job["output"])

    def _assert_originals_are_kept(self, jobs: dict[str, dict[str, Any]]) -> None:
        """Each lies where it was dropped or where it was to go, and is gone only where that was asked for."""
        roots = [self.house.root / folder for folder in self.outputs]
        places = [path for root in (*roots, self.archive, self.failed) for path in root.rglob("*") if path.is_file()]
        kept = Counter(hashlib.sha256(path.read_bytes()).digest() for path in places)
        for name, data in [*((name, wanted.data) for name, wanted in PICTURES.items()), (BROKEN, NO_PICTURE)]:
            may_be_gone = name.startswith("deleted/") and jobs[name]["state"] == "done"
            assert may_be_gone or kept[hashlib.sha256(data).digest()], f"the original {name} is lost"


@dataclass(slots=True)
class Nth:
    """Refuses one call: the `number`-th of a kind."""

    kind: str
    error: str
    number: int
    seen: int = 0

    def __call__(self, met: Met) -> int:
        """The errno, or 0."""
        self.seen += met.call in KINDS[self.kind]
        return getattr(errno, self.error) if self.seen == self.number and met.call in KINDS[self.kind] else 0


@contextmanager
def ground(root: Path) -> Iterator[Ground]:
    """A ground of its own for one run, removed behind it."""
    root.mkdir()
    memory = Path("/dev/shm")  # noqa: S108 -- another file system is what is wanted
    elsewhere = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else root))
    try:
        with Quick(root) as house:
            yield Ground(house, elsewhere)
    finally:
        shutil.rmtree(elsewhere)
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How many calls of each kind a run makes that meets no fault."""
    if WHY_NOT is not None:
        pytest.skip(WHY_NOT)
    with ground(tmp_path_factory.mktemp("made") / "house") as whole, Failpoints(whole.roots) as points:
        daemon = whole.run("once", points)
        assert whole.has_ended(), daemon.text
        whole.assert_nothing_is_wrong()
    counts = Counter(kind for met in points.met for kind, calls in KINDS.items() if met.call in calls)
    print(dict(counts))  # noqa: T201 -- the figures of a campaign, with `pytest -s`
    return counts


def test_a_run_makes_every_kind_of_call_that_is_swept(made: Counter[str]) -> None:
    assert made.keys() == KINDS.keys()


@dataclass(frozen=True, slots=True)
class Swept:
    """One faulted run: the call that failed, and what is wrong after it."""

    fired: Met | None
    wrong: str | None


def sweep(root: Path, kind: str, error: str, number: int) -> Swept:
    """One run that meets the fault, then one that meets none."""
    command = "run" if (number + ERRORS.index(error)) % len(ERRORS) == 0 else "once"
    with ground(root) as faulted:
        with Failpoints(faulted.roots, Nth(kind, error, number)) as points:
            daemon = faulted.run(command, points)
        met = points.fired[0] if points.fired else None
        if met is None:
            return Swept(None, None)
        try:
            assert "Traceback" not in daemon.text
            assert daemon.process.poll() in STATUSES[command], f"it ended with {daemon.process.poll()}"
            faulted.finish()
            faulted.assert_nothing_is_wrong()
        except AssertionError as problem:
            where = f"{error} at {kind} number {number} of `{command}`: {met}"
            return Swept(met, f"{where}\n{problem}\nIts log:\n{daemon.text}")
        return Swept(met, None)


def numbers_of(kind: str, error: str, most: int) -> list[int]:
    """Which calls fail: one that is drawn, or all; of the many writes to the ledger each by one error in turn."""
    if not FULL:
        return [random.Random(f"{SEED} {kind} {error}").randint(1, max(1, most * 9 // 10))]
    step = len(ERRORS) if kind == "writing at a place" else 1
    return [*range(1 + ERRORS.index(error) % step, most + 1, step)]


@pytest.mark.sample(12)
@pytest.mark.timeout(60 + 3600 * FULL)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_fails_once_anywhere_loses_tears_and_repeats_nothing(
    made: Counter[str], tmp_path: Path, kind: str, error: str
) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    numbers = numbers_of(kind, error, made[kind])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        swept = [*pool.map(lambda number: sweep(tmp_path / str(number), kind, error, number), numbers)]
    fired = [one.fired for one in swept if one.fired is not None]
    print(f"{kind}, {error}: {len(fired)} of {len(numbers)} fired")  # noqa: T201 -- the figures of a campaign
    wrong = [one.wrong for one in swept if one.wrong is not None]
    assert not wrong, f"{len(wrong)} of {len(fired)}:\n" + "\n\n".join(wrong)
    assert len(fired) >= len(numbers) * 0.9, "runs have made fewer calls than the one that was counted"
