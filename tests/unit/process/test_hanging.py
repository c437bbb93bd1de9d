"""Threads that hang at a share: who they are is known, others take their places, and nobody is lost by it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from watchd.adapters.filesystem import presence as presence_module
from watchd.adapters.filesystem.presence import ThreadPresence
from watchd.config import links
from watchd.config.links import Leads
from watchd.errors import LaterError
from watchd.journey.answering import Answering
from watchd.journey.arrival.hints import Marks
from watchd.journey.arrival.relay import Relay
from watchd.model import Folder, Profile
from watchd.process.lookout import Lookout
from watchd.process.worker_pool import MOST_RELIEVED, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 10.0


class Clock:
    """The presence's clock, set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(presence_module, "time", made)
    return made


# --- where everybody is ---------------------------------------------------------------------------------------------


def test_a_stay_lasts_from_the_last_step_and_ends_with_what_was_done(clock: Clock) -> None:
    presence = ThreadPresence()
    with presence.at("reading a file of", "/a"):
        clock.now += 5
        (stay,) = presence.stays(5.0)
        assert (stay.thread, stay.roots, stay.doing, stay.seconds) == (
            threading.get_ident(), ("/a",), "reading a file of", 5.0,
        )  # fmt: skip
        presence.goes_on()
        assert not presence.stays(0.1)
        with presence.at("writing into", "/b"):
            clock.now += 2
            assert [stay.roots for stay in presence.stays(1.0)] == [("/b",)]
        assert not presence.stays(0.1), "coming back from the inner one is a step of the outer one"
    assert not presence.stays(0.0)


def test_a_step_of_who_is_nowhere_is_none(clock: Clock) -> None:
    presence = ThreadPresence()
    presence.goes_on()
    clock.now += 9
    assert not presence.stays(0.0)


def test_what_can_wait_is_not_begun_where_somebody_hangs(clock: Clock) -> None:
    presence = ThreadPresence()
    with presence.at("reading a file of", "/a"):
        clock.now += presence_module.SILENT_S
        with pytest.raises(LaterError, match="/a does not answer"):
            presence.require_answer("/a")
        presence.require_answer("/b")


@pytest.mark.parametrize(
    ("where", "hit"),
    [("/hot", True), ("/out", True), ("/archive/2024", True), ("/hot2", False), ("/", False), ("/failed", True)],
)
def test_a_folder_rests_where_any_place_of_its_own_does_not_answer(clock: Clock, where: str, *, hit: bool) -> None:
    presence = ThreadPresence()
    folder = Folder("hot", "/hot", Profile("p"), "/out", archive="/archive", failed="/failed")
    with presence.at("writing into", where):
        clock.now += 61
        told = Answering(presence).resting([(folder, None)], 60.0)
    assert told == ({"hot": f"does not answer: writing into {where} takes 61 s by now"} if hit else {})


# --- workers --------------------------------------------------------------------------------------------------------


class Hanging:
    """A pool whose tasks hang until they are let go."""

    def __init__(self, size: int) -> None:
        self.go = threading.Event()
        self.began = threading.Semaphore(0)
        self.idents: list[int] = []
        self.tasks = 0
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()
        self.pool: WorkerPool[int] = WorkerPool(size, self.take, self.do, lambda: None, self.failures.append)

    def take(self) -> int | None:
        with self._lock:
            if self.tasks == 0:
                return None
            self.tasks -= 1
            return 1

    def do(self, _task: int) -> None:
        self.idents.append(threading.get_ident())
        self.began.release()
        assert self.go.wait(PATIENCE_S)

    def hang(self, count: int) -> set[int]:
        """Give out so many tasks; the idents of those who hang in them."""
        before = len(self.idents)
        self.tasks += count
        self.pool.wake_all()
        for _ in range(count):
            assert self.began.acquire(timeout=PATIENCE_S)
        return set(self.idents[before:])


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging(2)
    made.pool.start()
    yield made
    made.go.set()
    made.pool.stop()
    for thread in made.pool.threads():
        thread.join(PATIENCE_S)
    assert made.failures == []


def test_others_take_the_places_of_workers_that_hang(hanging: Hanging) -> None:
    stuck = hanging.hang(2)
    hanging.pool.relieve(stuck)
    assert hanging.hang(2).isdisjoint(stuck)
    assert hanging.pool.alive()


