"""A picture and a sub-folder turn into links to a secret and back, thousands of times, under the eyes of who reads.

What lies behind the links are whole pictures, so that a reader that is led there once would send them. The kernel is
the witness besides: it tells of every file that is opened there.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import random
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.house import until
from tests.system.pictures import numbered, picture, size_of
from watchd.adapters.filesystem.tree import FileTree
from watchd.core.incoming.known import NOTHING
from watchd.core.incoming.matching import Matcher
from watchd.errors import SourceLostError
from watchd.model import Folder, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.house import House

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
FULL = os.environ.get("WATCHD_FAULTS") == "full"
SWAPS = 10_000 if FULL else 1000
LIMIT = 1_000_000
INNER = ("sub/a.png", "sub/deep/b.png")
PATHS = ("pic.png", *INNER)
SIDE = 256

AT_FDCWD, RENAME_EXCHANGE = -100, 2
IN_ACCESS, IN_OPEN, IN_ISDIR = 0x1, 0x20, 0x40000000
EVENT = struct.Struct("iIII")
LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    """Let two names change what they stand for, at one moment: neither is ever missing."""
    if LIBC.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        if number in {errno.EINVAL, errno.ENOSYS}:
            pytest.skip("this file system cannot exchange two names")
        raise OSError(number, os.strerror(number), str(one))


class Witness:
    """What the kernel tells of these folders: what was opened or read in them, by anybody."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def opened(self) -> list[tuple[str, bool]]:
        """Name of each thing opened or read since the last call, and whether it is a folder."""
        told: list[tuple[str, bool]] = []
        while True:
            try:
                events = os.read(self._descriptor, 65_536)
            except BlockingIOError:
                return told
            while events:
                _, mask, _, length = EVENT.unpack_from(events)
                name = events[EVENT.size : EVENT.size + length].rstrip(b"\0")
                told.append((os.fsdecode(name), bool(mask & IN_ISDIR)))
                events = events[EVENT.size + length :]


@contextmanager
def witness(*folders: Path) -> Iterator[Witness]:
    """Watch these folders, each by itself."""
    descriptor = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        for folder in folders:
            watch = LIBC.inotify_add_watch(descriptor, os.fsencode(folder), IN_OPEN | IN_ACCESS)
            assert watch >= 0, os.strerror(ctypes.get_errno())
        yield Witness(descriptor)
    finally:
        os.close(descriptor)


