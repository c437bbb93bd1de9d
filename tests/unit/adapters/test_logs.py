"""Trouble that repeats itself is summed up; what concerns money, and what is told once, never is."""

from __future__ import annotations

import logging

import pytest

from watchd.adapters.host.logs import IN_FULL, MOST_KINDS, WINDOW_S, Summary


class Wall:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def summary(wall: Wall) -> Summary:
    return Summary(wall)


def line(action: str | None = "failed", level: int = logging.WARNING) -> logging.LogRecord:
    record = logging.LogRecord("watchd", level, __file__, 1, "Failed %s", ("a.png",), None)
    if action is not None:
        record.action = action
    return record


def written(summary: Summary, count: int, action: str | None = "failed", level: int = logging.WARNING) -> int:
    return sum(bool(summary.filter(line(action, level))) for _ in range(count))


def told(summary: Summary, caplog: pytest.LogCaptureFixture, *, at_once: bool = False) -> list[tuple[str, int]]:
    caplog.clear()
    summary.tell(at_once=at_once)
    return [(record.__dict__["action"], record.__dict__["left_out"]) for record in caplog.records]


def test_the_first_lines_are_written_and_the_rest_counted(
    summary: Summary, wall: Wall, caplog: pytest.LogCaptureFixture
) -> None:
    assert written(summary, 10_000) == IN_FULL
    assert told(summary, caplog) == []
    wall.now += WINDOW_S
    assert told(summary, caplog) == [("failed", 10_000 - IN_FULL)]


def test_a_new_minute_begins_with_lines_in_full(summary: Summary, wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    written(summary, 100)
    wall.now += WINDOW_S
    told(summary, caplog)
    assert written(summary, 100) == IN_FULL


def test_few_lines_are_never_summed_up(summary: Summary, wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(10):
        assert written(summary, IN_FULL) == IN_FULL
        wall.now += WINDOW_S
        assert told(summary, caplog) == []


def test_an_end_tells_at_once(summary: Summary, caplog: pytest.LogCaptureFixture) -> None:
    written(summary, IN_FULL + 1)
    assert told(summary, caplog, at_once=True) == [("failed", 1)]
    assert told(summary, caplog, at_once=True) == []


def test_each_kind_has_its_own_count(summary: Summary) -> None:
    assert written(summary, 100, "failed") == written(summary, 100, "note_failed") == IN_FULL


@pytest.mark.parametrize(("action", "level"), [
    ("unknown", logging.ERROR), ("gate_closed", logging.WARNING), ("published", logging.INFO),
])  # fmt: skip
def test_money_and_ordinary_work_are_written_whole(summary: Summary, action: str | None, level: int) -> None:
    assert written(summary, 1000, action, level) == 1000


def test_its_own_line_is_never_left_out(summary: Summary) -> None:
    record = line()
    record.left_out = 5
    written(summary, 100)
    assert summary.filter(record)


def foreign(words: str, name: str = "asyncio", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, words, (), None)


def test_lines_of_libraries_are_counted_by_who_says_what(summary: Summary, caplog: pytest.LogCaptureFixture) -> None:
    """As asyncio tells of a socket that it cannot accept from: its words are made before they come to the log."""
    for number in range(1_000):
        summary.filter(foreign(f"socket.accept() out of system resource\nsocket: <TransportSocket fd={number}>"))
        summary.filter(foreign(f"Exception in callback <Handle at 0x7f{number:x}>"))
    assert summary.filter(foreign("something else"))
    assert summary.filter(foreign("socket.accept() out of system resource", "uvicorn.error"))
    summary.tell(at_once=True)
    assert [record.__dict__["left_out"] for record in caplog.records] == [1_000 - IN_FULL] * 2
    assert "asyncio: socket.accept() out of system resource" in caplog.text


def test_words_that_never_repeat_themselves_are_not_remembered_without_end(summary: Summary) -> None:
    letters = "abcdefghij"
    lines = (foreign("".join(letters[int(digit)] for digit in str(number))) for number in range(10_000))
    assert sum(bool(summary.filter(one)) for one in lines) <= MOST_KINDS + IN_FULL


def test_what_a_library_only_mentions_is_counted_too(summary: Summary) -> None:
    assert sum(bool(summary.filter(foreign("Started", level=logging.INFO))) for _ in range(100)) == IN_FULL
