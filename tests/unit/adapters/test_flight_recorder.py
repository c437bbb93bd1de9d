"""A file that was being read when the process ended is tried once more, alone, and then set aside."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from watchd.adapters.host.flight_recorder import LINES, FlightRecorder

if TYPE_CHECKING:
    from pathlib import Path

DEADLY, INNOCENT = "/hot/deadly.png", "/hot/innocent.png"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reading"


def dies_with(path: Path, *files: str) -> None:
    """A process that ends while it has these in hand: nothing is left but the file."""
    recorder = FlightRecorder(path)
    held = ExitStack()
    for file in files:
        assert held.enter_context(recorder.reading(file, "seen"))
    before = path.read_bytes()
    held.close()
    recorder.close()
    path.write_bytes(before)


def may(recorder: FlightRecorder, file: str, mark: str = "seen") -> bool:
    with recorder.reading(file, mark) as answer:
        return answer


def test_what_ends_well_leaves_no_suspicion(path: Path) -> None:
    recorder = FlightRecorder(path)
    assert may(recorder, DEADLY)
    recorder.close()
    assert not path.exists()
    again = FlightRecorder(path)
    assert not path.read_bytes().strip()
    assert may(again, DEADLY)


def test_the_one_that_ends_it_twice_is_set_aside_and_the_one_beside_it_is_not(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dies_with(path, DEADLY, INNOCENT)
    recorder = FlightRecorder(path)
    assert may(recorder, INNOCENT)
    assert "/hot/deadly.png" in caplog.text
    recorder.close()
    dies_with(path, DEADLY)
    third = FlightRecorder(path)
    assert may(third, INNOCENT)
    assert not may(third, DEADLY)
    assert may(third, DEADLY), "it is told once; the owner may have it tried again"


def test_other_bytes_under_its_name_are_no_suspect(path: Path) -> None:
    dies_with(path, DEADLY)
    dies_with(path, DEADLY)
    assert may(FlightRecorder(path), DEADLY, "other bytes")


def test_a_suspect_that_is_not_read_yet_stays_one_over_further_ends(path: Path) -> None:
    dies_with(path, DEADLY, INNOCENT)
    dies_with(path, DEADLY)
    recorder = FlightRecorder(path)
    assert not may(recorder, DEADLY)
    with recorder.reading(INNOCENT, "seen") as answer:
        assert answer
        assert path.read_bytes().count(b"2 ") == 1, "it is its second time"


def test_a_suspect_is_read_while_no_other_is(path: Path) -> None:
    dies_with(path, DEADLY)
    recorder = FlightRecorder(path)
    began, done = threading.Event(), threading.Event()

    def suspect() -> None:
        began.set()
        with recorder.reading(DEADLY, "seen"):
            done.set()

    with recorder.reading(INNOCENT, "seen"):
        thread = threading.Thread(target=suspect)
        thread.start()
        assert began.wait(10)
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join(10)


def test_more_than_it_has_lines_for_are_read_all_the_same(path: Path) -> None:
    recorder = FlightRecorder(path)
    with ExitStack() as held:
        for number in range(LINES + 5):
            assert held.enter_context(recorder.reading(f"/hot/{number}.png", "seen"))
    assert not path.read_bytes().strip()


def test_where_it_cannot_be_had_nothing_is_kept(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path / "no" / "such" / "folder")
    assert may(recorder, DEADLY)
    recorder.close()


def test_a_name_of_any_kind_and_length_has_its_line(path: Path) -> None:
    name = "/hot/" + "x" * 5000 + "\udcff\n.png"
    dies_with(path, name)
    dies_with(path, name)
    assert not may(FlightRecorder(path), name)
