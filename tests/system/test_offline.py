"""A hot folder goes, comes back, is another one, or gives no events: nothing is forgotten and nothing is paid again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import bindfs
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import House

QUICK: dict[str, Any] = {"settle": "50ms", "poll_every": "300ms", "rescan_every": "1s"}
BY_EVENTS = QUICK | {"poll_every": "1s", "rescan_every": "1h"}
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def folder(house: House, name: str = "hot") -> dict[str, Any]:
    """What `status` says of a folder."""
    (told,) = (each for each in house.status()["folders"] if each["name"] == name)
    assert isinstance(told, dict)
    return told


def watches(pid: int) -> int:
    """How many inotify watches a process holds."""
    return sum(info.read_text().count("inotify wd:") for info in Path(f"/proc/{pid}/fdinfo").iterdir())


# The folder itself


def test_a_folder_removed_and_made_again_goes_on_and_pays_for_nothing_twice(house: House) -> None:
    house.configure(QUICK)
    daemon = house.start()
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    shutil.rmtree(house.hot)
    daemon.wait_for("offline")
    told = folder(house)
    assert (told["state"], str(house.hot) in told["reason"]) == ("offline", True)
    assert not house.hot.exists(), "a folder that is away is never made: it may be a mount point"
    house.hot.mkdir()
    daemon.wait_for("online", 2)
    house.drop("a.png", picture(1))
    house.drop("b.png", picture(2))
    house.wait_for_all(2)
    assert len(house.sent()) == 2
    assert daemon.stop() == 0


def test_another_folder_put_in_its_place_is_watched_and_not_only_scanned(house: House) -> None:
    house.configure(BY_EVENTS)
    house.start()
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    other = house.root / "other"
    house.drop("b.png", picture(2), other)
    house.hot.rename(house.root / "away")
    other.rename(house.hot)
    house.wait_for_all(2, timeout=20.0)  # looked at every eight seconds, as no event tells of it
    house.drop("c.png", picture(3))
    house.drop("sub/d.png", picture(4))
    house.wait_for_all(4)
    house.drop("e.png", picture(5), house.root / "away")
    house.drop("f.png", picture(6))
    house.wait_for_all(5)
    assert [job["path"] for job in house.jobs() if job["path"] == "e.png"] == []


def test_a_hot_folder_may_be_a_link_and_the_link_may_lead_elsewhere_one_day(house: House) -> None:
    link = house.root / "link"
    other = house.root / "other"
    other.mkdir()
    link.symlink_to(house.hot)
    house.configure(QUICK | {"path": str(link)})
    house.start()
    house.drop("a.png", picture(1))
    house.drop("sub/b.png", picture(2))
    house.wait_for_all(2)
    assert (house.root / "link-out" / "sub" / "b.png").exists()
    (house.root / "next").symlink_to(other)
    (house.root / "next").rename(link)
    house.drop("c.png", picture(3), other)
    house.wait_for_all(3)


def test_one_missing_folder_stops_no_other_and_is_told(house: House) -> None:
    gone = house.root / "gone"
    house.configure(QUICK, QUICK | {"path": str(gone)})
    house.drop("a.png", picture(1))
    house.once(3)
    assert house.states() == ["done"]
    assert {each["name"]: each["state"] for each in house.status()["folders"]} == {"hot": "online", "gone": "offline"}

    daemon = house.start()
    house.drop("b.png", picture(2))
    house.wait_for_all(2)
    assert (folder(house)["state"], folder(house, "gone")["state"]) == ("online", "offline")
    gone.mkdir()
    house.drop("c.png", picture(3), gone)
    house.wait_for_all(3)
    assert daemon.stop() == 0


def test_without_its_mount_marker_a_folder_is_offline_whatever_lies_in_it(house: House) -> None:
    house.configure(QUICK | {"mount_marker": ".mounted"})
    house.drop("a.png", picture(1))
    house.once(3)
    assert house.jobs() == []
    house.drop(".mounted", b"")
    house.once()
    assert house.states() == ["done"]


def test_watch_poll_finds_by_looking_alone(house: House) -> None:
    house.configure(BY_EVENTS | {"watch": "poll"})
    daemon = house.start()
    house.drop("sub/a.png", picture(1))
    house.wait_for_all(1)
    assert folder(house)["watch"] == "poll"
    assert watches(daemon.pid) == 0


# Mounts


@contextmanager
def mounted(house: House, *command: str) -> Iterator[None]:
    """Mount something on the hot folder, and take it off again whatever happens."""
    done = subprocess.run([*command, str(house.hot)], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")
    try:
        yield
    finally:
        if house.hot.is_mount():
            unmount(house)


def unmount(house: House) -> None:
    """Take away what is mounted on the hot folder, as by the NAS itself: open files or not."""
    subprocess.run(["/bin/umount", "--lazy", str(house.hot)], timeout=10, check=True)


TMPFS = ("/bin/mount", "-t", "tmpfs", "watchd-test")


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_an_unmounted_folder_is_offline_and_costs_nothing_when_it_is_back(house: House) -> None:
    house.configure(QUICK)
    with mounted(house, *TMPFS):
        daemon = house.start()
        for number in range(3):
            house.drop(f"{number}.png", picture(number))
        house.wait_for_all(3)
        unmount(house)
        daemon.wait_for("offline")
        house.drop("under.png", picture(9))  # into the bare mount point
        assert folder(house)["state"] == "offline"
        assert house.status()["counts"]["done"] == 3
    with mounted(house, *TMPFS):
        for number in range(4):
            house.drop(f"{number}.png", picture(number))
        daemon.wait_for("online", 2)
        house.wait_for_all(4)
        assert len(house.sent()) == 4
        assert daemon.stop() == 0


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_a_folder_that_is_watched_is_offline_soon_after_its_unmount_and_watched_again_after_its_mount(
    house: House,
) -> None:
    house.configure(BY_EVENTS)
    with mounted(house, *TMPFS):
        daemon = house.start()
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
        unmount(house)
        daemon.wait_for("offline", timeout=8.0)
    with mounted(house, *TMPFS):
        house.drop("a.png", picture(1))
        house.drop("b.png", picture(2))
        house.wait_for_all(2)
        assert len(house.sent()) == 2


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_a_folder_that_is_mounted_after_the_start_is_taken_up(house: House) -> None:
    house.configure(QUICK)
    daemon = house.start()
    with mounted(house, *TMPFS):
        house.drop("a.png", picture(1))
        house.wait_for_all(1, timeout=4.0)
        assert daemon.stop() == 0


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_a_folder_behind_fuse_is_polled_and_what_comes_through_its_back_door_is_found(house: House) -> None:
    program = bindfs()
    backing = house.root / "backing"
    backing.mkdir()
    house.configure(BY_EVENTS)
    with mounted(house, program, "--no-allow-other", str(backing)):
        daemon = house.start()
        told = folder(house)
        assert (told["watch"], "fuse" in told["reason"]) == ("poll", True)
        house.drop("sub/a.png", picture(1), backing)
        house.wait_for_all(1)
        assert daemon.stop() == 0


@ROOT
@pytest.mark.plain("what the test mounts is not in the machine of the unit; test_install_service.py mounts there")
def test_files_that_are_numbered_anew_by_each_mount_are_known_again(house: House) -> None:
    program = bindfs()
    backing = house.root / "backing"
    backing.mkdir()
    house.configure(BY_EVENTS)
    for number in range(3):
        house.drop(f"{number}.png", picture(number), backing)
    numbers, remembered = [], []
    for _ in range(2):
        with mounted(house, program, "--no-allow-other", str(backing)):
            house.once()
            numbers.append((house.hot / "0.png").stat().st_ino)
            remembered.append(house.read("SELECT * FROM sighting ORDER BY path"))
        for number in range(3):  # as sshfs or mergerfs show it: all is as it was, and bears another number
            shutil.copy2(backing / f"{number}.png", backing / "moved")
            (backing / "moved").rename(backing / f"{number}.png")
    assert numbers[0] != numbers[1]
    assert remembered[0] == remembered[1], "they were seen anew, and read"
    assert len(house.sandbox.calls()) == 3
    assert house.states() == ["done"] * 3


# No more watches

NO_WATCHES = """
import os, sys
from pathlib import Path
Path("/proc/sys/user/max_inotify_watches").write_text("0")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_where_the_kernel_gives_no_more_watches_the_folder_is_polled_and_the_sysctl_named(house: House) -> None:
    house.configure(BY_EVENTS)
    alone = ["/usr/bin/unshare", "--user", "--map-root-user"]  # limits of its own: nobody else's watches are touched
    tried = subprocess.run(
        [*alone, sys.executable, "-c", NO_WATCHES, "/bin/true"], capture_output=True, text=True, timeout=10, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"the limit of watches cannot be lowered here: {tried.stderr.splitlines()[-1]}")
    daemon = house.launch_as(*alone, sys.executable, "-c", NO_WATCHES, sys.executable, "-m", "watchd")
    (told,) = daemon.wait_for("polling")
    assert "fs.inotify.max_user_watches" in told["message"]
    house.drop("sub/a.png", picture(1))
    house.wait_for_all(1)
    shown = folder(house)
    assert (shown["watch"], "fs.inotify.max_user_watches" in shown["reason"]) == ("poll", True)
    assert watches(daemon.pid) == 0
    assert daemon.stop() == 0
