"""A folder that has another name in the file now loses no answer, no memory and no money."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.system import fault_launcher
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import House


def paid_and_not_published(house: House) -> None:
    """One picture of `old` is done, the answer for another is safe and has no name yet."""
    house.configure({"name": "old"})
    house.drop("done.png", picture(1))
    house.once()
    house.drop("paid.png", picture(2))
    killed = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT="FileOutputs.publish:before:1")
    assert killed.wait() < 0
    assert house.states() == ["done", "received"]


@pytest.mark.parametrize("with_a_daemon", [False, True])
def test_a_renamed_folder_keeps_its_answers_its_memory_and_its_money(house: House, *, with_a_daemon: bool) -> None:
    paid_and_not_published(house)
    house.configure({"name": "new"})
    if with_a_daemon:
        daemon = house.start()
        assert "left_folder" in daemon.actions()
    told = house.watchd("adopt", "old", "new")
    assert (told.returncode, told.stderr) == (0, "")
    assert "2 jobs of old" in told.stdout
    if with_a_daemon:
        house.wait_for_all(2 if {job["folder"] for job in house.jobs()} == {"new"} and len(house.jobs()) == 2 else 4)
        assert daemon.stop() == 0
    else:
        house.once()
    assert {job["folder"] for job in house.jobs()} == {"new"}
    assert {job["state"] for job in house.jobs()} == {"done"}
    assert (house.out / "paid.png").exists()
    assert len(house.sandbox.calls()) == 2, "nothing is paid twice"
    (spent,) = house.read("SELECT folder, round(sum(cost), 6) AS cost FROM spending GROUP BY folder")
    assert spent == {"folder": "new", "cost": 0.04}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [("old", "else", "there is no folder else"), ("new", "new", "new is a folder of the configuration")],
)
def test_what_cannot_be_meant_is_told_and_changes_nothing(house: House, old: str, new: str, says: str) -> None:
    house.configure({"name": "new"})
    house.drop("a.png", picture(1))
    house.once()
    told = house.watchd("adopt", old, new)
    assert told.returncode == 2
    assert says in told.stderr
    assert house.job("a.png")["folder"] == "new"


def test_a_folder_that_never_was_has_nothing_to_give(house: House) -> None:
    house.configure({"name": "new"})
    assert "0 jobs of never" in house.watchd("adopt", "never", "new").stdout
