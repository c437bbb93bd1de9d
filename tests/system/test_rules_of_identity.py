"""What becomes of the same bytes, of other bytes and of our own bytes, once the owner has a say in it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.system.house import until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from tests.system.house import House

ARTIST = 0x013B
MINE = b"a file of the owner's, and no picture"


def second(house: House, **changes: Any) -> dict[str, Any]:
    """The configuration of another hot folder with the same profile; the folder is made."""
    path = house.root / "other"
    path.mkdir(exist_ok=True)
    return {"path": str(path)} | changes


def signed(artist: str) -> bytes:
    """A picture that names its maker in its EXIF."""
    exif = Image.Exif()
    exif[ARTIST] = artist
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture(1))) as image:
        image.save(out, "PNG", exif=exif)
    return out.getvalue()


def artist_of(path: str) -> str | None:
    with Image.open(path) as image:
        artist = image.getexif().get(ARTIST)
        return None if artist is None else str(artist)


def queue_unsent(house: House, *names: str) -> None:
    """Admit files and send none of them."""
    assert house.watchd("pause").returncode == 0
    for number, name in enumerate(names, 1):
        house.drop(name, picture(number))
    house.once(3)
    assert house.states() == ["queued"] * len(names)


def say(house: House, *actions: str) -> None:
    """These commands of the owner's, one after another, each of which ends well."""
    for action in actions:
        ended = house.watchd(*action.split())
        assert ended.returncode == 0, ended.stderr


# Done, and asked for again


