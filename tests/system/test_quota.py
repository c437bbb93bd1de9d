"""A quota that is used up: an output's stops its folder alone, that of `state_dir` everything; raised, all goes on.

SQLite has one word for a write that a quota refuses and for one that a disk fails, so the ledger asks for itself. The
quota is a real one of Btrfs on a file of its own; what the ledger asks is refused by the kernel's filter besides.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.system import block_device, failpoints, faulty_disk
from tests.system.block_device import done_by
from tests.system.failpoints import Failpoints, Met
from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.house import Daemon, House

IMAGE_BYTES = 256 << 20
ROOMY = "200M"
WHY_NOT = failpoints.why_not()


@dataclass(frozen=True, slots=True)
class Quota:
    """A file system of its own at `folder`, with a quota."""

    folder: Path

    def allow(self, most: str) -> None:
        """Set how much may be on it."""
        assert done_by("btrfs", "qgroup", "limit", most, "0/5", str(self.folder)) is None

    def use_up(self) -> None:
        """Allow little, and write until that is used up."""
        self.allow("4M")
        descriptor = os.open(self.folder / "filler", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            while True:
                os.write(descriptor, os.urandom(4096))
        except OSError as refused:
            assert refused.errno == errno.EDQUOT  # noqa: PT017 -- written until that comes
        finally:
            os.close(descriptor)

    def raise_it(self) -> None:
        """As an administrator does who was asked to."""
        self.allow(ROOMY)


@contextmanager
def quota_on(house: House, folder: Path) -> Iterator[Quota]:
    """Mount it; the books are compared before it goes, as the ledger may be on it."""
    if os.geteuid() != 0 or shutil.which("mkfs.btrfs") is None or shutil.which("btrfs") is None:
        pytest.skip("a quota of Btrfs needs root and btrfs-progs")
    with ExitStack() as stack:
        try:
            block_device.make(house.root / "image", IMAGE_BYTES, *block_device.MAKERS["btrfs"])
            stack.enter_context(block_device.mounted(house.root / "image", folder))
        except OSError as refused:
            pytest.skip(f"Btrfs cannot be mounted here: {refused}")
        assert done_by("btrfs", "quota", "enable", str(folder)) is None
        yield Quota(folder)
        house.assert_books_balance()


def start_hasty(house: House) -> Daemon:
    """A daemon that looks again soon after a disk was full."""
    daemon = house.launch_as(sys.executable, faulty_disk.__file__)
    daemon.wait_for("started")
    return daemon


@pytest.mark.plain("what the test mounts is not in the machine of the unit")
def test_an_output_whose_quota_is_used_up_waits_alone_until_it_is_raised(house: House) -> None:
    with quota_on(house, house.root / "share") as quota:
        other = house.root / "other"
        other.mkdir()
        (quota.folder / "out").mkdir()
        house.configure({"output": str(quota.folder / "out")}, {"path": str(other)})
        quota.use_up()
        house.drop("waits.png", picture(1))
        daemon = start_hasty(house)
        daemon.wait_for("offline")
        house.drop("goes-on.png", picture(2), other)
        until(lambda: {job["path"] for job in house.jobs() if job["state"] == "done"} == {"goes-on.png"}, "it goes on")
        (told,) = (folder for folder in house.status()["folders"] if folder["state"] == "offline")
        assert f"no space left for {quota.folder}/out" in told["reason"]
        assert len(house.sandbox.calls()) == 1, "paid for what has no place"
        quota.raise_it()
        house.wait_for_all(2)
        assert len(house.sent()) == 2
        assert daemon.stop() == 0


@pytest.mark.plain("what the test mounts is not in the machine of the unit")
def test_a_ledger_whose_quota_is_used_up_loses_nothing_and_goes_on_when_it_is_raised(house: House) -> None:
    with quota_on(house, house.state) as quota:
        quota.raise_it()
        house.configure()
        daemon = start_hasty(house)
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
        quota.use_up()
        house.drop("b.png", picture(2))
        house.drop("c.png", picture(3))

        def is_used_up() -> bool:
            quota.use_up()
            return "ledger_full" in daemon.actions() or daemon.process.poll() is not None

        until(is_used_up, "the ledger, its ballast given up, has no room")
        assert daemon.process.poll() in {None, -signal.SIGBUS}, daemon.text  # Btrfs has no page for the log's index
        assert len(house.sandbox.calls()) == 1
        quota.raise_it()
        if daemon.process.poll() is not None:
            daemon = start_hasty(house)  # as systemd does
        house.wait_for_all(3)
        assert len(house.sent()) == 3
        assert daemon.stop() == 0


@dataclass(slots=True)
class Trouble:
    """Once it `began`, nothing can be written for the ledger, nor whatever is asked beside it."""

    state: Path
    error: int
    began: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, met: Met) -> int:
        """The errno, or 0."""
        if not self.began or met.path.parent != self.state or met.path.name == "ledger.db-shm":
            return 0
        self.asked.append(met.path.name)
        return self.error


@contextmanager
def ledger_in(house: House, trouble: Trouble) -> Iterator[Daemon]:
    """A daemon that has one picture done; then trouble, and another picture."""
    if WHY_NOT is not None:
        pytest.skip(WHY_NOT)
    house.configure()
    with Failpoints([house.state], trouble) as points:
        daemon = house.launch_as(sys.executable, failpoints.__file__, **points.environment)
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
        trouble.began = True
        house.drop("b.png", picture(2))
        yield daemon


def test_a_ledger_that_a_quota_refuses_waits_where_even_its_ballast_cannot_be_given_up(house: House) -> None:
    trouble = Trouble(house.state, errno.EDQUOT)
    with ledger_in(house, trouble) as daemon:
        daemon.wait_for("ledger_full")
        assert "trial" in trouble.asked
        assert len(house.sandbox.calls()) == 1
        trouble.began = False
        house.wait_for_all(2)
        assert daemon.stop() == 0


def test_a_ledger_that_its_disk_fails_ends_the_daemon_with_4_and_words(house: House) -> None:
    with ledger_in(house, Trouble(house.state, errno.EIO)) as daemon:
        assert daemon.wait() == 4
        assert "Traceback" not in daemon.text
        assert daemon.log()[-1]["action"] == "fatal"
    house.once()
    assert len(house.sent()) == 2
