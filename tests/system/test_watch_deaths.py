"""A watch dies without a word, in many ways: each is noticed, healed and made good, and no file is paid for twice.

The reconciling scan is an hour away in all of these, so what is found was found because the death was. Most run with
short waits (`QUICK`), some with those that users have.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system import watch_launcher
from tests.system.house import bindfs, until
from tests.system.pictures import picture
from watchd.adapters.filesystem.watching import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.system.house import Daemon, House

BY_EVENTS: dict[str, Any] = {"settle": "50ms", "poll_every": "1s", "rescan_every": "1h"}
DEFAULTS: dict[str, float] = {}
QUICK = {
    "watchd.process.daemon.LOOK_EVERY_S": 0.2,
    "watchd.journey.arrival.intake.VISIT_EVERY_S": 0.2,
    "watchd.core.incoming.watch_health.CANARY_EVERY_S": 1.0,
    "watchd.core.incoming.watch_health.CANARY_PATIENCE_S": 2.0,
}
HOT, SECOND = "hot", "second"
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
SYSCTL = "fs.inotify.max_user_watches"
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


class Watch:
    """A daemon with two hot folders, and all that came into them: each picture another one, to be paid for once."""

    def __init__(self, house: House, daemon: Daemon) -> None:
        self.house = house
        self.daemon = daemon
        self._came: dict[tuple[str, str], str] = {}
        self._hidden: dict[tuple[str, str], str] = {}
        self._failed: set[tuple[str, str]] = set()
        self._made = 0

    def comes(self, path: str, name: str = HOT, into: Path | None = None) -> None:
        """A picture comes into the folder of that name, wherever that folder is at present."""
        self._came[name, path] = self._drop(path, into or self.house.root / name)

    def hides(self, path: str, name: str = HOT, into: Path | None = None) -> None:
        """A picture comes where it must not be found before `shows`."""
        self._hidden[name, path] = self._drop(path, into or self.house.root / name)

    def fails(self, path: str, name: str = HOT) -> None:
        """A picture that waits has been taken away, and the owner says that this is right."""
        del self._came[name, path]
        self._failed.add((name, path))

    def shows(self) -> None:
        """What was hidden is there from now on."""
        self._came |= self._hidden
        self._hidden.clear()

    def _drop(self, path: str, folder: Path) -> str:
        self._made += 1
        data = picture(self._made)
        self.house.drop(path, data, folder)
        return hashlib.sha256(data).hexdigest()

    def wait(self) -> None:
        """Wait until all that came is done, each once, and nothing else is there."""
        expected = dict.fromkeys(self._came, "done") | dict.fromkeys(self._failed, "failed")
        until(lambda: self._jobs() == expected, f"{expected}; now {self._jobs()} in:\n{self.daemon.text}")

    def _jobs(self) -> dict[tuple[str, str], str]:
        jobs = self.house.jobs()
        found = {(job["folder"], job["path"]): job["state"] for job in jobs}
        assert len(found) == len(jobs), "a file has two jobs"
        return found

    def comes_and_is_done(self, path: str, name: str = HOT, into: Path | None = None) -> None:
        """A picture comes, and is found however that may be."""
        self.comes(path, name, into)
        self.wait()

    def told(self, name: str = HOT) -> dict[str, Any]:
        """What `status` says of a folder."""
        (told,) = (each for each in self.house.status()["folders"] if each["name"] == name)
        assert isinstance(told, dict)
        return told

    def lines(self, action: str, name: str) -> list[str]:
        """What the log says of one folder under this action."""
        return [
            line["message"]
            for line in self.daemon.log()
            if line.get("action") == action and (line.get("folder") == name or f"older {name}" in line["message"])
        ]

    def hears(self, name: str = HOT, into: Path | None = None) -> None:
        """What comes now into the folder or one in it is found by its events: it is done, and no scan came between."""
        for turn in range(5):
            scans = len(self.lines("scanned", name))
            for place in ("", "deep/", f"new{turn}/"):
                self.comes(f"{place}heard-{self._made}.png", name, into)
            self.wait()
            if len(self.lines("scanned", name)) == scans:
                break  # else the scan that made good for the dead watch may have come late
        else:
            pytest.fail(f"every file was found by a scan:\n{self.daemon.text}")
        told = self.told(name)
        assert (told["state"], told["watch"], told["reason"]) == ("online", "events", None)

    def finish(self) -> None:
        """All is done and paid for once, nothing of ours lies in the folders, and the daemon ends well."""
        self.wait()
        assert sorted(str(each) for each in self.house.sent()) == sorted(self._came.values())
        # One may be singing at this very moment; none stays.
        until(lambda: canaries(self.house) == [], "no canary is left in the folders")
        assert self.daemon.stop() == 0


def canaries(house: House) -> list[Path]:
    """Canaries that lie about, wherever a hot folder has been."""
    return list(house.root.rglob(f"{CANARY}*"))


def queues(watch: Watch) -> list[int]:
    """The queues that the daemon has at the kernel, each with the number of folders that are watched through it."""
    process = Path(f"/proc/{watch.daemon.pid}")
    found = []
    for descriptor in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            if "inotify" in str(descriptor.readlink()):
                found.append((process / "fdinfo" / descriptor.name).read_text().count("inotify wd:"))
    return found


def configure(house: House, **second: Any) -> None:
    """Two folders, the second one changed like this; every scan is told in the log."""
    path = house.root / SECOND
    path.mkdir()
    house.configure(BY_EVENTS, BY_EVENTS | {"path": str(path)} | second, log={"format": "json", "level": "debug"})


def launch(
    house: House, *before: str, fault: str = "", constants: Mapping[str, float] = QUICK, ready: bool = True
) -> Watch:
    """Start the daemon with a fault and these constants, perhaps through another program."""
    daemon = house.launch_as(
        *before, sys.executable, watch_launcher.__file__, WATCHD_FAULT=fault, WATCHD_CONSTANTS=dumps(dict(constants))
    )
    if ready:
        daemon.wait_for("started")
    return Watch(house, daemon)


def begin(house: House, *, fault: str = "", constants: Mapping[str, float] = QUICK, **second: Any) -> Watch:
    """A daemon under way that has heard of a file in either folder."""
    configure(house, **second)
    watch = launch(house, fault=fault, constants=constants)
    watch.hears()
    watch.comes_and_is_done("first.png", SECOND)
    return watch


class Mounts:
    """Mounts below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def mount(self, point: Path, *command: str) -> None:
        """Mount something on a folder; skips where that is not possible."""
        done = subprocess.run([*command, str(point)], capture_output=True, text=True, timeout=10, check=False)
        if done.returncode != 0:
            pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")

    def tmpfs(self, point: Path) -> None:
        """An empty file system."""
        self.mount(point, "/bin/mount", "-t", "tmpfs", "watchd-test")

    def bind(self, point: Path, folder: Path, *, read_only: bool = False) -> None:
        """Another folder."""
        self.mount(point, "/bin/mount", "--bind", str(folder))
        if read_only:
            self.mount(point, "/bin/mount", "-o", "remount,bind,ro")

    def fuse(self, point: Path, folder: Path) -> None:
        """Another folder, behind FUSE."""
        self.mount(point, bindfs(), "--no-allow-other", str(folder))

    def unmount(self, point: Path) -> None:
        """Take away what lies on top, as a NAS does: open files or not."""
        subprocess.run(["/bin/umount", "--lazy", str(point)], timeout=10, check=True)

    def clear(self) -> None:
        """Take away all that is left, the latest first."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        for point in reversed([Path(line.split()[4]) for line in lines]):
            if point.is_relative_to(self._root):
                self.unmount(point)


@pytest.fixture
def mounts(house: House) -> Iterator[Mounts]:
    """Mounts that are gone when the test is over, whatever came of it."""
    made = Mounts(house.root)
    try:
        yield made
    finally:
        made.clear()


# 1. The root is deleted, and made again


def test_a_root_that_was_removed_and_made_again_later_is_heard_of_again(house: House) -> None:
    watch = begin(house, constants=DEFAULTS)
    shutil.rmtree(house.hot)
    watch.daemon.wait_for("offline")
    watch.comes_and_is_done("meanwhile.png", SECOND)
    house.hot.mkdir()
    watch.comes_and_is_done("late.png")
    watch.hears()
    watch.hears(SECOND)
    watch.finish()


def make_again_with_the_same_inode(folder: Path) -> bool:
    """Remove a folder and make it again; false where another one got its inode number meanwhile."""
    inode = folder.stat().st_ino
    shutil.rmtree(folder)
    for number in range(300):  # the kernel lets go of a number later than of its name, and of more than one at a time
        spare = folder.parent / f"spare-{inode}-{number}"
        spare.mkdir()
        if spare.stat().st_ino == inode:
            spare.rename(folder)
            return True
        time.sleep(0.002)
    folder.mkdir()
    return False


def test_a_root_made_again_at_once_with_the_very_same_inode_is_known_for_another_one(house: House) -> None:
    watch = begin(house, constants=DEFAULTS)
    for _ in range(4):
        if make_again_with_the_same_inode(house.hot):
            break
        watch.hears()
    else:
        pytest.skip("this file system gives no inode number a second time")
    watch.comes_and_is_done("deep/while-dead.png")
    assert watch.lines("deaf", HOT) or "offline" in watch.daemon.actions()
    watch.hears()
    watch.finish()


# 2. The root is renamed, and another one put in its place


def test_a_root_renamed_away_and_back_loses_nothing_of_what_came_into_either(house: House) -> None:
    watch = begin(house)
    away, other = house.root / "away", house.root / "other"
    watch.hides("prepared.png", into=other)
    house.hot.rename(away)
    other.rename(house.hot)
    watch.shows()
    watch.wait()
    until(lambda: watch.lines("deaf", HOT), "the watch of the old folder is not taken for that of the new one")
    watch.hears()
    watch.hides("while-away.png", into=away)
    watch.hides("deep/while-away.png", into=away)
    watch.hears(SECOND)
    watch.hears()
    house.hot.rename(other)
    away.rename(house.hot)
    watch.shows()
    watch.wait()
    watch.hears()
    watch.finish()


def test_what_comes_into_a_root_that_is_away_for_a_moment_is_found(house: House) -> None:
    watch = begin(house, constants=DEFAULTS)
    away = house.root / "away"
    for turn in range(20):
        house.hot.rename(away)
        watch.comes(f"{turn}.png", into=away)
        away.rename(house.hot)
    watch.wait()
    watch.hears()
    watch.finish()


# 3. The root is unmounted, and mounted again


@ROOT
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "with a file open in it"])
def test_a_folder_unmounted_and_mounted_again_between_two_looks_is_heard_of(
    house: House, mounts: Mounts, *, busy: bool
) -> None:
    mounts.tmpfs(house.hot)
    watch = begin(house, constants=DEFAULTS)
    (house.hot / "held").touch()
    with (house.hot / "held" if busy else house.config).open():
        mounts.unmount(house.hot)
        mounts.tmpfs(house.hot)
        watch.comes_and_is_done("deep/at-once.png")
        watch.hears()
    assert watch.lines("deaf", HOT) or "offline" in watch.daemon.actions()
    watch.finish()


@ROOT
def test_a_folder_that_is_mounted_again_much_later_is_heard_of(house: House, mounts: Mounts) -> None:
    mounts.tmpfs(house.hot)
    watch = begin(house)
    mounts.unmount(house.hot)
    watch.daemon.wait_for("offline")
    watch.hides("bare.png")  # into the mount point: not the folder's own
    watch.comes_and_is_done("meanwhile.png", SECOND)
    told = watch.told()
    assert (told["state"], "unmounted" in told["reason"]) == ("offline", True)
    mounts.tmpfs(house.hot)
    watch.comes_and_is_done("late.png")
    watch.hears()
    watch.finish()


@ROOT
def test_an_unmount_and_a_mount_are_heard_of_and_not_only_looked_for(house: House, mounts: Mounts) -> None:
    store = house.root / "store"
    watch = begin(
        house,
        constants={"watchd.process.daemon.LOOK_EVERY_S": 300.0, "watchd.journey.arrival.intake.VISIT_EVERY_S": 300.0},
    )
    watch.hides("prepared.png", into=store)
    mounts.bind(house.hot, store)
    watch.shows()
    watch.wait()
    mounts.unmount(house.hot)
    watch.daemon.wait_for("offline")
    watch.finish()


# 4. Something is mounted over the root


@ROOT
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_what_is_mounted_over_a_folder_is_the_folder_until_it_is_gone_for_good(
    house: House, mounts: Mounts, kind: str
) -> None:
    watch = begin(house)
    store = house.root / "store"
    store.mkdir()

    def mount() -> None:
        mounts.tmpfs(house.hot) if kind == "tmpfs" else mounts.bind(house.hot, store)

    mount()
    watch.comes_and_is_done("over.png")
    until(lambda: watch.lines("deaf", HOT), "the watch below the mount is not taken for that of the folder")
    watch.hears()
    watch.hears(SECOND)

    # Taken away, it looks like a share that was unmounted, and is one until somebody says otherwise.
    mounts.unmount(house.hot)
    watch.daemon.wait_for("offline")
    assert "unmounted" in watch.told()["reason"]
    watch.hides("under.png")
    watch.comes_and_is_done("meanwhile.png", SECOND)
    mount()
    watch.comes_and_is_done("over-again.png")
    watch.hears()
    mounts.unmount(house.hot)
    watch.daemon.wait_for("offline", 2)
    assert house.watchd("reload").returncode == 0
    watch.shows()
    watch.wait()
    watch.hears()
    watch.finish()


# 5. The root is a link


def test_a_root_that_is_a_link_is_heard_of_wherever_it_leads(house: House) -> None:
    link, one, two = house.hot, house.root / "one", house.root / "two"
    link.rename(one)
    two.mkdir()
    link.symlink_to(one)
    watch = begin(house)
    watch.hides("prepared.png", into=two)
    (house.root / "new").symlink_to(two)
    (house.root / "new").rename(link)
    watch.shows()
    watch.wait()
    until(lambda: watch.lines("deaf", HOT), "the watch of the old folder is not taken for that of the new one")
    watch.hears()
    watch.hides("left-behind.png", into=one)
    watch.hears()
    watch.finish()


# 6. The kernel gives no more watches

LIMITED = """
import os, sys
from pathlib import Path
Path("/proc/sys/user", sys.argv[1]).write_text(sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""
ALONE = ("/usr/bin/unshare", "--user", "--map-root-user")
"""A user namespace has limits of its own: nobody else's watches are touched."""


def limited(house: House, limit: str, number: int) -> Watch:
    """A daemon to which the kernel gives no more than so many."""
    before = (*ALONE, sys.executable, "-c", LIMITED, limit, str(number))
    tried = subprocess.run([*before, "/bin/true"], capture_output=True, text=True, timeout=10, check=False)
    if tried.returncode != 0:
        pytest.skip(f"{limit} cannot be lowered here: {tried.stderr.splitlines()[-1]}")
    return launch(house, *before, constants=QUICK | {"watchd.core.incoming.watch_health.TRY_AGAIN_S": 1.0})


def raise_limit(watch: Watch, limit: str, number: int) -> None:
    """As by sysctl, while the daemon runs."""
    inside = ("/usr/bin/nsenter", "--user", "--preserve-credentials", "--target", str(watch.daemon.pid))
    subprocess.run([*inside, sys.executable, "-c", LIMITED, limit, str(number), "/bin/true"], timeout=10, check=True)


def assert_polled_for_want_of_watches(watch: Watch, name: str = HOT) -> None:
    """One message, which names the sysctl, as `status` does."""
    told = watch.told(name)
    assert (told["state"], told["watch"]) == ("online", "poll")
    assert SYSCTL in told["reason"]
    (message,) = watch.lines("polling", name)
    assert SYSCTL in message


def test_a_tree_with_more_folders_than_the_kernel_has_watches_is_scanned_and_the_sysctl_named(house: House) -> None:
    configure(house)
    for number in range(6):
        (house.hot / f"{number}/inner").mkdir(parents=True)
    watch = limited(house, "max_inotify_watches", 5)
    watch.daemon.wait_for("polling")
    for number in range(6):
        watch.comes(f"{number}/inner/a.png")
    watch.wait()
    watch.comes_and_is_done("deep/later.png")
    tries = len(watch.lines("tried", HOT))
    until(lambda: len(watch.lines("tried", HOT)) > tries + 1, "its events are given another chance")
    assert_polled_for_want_of_watches(watch)
    assert queues(watch) == [1], "a folder that is scanned takes no watch from the others"
    watch.hears(SECOND)
    raise_limit(watch, "max_inotify_watches", 100)
    watch.daemon.wait_for("watching")
    watch.hears()
    watch.finish()


def test_a_tree_that_outgrows_the_watches_of_the_kernel_is_scanned_from_then_on(house: House) -> None:
    configure(house)
    watch = limited(house, "max_inotify_watches", 5)
    watch.comes_and_is_done("first.png")
    assert watch.told()["watch"] == "events"
    for number in range(6):
        watch.comes(f"{number}/inner/a.png")
    watch.wait()
    until(lambda: watch.lines("polling", HOT), "a folder that is watched in part is scanned")
    for number in range(6):
        watch.comes(f"{number}/inner/b.png")
    watch.wait()
    assert_polled_for_want_of_watches(watch)
    watch.finish()


def test_where_the_kernel_gives_no_inotify_at_all_every_folder_is_scanned(house: House) -> None:
    configure(house)
    watch = limited(house, "max_inotify_instances", 0)
    watch.comes("deep/a.png")
    watch.comes("a.png", SECOND)
    watch.wait()
    watch.comes_and_is_done("deep/b.png")
    assert_polled_for_want_of_watches(watch)
    assert_polled_for_want_of_watches(watch, SECOND)
    watch.finish()


# 7. and 9. A thread of the watches ends, or nothing is seen to be wrong


@pytest.mark.parametrize(
    ("fault", "told", "constants"),
    [
        ("hint raises", "thread that reads file events has ended", QUICK),
        ("emitter ends", "hot is deaf: the thread of its events has ended", QUICK),
        ("reader ends", "thread that reads file events has ended", QUICK),
        ("reader ends", "thread that reads file events has ended", DEFAULTS),
        ("goes deaf", "hot is deaf: a file made in it for the purpose was not heard of", QUICK),
    ],
    ids=["handler", "emitter", "reader", "reader, as users have it", "none, yet deaf"],
)  # fmt: skip
def test_a_watch_whose_thread_has_ended_is_put_up_anew_and_what_came_meanwhile_found(
    house: House, fault: str, told: str, constants: Mapping[str, float]
) -> None:
    watch = begin(house, fault=fault, constants=constants)
    assert "deaf" not in watch.daemon.actions()
    for count in (1, 2):
        watch.daemon.signal(signal.SIGUSR1)
        watch.daemon.wait_for("armed", count)
        watch.comes(f"deep/the-last-{count}.png")
        watch.daemon.wait_for("fault", count)
        watch.comes(f"deep/unheard-{count}.png")
        watch.comes(f"{count}.png", SECOND)
        watch.wait()
        assert told in watch.daemon.wait_for("deaf", count)[-1]["message"]
        watch.hears()
        watch.hears(SECOND)
    assert len(queues(watch)) == 1, "what is dead is closed"
    watch.finish()


# 8. The kernel's queue overflows


def stop_for_a_while(watch: Watch) -> None:
    """Let no thread of the daemon run, as on a machine that is very busy, before SIGCONT."""
    watch.daemon.signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{watch.daemon.pid}/task")
    until(lambda: all(") T " in (task / "stat").read_text() for task in tasks.iterdir()), "every thread is stopped")


def fill_queue(folder: Path) -> None:
    """More events than the kernel keeps, of two files that are none of ours: equal ones in a row would count once."""
    for _ in range(int(QUEUE.read_text()) // 2 + 1000):
        for name in ("a.txt", "b.txt"):
            os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT))