def test_who_was_relieved_ends_when_it_comes_back_and_the_pool_has_its_size_again(hanging: Hanging) -> None:
    stuck = hanging.hang(2)
    hanging.pool.relieve(stuck)
    hanging.pool.relieve(stuck)  # said twice, as by two looks
    assert len(hanging.pool.threads()) == 4
    gone = [thread for thread in hanging.pool.threads() if thread.ident in stuck]
    hanging.go.set()
    for thread in gone:
        thread.join(PATIENCE_S)
    assert len(hanging.pool.threads()) == 2
    assert hanging.pool.alive()


def test_however_many_hang_threads_are_bounded(hanging: Hanging) -> None:
    stuck: set[int] = set()
    for _ in range(MOST_RELIEVED):
        stuck |= hanging.hang(2)
        hanging.pool.relieve(stuck)
    stuck |= hanging.hang(2)
    hanging.pool.relieve(stuck)
    assert len(hanging.pool.threads()) == 2 * (MOST_RELIEVED + 1)


# --- the lead of the intake -----------------------------------------------------------------------------------------


def test_a_folder_that_somebody_is_in_is_passed_over_and_keeps_what_it_is_owed() -> None:
    relay = Relay()
    with relay.within("a") as first:
        assert first is not None
        relay.owe({"a": Marks(files={"x": True}), "b": Marks(everything=True)}, ["a"], asked=True)
        with relay.within("a") as second:
            assert second is None
        assert not relay.is_free("a")
        with relay.within("b") as other:
            assert other is not None
            assert other.marks.everything
        relay.owe({"a": Marks(files={"x": False, "y": False}, lost={"z"})}, ["a"], asked=False)
    with relay.within("a") as third:
        assert third is not None
        assert (third.marks.files, third.marks.lost) == ({"x": True, "y": False}, {"z"})
        assert (third.visit, third.asked) == (True, True)
    with relay.within("a") as fourth:
        assert fourth is not None
        assert (fourth.marks, fourth.visit) == (Marks(), False)


def test_whoever_takes_the_lead_has_it_alone() -> None:
    relay = Relay()
    relay.take_the_lead()
    assert relay.leads()
    other = threading.Thread(target=relay.take_the_lead)
    other.start()
    other.join(PATIENCE_S)
    assert not relay.leads()


# --- the lookout ----------------------------------------------------------------------------------------------------


class Watched:
    """What a lookout asks, and what it does."""

    def __init__(self, presence: ThreadPresence) -> None:
        self.resting: set[str] = set()
        self.silent: dict[str, str] = {}
        self.relieved: list[set[int]] = []
        self.answered = 0
        self.lookout = Lookout(
            presence, lambda stuck: self.relieved.append(set(stuck)), lambda: self.resting, lambda: self.silent,
            self._answered, self._failed,
        )  # fmt: skip

    def _answered(self) -> None:
        self.answered += 1

    def _failed(self, error: BaseException) -> None:
        raise error


def test_who_comes_no_further_is_relieved_and_a_share_that_answers_again_lets_work_go_on(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    presence = ThreadPresence()
    watched = Watched(presence)
    caplog.set_level("INFO")
    with presence.at("reading a file of", "/a"):
        watched.lookout.look()
        assert watched.relieved == []
        clock.now += 1
        watched.lookout.look()
        assert watched.relieved == [{threading.get_ident()}]
        watched.resting = {"a"}
        watched.lookout.look()
        watched.silent = {"a": "does not answer: reading"}
        watched.lookout.look()
        watched.lookout.look()
    assert [getattr(record, "action", None) for record in caplog.records] == ["offline"], "told once"
    watched.resting, watched.silent = set(), {}
    watched.lookout.look()
    assert watched.answered == 1
    assert getattr(caplog.records[-1], "action", None) == "online"


def test_it_sleeps_while_nobody_is_at_a_share_and_ends_when_told() -> None:
    presence = ThreadPresence()
    watched = Watched(presence)
    watched.lookout.start()
    assert watched.lookout.is_alive()
    watched.lookout.stop()
    assert not watched.lookout.is_alive()


# --- paths of a configuration ---------------------------------------------------------------------------------------


def test_a_path_that_does_not_answer_is_taken_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def realpath(path: str) -> str:
        if "hung" in path:
            go.wait(PATIENCE_S)
        return path.replace("link", "real")

    monkeypatch.setattr(links, "PATIENCE_S", 0.2)
    monkeypatch.setattr("posixpath.realpath", realpath)
    leads = Leads()
    leads.ask("/nas/link", "/hung/./link")
    assert leads.of("/nas/link") == "/nas/real"
    assert leads.of("/hung/./link") == "/hung/link"
    go.set()
