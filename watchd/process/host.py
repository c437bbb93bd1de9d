"""What every process that writes a ledger has: its lock, its clock, its ledger, the gate, and an end."""

from __future__ import annotations

import logging
import os
import signal
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.darkroom.darkroom import Darkroom
from watchd.adapters.host import supervision
from watchd.adapters.host.flight_recorder import FlightRecorder
from watchd.adapters.host.lock import StateLock
from watchd.adapters.host.system_clock import SystemClock
from watchd.adapters.ledgers import choosing
from watchd.core.calls.state import WallJumped
from watchd.journey.gate.keeper import GateKeeper
from watchd.process.upkeep import Upkeep
from watchd.process.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import Settings


logger = logging.getLogger(__name__)

JUMP_S = 2.0
"""A clock that is set by less is one that is kept right."""


class Host:
    """One for each process; a configuration comes and goes, this stays.

    Threads: the main thread owns it. `fail` may be called from any; a signal handler counts `stops` in the main one.
    """

    def __init__(self, settings: Settings) -> None:
        """Takes the lock and the ledger. Raises LedgerError where either cannot be had."""
        self.state = Path(settings.state_dir)
        self._lock = StateLock(self.state)
        self.clock = SystemClock()
        owner = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            with supervision.long_start("the ledger is opened"):
                self.ledger = choosing.open_for_writing(settings, self.clock, owner=owner)
        except BaseException:
            self._lock.close()
            raise
        self.recorder = FlightRecorder(self.state / "reading")
        self.darkroom = Darkroom()
        self.keeper = GateKeeper(self.ledger, self.clock)
        self.wakeup = Wakeup()
        self._ahead = self.clock.wall() - self.clock.steady()
        self.failure: BaseException | None = None
        self.stops = 0
        self._upkeep: Upkeep | None = None

    def look_after_the_ledger(self) -> None:
        """Have it looked through, folded and kept short beside the work, until the end."""
        self._upkeep = Upkeep(self.ledger, self.clock, self.fail)
        self._upkeep.start()

    def fail(self, error: BaseException) -> None:
        """An error that ends the process; the first is the one that is told."""
        self.failure = self.failure or error
        self.wakeup.ring()

    def look_at_clock(self) -> bool:
        """Whether the host's own clock was set since the last look; whatever waits for a day is told."""
        ahead = self.clock.wall() - self.clock.steady()
        jumped = ahead - self._ahead
        if abs(jumped) < JUMP_S:
            return False
        self._ahead = ahead
        logger.info(
            "The host's clock was set by %+.0f s; days, hours and budgets are looked at again.", jumped,
            extra={"action": "clock_set"},
        )  # fmt: skip
        self.keeper.apply(WallJumped(jumped))
        return True

    def ends(self) -> bool:
        """Whether it was told to stop, or has to."""
        return self.stops > 0 or self.failure is not None

    def stop_at_signals(self, cut: Callable[[], None]) -> None:
        """SIGTERM and SIGINT ask it to end well, a second one to `cut` the calls in flight; main thread only."""

        def stop(_number: int, _frame: object) -> None:
            self.stops += 1
            if self.ledger.trouble is not None:
                self.ledger.give_up()
            if self.stops > 1:
                # In a thread: the main thread may hold the very lock that cutting a call needs.
                threading.Thread(target=cut, name="abort", daemon=True).start()
            self.wakeup.ring()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.wakeup.ring_at_signals()

    def close(self) -> None:
        """Let the ledger go, then the lock."""
        self.recorder.close()
        self.darkroom.close()
        if self._upkeep is not None:
            self._upkeep.stop()
        self.ledger.close()
        self._lock.close()