class Ground:
    """A hot folder, a place beside it where things are made ready, and what must never be read."""

    def __init__(self, root: Path) -> None:
        self.hot = root / "hot"
        self.aside = root / "aside"
        self.outside = root / "outside"
        self.hot.mkdir(exist_ok=True)
        self.aside.mkdir()
        self.number = 0
        self.inside: set[str] = set()
        """SHA-256 of all bytes that ever lay in the hot folder."""
        self.secret = {
            self._lay(self.outside / name, picture(7 + number, side=SIDE))
            for number, name in enumerate(("secret.png", "tree/a.png", "tree/deep/b.png"))
        }
        self.secret_inodes = {path.stat().st_ino for path in self.outside.rglob("*")}
        self._write(self.hot / "pic.png")
        for name in INNER:
            self._write(self.hot / name)
        (self.aside / "sub").symlink_to(self.outside / "tree")

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that lies behind the links."""
        return self.outside, self.outside / "tree", self.outside / "tree" / "deep"

    @staticmethod
    def _lay(path: Path, data: bytes) -> str:
        """Whole at once: who has opened the folder before it was moved away may be reading there still."""
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(".new")
        hidden.write_bytes(data)
        hidden.replace(path)
        return hashlib.sha256(data).hexdigest()

    def _write(self, path: Path) -> None:
        """A picture with bytes that never were there before."""
        self.number += 1
        data = numbered(picture(1, side=SIDE), self.number)
        self.inside.add(hashlib.sha256(data).hexdigest())
        self._lay(path, data)

    def swap_picture(self, *, at_once: bool) -> None:
        """A new picture in place of the link, or the link in place of the picture, by either kind of rename."""
        shown, ready = self.hot / "pic.png", self.aside / "pic.png"
        ready.unlink(missing_ok=True)
        if shown.is_symlink():
            self._write(ready)
        else:
            ready.symlink_to(self.outside / "secret.png")
        if at_once:
            exchange(ready, shown)
        else:
            ready.replace(shown)

    def swap_folder(self) -> None:
        """The folder in place of the link, with new pictures in it, or the link in place of the folder."""
        if (self.hot / "sub").is_symlink():
            for name in INNER:
                self._write(self.aside / name)
        exchange(self.hot / "sub", self.aside / "sub")

    def show_no_link(self) -> None:
        """Leave the picture and the folder in the hot folder."""
        if (self.hot / "pic.png").is_symlink():
            self.swap_picture(at_once=True)
        if (self.hot / "sub").is_symlink():
            self.swap_folder()


class Swapper(threading.Thread):
    """Swaps the one or the other, at moments of no pattern."""

    def __init__(self, ground: Ground, seed: int, rest: Callable[[random.Random], float]) -> None:
        super().__init__(name="swapper")
        self._ground = ground
        self._rng = random.Random(seed)
        self._rest = rest
        self.made: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for _ in range(SWAPS):
                if self._rng.random() < 0.5:
                    self._ground.swap_folder()
                    self.made["folder"] += 1
                else:
                    self._ground.swap_picture(at_once=self._rng.random() < 0.5)
                    self.made["picture"] += 1
                time.sleep(self._rest(self._rng))
            self._ground.show_no_link()
        except BaseException as error:
            self.error = error  # raised where the test is

    def finish(self) -> None:
        """Wait for the end of all swaps, and tell of what went wrong with them."""
        self.join()
        if self.error is not None:
            raise self.error
        assert self.made.total() == SWAPS
        assert min(self.made["folder"], self.made["picture"]) > SWAPS // 4


LAPS = 10


def swap_until(
    ground: Ground,
    rest: Callable[[random.Random], float],
    meanwhile: Callable[[Swapper], None],
    met: Callable[[], bool],
) -> None:
    """All swaps, and all again where whoever reads met too few of them: how often it does is up to the machine."""
    for lap in range(LAPS):
        swapper = Swapper(ground, SEED + lap, rest)
        swapper.start()
        try:
            meanwhile(swapper)
        finally:
            swapper.finish()
        if met():
            return


class Reader:
    """Asks FileTree over and over, and counts what it said: the picture, the link, or that it changed meanwhile."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tree = FileTree()
        self._root = str(ground.hot)
        self._matcher = Matcher(Folder("hot", self._root, Profile("p"), f"{self._root}-out"))
        self.said: Counter[str] = Counter()
        self.digests: set[str] = set()

    def scan(self, below: str) -> None:
        """All of it, or the sub-folder as after an event."""
        listings = self._tree.scan(self._root, below, self._matcher, lambda _: NOTHING)
        found = {one.path: one.sample.inode for listing in listings for one in listing.fresh}
        assert found.keys() <= set(PATHS)
        assert self._ground.secret_inodes.isdisjoint(found.values()), found
        for path in PATHS:
            if path.startswith(below):
                self.said[f"scan {path} {'picture' if path in found else 'link'}"] += 1

    def look(self, path: str) -> None:
        """At one file."""
        sample = self._tree.look(self._root, path)
        assert sample is None or sample.inode not in self._ground.secret_inodes
        self.said[f"look {path} {'link' if sample is None else 'picture'}"] += 1

    def read(self, path: str) -> None:
        """One file, whole."""
        self._take("read", path, lambda: hashlib.sha256(self._tree.read(self._root, path, LIMIT)[0]).hexdigest())

    def digest(self, path: str) -> None:
        """One file, by its hash alone."""
        self._take("digest", path, lambda: self._tree.digest(self._root, path))

    def _take(self, way: str, path: str, ask: Callable[[], str]) -> None:
        try:
            self.digests.add(ask())
        except SourceLostError as lost:
            self.said[f"{way} {path} {'changed' if 'changed' in str(lost) else 'link'}"] += 1
        else:
            self.said[f"{way} {path} picture"] += 1

    def writer(self, path: str) -> None:
        """Whether somebody writes it."""
        self.said[f"writer {path} {self._tree.writer(self._root, path)}"] += 1

    def round(self) -> None:
        """Each once."""
        for below in ("", "sub"):
            self.scan(below)
        for path in PATHS:
            for ask in (self.look, self.read, self.digest, self.writer):
                ask(path)

    def rounds(self, swapper: Swapper) -> None:
        """Again and again, for as long as names are swapped."""
        while swapper.is_alive():
            self.round()

    def has_met_both(self) -> bool:
        """Whether each way of reading was given each picture and each link often enough to prove something."""
        return all(
            self.said[f"{way} {path} {met}"] > SWAPS // 100
            for path in PATHS
            for way in ("scan", "look", "read", "digest")
            for met in ("picture", "link")
        )


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_byte_from_behind_a_link_is_read_however_fast_it_comes_and_goes(tmp_path: Path) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    ground = Ground(tmp_path)
    reader = Reader(ground)
    open_before = descriptors()
    with witness(*ground.folders) as seen:
        swap_until(ground, lambda rng: rng.choice((0.0, 0.0, 0.0002, 0.002)), reader.rounds, reader.has_met_both)
        assert seen.opened() == []
        (ground.outside / "secret.png").read_bytes()
        assert ("secret.png", False) in seen.opened(), "the witness sleeps: nothing was proven"
    assert reader.digests <= ground.inside
    assert reader.digests.isdisjoint(ground.secret)
    assert len(reader.digests) > SWAPS // 50
    assert reader.has_met_both(), reader.said
    assert descriptors() <= open_before, "descriptors were left open"


