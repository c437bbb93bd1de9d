"""Trouble where originals go, and of single system calls, stops only what it concerns: the other folder goes on.

Folder `a` has the trouble, before its three files come; folder `b` has none, and is measured as in the smallest circle.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.system import failpoints
from tests.system.failpoints import Call, Failpoints, Met
from tests.system.house import until
from tests.system.pictures import picture
from tests.system.test_disk import fill
from tests.system.test_smallest_circle import IDEAL_S, OTHERS, STRANGERS, Ground, folder_of, ground_for, unmounted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.house import Daemon, House

LONG_AGO_S = 10**9
MINE = 3
WHY_NOT = failpoints.why_not()
ARCHIVE: dict[str, Any] = {"originals": "archive", "archive": "gone/to"}
FAILED: dict[str, Any] = {"failed": "gone/to"}


def data_of(number: int, settings: dict[str, Any]) -> bytes:
    """A picture, or where failed originals are what it is about, none."""
    return f"<html>{number}</html>".encode() * 50 if "failed" in settings else picture(number)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`make` brings it about at the folder that originals go to, `mend` ends it; `says` is how it is told."""

    make: Callable[[Ground], None]
    mend: Callable[[Ground], None]
    says: str
    offline: bool = True
    name: str = "x{}.png"


def gone(ground: Ground) -> Path:
    """What may be mounted; originals go to `to` in it."""
    return ground.house.root / "gone"


def planted(ground: Ground) -> Path:
    """A stranger's file where originals go, under the name of one of them."""
    path = gone(ground) / "to" / "x0.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(STRANGERS)
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def mount(ground: Ground) -> None:
    ground.mount(gone(ground))
    planted(ground)


def remount(ground: Ground, how: str) -> None:
    subprocess.run(["/bin/mount", "-o", f"remount,{how}", str(gone(ground))], check=True, timeout=10)


def read_only(ground: Ground) -> None:
    mount(ground)
    remount(ground, "ro")


def full(ground: Ground) -> None:
    mount(ground)
    fill(gone(ground))


def unmounted_since(ground: Ground) -> None:
    """It was mounted, and an original went there; now it is not."""
    mount(ground)
    ground.house.drop("first.png", data_of(90, ground.settings), ground.a)
    ground.house.watchd("once")
    unmounted(gone(ground))


def link_for_a_sub_folder(ground: Ground) -> None:
    planted(ground)
    (ground.house.root / "elsewhere").mkdir()
    (gone(ground) / "to" / "2024").symlink_to(ground.house.root / "elsewhere")


def file_for_the_folder(ground: Ground) -> None:
    gone(ground).mkdir()
    (gone(ground) / "to").write_bytes(STRANGERS)


TROUBLES = {
    "is read-only": Trouble(read_only, lambda ground: remount(ground, "rw"), "Read-only file system"),
    "is full": Trouble(full, lambda ground: (gone(ground) / "filler").unlink(), "no space left for"),
    "is not mounted": Trouble(unmounted_since, mount, "unmounted?"),
    "has a link for a sub-folder": Trouble(
        link_for_a_sub_folder, lambda ground: (gone(ground) / "to" / "2024").unlink(), "to/2024", offline=False,
        name="2024/x{}.png",
    ),
    "is a file": Trouble(file_for_the_folder, lambda ground: (gone(ground) / "to").unlink(), "Not a directory"),
}  # fmt: skip


def launched(house: House, points: Failpoints | None = None) -> Daemon:
    """A daemon that soon tries again what could not be done."""
    environment = points.environment if points else {}
    daemon = house.launch_as(sys.executable, failpoints.__file__, **environment)
    daemon.wait_for("started")
    return daemon


def assert_others_go_on(ground: Ground) -> None:
    """As fast as ever; what is left of that is measured in benchmarks at 0.9."""
    for number in range(OTHERS):
        ground.house.drop(f"b{number}.png", picture(10 + number), ground.b)
    began = time.monotonic()
    done = "SELECT count(*) AS count FROM jobs WHERE folder = 'b' AND state = 'done'"
    until(lambda: ground.house.read(done)[0]["count"] == OTHERS, "the others are done", 60.0)
    assert time.monotonic() - began < 2.0 + IDEAL_S * 2, "the others were held up"
    assert folder_of(ground.house, "b")["state"] == "online"


def told(house: House, daemon: Daemon, *, offline: bool) -> str:
    """What is said of the folder, or of its originals and jobs."""
    if offline:
        return str(folder_of(house, "a")["reason"])
    later = house.read("SELECT detail FROM event WHERE step = 'later'")
    return " ".join([*(str(row["detail"]) for row in later), *(str(line["message"]) for line in daemon.log())])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.sample(2)