def test_reprocess_pays_once_more_under_the_profile_as_it_is_now_and_replaces_nothing(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    before = (house.out / "a.png").read_bytes()
    house.configure({"profile": {"scale": 3}})
    house.once()
    assert len(house.sent()) == 1
    say(house, f"reprocess --yes {house.hot / 'a.png'}")
    house.once()
    first, again = house.jobs()
    assert (first["cost"], again["cost"], again["reused_from"]) == (0.02, 0.08, None)
    assert (house.out / "a.png").read_bytes() == before
    assert size_of(Path(again["output"]).read_bytes()) == (900, 900)
    assert len(house.sent()) == 2


def test_after_a_reprocess_a_copy_gets_the_newer_result(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once()
    house.configure({"profile": {"scale": 3}})
    say(house, "reprocess --yes --folder hot")
    house.once()
    house.drop("b.png", picture(1))
    house.once()
    assert house.job("b.png")["cost"] == 0
    assert size_of((house.out / "b.png").read_bytes()) == (900, 900)
    assert len(house.sent()) == 2


def test_reprocess_of_a_folder_brings_every_copy_up_to_date_for_one_charge(house: House) -> None:
    house.configure({"on_collision": "overwrite"})
    for name in ("a.png", "b.png"):
        house.drop(name, picture(1))
    house.once()
    house.configure({"on_collision": "overwrite", "profile": {"scale": 3}})
    say(house, "reprocess --yes --folder hot")
    house.once()
    assert len(house.sent()) == 2
    assert [size_of((house.out / name).read_bytes()) for name in ("a.png", "b.png")] == [(900, 900)] * 2


# Twins


def test_a_twin_gets_what_its_own_folder_says_of_metadata(house: House) -> None:
    house.configure({"metadata": "strip"}, second(house, metadata="keep"))
    house.drop("a.png", signed("Niepce"))
    house.once()
    house.drop("b.png", signed("Niepce"), house.root / "other")
    house.once()
    first, twin = house.jobs()
    assert (artist_of(first["output"]), artist_of(twin["output"])) == (None, "Niepce")
    assert (twin["cost"], twin["reused_from"]) == (0, first["id"])


def test_a_twin_of_a_job_under_way_stays_queued_behind_it(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure({}, second(house))
    house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    house.drop("a.png", picture(1), house.root / "other")
    house.wait_for_states("sending", "queued")
    house.wait_for_all(2)
    assert len(house.sent()) == 1


@pytest.mark.parametrize(
    ("command", "states", "calls"),
    [("dismiss 1", ["failed", "failed"], 1), ("retry --unknown", ["done", "done"], 2)],
)
def test_a_twin_of_an_unknown_job_shares_the_end_that_the_owner_gives_it(
    house: House, command: str, states: list[str], calls: int
) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure({}, second(house))
    house.drop("a.png", picture(1))
    house.once(3)
    house.drop("a.png", picture(1), house.root / "other")
    house.once(3)
    assert house.states() == ["unknown", "queued"]
    say(house, command)
    house.once(1 if "failed" in states else 0)
    assert house.states() == states
    assert len(house.sent()) == calls
    assert house.status()["spent"]["in_doubt"] == 0.02
    if states[1] == "failed":
        assert "job 1" in house.jobs()[1]["error"]


def test_an_older_twin_whose_folder_was_away_is_not_bought_after_the_doubt_was_dismissed(house: House) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure(second(house, mount_marker="here"), {})
    other = house.root / "other"
    marker = house.drop("here", b"", other)
    assert house.watchd("pause").returncode == 0
    house.drop("a.png", picture(1), other)
    house.once(3)
    marker.unlink()
    say(house, "resume")
    house.drop("a.png", picture(1))
    house.once(3)
    assert house.states() == ["queued", "unknown"]
    say(house, "dismiss 2")
    marker.touch()
    house.once(1)
    assert house.states() == ["failed", "failed"]
    assert len(house.sent()) == 1


def test_twins_that_are_retried_together_fail_together_after_one_more_call(house: House) -> None:
    house.open_sandbox(fail=("400",))
    house.configure()
    for name in ("a.png", "b.png"):
        house.drop(name, picture(1))
    house.once(1)
    say(house, "retry --failed")
    house.once(1)
    assert house.states() == ["failed", "failed"]
    assert len(house.sandbox.calls()) == 2


def test_a_twin_whose_paid_result_is_gone_says_when_it_was_paid_and_retry_pays_again(house: House) -> None:
    house.configure({}, second(house))
    house.drop("a.png", picture(1))
    house.once()
    (house.out / "a.png").unlink()
    house.drop("a.png", picture(1), house.root / "other")
    house.once(1)
    error = house.jobs()[1]["error"]
    assert re.match(r"paid on \d{4}-\d\d-\d\d\b.*its output is gone", error)
    say(house, "retry --failed")
    house.once()
    assert [job["cost"] for job in house.jobs()] == [0.02, 0.02]
    assert size_of((house.root / "other-out" / "a.png").read_bytes()) == (600, 600)


def test_twins_whose_paid_result_is_gone_are_paid_again_once_for_all_of_them(house: House) -> None:
    house.configure({}, second(house))
    house.drop("a.png", picture(1))
    house.once()
    (house.out / "a.png").unlink()
    for name in ("b.png", "c.png"):
        house.drop(name, picture(1), house.root / "other")
    house.once(1)
    say(house, "retry --failed")
    house.once()
    assert house.states() == ["done"] * 3
    assert len(house.sent()) == 2


def test_a_twin_that_waited_while_its_folder_s_profile_changed_follows_the_profile(house: House) -> None:
    house.open_sandbox(latency="300ms")
    house.configure({}, second(house))
    assert house.watchd("pause").returncode == 0
    house.drop("a.png", picture(1))
    house.once(3)
    house.drop("a.png", picture(1), house.root / "other")
    house.once(3)
    house.configure({}, second(house, profile={"scale": 3}))
    say(house, "resume")
    house.once()
    assert size_of((house.out / "a.png").read_bytes()) == (600, 600)
    assert size_of((house.root / "other-out" / "a.png").read_bytes()) == (900, 900)


# Files that change or go


def test_a_file_that_goes_between_its_admission_and_its_call_fails_as_gone_and_nothing_is_sent(house: House) -> None:
    house.configure()
    queue_unsent(house, "a.png")
    (house.hot / "a.png").unlink()
    say(house, "resume")
    house.once(1)
    assert house.job("a.png")["error"].startswith("gone")
    assert house.sandbox.calls() == ()


def test_a_file_that_went_and_comes_back_is_a_new_job(house: House) -> None:
    house.configure()
    queue_unsent(house, "a.png")
    (house.hot / "a.png").unlink()
    say(house, "resume")
    house.once(1)
    house.drop("a.png", picture(1))
    house.once()
    assert house.states() == ["failed", "done"]


def test_a_file_that_changes_between_its_admission_and_its_call_is_a_new_job_and_only_that_is_sent(
    house: House,
) -> None:
    house.configure()
    queue_unsent(house, "a.png")
    house.drop("a.png", picture(2))
    say(house, "resume")
    house.once(1)
    old, new = house.jobs()
    assert (old["state"], old["cost"], new["state"], new["cost"]) == ("failed", 0, "done", 0.02)
    assert house.sent() == [new["sha256"]]


def test_a_file_that_is_renamed_while_it_waits_comes_out_under_its_new_name(house: House) -> None:
    house.configure()
    queue_unsent(house, "a.png")
    (house.hot / "a.png").rename(house.hot / "b.png")
    house.once(3)
    say(house, "resume")
    house.once(1)
    assert house.job("b.png")["state"] == "done"
    assert len(house.sent()) == 1


def test_a_truncated_file_stays_where_it_is_and_its_whole_bytes_are_a_new_job(house: House) -> None:
    house.configure()
    whole = picture(1)
    half = house.drop("a.png", whole[:-200])
    house.once(1)
    assert half.read_bytes() == whole[:-200]
    half.write_bytes(whole)
    house.once()
    assert house.states() == ["failed", "done"]
    assert len(house.sandbox.calls()) == 1


# Names that are taken


def test_skip_ends_done_without_output_cost_or_call_where_the_name_is_taken(house: House) -> None:
    house.configure({"on_collision": "skip"})
    house.out.mkdir()
    (house.out / "a.png").write_bytes(MINE)
    house.drop("a.png", picture(1))
    house.once()
    job = house.job("a.png")
    assert (job["state"], job["cost"], job["output"], job["attempts"]) == ("done", 0, None, 0)
    assert (house.out / "a.png").read_bytes() == MINE
    assert house.sandbox.calls() == ()


def test_suffix_leaves_what_is_there_and_takes_the_next_free_name(house: House) -> None:
    house.configure()
    house.out.mkdir()
    (house.out / "a.png").write_bytes(MINE)
    house.drop("a.png", picture(1))
    house.once()
    assert (house.out / "a.png").read_bytes() == MINE
    assert house.job("a.png")["output"] == str(house.out / "a-1.png")


def test_overwrite_alone_replaces_a_file(house: House) -> None:
    house.configure({"on_collision": "overwrite"})
    house.out.mkdir()
    (house.out / "a.png").write_bytes(MINE)
    house.drop("a.png", picture(1))
    house.once()
    assert size_of((house.out / "a.png").read_bytes()) == (600, 600)


def test_a_paid_picture_whose_name_is_taken_during_its_call_comes_out_under_the_next_one(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure()
    house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    house.out.mkdir(exist_ok=True)
    (house.out / "a.png").write_bytes(MINE)
    house.wait_for_states("done")
    assert (house.out / "a.png").read_bytes() == MINE
    assert house.job("a.png")["output"] == str(house.out / "a-1.png")


def test_two_pictures_that_share_a_name_under_overwrite_leave_that_one_file(house: House) -> None:
    house.open_sandbox(latency="500ms")
    house.configure({"on_collision": "overwrite"}, api={"workers": 2})
    house.drop("a.png", picture(1))
    house.drop("a.jpg", picture(2, "JPEG"))
    house.once()
    assert [path.name for path in house.out.iterdir()] == ["a.png"]


# Our own outputs


def test_an_output_of_ours_is_no_input_of_any_folder_whatever_its_name(house: House) -> None:
    house.configure({}, second(house))
    house.drop("a.png", picture(1))
    house.once()
    published = (house.out / "a.png").read_bytes()
    house.drop("renamed.png", published)
    house.drop("a.png", published, house.root / "other")
    house.once()
    assert house.states() == ["done"]
    assert len(house.sandbox.calls()) == 1


def test_chain_takes_our_own_pictures_and_what_comes_of_them_does_not_go_round(house: House) -> None:
    house.configure({"output": str(house.root / "between")}, second(house, chain=True))
    house.drop("a.png", picture(1))
    house.once()
    house.drop("a.png", (house.root / "between" / "a.png").read_bytes(), house.root / "other")
    house.once()
    first, chained = house.jobs()
    assert (chained["folder"], chained["state"], chained["cost"]) == ("other", "done", 0.02)
    assert size_of(Path(chained["output"]).read_bytes()) == (1200, 1200)
    house.drop("back.png", Path(chained["output"]).read_bytes())
    house.drop("self.png", Path(first["output"]).read_bytes())
    house.once()
    assert len(house.jobs()) == 2
    assert len(house.sent()) == 2


def test_files_left_alone_as_our_own_are_in_none_of_the_counts(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.start()
    house.wait_for_all(1)
    house.drop("b.png", (house.out / "a.png").read_bytes())
    until(lambda: house.read("SELECT 1 FROM sighting WHERE own"), "our own output was met")
    assert sum(house.status()["counts"].values()) == 1