@pytest.mark.timeout(300 if FULL else 120)
def test_nothing_from_behind_a_link_is_sent_however_fast_it_comes_and_goes(house: House) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    ground = Ground(house.root)
    house.configure(
        {
            "watch": "events",
            "settle": "0",
            "rescan_every": "1s",
            "send_metadata": True,  # what arrives has the hash of what lay there
            "output_name": "{stem}-{sha8}.{ext}",  # no two want the same name
        },
        api={"workers": 2},
    )
    daemon = house.start()
    with witness(*ground.folders) as seen:
        swap_until(ground, lambda rng: rng.expovariate(1 / 0.003), Swapper.join, lambda: has_met_both(house))
        last = house.drop("last.png", picture(2, side=SIDE))
        ground.inside.add(hashlib.sha256(last.read_bytes()).hexdigest())
        until(lambda: "last.png" in {job["path"] for job in house.jobs()}, "it lives, and sees what comes")
        until(lambda: {"done", "failed"}.issuperset(house.states()), "all has ended", timeout=60.0)
        # Folders may be listed: watchdog walks by path. A name leads nowhere, as FileTree is what opens.
        assert [name for name, is_folder in seen.opened() if not is_folder] == []
        (ground.outside / "secret.png").read_bytes()
        assert ("secret.png", False) in seen.opened(), "the witness sleeps: nothing was proven"
    assert_sent_from_inside_alone(house, ground)
    assert has_met_both(house), met_by(house)
    assert daemon.stop() == 0


def assert_sent_from_inside_alone(house: House, ground: Ground) -> None:
    """Whatever the service received lay in the hot folder once, and so did whatever the ledger knows."""
    received = {call.sha256 for call in house.sandbox.calls()}
    assert received.isdisjoint(ground.secret)
    assert received <= ground.inside
    jobs = house.jobs()
    assert {job["sha256"] for job in jobs} <= ground.inside
    outputs = [path for path in house.out.rglob("*") if path.is_file()]
    assert len(outputs) == house.states().count("done")
    assert {size_of(path.read_bytes()) for path in outputs} == {(2 * SIDE, 2 * SIDE)}
    assert [job["state"] for job in jobs if job["path"] == "last.png"] == ["done"]


def met_by(house: House) -> Counter[str]:
    """How often a worker that came to read a path found the picture, another picture, or a link."""
    met: Counter[str] = Counter()
    for job in house.jobs():
        if job["state"] == "done":
            met[f"{job['path']} picture"] += 1
        elif job["state"] == "failed":
            assert job["error"].startswith("gone: "), job
            met[f"{job['path']} {'link' if 'no longer a regular file' in job['error'] else 'changed'}"] += 1
    return met


def has_met_both(house: House) -> bool:
    """Of each path pictures were sent, and of each a link stood there when a worker came to read."""
    met = met_by(house)
    return all(
        met[f"{path} {what}"] > least
        for path in PATHS
        for what, least in (("picture", SWAPS // 100), ("link", SWAPS // 200))
    )
