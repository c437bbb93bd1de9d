"""One thread for all deadlines: each is cut in its time, and none after its request is over."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.http.deadline import CallDeadline, Deadline, Timekeeper

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 10.0


class Stream:
    """What httpcore gives for a socket."""

    def __init__(self, held: socket.socket) -> None:
        self._held = held

    def get_extra_info(self, name: str) -> Any:
        return self._held if name == "socket" else None


@pytest.fixture
def timekeeper() -> Iterator[Timekeeper]:
    with closing(Timekeeper()) as made:
        yield made


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "deadlines"]


def test_one_thread_keeps_all_of_them_and_ends_when_it_is_told() -> None:
    before = len(threads())
    timekeeper = Timekeeper()
    assert len(threads()) == before, "nothing is to be kept yet"
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Deadline(PATIENCE_S, timekeeper))
        (mine,) = threads()[before:]
        timekeeper.close()
        mine.join(PATIENCE_S)
        assert not mine.is_alive()


def test_the_first_of_several_is_cut_first_whatever_their_order(timekeeper: Timekeeper) -> None:
    with ExitStack() as stack:
        pairs = [stack.enter_context(closing(end)) for _ in range(3) for end in socket.socketpair()]
        late, soon, later = (
            stack.enter_context(Deadline(seconds, timekeeper)) for seconds in (PATIENCE_S * 9, 0.05, PATIENCE_S * 10)
        )
        for deadline, end in zip((late, soon, later), pairs[::2], strict=True):
            deadline.hold(Stream(end))
        pairs[3].settimeout(PATIENCE_S)
        assert pairs[3].recv(1) == b""  # its peer was shut down
        assert [one.cut_because() for one in (late, soon, later)] == [None, "no answer within 0.05 s", None]


def test_what_is_over_is_cut_no_more_as_its_descriptor_may_be_anothers(timekeeper: Timekeeper) -> None:
    near, far = socket.socketpair()
    with closing(near), closing(far):
        with Deadline(PATIENCE_S, timekeeper) as deadline:
            deadline.hold(Stream(near))
            deadline.let_go()
            deadline.cut("too late")
        deadline.cut("too late")
        assert deadline.cut_because() is None
        near.sendall(b"x")
        assert far.recv(1) == b"x"


def test_an_upload_that_does_not_move_is_cut_although_nothing_else_is_due(timekeeper: Timekeeper) -> None:
    near, far = socket.socketpair()
    with closing(near), closing(far), CallDeadline(0.3, timekeeper) as deadline:
        deadline.hold(Stream(near))
        deadline.begin_upload(lambda: 0)
        far.settimeout(PATIENCE_S)
        assert far.recv(1) == b""
        assert deadline.stalled


def test_an_end_that_is_put_off_is_not_cut_at_the_old_time(timekeeper: Timekeeper) -> None:
    near, far = socket.socketpair()
    with closing(near), closing(far), CallDeadline(0.5, timekeeper) as deadline:
        deadline.hold(Stream(near))
        moved = iter(range(1, 1_000_000))
        deadline.begin_upload(lambda: next(moved) * 1_000_000)
        far.settimeout(0.8)
        with pytest.raises(TimeoutError):
            far.recv(1)
        assert deadline.cut_because() is None
