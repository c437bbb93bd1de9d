"""Claimed, sent, received, published, recorded: one job led through, with everything that can come between."""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.endpoint import CutAfterwards, CutWhileUploading, Says, Unreachable
from tests.fakes.pictures import picture, png
from tests.unit.journey.workshop import ROOT, Workshop
from watchd.core.request.endpoint import Answer
from watchd.errors import LaterError, LedgerError, NoSpaceError
from watchd.formats.png.png_chunks import chunks
from watchd.model import Api, Budget, Folder, Gate, GateReason, Job, JobState, Profile, Steady

if TYPE_CHECKING:
    from collections.abc import Callable

PNG = picture(1)
FOUR = Profile("four", scale=4.0)


class PowerCut(BaseException):
    """The process ends here, without another word."""


def admitted(shop: Workshop, path: str = "a.png", data: bytes = PNG) -> None:
    shop.put(path, data)
    shop.settle()


def rows(shop: Workshop, question: str) -> list[tuple[Any, ...]]:
    """What the ledger's public face answers."""
    connection = sqlite3.connect(shop.place / "ledger.db")
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def spooled(shop: Workshop) -> list[str]:
    return list(shop.spool.names())


def cut_power(shop: Workshop, owner: object, method: str) -> None:
    """The next call of that method ends the program; then it is started again."""

    def end(*_arguments: object, **_names: object) -> None:
        raise PowerCut

    before = getattr(owner, method)
    setattr(owner, method, end)
    with pytest.raises(PowerCut):
        shop.work()
    setattr(owner, method, before)
    shop.restart()
    shop.look()


# --- the plain journey ----------------------------------------------------------------------------------------------


def test_a_picture_comes_out_enlarged_paid_for_once_with_the_originals_date(shop: Workshop) -> None:
    job = shop.run("sub/a.png", PNG)
    assert (job.state, job.attempts, job.booked) == (JobState.DONE, 1, 20_000)
    assert shop.published() == ["sub/a.png"]
    published = shop.place / "out/sub/a.png"
    header = published.read_bytes()[16:24]
    assert (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) == (512, 512)
    assert published.stat().st_mtime_ns == 10**18
    assert job.output == str(published)
    assert job.output_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()


