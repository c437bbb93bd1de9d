"""Disks that are full or fail, at each step: nothing is sent that cannot be kept, nothing paid is lost, all goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import House


@pytest.fixture
def no_evidence(house: House) -> House:
    """A house where a bad answer cannot be moved aside: something else bears the name of that folder."""
    house.open_sandbox(fail=("lie:1",))
    house.configure()
    house.state.mkdir()
    (house.state / "evidence").write_text("in the way")
    house.drop("a.png", picture(1))
    return house


def test_a_bad_answer_that_cannot_be_kept_is_told_as_unknown_at_once(no_evidence: House) -> None:
    daemon = no_evidence.start()
    no_evidence.drop("b.png", picture(2))
    until(lambda: sorted(no_evidence.states()) == ["done", "unknown"], f"one is unknown; {no_evidence.jobs()}", 5.0)
    assert daemon.stop() == 0
    assert len(no_evidence.sent()) == 2


def test_a_bad_answer_that_cannot_be_kept_lets_once_end_with_3(no_evidence: House) -> None:
    ended = no_evidence.watchd("once", timeout=10.0)
    assert (ended.returncode, no_evidence.states()) == (3, ["unknown"])
