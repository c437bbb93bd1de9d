"""Seen, settled, admitted: what becomes a job, what waits and why, and what is never forgotten."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.pictures import picture
from tests.unit.journey.workshop import ROOT, SETTLE, Workshop
from watchd.core.request import sendable
from watchd.model import Folder, JobState, Profile, Writer

if TYPE_CHECKING:
    from collections.abc import Callable


PNG = picture(1)


def waiting(shop: Workshop) -> dict[str, str | None]:
    """Paths that the ledger has as seen and not yet a job, with their reasons."""
    return {seen.path: seen.reason for seen in shop.ledger.sightings("portraits") if seen.job is None}


def keep_looking(shop: Workshop, seconds: float) -> None:
    """Go round whenever something is due, for so long."""
    end = shop.clock.steady() + seconds
    shop.look()
    while shop.due is not None and shop.clock.steady() + shop.due <= end:
        shop.look(after=max(shop.due, 0.01))
    shop.clock.advance(max(0.0, end - shop.clock.steady()))


# --- settling -------------------------------------------------------------------------------------------------------


def test_a_file_is_admitted_once_it_was_quiet(shop: Workshop) -> None:
    shop.put("a.png", PNG)
    shop.look()
    assert shop.jobs() == []
    assert waiting(shop) == {"a.png": "it changed a moment ago"}
    shop.look(after=SETTLE)
    assert [job.state for job in shop.jobs()] == [JobState.QUEUED]
    assert waiting(shop) == {}


def test_a_slow_writer_makes_one_job_with_the_final_bytes(shop: Workshop) -> None:
    for end in (len(PNG) // 3, len(PNG) // 2, len(PNG)):
        shop.put("a.png", PNG[:end])
        shop.hints.file("portraits", "a.png", proven=False)
        shop.look()
        keep_looking(shop, 2 * SETTLE)
    shop.work()
    assert [(job.path, job.state) for job in shop.jobs()] == [("a.png", JobState.DONE)]
    assert shop.endpoint.calls == 1


def test_a_truncated_picture_waits_for_a_minute_and_then_is_refused_where_it_lies(shop: Workshop) -> None:
    shop.put("a.png", PNG[: len(PNG) // 2])
    shop.look()
    keep_looking(shop, 59.0)
    assert shop.jobs() == []
    assert "not complete" in (waiting(shop)["a.png"] or "")
    keep_looking(shop, 2.0)
    (job,) = shop.jobs()
    assert job.state is JobState.FAILED
    assert (job.error or "").startswith("truncated")
    assert shop.work() == 0
    assert shop.tree.look(ROOT, "a.png") is not None
    assert (shop.place / "failed/portraits/a.png.error.json").is_file()


def test_a_single_run_gives_a_truncated_picture_up_after_five_seconds(build: Callable[..., Workshop]) -> None:
    shop = build(once=True)
    shop.put("a.png", PNG[: len(PNG) // 2])
    shop.look()
    keep_looking(shop, 5.5)
    assert [job.state for job in shop.jobs()] == [JobState.FAILED]


def test_a_truncated_picture_that_is_completed_later_is_a_new_job(shop: Workshop) -> None:
    shop.put("a.png", PNG[: len(PNG) // 2])
    shop.look()
    keep_looking(shop, 61.0)
    job = shop.run("a.png", PNG)
    assert [(job.id, job.state) for job in shop.jobs()] == [(1, JobState.FAILED), (2, JobState.DONE)]
    assert job.id == 2
    assert not (shop.place / "failed/portraits/a.png.error.json").exists()


def test_an_empty_file_waits_for_ever_and_costs_few_looks(shop: Workshop) -> None:
    shop.put("a.png", b"")
    shop.look()
    keep_looking(shop, 3600.0)
    assert shop.jobs() == []
    assert waiting(shop) == {"a.png": "it is empty so far"}
    assert shop.tree.reads == 0


def test_with_settle_0_a_file_that_its_writer_closed_is_admitted_at_once(build: Callable[..., Workshop]) -> None:
    shop = build()
    shop.restart(shop.folder(settle=0.0))
    shop.look()
    shop.put("a.png", PNG)
    shop.hints.file("portraits", "a.png", proven=True)
    shop.look()
    assert [job.path for job in shop.jobs()] == ["a.png"]


def test_with_settle_0_the_kernel_may_vouch_for_a_file_without_an_event(shop: Workshop) -> None:
    shop.restart(shop.folder(settle=0.0))
    shop.put("a.png", PNG)
    shop.put("b.png", picture(2))
    shop.look()
    assert shop.jobs() == []
    shop.tree.writing = Writer.DONE
    shop.hints.file("portraits", "a.png", proven=False)
    shop.look(after=2.0)
    assert [job.path for job in shop.jobs()] == ["a.png", "b.png"]


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_is_seen_anew_and_admitted_with_its_new_bytes(shop: Workshop) -> None:
    final = picture(2)
    shop.put("a.png", PNG)
    shop.look()
    shop.tree.while_reading = lambda: shop.put("a.png", final)
    shop.look(after=SETTLE)
    assert shop.jobs() == []
    shop.look(after=SETTLE)
    shop.work()
    digest = hashlib.sha256(final).hexdigest()
    assert [job.sha256 for job in shop.jobs()] == [digest]
    assert [seen.sha256 for seen in shop.endpoint.seen] == [digest]


def test_a_file_that_goes_while_it_is_read_is_forgotten(shop: Workshop) -> None:
    shop.put("a.png", PNG)
    shop.look()
    shop.tree.while_reading = lambda: shop.tree.drop(ROOT, "a.png")
    shop.look(after=SETTLE)
    assert (shop.jobs(), waiting(shop)) == ([], {})


def test_an_unreadable_file_waits_with_its_reason_and_holds_up_nobody(shop: Workshop) -> None:
    shop.tree.unreadable.add("a.png")
    shop.put("a.png", PNG)
    shop.put("b.png", picture(2))
    shop.settle()
    assert [job.path for job in shop.jobs()] == ["b.png"]
    assert waiting(shop) == {"a.png": "it cannot be read: Permission denied"}
    keep_looking(shop, 600.0)
    assert shop.tree.reads < 50
    shop.tree.unreadable.clear()
    keep_looking(shop, 31.0)
    assert [job.path for job in shop.jobs()] == ["b.png", "a.png"]


def test_what_is_no_picture_is_refused_with_a_note_and_the_others_go_on(shop: Workshop) -> None:
    shop.put("a.png", b"%PDF-1.7 and so on, for long enough to be named by its first bytes and no other way")
    shop.put("b.png", PNG)
    shop.settle()
    shop.work()
    assert [(job.path, job.state, job.attempts) for job in shop.jobs()] == [
        ("a.png", JobState.FAILED, 0),
        ("b.png", JobState.DONE, 1),
    ]


def test_a_file_beyond_all_that_is_read_is_refused_before_it_is_judged(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendable, "MOST_FILE_BYTES", len(PNG) - 1)
    shop.put("a.png", PNG)
    shop.settle()
    (job,) = shop.jobs()
    assert job.state is JobState.FAILED
    assert "bytes: files up to" in (job.error or "")


# --- identity -------------------------------------------------------------------------------------------------------


def test_a_touch_and_a_copy_of_the_same_bytes_over_themselves_are_no_new_job(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.run("a.png", PNG)
    assert [job.id for job in shop.jobs()] == [1]
    assert shop.endpoint.calls == 1


def test_other_bytes_under_an_old_name_are_a_new_job(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.run("a.png", picture(2))
    assert [job.state for job in shop.jobs()] == [JobState.DONE] * 2
    assert shop.published() == ["a-1.png", "a.png"]


def test_a_renamed_file_gets_its_output_without_a_call(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.tree.drop(ROOT, "a.png")
    renamed = shop.run("b.png", PNG)
    assert (renamed.state, renamed.reused_from, renamed.booked) == (JobState.DONE, 1, 0)
    assert shop.published() == ["a.png", "b.png"]
    assert shop.endpoint.calls == 1


def test_a_file_that_goes_before_it_was_admitted_is_forgotten(shop: Workshop) -> None:
    shop.put("a.png", PNG)
    shop.look()
    shop.tree.drop(ROOT, "a.png")
    shop.settle()
    assert (shop.jobs(), waiting(shop)) == ([], {})


def test_after_a_restart_files_that_are_known_are_not_even_read(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.put("b.png", PNG[: len(PNG) // 2])
    shop.settle()
    reads = shop.tree.reads
    shop.restart()
    shop.look()
    assert shop.tree.reads == reads
    assert list(waiting(shop)) == ["b.png"]


# --- folders --------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_away_is_offline_with_a_reason_and_comes_back_without_a_new_job(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.put("b.png", PNG[: len(PNG) // 2])
    shop.settle()
    was = shop.tree.unmount(ROOT)
    shop.look(after=20)
    (hot,) = shop.intake.folders()
    assert (hot.standing.online, hot.standing.reason) == (False, f"{ROOT} is not there")
    assert list(waiting(shop)) == ["b.png"]
    reads = shop.tree.reads
    shop.tree.mount(ROOT, was)
    shop.look(after=20)
    assert hot.standing.online
    assert shop.work() == 0
    assert len(shop.jobs()) == 1
    assert shop.endpoint.calls == 1
    assert shop.tree.reads - reads <= 1


def test_an_empty_mount_point_does_not_look_like_all_deleted(shop: Workshop) -> None:
    shop.tree.make(ROOT, mount=ROOT)
    shop.restart()
    shop.run("a.png", PNG)
    was = shop.tree.unmount(ROOT)
    shop.tree.make(ROOT, mount="/")
    for _ in range(5):
        shop.look(after=20)
    (hot,) = shop.intake.folders()
    assert not hot.standing.online
    assert "unmounted" in (hot.standing.reason or "")
    shop.tree.mount(ROOT, was)
    reads = shop.tree.reads
    shop.look(after=20)
    shop.look(after=20)
    assert (hot.standing.online, shop.tree.reads, len(shop.jobs())) == (True, reads, 1)


def test_without_its_mount_marker_a_folder_is_offline(shop: Workshop) -> None:
    shop.restart(shop.folder(mount_marker=".watchd-mounted"))
    shop.put("a.png", PNG)
    shop.settle()
    assert (shop.jobs(), shop.intake.folders()[0].standing.online) == ([], False)
    shop.put(".watchd-mounted", b"")
    shop.look(after=20)
    shop.look(after=20)
    assert [job.path for job in shop.jobs()] == ["a.png"]


def test_one_folder_that_is_away_stops_no_other(build: Callable[..., Workshop], folders: tuple[Folder, Folder]) -> None:
    shop = build(*folders)
    shop.tree.unmount(folders[0].path)
    shop.put("b.png", PNG, folder=1)
    shop.settle()
    shop.work()
    assert [(job.folder, job.state) for job in shop.jobs()] == [("b", JobState.DONE)]


@pytest.fixture
def folders(tmp_path: object) -> tuple[Folder, Folder]:
    return (
        Folder("a", "/srv/a", Profile("plain-2x"), f"{tmp_path}/out"),
        Folder("b", "/srv/b", Profile("plain-2x"), f"{tmp_path}/out"),
    )


def test_a_folder_moved_in_is_looked_through_for_its_files(shop: Workshop) -> None:
    shop.look()
    shop.put("2026/spring/a.png", PNG)
    shop.hints.folder("portraits", "2026")
    shop.look()
    shop.look(after=SETTLE)
    assert [job.path for job in shop.jobs()] == ["2026/spring/a.png"]


def test_without_any_event_the_next_scan_finds_what_came(shop: Workshop) -> None:
    shop.look()
    shop.put("a.png", PNG)
    keep_looking(shop, shop.settings[0].poll_every + SETTLE + 1)
    assert [job.path for job in shop.jobs()] == ["a.png"]


def test_a_hint_at_what_is_not_ours_is_not_even_looked_at(shop: Workshop) -> None:
    shop.look()
    for path in (".hidden.png", "a.txt", "@eaDir/a.png"):
        shop.put(path, PNG)
        shop.hints.file("portraits", path, proven=True)
    shop.look()
    shop.look(after=SETTLE)
    assert (shop.jobs(), waiting(shop), shop.tree.reads) == ([], {}, 0)


def test_a_clock_set_back_or_ahead_settles_nothing_sooner_or_later(shop: Workshop) -> None:
    shop.put("a.png", PNG)
    shop.look()
    shop.clock.jump_wall(+86_400)
    shop.look(after=SETTLE / 2)
    assert shop.jobs() == []
    shop.clock.jump_wall(-7 * 86_400)
    shop.look(after=SETTLE / 2)
    assert [job.path for job in shop.jobs()] == ["a.png"]


# --- markers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("template", "marker"), [("{name}.done", "a.png.done"), ("{stem}.ok", "a.ok")])
def test_with_a_marker_a_file_waits_for_it_however_quiet_it_is_and_goes_at_once_when_it_comes(
    shop: Workshop, template: str, marker: str
) -> None:
    shop.restart(shop.folder(marker=template))
    shop.put("a.png", PNG)
    keep_looking(shop, 300.0)
    assert shop.jobs() == []
    assert waiting(shop) == {"a.png": f"its marker {marker} is not there yet"}
    shop.put(marker, b"")
    shop.hints.file("portraits", marker, proven=True)
    shop.look()
    assert [job.path for job in shop.jobs()] == ["a.png"]


def test_a_marker_is_found_by_looking_where_no_event_tells_of_it(shop: Workshop) -> None:
    shop.restart(shop.folder(marker="{name}.done"))
    shop.put("sub/a.png", PNG)
    keep_looking(shop, 60.0)
    shop.put("sub/a.png.done", b"")
    keep_looking(shop, 11.0)
    assert [job.path for job in shop.jobs()] == ["sub/a.png"]


def test_a_marker_is_never_a_picture_and_half_a_picture_is_not_believed_whatever_its_marker_says(
    shop: Workshop,
) -> None:
    shop.restart(shop.folder(marker="{name}.done", include=("*",)))
    shop.put("a.png", PNG[:-20])
    shop.put("a.png.done", PNG)
    keep_looking(shop, 30.0)
    assert shop.jobs() == []
    assert waiting(shop).keys() == {"a.png"}


# --- a writer that is still at work -----------------------------------------------------------------------------------


def test_a_quiet_file_that_another_program_has_open_is_waited_for_and_not_for_ever(shop: Workshop) -> None:
    shop.tree.writing = Writer.AT_WORK
    shop.put("a.png", PNG)
    keep_looking(shop, 30.0)
    assert shop.jobs() == []
    assert waiting(shop) == {"a.png": "another program has it open for writing"}
    keep_looking(shop, 70.0)
    assert [job.path for job in shop.jobs()] == ["a.png"]


def test_a_visit_that_is_asked_for_during_a_visit_is_made(shop: Workshop) -> None:
    shop.look()
    locate = shop.tree.locate

    def meanwhile(*given: Any) -> Any:
        """This look still sees the folder as it was; right after it the share goes, and somebody says so."""
        seen = locate(*given)
        shop.tree.locate = locate  # type: ignore[method-assign]  # once
        shop.tree.unmount(ROOT)
        shop.hints.visit()
        return seen

    shop.tree.locate = meanwhile  # type: ignore[method-assign,assignment]  # the moment is what is under test
    shop.hints.visit()
    shop.look()
    assert [hot.standing.online for hot in shop.intake.folders()] == [True]
    shop.look()
    assert [hot.standing.online for hot in shop.intake.folders()] == [False]


# --- folders that are empty -------------------------------------------------------------------------------------------


def queued(shop: Workshop) -> None:
    shop.put("a.png", PNG)
    shop.settle()
    assert [job.state for job in shop.jobs()] == [JobState.QUEUED]


def test_a_folder_that_is_empty_at_the_start_while_its_files_wait_is_offline_until_it_holds_something(
    shop: Workshop,
) -> None:
    queued(shop)
    share = shop.tree.unmount(ROOT)
    shop.tree.make(ROOT)
    shop.restart()
    keep_looking(shop, 60.0)
    (hot,) = shop.intake.folders()
    assert (hot.standing.online, "is empty, and files of it wait" in (hot.standing.reason or "")) == (False, True)
    assert shop.work() == 0
    shop.tree.mount(ROOT, share)
    keep_looking(shop, 11.0)
    shop.work()
    assert [job.state for job in shop.jobs()] == [JobState.DONE]


def test_an_empty_folder_put_in_the_place_of_one_whose_files_wait_is_offline_too(shop: Workshop) -> None:
    queued(shop)
    shop.tree.unmount(ROOT)
    shop.tree.make(ROOT)
    keep_looking(shop, 11.0)
    assert [hot.standing.online for hot in shop.intake.folders()] == [False]
    assert [job.state for job in shop.jobs()] == [JobState.QUEUED]


def test_a_folder_that_somebody_empties_is_empty_and_what_waited_is_gone(shop: Workshop) -> None:
    queued(shop)
    shop.tree.drop(ROOT, "a.png")
    keep_looking(shop, 11.0)
    shop.work()
    assert [hot.standing.online for hot in shop.intake.folders()] == [True]
    assert [job.state for job in shop.jobs()] == [JobState.FAILED]


def test_a_reload_takes_an_empty_folder_as_it_is(shop: Workshop) -> None:
    queued(shop)
    shop.tree.unmount(ROOT)
    shop.tree.make(ROOT)
    shop.restart()
    shop.intake.adopt(shop.settings, polled=(), as_they_are=True)
    shop.look()
    shop.work()
    assert [job.state for job in shop.jobs()] == [JobState.FAILED]


def test_an_empty_folder_in_which_nothing_waits_is_online(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.tree.unmount(ROOT)
    shop.tree.make(ROOT)
    shop.restart()
    shop.look()
    assert [hot.standing.online for hot in shop.intake.folders()] == [True]


# --- what is never looked at ------------------------------------------------------------------------------------------


def test_a_junk_folder_that_comes_is_not_scanned(shop: Workshop) -> None:
    shop.look()
    shop.put("@eaDir/a.png", PNG)
    shop.put("good/@eaDir/a.png", PNG)
    for below in ("@eaDir", "good/@eaDir"):
        shop.hints.folder("portraits", below)
    shop.look()
    assert shop.intake.folders()[0].size() == (0, 0)


# --- how often --------------------------------------------------------------------------------------------------------


def test_a_scan_rests_for_nineteen_times_as_long_as_it_took(shop: Workshop) -> None:
    shop.restart(shop.folder(poll_every=1.0, rescan_every=1.0))
    scan, scans = shop.tree.scan, []

    def slow(*given: Any) -> Any:
        scans.append(shop.clock.steady())
        shop.clock.advance(2.0)
        return scan(*given)

    shop.tree.scan = slow  # type: ignore[method-assign,assignment]  # how long it takes is what is under test
    for _ in range(600):
        shop.look(after=0.5)
    assert scans
    assert all(later - earlier >= 2.0 + 38.0 for earlier, later in pairwise(scans))


def test_scans_that_lost_events_ask_for_again_and_again_take_a_fifth_of_the_time(shop: Workshop) -> None:
    shop.restart(shop.folder(rescan_every=3600.0, poll_every=3600.0))
    scan, scans = shop.tree.scan, []

    def slow(*given: Any) -> Any:
        scans.append(shop.clock.steady())
        shop.clock.advance(2.0)
        return scan(*given)

    shop.tree.scan = slow  # type: ignore[method-assign,assignment]  # as above
    for _ in range(200):
        shop.hints.everything("portraits")
        shop.look(after=0.5)
    assert 0.15 < 2.0 * len(scans) / (shop.clock.steady() - scans[0]) <= 0.21