@pytest.mark.parametrize("settings", [ARCHIVE, FAILED], ids=["archive", "failed"])
@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_where_originals_go_is_told_and_leaves_them_and_the_other_folder_alone(
    house: House, case: str, settings: dict[str, Any]
) -> None:
    trouble = TROUBLES[case]
    with ground_for(house, settings) as ground:
        ground.settings = settings
        trouble.make(ground)
        before = len(house.sandbox.calls())
        mine = {trouble.name.format(number): data_of(number, settings) for number in range(MINE)}
        for name, data in mine.items():
            house.drop(name, data, ground.a)
        daemon = launched(house)
        until(lambda: trouble.says in told(house, daemon, offline=trouble.offline), f"it is told: {daemon.text}", 30.0)
        assert_others_go_on(ground)
        assert {name: (ground.a / name).read_bytes() for name in mine} == mine, "an original was touched"

        trouble.mend(ground)
        stranger = planted(ground)
        assert house.watchd("resume").returncode == 0
        until(lambda: not any((ground.a / name).exists() for name in mine), "they have gone", 30.0)
        until(lambda: folder_of(house, "a")["state"] == "online", "it is online again")
        found = {path.read_bytes() for path in (gone(ground) / "to").rglob("*.png")}
        assert found >= {*mine.values(), STRANGERS}
        assert (stranger.read_bytes(), stranger.stat().st_mtime) == (STRANGERS, LONG_AGO_S)
        assert len(house.sandbox.calls()) - before == OTHERS + (0 if "failed" in settings else MINE)
        assert daemon.stop() == 0
        house.assert_books_balance()


# Single system calls


@dataclass(slots=True)
class Refusal:
    """While it lasts, these calls end with this error below a folder: about any name, about files, or about folders."""

    calls: frozenset[Call]
    error: int
    says: str
    below: str = "a-out"
    names: str = ""
    """How the names begin that it is about."""
    only_folders: bool = False
    goes_on: bool = False
    """Whether `a` gets on with its work all the same."""
    settings: dict[str, Any] = field(default_factory=dict)

    def meets(self, met: Met, root: Path) -> bool:
        """Whether a call is one of those."""
        return (
            met.call in self.calls
            and met.path.is_relative_to(root / self.below)
            and met.path.name.startswith(self.names)
            and (met.is_folder or not self.only_folders)
        )


MAKING = frozenset({Call.openat, Call.linkat, Call.link, Call.renameat, Call.rename, Call.renameat2})
REFUSALS = {
    "folders cannot be synced": Refusal(
        frozenset({Call.fsync}), errno.EINVAL, "names in folders cannot be synced", only_folders=True, goes_on=True
    ),
    "dates may not be set": Refusal(frozenset({Call.utimensat}), errno.EPERM, "dates", goes_on=True),
    "names are too long": Refusal(MAKING, errno.ENAMETOOLONG, "File name too long", names="x", goes_on=True),
    "the output's disk fails": Refusal(MAKING | {Call.fsync, Call.write}, errno.EIO, "Input/output error"),
    "the archive's disk fails": Refusal(
        MAKING | {Call.fsync}, errno.EIO, "Input/output error", below="gone", settings=ARCHIVE
    ),
    "the originals' folder fails": Refusal(
        frozenset({Call.unlink, Call.unlinkat}), errno.EIO, "Input/output error", below="a", names="x",
        settings={"originals": "delete"},
    ),
}  # fmt: skip


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.sample(2)
@pytest.mark.parametrize("case", REFUSALS)
def test_calls_that_fail_in_one_folder_are_told_and_the_other_goes_on_as_fast_as_ever(house: House, case: str) -> None:
    refusal, lasts = REFUSALS[case], True
    root = house.root

    def refuse(met: Met) -> int:
        return refusal.error if lasts and refusal.meets(met, root) else 0

    with ground_for(house, refusal.settings) as ground, ExitStack() as stack:
        stranger = planted(ground)
        for number in range(MINE):
            house.drop(f"x{number}.png", picture(number), ground.a)
        points = stack.enter_context(Failpoints([root], refuse, refusal.calls))
        daemon = launched(house, points)
        until(lambda: refusal.says in said(house, daemon), f"it is told: {house.jobs()}\n{daemon.text}", 30.0)
        assert_others_go_on(ground)

        def has_ended() -> bool:
            return not house.read("SELECT 1 FROM job WHERE state <> 'done' OR due")

        if refusal.goes_on:
            until(has_ended, f"it goes on all the same: {house.jobs()}", 30.0)
        else:
            assert not has_ended()
        assert points.fired, "it never failed"
        lasts = False
        assert house.watchd("resume").returncode == 0
        until(has_ended, f"all is done: {house.jobs()}", 30.0)
        assert (stranger.read_bytes(), stranger.stat().st_mtime) == (STRANGERS, LONG_AGO_S)
        assert len(house.sandbox.calls()) == len(set(house.sent())) == OTHERS + MINE
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text
        house.assert_books_balance()


def said(house: House, daemon: Daemon) -> str:
    """All that is told of folder `a`."""
    return f"{folder_of(house, 'a')['reason']} {told(house, daemon, offline=False)}"
