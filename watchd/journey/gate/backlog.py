"""A backlog that passes `approval` waits for the owner: when it is counted, and what the gate is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.core import money
from watchd.core.calls.state import BacklogCounted
from watchd.model import NEVER, Backlog, GateReason, after

if TYPE_CHECKING:
    from watchd.interfaces import Clock, GateBook
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.model import Approval, Steady

COUNT_SHARE = 20.0
"""A backlog behind its gate is counted again after twenty times what counting it took."""


class BacklogReview:
    """One for each configuration.

    Threads: the intake's, the main one's at a start, and whoever carries out a command: two counts at once are both
    right, and one that `approve` came into is not believed.
    """

    def __init__(self, ledger: GateBook, clock: Clock, keeper: GateKeeper, allowed: Approval) -> None:
        self._ledger = ledger
        self._clock = clock
        self._keeper = keeper
        self._allowed = allowed
        self._next_count = NEVER

    def review(self, coming: Backlog) -> Steady | None:
        """Hold a backlog that passes `approval`, and let one go that no longer does.

        `coming`: files seen that are no jobs yet, at the most that they can cost until they are measured.

        Returns:
            The steady time at which to review again, where a long queue was counted a moment ago; None: it is done.
        """
        allowed = self._allowed
        closed = GateReason.APPROVAL in self._keeper.gates()
        if closed and money.passes(allowed, coming.files, coming.cost):
            return None  # what is to come passes it by itself
        if not closed and allowed.cost is None and allowed.files is None:
            return None
        began = self._clock.steady()
        if closed and began < self._next_count:
            return self._next_count  # it opens a moment later then; a flood behind it is not counted over and over
        backlog = self._ledger.backlog()
        now = self._clock.steady()
        self._next_count = after(began, COUNT_SHARE * (now - began))
        whole = Backlog(backlog.files + coming.files, backlog.cost + coming.cost)
        self._keeper.apply(BacklogCounted(began, whole))
        return None