def test_what_the_full_queue_of_the_kernel_swallowed_is_found(house: House) -> None:
    watch = begin(house, constants=DEFAULTS, recursive=False)
    stop_for_a_while(watch)
    fill_queue(house.hot)
    watch.comes("swallowed.png")
    watch.comes("unseen/folder/swallowed.png")
    watch.comes("swallowed.png", SECOND)
    watch.daemon.signal(signal.SIGCONT)
    watch.wait()
    assert "overflow" in watch.daemon.text, "the queue did not overflow: nothing was tried"
    watch.comes_and_is_done("unseen/folder/later.png")
    watch.comes_and_is_done("later.png", SECOND)
    watch.hears()
    watch.finish()


def test_what_comes_while_watches_are_put_up_again_after_an_overflow_is_found(house: House) -> None:
    watch = begin(house, fault="slow rebuild")
    stop_for_a_while(watch)
    watch.comes("early.png")
    fill_queue(house.hot)
    watch.daemon.signal(signal.SIGCONT)
    watch.daemon.wait_for("fault")
    watch.wait()  # a scan that was asked for before this is over now
    watch.comes("between.png")
    watch.comes("deep/between.png")
    watch.daemon.signal(signal.SIGUSR1)
    watch.wait()
    watch.hears()
    watch.finish()