def test_nothing_is_left_in_the_spool_once_a_job_is_done(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.run("b.png", PNG)
    assert spooled(shop) == []


@pytest.mark.parametrize("end", [Answer(400, "no"), CutAfterwards()])
def test_nothing_is_left_in_the_spool_once_a_job_is_failed_or_unknown(
    shop: Workshop, end: Answer | CutAfterwards
) -> None:
    shop.endpoint.script = [end]
    shop.run("a.png", PNG)
    assert spooled(shop) == []


def test_the_spool_is_cleared_before_another_worker_may_have_the_job(shop: Workshop) -> None:
    conclude = shop.ledger.conclude
    left: list[list[str]] = []

    def watched(*arguments: Any, **named: Any) -> None:
        left.append(spooled(shop))
        conclude(*arguments, **named)

    shop.ledger.conclude = watched  # type: ignore[method-assign]  # the moment is what is under test
    shop.endpoint.script = [Answer(400, "no")]
    admitted(shop)
    shop.work()
    assert left == [[]]


def test_what_is_sent_are_the_bytes_that_were_admitted(shop: Workshop) -> None:
    job = shop.run("a.png", PNG)
    assert [seen.sha256 for seen in shop.endpoint.seen] == [job.sha256] == [hashlib.sha256(PNG).hexdigest()]


# --- between admission and the call ---------------------------------------------------------------------------------


def test_a_file_that_changes_between_admission_and_its_call_fails_as_gone_and_its_new_bytes_are_a_new_job(
    shop: Workshop,
) -> None:
    admitted(shop)
    shop.put("a.png", picture(2))
    shop.work()
    shop.settle()
    shop.work()
    first, second = shop.jobs()
    assert (first.state, first.attempts) == (JobState.FAILED, 0)
    assert (first.error or "").startswith("gone: other bytes")
    assert second.state is JobState.DONE
    assert shop.endpoint.calls == 1


def test_a_file_that_goes_before_its_call_fails_as_gone_and_is_a_new_job_when_it_comes_back(shop: Workshop) -> None:
    admitted(shop)
    shop.tree.drop(ROOT, "a.png")
    shop.work()
    shop.settle()
    assert [(job.state, (job.error or "")[:5]) for job in shop.jobs()] == [(JobState.FAILED, "gone:")]
    assert shop.run("a.png", PNG).state is JobState.DONE
    assert shop.endpoint.calls == 1


def test_a_job_of_a_folder_that_is_offline_waits(shop: Workshop) -> None:
    admitted(shop)
    was = shop.tree.unmount(ROOT)
    shop.look(after=20)
    assert shop.work() == 0
    shop.tree.mount(ROOT, was)
    shop.look(after=20)
    shop.work()
    assert [job.state for job in shop.jobs()] == [JobState.DONE]


def test_a_job_claimed_before_its_folder_is_known_to_be_away_waits_too(shop: Workshop) -> None:
    admitted(shop)
    was = shop.tree.unmount(ROOT)
    shop.work()
    shop.look(after=20)
    shop.tree.mount(ROOT, was)
    for _ in range(5):
        shop.look(after=20)
    shop.work()
    assert shop.job("a.png").state is JobState.DONE


def test_what_came_due_since_the_last_look_is_looked_at_at_once(shop: Workshop) -> None:
    admitted(shop)
    shop.tree.unreadable.add("a.png")
    shop.work()
    assert shop.dispatcher.next_claim() is None
    shop.clock.advance(31)  # between a worker's look and its going to sleep
    assert shop.dispatcher.next_due() == 0


def test_a_gate_whose_time_came_since_the_last_look_is_looked_at_at_once(shop: Workshop) -> None:
    now = shop.clock.steady()
    shop.keeper.close(Gate(GateReason.DISK, now, "no space left", Steady(now + 30), 30.0))
    admitted(shop)
    assert shop.dispatcher.next_claim() is None
    shop.clock.advance(31)
    assert shop.dispatcher.next_due() == 0
    assert shop.dispatcher.next_claim() is not None


def test_a_file_that_cannot_be_read_now_is_tried_again_later(shop: Workshop) -> None:
    admitted(shop)
    shop.tree.unreadable.add("a.png")
    assert shop.work() == 1
    assert (shop.job("a.png").state, shop.dispatcher.next_due()) == (JobState.QUEUED, 30.0)
    shop.tree.unreadable.clear()
    shop.clock.advance(30)
    shop.work()
    assert shop.job("a.png").state is JobState.DONE


# --- profiles that change -------------------------------------------------------------------------------------------


def test_a_job_that_waited_follows_its_folders_profile_as_it_is_now(shop: Workshop) -> None:
    admitted(shop)
    shop.restart(shop.folder(profile=FOUR))
    shop.look()
    shop.work()
    job = shop.job("a.png")
    assert (job.state, job.profile, job.booked) == (JobState.DONE, "four", 80_000)
    assert dict(shop.endpoint.seen[0].fields)["scale"] == 4.0


def test_what_is_done_stays_done_whatever_the_profile_becomes(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.restart(shop.folder(profile=FOUR))
    shop.settle()
    shop.run("copy.png", PNG)
    assert [(job.path, job.reused_from) for job in shop.jobs()] == [("a.png", None), ("copy.png", 1)]
    assert shop.endpoint.calls == 1


@pytest.fixture
def twins(build: Callable[..., Workshop], tmp_path: Path) -> Workshop:
    """The same picture, admitted into two folders under the same parameters."""
    folders = [Folder(name, f"/srv/{name}", Profile("plain"), f"{tmp_path}/out-{name}") for name in ("one", "two")]
    shop = build(*folders)
    for number in range(2):
        shop.put("a.png", PNG, folder=number)
    shop.settle()
    return shop


def test_a_twin_whose_folder_has_another_profile_by_now_is_no_twin_any_more(twins: Workshop) -> None:
    one, two = twins.settings
    twins.restart(one, replace(two, profile=FOUR))
    twins.look()
    twins.work()
    assert [(job.profile, job.reused_from, job.booked) for job in twins.jobs()] == [
        ("plain", None, 20_000),
        ("four", None, 80_000),
    ]


def test_a_twin_whose_folder_has_another_profile_by_now_does_not_fail_with_the_other(twins: Workshop) -> None:
    one, two = twins.settings
    twins.endpoint.script = [Answer(400, "not at that scale")]
    twins.restart(one, replace(two, profile=FOUR))
    twins.look()
    twins.work()
    assert [job.state for job in twins.jobs()] == [JobState.FAILED, JobState.DONE]


# --- twins ----------------------------------------------------------------------------------------------------------


def test_the_same_picture_in_two_folders_is_paid_for_once(twins: Workshop) -> None:
    twins.work()
    first, second = twins.jobs()
    assert [job.state for job in twins.jobs()] == [JobState.DONE] * 2
    assert (first.booked, second.booked, second.reused_from) == (20_000, 0, first.id)
    assert twins.endpoint.calls == 1
    assert first.output_sha256 == second.output_sha256


def test_a_twin_fails_with_the_job_that_it_waited_behind(twins: Workshop) -> None:
    twins.endpoint.script = [Answer(400, "no picture of mine")]
    twins.work()
    assert [job.state for job in twins.jobs()] == [JobState.FAILED] * 2
    assert "job 1" in (twins.jobs()[1].error or "")
    assert twins.endpoint.calls == 1


def test_a_twin_of_an_unknown_job_waits_with_it(twins: Workshop) -> None:
    twins.endpoint.script = [CutAfterwards()]
    twins.work()
    assert [job.state for job in twins.jobs()] == [JobState.UNKNOWN, JobState.QUEUED]
    assert twins.endpoint.calls == 1
    assert not twins.ledger.is_busy({"one", "two"}, {"one", "two"})


def test_a_twin_whose_paid_result_is_gone_fails_and_says_when_it_was_paid(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    (shop.place / "out/a.png").unlink()
    job = shop.run("b.png", PNG)
    assert job.state is JobState.FAILED
    assert "paid on 2027-01-15 as job 1, its output is gone" in (job.error or "")
    assert shop.endpoint.calls == 1


def test_a_result_that_somebody_changed_serves_no_twin(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    (shop.place / "out/a.png").write_bytes(png(512, 512, b"retouched"))
    assert shop.run("b.png", PNG).state is JobState.FAILED


# --- collisions -----------------------------------------------------------------------------------------------------


def test_two_originals_that_want_one_name_get_two(shop: Workshop) -> None:
    shop.run("a.png", PNG)
    shop.run("A.PNG", picture(2))
    assert shop.published() == ["A-1.png", "a.png"]


def test_on_collision_skip_ends_done_without_a_call_and_without_an_output(build: Callable[..., Workshop]) -> None:
    shop = build()
    (shop.place / "out/a.png").write_bytes(b"somebody else's")
    shop.restart(shop.folder(on_collision="skip"))
    job = shop.run("a.png", PNG)
    assert (job.state, job.output, job.booked, job.attempts) == (JobState.DONE, None, 0, 0)
    assert shop.endpoint.calls == 0
    assert (shop.place / "out/a.png").read_bytes() == b"somebody else's"
    assert spooled(shop) == []


def test_on_collision_overwrite_replaces_what_is_there(build: Callable[..., Workshop]) -> None:
    shop = build()
    (shop.place / "out/a.png").write_bytes(b"somebody else's")
    shop.restart(shop.folder(on_collision="overwrite"))
    job = shop.run("a.png", PNG)
    assert shop.published() == ["a.png"]
    assert hashlib.sha256((shop.place / "out/a.png").read_bytes()).hexdigest() == job.output_sha256


def test_on_collision_suffix_replaces_nothing(shop: Workshop) -> None:
    (shop.place / "out/a.png").write_bytes(b"somebody else's")
    shop.run("a.png", PNG)
    assert shop.published() == ["a-1.png", "a.png"]
    assert (shop.place / "out/a.png").read_bytes() == b"somebody else's"


@pytest.mark.timeout(2)
@pytest.mark.parametrize("on_collision", ["suffix", "skip"])
def test_a_name_that_a_stranger_took_during_the_call_is_left_to_him(
    build: Callable[..., Workshop], on_collision: str
) -> None:
    shop = build()
    shop.restart(shop.folder(on_collision=on_collision))
    admitted(shop)
    send = shop.endpoint.call

    def meanwhile(*arguments: Any) -> object:
        (shop.place / "out/a.png").write_bytes(b"a stranger's")
        return send(*arguments)

    shop.endpoint.call = meanwhile  # type: ignore[assignment,method-assign]  # the moment is what is under test
    shop.work()
    assert shop.published() == ["a-1.png", "a.png"]
    assert (shop.place / "out/a.png").read_bytes() == b"a stranger's"
    assert shop.job("a.png").output == str(shop.place / "out/a-1.png")


# --- power cuts -----------------------------------------------------------------------------------------------------


def test_a_cut_between_the_published_name_and_the_ledger_publishes_nothing_twice(shop: Workshop) -> None:
    admitted(shop)
    cut_power(shop, shop.ledger, "finish")
    assert (shop.job("a.png").state, shop.published()) == (JobState.RECEIVED, ["a.png"])
    shop.work()
    job = shop.job("a.png")
    assert (job.state, job.output) == (JobState.DONE, str(shop.place / "out/a.png"))
    assert shop.published() == ["a.png"]
    assert shop.endpoint.calls == 1


def test_a_cut_before_publishing_publishes_the_spooled_answer_without_a_call(shop: Workshop) -> None:
    admitted(shop)
    cut_power(shop, shop.publisher, "publish")
    assert (shop.job("a.png").state, shop.published()) == (JobState.RECEIVED, [])
    shop.tree.drop(ROOT, "a.png")
    shop.work()
    assert (shop.job("a.png").state, shop.published()) == (JobState.DONE, ["a.png"])
    assert shop.endpoint.calls == 1


def test_a_cut_before_the_call_was_armed_is_sent_again_freely(shop: Workshop) -> None:
    admitted(shop)
    cut_power(shop, shop.ledger, "arm")
    assert (shop.job("a.png").state, shop.job("a.png").booked) == (JobState.QUEUED, 0)
    shop.work()
    job = shop.job("a.png")
    assert (job.state, job.attempts, job.booked) == (JobState.DONE, 1, 20_000)
    assert rows(shop, "SELECT outcome, cost FROM attempts") == [("network", 0.0), ("ok", 0.02)]


def test_a_cut_between_a_whole_answer_and_the_ledger_loses_nothing(shop: Workshop) -> None:
    admitted(shop)
    cut_power(shop, shop.ledger, "receive")
    assert shop.job("a.png").state is JobState.RECEIVED
    shop.work()
    assert (shop.job("a.png").state, shop.job("a.png").booked) == (JobState.DONE, 20_000)
    assert shop.endpoint.calls == 1


def test_a_cut_after_the_call_was_armed_is_unknown_and_never_sent_again_by_itself(shop: Workshop) -> None:
    admitted(shop)
    cut_power(shop, shop.endpoint, "_stream")
    for _ in range(3):
        shop.restart()
        shop.look()
        assert shop.work() == 0
    job = shop.job("a.png")
    assert (job.state, job.attempts, job.booked) == (JobState.UNKNOWN, 1, 20_000)
    assert shop.endpoint.charged == 20_000
    assert rows(shop, "SELECT outcome, cost FROM attempts") == [("lost", 0.02)]


def test_cuts_count_against_resend_lost_over_a_files_whole_life(build: Callable[..., Workshop]) -> None:
    shop = build(api=Api(requests_per_minute=0, resend_lost=2))
    admitted(shop)
    cut_power(shop, shop.endpoint, "_stream")
    shop.endpoint.script = [CutAfterwards(), CutAfterwards(), CutAfterwards()]
    shop.work()
    job = shop.job("a.png")
    assert (job.state, job.resends, job.attempts, job.booked) == (JobState.UNKNOWN, 2, 3, 60_000)
    assert shop.endpoint.charged == 60_000


# --- answers that are not the picture -------------------------------------------------------------------------------

BAD_ANSWERS = {
    "a page": Says(b"<!DOCTYPE html><title>Just a moment...</title>", "text/html"),
    "a page called a picture": Says(b"<!DOCTYPE html><title>Just a moment...</title>", "image/png"),
    "another size": Says(png(256, 256)),
    "cut": Says(png(512, 512)[:-20]),
    "more behind its end": Says(png(512, 512) + b"<!-- -->"),
    "nothing": Says(b""),
    "compressed": Says(gzip.compress(png(512, 512)), encoding="gzip"),
}


@pytest.mark.parametrize(
    "says",
    [
        Says(png(512, 512), "application/octet-stream"), Says(png(512, 512), "image/webp"), Says(png(512, 512), ""),
        Says(png(512, 512), "text/html"), Says(png(512, 512), encoding="gzip"),
    ],
    ids=lambda says: f"{says.content_type} {says.encoding}",
)  # fmt: skip
def test_a_proven_picture_is_taken_whatever_is_said_of_it(shop: Workshop, says: Says) -> None:
    shop.endpoint.script = [says]
    shop.run("a.png", picture(1))
    assert shop.job("a.png").state is JobState.DONE


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_kept_as_evidence_stays_booked_and_publishes_nothing(shop: Workshop, name: str) -> None:
    shop.endpoint.script = [BAD_ANSWERS[name]]
    job = shop.run("a.png", PNG)
    assert (job.state, job.attempts, job.booked) == (JobState.UNKNOWN, 1, 20_000)
    (kept,) = (shop.place / "evidence").iterdir()
    assert kept.read_bytes() == BAD_ANSWERS[name].body
    assert str(kept) in (job.error or "")
    assert shop.published() == []
    assert not {"1.png", "1.send"} & set(shop.spool.names())
    assert rows(shop, "SELECT outcome, cost FROM attempts") == [("bad_answer", 0.02)]


ENHANCER = Profile("retouch", scale=1, enhance=True)


def test_of_an_enhancer_that_brings_back_what_it_got_it_is_said_that_it_may_speak_another_dialect(
    build: Callable[..., Workshop],
) -> None:
    shop = build(api=Api(requests_per_minute=0))
    shop.restart(shop.folder(profile=ENHANCER))
    same = png(300, 300)
    shop.endpoint.script = [Says(same), Says(png(300, 300, b"other"))]
    unchanged, enhanced = shop.run("a.png", same), shop.run("b.png", png(300, 300, b"b"))
    assert (unchanged.state, enhanced.state) == (JobState.DONE, JobState.DONE)
    ((job, told),) = rows(shop, "SELECT job_id, detail FROM event WHERE step = 'unchanged'")
    assert (job, "dialect `creativity`" in told) == (unchanged.id, True)
    assert rows(shop, "SELECT outcome, scale FROM attempt") == [("ok", 1.0), ("ok", 1.0)]


def test_a_400_for_the_enhancer_alone_is_explained_by_the_dialect_and_no_other_is(
    build: Callable[..., Workshop],
) -> None:
    shop = build(api=Api(requests_per_minute=0))
    refusal = Answer(400, "Invalid request parameters")
    shop.endpoint.script = [refusal]
    assert "dialect" not in (shop.run("a.png", PNG).error or "")
    shop.restart(shop.folder(profile=ENHANCER))
    shop.endpoint.script = [refusal]
    assert "dialect `creativity`" in (shop.run("b.png", png(300, 300)).error or "")


def test_a_scale_that_was_reduced_is_recorded_and_priced_as_it_was_applied(build: Callable[..., Workshop]) -> None:
    shop = build(api=Api(requests_per_minute=0))
    shop.restart(shop.folder(profile=Profile("four", scale=4)))
    shop.run("a.png", png(1920, 1080))
    assert rows(shop, "SELECT booked, round(scale, 2) FROM attempt") == [(80_000, 2.84)]
    shop.run("b.png", png(4096, 3072))
    assert rows(shop, "SELECT booked, round(scale, 2) FROM attempt WHERE id = 2") == [(20_000, 1.15)]


def test_an_answer_two_pixels_off_is_the_services_rounding(shop: Workshop) -> None:
    shop.endpoint.script = [Says(png(514, 510))]
    assert shop.run("a.png", PNG).state is JobState.DONE


def test_a_bad_answer_that_cannot_be_kept_ends_unknown_all_the_same(shop: Workshop) -> None:
    (shop.place / "evidence").write_bytes(b"not a folder")
    shop.endpoint.script = [Says(b"<html>")]
    assert shop.run("a.png", PNG).state is JobState.UNKNOWN
    assert not shop.ledger.is_claimed()


def test_an_answer_that_cannot_be_kept_is_a_lost_answer(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run("earlier.png", picture(2))  # so that the key is known to work
    shop.put("a.png", PNG)
    shop.settle()

    real = os.fsync

    def fail(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "2.png":
            raise OSError(5, os.strerror(5))
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        shop.work(most=5)
    job = shop.job("a.png")
    assert (job.state, job.booked) == (JobState.UNKNOWN, 20_000)
    assert "could not be kept" in (job.error or "")
    assert shop.keeper.in_flight() == 0, "its place was given back once"


@pytest.mark.parametrize(
    ("known", "answer", "left"),
    [(True, png(512, 512), 0), (True, b"<html>", 1), (False, png(512, 512), 1)],
    ids=["a picture", "what is no picture", "the first picture of a key, which has to be written down"],
)
def test_another_may_call_while_a_picture_is_kept(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, *, known: bool, answer: bytes, left: int
) -> None:
    if known:
        shop.run("earlier.png", picture(2))
    shop.put("a.png", PNG)
    shop.settle()
    kept_as = f"{shop.job('a.png').id}.png"
    shop.endpoint.script = [Says(answer)]
    under_way: list[int] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == kept_as and not under_way:
            under_way.append(shop.keeper.in_flight())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    shop.work(most=5)
    assert under_way == [left]
    assert shop.keeper.in_flight() == 0


# --- troubles of one file -------------------------------------------------------------------------------------------


def test_a_refused_picture_fails_with_the_words_of_the_service_costs_nothing_and_stays(shop: Workshop) -> None:
    shop.endpoint.script = [Answer(415, "Invalid request content-type")]
    job = shop.run("a.png", PNG)
    assert (job.state, job.attempts, job.booked) == (JobState.FAILED, 1, 0)
    assert "Invalid request content-type" in (job.error or "")
    assert "415" in (shop.place / "failed/portraits/a.png.error.json").read_text()
    assert shop.tree.look(ROOT, "a.png") is not None


def test_an_answered_failure_is_tried_again_when_its_time_has_come(shop: Workshop) -> None:
    shop.endpoint.script = [Answer(503, "at capacity")]
    shop.run("a.png", PNG)
    assert shop.job("a.png").state is JobState.QUEUED
    shop.clock.advance(shop.dispatcher.next_due() or 0.0)
    shop.work()
    assert (shop.job("a.png").state, shop.job("a.png").attempts) == (JobState.DONE, 2)


def test_a_fault_of_our_own_sets_one_file_aside_and_the_others_go_on(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(shop, "a.png")
    admitted(shop, "b.png", picture(2))
    claim = shop.dispatcher.next_claim()
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr("watchd.journey.examining.appraise", lambda *_: 1 // 0)
        shop.runner.run(claim)
    shop.work()
    assert [job.state for job in shop.jobs()] == [JobState.FAILED, JobState.DONE]


def test_a_ledger_that_fails_is_raised_on_and_nothing_is_armed(shop: Workshop) -> None:
    admitted(shop)
    claim = shop.dispatcher.next_claim()
    assert claim is not None

    def fail(*_arguments: object) -> None:
        raise LedgerError("the ledger cannot be written")

    shop.ledger.arm = fail  # type: ignore[method-assign,assignment]  # a ledger that fails at this very moment
    with pytest.raises(LedgerError):
        shop.runner.run(claim)
    assert (shop.endpoint.seen, shop.endpoint.charged) == ([], 0)


# --- the disk -------------------------------------------------------------------------------------------------------


def test_without_room_for_the_answer_nothing_is_sent_and_everything_waits(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(shop)

    def full(*_arguments: object) -> None:
        raise NoSpaceError("no space left in the spool")

    with monkeypatch.context() as patched:
        patched.setattr(shop.spool, "create", full)
        assert shop.work() == 1
    assert shop.endpoint.calls == 0
    assert list(shop.keeper.gates()) == [GateReason.DISK]
    shop.clock.advance(31)
    shop.work()
    assert (shop.job("a.png").state, shop.job("a.png").attempts) == (JobState.DONE, 1)


def test_an_output_folder_that_cannot_be_written_is_tried_again_free_of_charge(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(shop)

    def away(*_arguments: object, **_names: object) -> None:
        raise LaterError("the output cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(shop.outputs, "publish", away)
        shop.work()
    assert shop.job("a.png").state is JobState.RECEIVED
    shop.clock.advance(31)
    shop.work()
    assert (shop.job("a.png").state, shop.endpoint.calls) == (JobState.DONE, 1)


def test_a_call_that_a_budget_stops_leaves_no_room_set_aside(build: Callable[..., Workshop]) -> None:
    shop = build()
    shop.restart(shop.folder(budget=Budget(day=10_000)))
    admitted(shop)
    shop.work(most=3)
    assert shop.job("a.png").state is JobState.QUEUED
    assert shop.endpoint.calls == 0
    assert "1.png" not in spooled(shop)


# --- metadata -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "kinds"), [("keep", [b"tEXt"]), ("strip", [])])
def test_what_the_answer_says_of_itself_follows_the_folder(
    build: Callable[..., Workshop], keep: str, kinds: list[bytes]
) -> None:
    from watchd.formats.png.png_chunks import SIGNATURE, chunk  # noqa: PLC0415 -- only here is a PNG taken apart

    shop = build()
    shop.restart(shop.folder(metadata=keep))
    body = png(512, 512)
    start = len(SIGNATURE) + 25
    shop.endpoint.script = [Says(body[:start] + chunk(b"tEXt", b"Comment\0the prompt") + body[start:])]
    assert shop.run("a.png", PNG).state is JobState.DONE
    published = (shop.place / "out/a.png").read_bytes()
    assert [kind for kind, _, _ in chunks(published) if kind == b"tEXt"] == kinds


# --- many -----------------------------------------------------------------------------------------------------------


def test_trouble_on_the_way_never_books_more_or_less_than_is_charged_or_in_doubt(shop: Workshop) -> None:
    shop.endpoint.script = [
        CutWhileUploading(), Answer(500, "no"), Unreachable(), Answer(400, "no"), CutAfterwards(), Answer(402, "empty"),
        Says(b"<html>"), Answer(429, "slow", 1.0), Answer(504, "late"), Answer(503, "busy"),
    ]  # fmt: skip
    for number in range(12):
        admitted(shop, f"{number}.png", picture(number))
    for _ in range(60):
        shop.work()
        shop.clock.advance(60)
    jobs: list[Job] = shop.jobs()
    assert {job.state for job in jobs} == {JobState.DONE, JobState.FAILED, JobState.UNKNOWN}
    booked = sum(job.booked for job in jobs)
    in_doubt = sum(job.booked for job in jobs if job.state is JobState.UNKNOWN)
    assert 0 <= booked - shop.endpoint.charged <= in_doubt
    assert rows(shop, "SELECT round(sum(cost) * 1000000) FROM attempts") == [(booked,)]
