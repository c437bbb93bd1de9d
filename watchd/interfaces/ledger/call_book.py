"""The ledger's role for paid calls: their durable points, and their money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.core.calls.state import GateChange
    from watchd.model import BudgetReached, Call, ClaimLost, EndedCall, Failure, Job, Limit, Rect, Tile


class CallBook(Protocol):
    """Booked when armed, unbooked by an answered error, in doubt when lost."""

    def begin_sending(
        self, job: Job, price: int, limits: Sequence[Limit], expects: tuple[int, int] = (0, 0), tile: Tile | None = None
    ) -> int | BudgetReached | ClaimLost:
        """Durable before connecting, and its price held against every budget; answers the attempt.

        `expects`: the size in pixels of the answer. `tile`: the part of the picture that is sent; None: all of it.
        Nothing is begun where the price would pass a limit; no number of workers passes it together.
        """
        ...

    def arm(self, call: Call) -> ClaimLost | None:
        """Durable before the last bytes leave: booked, and possibly charged from here on."""
        ...

    def receive(self, call: Call, traffic: Traffic, scale: float) -> ClaimLost | None:
        """The answer is whole and durable in the spool; `scale` is the one applied, as its size proves."""
        ...

    def receive_tile(self, call: Call, traffic: Traffic, scale: float, *, whole: bool) -> ClaimLost | None:
        """A tile is whole and durable in the spool; unless it makes the picture `whole`, the claim is given back."""
        ...

    def complete_tiles(self, job: Job) -> ClaimLost | None:
        """All tiles of a claimed job are safe: it is received."""
        ...

    def lose_tiles(self, job: Job, numbers: Collection[int]) -> ClaimLost | None:
        """Tiles of a claimed job that were safe are nowhere: they are to be paid again, and the others are not."""
        ...

    def kept_tiles(self) -> Sequence[tuple[int, int]]:
        """Job and number of each paid tile of pictures that ended without the others, what ended long ago first."""
        ...

    def give_up_tiles(self, job_id: int) -> bool:
        """Of such a picture nothing is kept any more; False where somebody has taken it up meanwhile."""
        ...

    def tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe in the spool: number → where it lies in the upright original."""
        ...

    def conclude(
        self, call: Call, conclusion: Conclusion, changes: Sequence[GateChange] = (), *, due: bool = False
    ) -> ClaimLost | None:
        """The call brought no picture; `changes`: what follows for the gates, in the same transaction.

        If the job has failed by it, its original may be `due` to be moved away.
        """
        ...

    def lose_answer(self, job: Job, failure: Failure) -> ClaimLost | None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        ...

    def last_call(self, job_id: int) -> EndedCall | None:
        """How the last call of a job ended; None: there was none."""
        ...

    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        ...