# A watch that stays deaf, or cannot be asked, or is well


def test_a_watch_that_stays_deaf_is_given_up_after_three_tries_and_the_folder_scanned(house: House) -> None:
    configure(house)
    watch = launch(house, fault="deaf", constants=QUICK | {"watchd.core.incoming.watch_health.CANARY_PATIENCE_S": 0.5})
    watch.daemon.wait_for("fault")
    until(lambda: watch.lines("polling", HOT) and watch.lines("polling", SECOND), "both are given up")
    assert [len(watch.lines("deaf", name)) for name in (HOT, SECOND)] == [2, 2]
    (message,) = watch.lines("polling", HOT)
    told = watch.told()
    assert (told["state"], told["watch"]) == ("online", "poll")
    for text in (message, told["reason"]):
        assert "its events cannot be trusted" in text
    watch.comes_and_is_done("deep/a.png")
    watch.comes_and_is_done("a.png", SECOND)
    probed = len(watch.lines("probed", HOT))
    assert probed == 3
    watch.comes_and_is_done("deep/b.png")
    assert len(watch.lines("probed", HOT)) == probed, "a folder that is scanned is not asked"
    assert len(watch.lines("polling", HOT)) == 1
    watch.finish()


@ROOT
def test_a_folder_that_cannot_be_written_is_watched_without_a_canary_and_without_an_alarm(
    house: House, mounts: Mounts
) -> None:
    store = house.root / "store"
    store.mkdir()
    mounts.bind(house.hot, store, read_only=True)
    configure(house)
    watch = launch(house, constants=QUICK | {"watchd.core.incoming.watch_health.CANARY_EVERY_S": 0.2})
    until(lambda: len(watch.lines("probed", HOT)) >= 10, "it is tried over and over")
    assert {
        line["made"] for line in watch.daemon.log() if line.get("action") == "probed" and line["folder"] == HOT
    } == {False}
    assert "deaf" not in watch.daemon.actions()
    watch.hears(into=store)
    watch.finish()


