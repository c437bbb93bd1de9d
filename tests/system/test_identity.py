"""The same picture is paid for once, however often it comes and under whatever name; other bytes are another one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.system.house import until
from tests.system.pictures import numbered, picture, remarked, size_of

if TYPE_CHECKING:
    from tests.system.house import House


def second_folder(house: House) -> Path:
    """Another hot folder on the same disk."""
    other = house.root / "other"
    other.mkdir()
    return other


def be_used(folder: Path, aside: Path) -> None:
    """What people and programs do to files: each of the names here is a picture that was dropped before."""
    os.utime(folder / "touched.png", (2_000_000_000, 2_000_000_000))
    (folder / "renamed.png").rename(folder / "renamed to this.png")
    (folder / "written anew.png").write_bytes((folder / "written anew.png").read_bytes())
    shutil.copy(folder / "replaced.png", aside)
    (folder / "replaced.png").unlink()
    shutil.copy(aside / "replaced.png", folder)
    (folder / "deep" / "down").mkdir(parents=True)
    shutil.copy(folder / "copied.png", folder / "copied too.png")
    shutil.copy(folder / "copied.png", folder / "deep" / "down")
    (folder / "moved.png").rename(folder / "deep" / "moved.png")


NAMES = ("touched.png", "renamed.png", "written anew.png", "replaced.png", "copied.png", "moved.png")
USED = {"renamed to this.png", "copied too.png", "deep/down/copied.png", "deep/moved.png"}
"""The paths that are new after that; their bytes are not."""


def drop_all(house: House) -> None:
    """One picture for each thing that will happen."""
    (house.root / "aside").mkdir()
    for number, name in enumerate(NAMES):
        house.drop(name, picture(number))


def assert_each_was_paid_once(house: House) -> None:
    assert len(house.sandbox.calls()) == len(house.sent()) == len(set(house.sent())) == len(NAMES)
    assert house.sandbox.charges().calls == len(NAMES)
    paid = {job["path"]: (job["state"], job["cost"]) for job in house.jobs()}
    assert paid == dict.fromkeys(NAMES, ("done", 0.02)) | dict.fromkeys(USED, ("done", 0))


def test_what_is_done_is_not_sent_again_after_a_restart_whatever_happened_to_the_files_meanwhile(house: House) -> None:
    house.configure()
    drop_all(house)
    house.once()
    be_used(house.hot, house.root / "aside")
    house.once()
    assert_each_was_paid_once(house)


def test_what_is_done_is_not_sent_again_whatever_happens_to_the_files_under_a_daemon_s_eyes(house: House) -> None:
    house.configure()
    drop_all(house)
    house.start()
    house.wait_for_all(len(NAMES))
    be_used(house.hot, house.root / "aside")
    house.wait_for_all(len(NAMES) + len(USED))
    assert_each_was_paid_once(house)


def test_a_deleted_output_is_not_bought_again(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    (house.out / "a.png").unlink()
    house.once()
    assert house.states() == ["done"]
    assert len(house.sandbox.calls()) == 1


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
    with Image.open(twin["output"]) as copy, Image.open(first["output"]) as paid:
        assert copy.tobytes() == paid.tobytes()
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
    assert sorted(job["cost"] for job in house.jobs()) == [0] * 9 + [0.02]
    assert len({job["output"] for job in house.jobs()}) == 10
    assert all(size_of(Path(job["output"]).read_bytes()) == (600, 600) for job in house.jobs())


def test_a_twin_of_a_twin_names_the_job_that_was_paid(house: House) -> None:
    house.configure()
    for name in ("a.png", "b.png", "c.png"):
        house.drop(name, picture(1))
    house.once()
    paid, *twins = sorted(house.jobs(), key=lambda job: -job["cost"])
    assert [twin["reused_from"] for twin in twins] == [paid["id"]] * 2


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
    assert {job["path"]: job["cost"] for job in house.jobs()} == {"a.png": 0.02, "b.png": 0, "c.png": 0.08}
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


@pytest.mark.parametrize("is_sent", [True, False])
def test_one_other_byte_makes_another_picture_where_it_is_sent(house: House, *, is_sent: bool) -> None:
    house.configure()
    for number in range(3):
        house.drop(f"{number}.png", (numbered if is_sent else remarked)(picture(1), number))
    house.once()
    served = [(0.02, None)] * 2 if is_sent else [(0, 1)] * 2
    assert [(job["cost"], job["reused_from"]) for job in house.jobs()] == [(0.02, None), *served]
    assert len({job["sha256"] for job in house.jobs()}) == 3
