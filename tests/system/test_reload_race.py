"""A command that comes in the midst of a reload is never lost, whichever engine hears it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import Daemon, House

LAUNCHER = str(Path(__file__).with_name("reload_launcher.py"))


def reloaded_while(house: House, command: str) -> Daemon:
    """A daemon that hears a command at the worst moment of its reload, just after that."""
    daemon = house.launch_as(sys.executable, LAUNCHER, WATCHD_SAY=command)
    daemon.wait_for("started")
    assert house.watchd("reload").returncode == 0
    return daemon


def test_a_pause_said_during_a_reload_holds_after_it(house: House) -> None:
    house.configure()
    daemon = reloaded_while(house, "pause")
    until(lambda: house.status()["gate"]["reason"] == "paused", "the pause is heard of")
    house.drop("a.png", picture(1))
    house.wait_for_states("queued")
    daemon.wait_for("admitted")
    assert house.status()["gate"]["reason"] == "paused"
    assert daemon.stop() == 0
    assert (house.sent(), house.states()) == ([], ["queued"])


def test_a_resume_said_during_a_reload_lets_calls_go(house: House) -> None:
    house.configure()
    house.watchd("pause")
    house.drop("a.png", picture(1))
    daemon = reloaded_while(house, "resume")
    house.wait_for_all(1)
    assert house.status()["gate"]["open"]
    assert daemon.stop() == 0


def test_an_approval_said_during_a_reload_lets_the_backlog_go(house: House) -> None:
    house.configure(approval={"files": 1})
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    assert house.once(3).returncode
    daemon = reloaded_while(house, "approve")
    house.wait_for_all(3)
    assert daemon.stop() == 0


def test_a_stop_that_comes_in_a_reload_lets_no_other_engine_begin(house: House) -> None:
    house.configure()
    daemon = house.launch_as(sys.executable, LAUNCHER, WATCHD_SAY="SIGTERM")
    daemon.wait_for("started")
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    told = house.watchd("reload")
    assert "stopping" in told.stdout + told.stderr
    assert daemon.process.wait(20) == 0
    assert "reloaded" not in daemon.actions()
    assert daemon.actions().count("stopping") == 1