def test_an_idle_folder_is_asked_over_and_over_and_nothing_comes_of_it(house: House) -> None:
    watch = begin(
        house,
        constants={
            "watchd.journey.arrival.intake.VISIT_EVERY_S": 0.1,
            "watchd.core.incoming.watch_health.CANARY_EVERY_S": 0.2,
        },
    )
    before = {name: len(watch.lines("scanned", name)) for name in (HOT, SECOND)}
    asked = len(watch.lines("probed", HOT))
    until(lambda: len(watch.lines("probed", HOT)) >= asked + 15, "it is asked over and over")
    assert "deaf" not in watch.daemon.actions()
    assert {name: len(watch.lines("scanned", name)) for name in (HOT, SECOND)} == before
    watch.hears()
    watch.finish()


def test_a_canary_that_a_killed_daemon_left_is_no_job_and_is_removed_by_the_next(house: House) -> None:
    configure(house)
    first = launch(house, fault="killed while singing", ready=False)
    assert first.daemon.wait() == -signal.SIGKILL
    (left,) = canaries(house)
    watch = launch(house)
    watch.comes_and_is_done("a.png", left.parent.name)
    watch.hears()
    watch.hears(SECOND)
    watch.finish()


BOUND_BY_MODES = ("/usr/bin/setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Lets even root read no more than modes allow."""


def forbid(folder: Path) -> None:
    """It is another user's, and private."""
    os.chown(folder, 65534, 65534)
    folder.chmod(0o700)


@ROOT
def test_a_root_that_may_not_be_read_is_offline_and_heard_of_once_it_may(house: House) -> None:
    configure(house)
    forbid(house.hot)
    watch = launch(house, *BOUND_BY_MODES, constants=QUICK | {"watchd.core.incoming.watch_health.TRY_AGAIN_S": 1.0})
    watch.comes_and_is_done("meanwhile.png", SECOND)
    told = watch.told()
    assert (told["state"], "Permission denied" in told["reason"]) == ("offline", True)
    house.hot.chmod(0o755)
    watch.comes_and_is_done("a.png")
    watch.daemon.wait_for("watching")
    watch.hears()
    watch.hears(SECOND)
    watch.finish()


@ROOT
def test_a_folder_that_may_be_read_only_after_it_came_is_found_and_watched_then(house: House) -> None:
    configure(house)
    others = house.hot / "others"
    others.mkdir()
    forbid(others)
    watch = launch(house, *BOUND_BY_MODES)
    watch.hears()
    late = house.root / "late"
    watch.hides("others/a.png")
    watch.hides("late/inner/b.png", into=house.root)
    forbid(late)  # as `cp -a` has it until all is copied
    late.rename(house.hot / "late")
    watch.hears()
    scans = len(watch.lines("scanned", HOT))
    others.chmod(0o755)
    (house.hot / "late").chmod(0o755)
    watch.shows()
    watch.wait()
    watch.comes("others/c.png")
    watch.comes("late/inner/d.png")
    watch.wait()
    assert len(watch.lines("scanned", HOT)) == scans, "found by a scan of everything, an hour later where there is none"
    watch.finish()


def test_junk_folders_cost_no_watch_and_what_lies_in_them_is_left_alone(house: House) -> None:
    for number in range(200):
        (house.hot / f"@eaDir/{number}").mkdir(parents=True)
    watch = begin(house)
    (before,) = queues(watch)
    assert before < 20
    watch.hides("@eaDir/7/thumb.png")
    for number in range(200):
        watch.hides(f"deep/@eaDir/{number}/thumb.png")
    watch.hides("aside/inner/old.png", into=house.root)
    (house.root / "aside").rename(house.hot / "#recycle")
    watch.comes_and_is_done("deep/own.png")
    assert queues(watch) == [before]
    watch.comes_and_is_done("one-more/own.png")
    assert queues(watch) == [before + 1], "watches are not what was counted"
    watch.finish()


# A folder that gives no events, or is not the one it should be


@ROOT
def test_a_share_that_is_mounted_late_over_an_empty_folder_changes_it_from_events_to_poll(
    house: House, mounts: Mounts
) -> None:
    store = house.root / "store"
    store.mkdir()
    configure(house)
    watch = launch(house, constants=DEFAULTS)
    until(lambda: watch.told()["watch"] == "events", "it is watched at first")
    mounts.fuse(house.hot, store)
    watch.comes_and_is_done("deep/through-the-back-door.png", into=store)
    until(lambda: watch.told()["watch"] == "poll", "a share behind FUSE is scanned")
    told = watch.told()
    assert (told["state"], "fuse" in told["reason"]) == ("online", True)
    (message,) = watch.lines("polling", HOT)
    assert "fuse" in message
    watch.comes_and_is_done("deep/one-more.png", into=store)
    watch.hears(SECOND)
    mounts.tmpfs(house.hot)
    until(lambda: watch.told()["watch"] == "events", "what lies over it now does give events")
    watch.daemon.wait_for("watching")
    watch.hears()
    watch.finish()


def stand_in(house: House, mounts: Mounts) -> Watch:
    """A daemon that starts while an empty folder stands in for the share, and two files of that share wait."""
    store = house.root / "store"
    store.mkdir()
    mounts.bind(house.hot, store)
    configure(house)
    assert house.watchd("pause").returncode == 0
    watch = launch(house)
    watch.comes("a.png")
    watch.comes("deep/b.png")
    house.wait_for_all(2, "queued")
    assert watch.daemon.stop() == 0
    mounts.unmount(house.hot)
    watch.daemon = launch(house).daemon
    until(lambda: watch.told()["state"] == "offline", "an empty folder stands in for the share")
    assert "is empty, and files of it wait" in watch.told()["reason"]
    return watch


@ROOT
def test_an_empty_folder_that_stands_in_for_a_share_is_offline_until_the_share_is_mounted(
    house: House, mounts: Mounts
) -> None:
    watch = stand_in(house, mounts)
    assert house.watchd("resume").returncode == 0
    watch.comes("a.png", SECOND)
    until(lambda: sorted(house.states()) == ["done", "queued", "queued"], "the other folder goes on, nothing failed")
    mounts.bind(house.hot, house.root / "store")
    watch.wait()
    watch.hears()
    watch.hears(SECOND)
    watch.finish()


@ROOT
def test_a_reload_takes_an_empty_folder_as_it_is_and_ends_the_jobs_of_what_lay_there(
    house: House, mounts: Mounts
) -> None:
    watch = stand_in(house, mounts)
    assert house.watchd("reload").returncode == 0
    until(lambda: watch.told()["state"] == "online", "the owner has said that it is right")
    assert house.watchd("resume").returncode == 0
    watch.fails("a.png")
    watch.fails("deep/b.png")
    watch.wait()
    assert list(house.sandbox.calls()) == []
    watch.hears()
    watch.finish()
