"""That `pytest --under-unit` really confines: the limits of the shipped unit, seen on a daemon at work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system import confined
from tests.system.house import House
from tests.system.machine import Machine
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import Daemon

pytestmark = pytest.mark.plain("it has a machine of its own")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Machine(tmp_path, at=tmp_path) as machine, House(tmp_path) as house:
        house.configure()
        started = confined.starter(machine)(house)
        started.wait_for("started")
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
        yield started
        assert started.stop() == 0


def test_system_calls_are_filtered_no_capability_is_left_and_none_can_be_had(daemon: Daemon) -> None:
    told = dict(line.split(":\t", 1) for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines())
    assert (told["Seccomp"], told["NoNewPrivs"], int(told["CapEff"], 16), int(told["CapBnd"], 16)) == ("2", "1", 0, 0)


def test_nothing_can_be_written_but_its_own_folder(daemon: Daemon, tmp_path: Path) -> None:
    lines = [line.split() for line in Path(f"/proc/{daemon.pid}/mountinfo").read_text().splitlines()]
    flags = {line[4]: line[5].split(",") for line in lines}
    writable = {point for point, options in flags.items() if "rw" in options}
    allowed = {str(tmp_path), "/tmp", "/var/tmp", "/proc", "/run", "/run/lock"}  # noqa: S108 -- its own; /run has modes
    assert "ro" in flags["/"]
    assert {point for point in writable if point not in allowed and not point.startswith("/dev")} == set()


def test_every_limit_of_the_unit_is_taken_over() -> None:
    names = {line.partition("=")[0] for line in confined.limits()}
    assert names >= {"SystemCallFilter", "ProtectSystem", "MemoryDenyWriteExecute", "RestrictAddressFamilies", "Type"}
