"""One call's way through the gate: its place there, which is another's as soon as its picture has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.core.calls.outcomes import Sent, Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.model import BudgetReached, Call, ClaimLost, Permit


class Passage:
    """Holds the permit of one call from its way in to its way out. Threads: the one that makes the call."""

    def __init__(self, keeper: GateKeeper, permit: Permit) -> None:
        self._keeper = keeper
        self._permit = permit

    def picture_came(self, call: Call, traffic: Traffic) -> None:
        """Its picture is here and proven, and is yet to be kept."""
        self._permit = self._keeper.picture_came(self._permit, call, traffic)

    def leave(
        self, sent: Sent | BudgetReached | ClaimLost | None, *, due: bool
    ) -> Conclusion | ClaimLost | None:  # fmt: skip
        """As `GateKeeper.tell`."""
        return self._keeper.tell(self._permit, sent, due=due)
