"""A thousand duplicates in four shapes: one charge for each picture and profile, and each name gets its output."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.house import until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from tests.system.house import House

FILES = 250 if os.environ.get("WATCHD_FAULTS") == "full" else 60
"""Of each shape."""
PICTURES = 6
SIDE = 256


def drop(house: House, numbers: range, folder: Path | None = None) -> None:
    """Files with these numbers, every third in a sub-folder; each number that is the same modulo PICTURES is a copy."""
    for number in numbers:
        name = f"sub {number % 4}/{number}.png" if number % 3 == 0 else f"{number}.png"
        house.drop(name, picture(number % PICTURES, side=SIDE), folder)


def wait_for_all(house: House) -> None:
    """Until every file of the shape is done."""
    house.wait_for_all(FILES, timeout=40.0)


def assert_one_charge_for_each_picture(house: House) -> None:
    """Every picture was paid once, and every other file of it is served from that very job."""
    assert Counter(house.sent()).most_common(1)[0][1] == 1
    assert house.sandbox.charges().calls == len(house.sandbox.calls()) == PICTURES
    jobs = house.jobs()
    paid = {job["sha256"]: job["id"] for job in jobs if job["reused_from"] is None}
    assert len(paid) == PICTURES
    for job in jobs:
        first = paid[job["sha256"]]
        expected = (0.02, None) if job["id"] == first else (0, first)
        assert (job["cost"], job["reused_from"]) == expected, job


def assert_each_has_its_output(house: House, *outputs: Path) -> None:
    """Under its own name in its own folder's output, whole, and nothing else lies there."""
    jobs = {Path(job["output"]): job["path"] for job in house.jobs()}
    lying = {path for output in outputs for path in output.rglob("*") if path.is_file()}
    assert lying == set(jobs)
    assert len(jobs) == FILES
    for output, path in jobs.items():
        assert output.as_posix().endswith(f"/{path}")
        assert size_of(output.read_bytes()) == (2 * SIDE, 2 * SIDE)


def test_the_same_bytes_under_many_names_in_one_folder(house: House) -> None:
    house.configure()
    house.start()
    drop(house, range(FILES))
    wait_for_all(house)
    assert_one_charge_for_each_picture(house)
    assert_each_has_its_output(house, house.out)


def test_the_same_bytes_across_two_folders_with_one_profile(house: House) -> None:
    other = house.root / "other"
    other.mkdir()
    house.configure({"profile": "double"}, {"path": str(other), "profile": "double"}, profiles={"double": {"scale": 2}})
    house.start()
    drop(house, range(FILES // 2))
    drop(house, range(FILES // 2, FILES), other)
    wait_for_all(house)
    assert_one_charge_for_each_picture(house)
    assert_each_has_its_output(house, house.out, house.root / "other-out")


def test_copies_that_arrive_while_the_first_is_in_flight(house: House) -> None:
    house.open_sandbox(latency="4s")
    house.configure(api={"workers": PICTURES})
    house.start()
    drop(house, range(PICTURES))
    until(lambda: house.states() == ["sending"] * PICTURES, "the first of each is in flight")
    drop(house, range(PICTURES, FILES))
    in_flight = ["sending"] * PICTURES + ["queued"] * (FILES - PICTURES)
    until(lambda: house.states() == in_flight, "all copies are known before the first has ended")
    wait_for_all(house)
    assert_one_charge_for_each_picture(house)
    assert_each_has_its_output(house, house.out)


def test_copies_that_arrive_after_it_is_done_and_after_a_restart(house: House) -> None:
    house.configure()
    daemon = house.start()
    drop(house, range(PICTURES))
    house.wait_for_all(PICTURES)
    drop(house, range(PICTURES, FILES // 3))
    house.wait_for_all(FILES // 3)
    assert daemon.stop() == 0
    drop(house, range(FILES // 3, 2 * FILES // 3))
    house.start()
    drop(house, range(2 * FILES // 3, FILES))
    wait_for_all(house)
    assert_one_charge_for_each_picture(house)
    assert_each_has_its_output(house, house.out)
