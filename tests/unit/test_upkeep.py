"""What is done beside the work so that a ledger serves for years, and what is told while a start takes its time."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from tests.fakes.clock import ManualClock
from watchd.adapters.host import supervision
from watchd.adapters.ledgers.memory.memory_ledger import MemoryLedger
from watchd.adapters.ledgers.memory.memory_store import MemoryStore
from watchd.errors import LedgerError
from watchd.process.upkeep import KEPT_S, LOOK_EVERY_S, PIECE, REST, Upkeep

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from watchd.model import Wall


class Kept(MemoryLedger):
    """A ledger that has so much to fold, and whose pieces take a second each."""

    def __init__(self, clock: ManualClock, pieces: tuple[int, ...] = ()) -> None:
        super().__init__(MemoryStore(), clock, owner="me", lease=60.0)
        self.moving = clock
        self.pieces = [*pieces]
        self.asked: list[tuple[float, int]] = []
        self.log: str | None = None
        self.proving = threading.Event()
        self.broken_off = threading.Event()

    def fold(self, before: Wall, most: int) -> int:
        self.asked.append((before, most))
        self.moving.advance(1.0)
        return self.pieces.pop(0) if self.pieces else 0

    def shrink_log(self) -> str | None:
        return self.log


def refuse(error: BaseException) -> None:
    """No error is expected."""
    raise error


def test_folding_rests_nineteen_times_as_long_as_it_took_and_looks_again_when_there_is_no_more() -> None:
    clock = ManualClock()
    ledger = Kept(clock, (PIECE, PIECE, 3))
    upkeep = Upkeep(ledger, clock, refuse)
    began = clock.wall()
    assert [upkeep.turn() for _ in range(4)] == [REST, REST, LOOK_EVERY_S, LOOK_EVERY_S]
    assert ledger.asked[0] == (began - KEPT_S, PIECE)


def test_while_everybody_waits_for_room_nothing_is_folded() -> None:
    clock = ManualClock()
    ledger = Kept(clock, (PIECE,))
    ledger.trouble = "no space left"
    assert Upkeep(ledger, clock, refuse).turn() == LOOK_EVERY_S
    assert ledger.asked == []


def test_a_long_log_is_told_once_and_once_that_it_is_short_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    ledger = Kept(clock)
    upkeep = Upkeep(ledger, clock, refuse)
    with caplog.at_level(logging.INFO, logger="watchd"):
        for log in (None, "it has grown", "it has grown more", None, None):
            ledger.log = log
            upkeep.turn()
    assert [record.getMessage() for record in caplog.records] == ["it has grown", "The ledger's log is short again"]


def test_damage_that_is_found_beside_the_work_is_handed_to_whoever_ends_the_process() -> None:
    failed: list[BaseException] = []
    told = threading.Event()

    class Damaged(Kept):
        def prove(self) -> None:
            raise LedgerError("it is damaged")

    def fail(error: BaseException) -> None:
        failed.append(error)
        told.set()

    upkeep = Upkeep(Damaged(ManualClock()), ManualClock(), fail)
    upkeep.start()
    assert told.wait(10.0)
    upkeep.stop()
    assert [str(error) for error in failed] == ["it is damaged"]


def test_an_end_breaks_the_check_off() -> None:
    class Long(Kept):
        def prove(self) -> None:
            self.proving.set()
            assert self.broken_off.wait(10.0)

        def break_off(self) -> None:
            self.broken_off.set()

    ledger = Long(ManualClock(), (PIECE,))
    upkeep = Upkeep(ledger, ManualClock(), refuse)
    upkeep.start()
    assert ledger.proving.wait(10.0)
    upkeep.stop()
    assert ledger.broken_off.is_set()


def test_a_long_start_asks_the_manager_for_more_time_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "TELL_EVERY_S", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with supervision.long_start("the ledger is opened"):
            told = [manager.recv(4096).decode() for _ in range(3)]
        assert set(told) == {"EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting: the ledger is opened"}
    assert "long-start" not in {thread.name for thread in threading.enumerate()}


def test_without_a_manager_nobody_is_told() -> None:
    with supervision.long_start("the ledger is opened"):
        assert "long-start" not in {thread.name for thread in threading.enumerate()}
