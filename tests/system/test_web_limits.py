"""Nobody stops the work by way of the page: connections, descriptors, and who may press its buttons."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.house import House, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made
        made.assert_books_balance()


def limited(soft: int, hard: int) -> list[str]:
    """A watchd that may open so many descriptors: softly, and at most."""
    return ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-m", "watchd"]


def open_at_most(pid: int) -> int:
    """The soft limit of a process."""
    found = re.search(r"^Max open files\s+(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_the_daemon_takes_the_descriptors_that_it_may_have(house: House) -> None:
    house.configure()
    daemon = house.launch_as(*limited(256, 4_096))
    daemon.wait_for("started")
    assert open_at_most(daemon.pid) == 4_096


def test_a_single_run_takes_them_too(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure()
    house.drop("a.png", picture(1))
    command = [*limited(256, 4_096), "--config", str(house.config), "once"]
    with subprocess.Popen(command, env=house.environment, stderr=subprocess.DEVNULL) as run:
        until(lambda: house.states() == ["sending"], "a call is under way")
        assert open_at_most(run.pid) == 4_096
