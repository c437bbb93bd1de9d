"""The ledger's upkeep: a thread that looks through it once, folds what is old, and keeps its log short."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from watchd.model import Wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.interfaces import Clock, Ledger

logger = logging.getLogger(__name__)

KEPT_S = 30 * 86_400.0
"""Seconds for which a job that is done keeps all of its steps."""
PIECE = 100
"""Jobs folded in one transaction: some hundredths of a second."""
REST = 19.0
"""A piece is followed by a rest so many times as long: folding takes 5 % of the time at most."""
LOOK_EVERY_S = 60.0
AGAIN_S = 0.1


class Upkeep:
    """Whatever the ledger cannot do ends the process, as it would in any other thread.

    Threads: `upkeep` is its own; main starts and stops it.
    """

    def __init__(self, ledger: Ledger, clock: Clock, failed: Callable[[BaseException], None]) -> None:
        """`failed` hears of an error that must end the process."""
        self._ledger = ledger
        self._clock = clock
        self._failed = failed
        self._stopping = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(target=self._run, name="upkeep")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the piece at hand."""
        self._stopping.set()
        while self._thread.is_alive():
            self._ledger.break_off()
            self._thread.join(AGAIN_S)

    def _run(self) -> None:
        try:
            self._ledger.prove()
            rest = 0.0
            while not self._stopping.wait(rest):
                rest = self.turn()
        except BaseException as error:
            self._failed(error)

    def turn(self) -> float:
        """Fold a piece and look at the log; seconds until the next."""
        if self._ledger.trouble is not None:  # whoever writes now waits for room, and everybody with it
            return LOOK_EVERY_S
        began = self._clock.steady()
        folded = self._ledger.fold(Wall(self._clock.wall() - KEPT_S), PIECE)
        took = self._clock.steady() - began
        self._tell(self._ledger.shrink_log())
        return took * REST if folded == PIECE else LOOK_EVERY_S

    def _tell(self, long: str | None) -> None:
        """Say once that the log is long, and once that it is not any more."""
        if long is not None and self._said is None:
            logger.warning("%s", long, extra={"action": "ledger_log"})
        elif long is None and self._said is not None:
            logger.info("The ledger's log is short again", extra={"action": "ledger_log"})
        self._said = long
