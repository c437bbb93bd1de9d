"""The same picture is paid for once, however often it comes and under whatever name, and other bytes are another one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.house import until
from tests.system.pictures import numbered, picture, size_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.house import House


def second_folder(house: House) -> Path:
    """Another hot folder on the same disk."""
    other = house.root / "other"
    other.mkdir()
    return other


def touched(house: House) -> None:
    os.utime(house.hot / "a.png", (2_000_000_000, 2_000_000_000))


def renamed(house: House) -> None:
    (house.hot / "a.png").rename(house.hot / "b.png")


def written_anew(house: House) -> None:
    house.drop("a.png", picture(1))


def replaced_by_a_copy(house: House) -> None:
    (house.hot / "a.png").unlink()
    shutil.copy(house.drop("copy.png", picture(1), house.root / "aside"), house.hot / "a.png")


def copied_below(house: House) -> None:
    house.drop("deep/down/a.png", picture(1))


def moved_away_and_back(house: House) -> None:
    (house.hot / "a.png").rename(house.root / "a.png")
    house.once()
    (house.root / "a.png").rename(house.hot / "a.png")


def its_output_deleted(house: House) -> None:
    (house.out / "a.png").unlink()


def nothing_done(_: House) -> None:
    """A restart and no more."""


@pytest.mark.parametrize(
    "happens",
    [
        nothing_done, touched, renamed, written_anew, replaced_by_a_copy, copied_below, moved_away_and_back,
        its_output_deleted,
    ],
)  # fmt: skip
def test_what_is_done_is_not_sent_again_whatever_happens_to_the_file(
    house: House, happens: Callable[[House], None]
) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    happens(house)
    house.once()
    assert len(house.sandbox.calls()) == house.sandbox.charges().calls == 1
    assert set(house.states()) == {"done"}
    assert sum(job["cost"] for job in house.jobs()) == 0.02


def test_a_running_daemon_sends_nothing_again_for_files_touched_renamed_and_copied_under_its_eyes(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.start()
    house.wait_for_all(1)
    touched(house)
    renamed(house)
    house.drop("a.png", picture(1))
    copied_below(house)
    house.drop("last.png", picture(2))
    until(lambda: len(house.jobs()) == 4, "b.png, deep/down/a.png and last.png have their jobs")
    house.wait_for_all(4)
    assert len(house.sandbox.calls()) == 2
    assert sorted(job["cost"] for job in house.jobs()) == [0, 0, 0.02, 0.02]


def test_a_copy_in_another_folder_with_the_same_profile_costs_nothing_and_comes_out_under_its_own_name(
    house: House,
) -> None:
    other = second_folder(house)
    house.configure({}, {"path": str(other)})
    house.drop("a.png", picture(1))
    house.once()
    house.drop("sub/copy.png", picture(1), other)
    house.once()
    first, twin = house.jobs()
    assert (twin["state"], twin["cost"], twin["attempts"], twin["reused_from"]) == ("done", 0, 0, first["id"])
    assert twin["output"] == str(house.root / "other-out" / "sub" / "copy.png")
    assert Path(twin["output"]).read_bytes() == Path(first["output"]).read_bytes()
    assert len(house.sandbox.calls()) == 1


def test_a_copy_in_a_folder_with_another_profile_is_paid_for_as_another_picture(house: House) -> None:
    other = second_folder(house)
    house.configure({}, {"path": str(other), "profile": {"scale": 3}})
    house.drop("a.png", picture(1))
    house.drop("a.png", picture(1), other)
    house.once()
    assert sorted(job["cost"] for job in house.jobs()) == [0.02, 0.08]
    assert [job["reused_from"] for job in house.jobs()] == [None, None]


def test_ten_twins_dropped_at_once_under_five_names_in_two_folders_make_one_charge(house: House) -> None:
    house.open_sandbox(latency="300ms")
    other = second_folder(house)
    house.configure({}, {"path": str(other)})
    house.start()
    for number in range(5):
        house.drop(f"{number}.png", picture(1))
        house.drop(f"{number}.png", picture(1), other)
    until(lambda: len(house.jobs()) == 10, "all are admitted")
    house.wait_for_all(10)
    assert len(house.sandbox.calls()) == house.sandbox.charges().calls == 1
    (paid,) = (job for job in house.jobs() if job["cost"])
    twins = [job for job in house.jobs() if job is not paid and job["id"] != paid["id"]]
    assert [twin["reused_from"] for twin in twins] == [paid["id"]] * 9
    assert all(size_of(Path(job["output"]).read_bytes()) == (600, 600) for job in house.jobs())


def test_twins_of_a_picture_that_is_refused_fail_with_it_after_one_call(house: House) -> None:
    house.open_sandbox(fail=("400",))
    house.configure()
    for number in range(4):
        house.drop(f"{number}.png", picture(1))
    house.once(1)
    assert len(house.sandbox.calls()) == 1
    first, *twins = house.jobs()
    assert [job["state"] for job in twins] == ["failed"] * 3
    assert all(f"job {first['id']}" in twin["error"] for twin in twins)


def test_twins_of_a_picture_in_doubt_wait_behind_it_through_every_restart(house: House) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure()
    for number in range(4):
        house.drop(f"{number}.png", picture(1))
    house.once(3)
    house.once(3)
    assert sorted(house.states()) == ["queued", "queued", "queued", "unknown"]
    assert len(house.sandbox.calls()) == 1


def test_a_twin_whose_paid_result_is_gone_fails_saying_so_and_buys_nothing(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    (house.out / "a.png").unlink()
    house.drop("b.png", picture(1))
    house.once(1)
    assert "its output is gone" in house.job("b.png")["error"]
    assert len(house.sandbox.calls()) == 1


def test_what_is_done_stays_done_in_its_folder_when_the_profile_changes(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    house.configure({"profile": {"scale": 4}})
    house.drop("b.png", picture(1))  # the same bytes under a new name are still this folder's done picture
    house.drop("c.png", picture(2))
    house.once()
    assert [job["cost"] for job in house.jobs()] == [0.02, 0, 0.08]
    assert house.job("b.png")["reused_from"] == house.job("a.png")["id"]
    assert len(house.sandbox.calls()) == 2


def test_other_bytes_under_an_old_name_are_a_new_job_and_replace_no_output(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    before = (house.out / "a.png").read_bytes()
    house.drop("a.png", picture(2))
    house.once()
    first, second = house.jobs()
    assert (first["sha256"] != second["sha256"], second["state"], second["cost"]) == (True, "done", 0.02)
    assert (house.out / "a.png").read_bytes() == before
    assert second["output"] not in {None, first["output"]}
    assert size_of(Path(second["output"]).read_bytes()) == (600, 600)


def test_one_other_byte_makes_another_picture(house: House) -> None:
    house.configure()
    for number in range(3):
        house.drop(f"{number}.png", numbered(picture(1), number))
    house.once()
    assert len(set(house.sent())) + len(house.jobs()) >= 3 + 1
