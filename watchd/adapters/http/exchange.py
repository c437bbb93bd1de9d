"""One paid call on the wire: how far it came decides what its end means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpcore

from watchd.adapters.http import bodies
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Quota, Traffic
from watchd.core.request.endpoint import Answer, meaning
from watchd.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.adapters.http.deadline import CallDeadline


class ArmingFailedError(Exception):
    """What `arm` raised, carried through httpx, which knows nothing of it."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class CutError(httpcore.NetworkError):
    """The call was ended from here, and no answer is looked for."""


class Exchange:
    """Holds the last bytes back until the call is armed, and keeps count of what went each way."""

    def __init__(self, body: bodies.Body, arm: Callable[[], None], tether: CallDeadline) -> None:
        self.body = body
        self.received = 0
        self.cf_ray: str | None = None
        self.quota = Quota()
        self.armed = False
        """Whether the ledger has it as armed, and the last bytes may have left."""
        self._arm = arm
        self._tether = tether
        self._sent = 0
        self._upload_began: float | None = None
        self._upload_ended: float | None = None

    def outgoing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The body; its last bytes leave only when the ledger has the call as armed."""
        self._upload_began = time.monotonic()
        self._tether.begin_upload(lambda: self._sent)
        for piece, last in bodies.holding_back(pieces, self.body.length):
            if last:
                self._before_the_last_bytes()
            yield piece
            self._sent += len(piece)
        self._upload_ended = time.monotonic()
        self._tether.await_answer()  # once more: what the ledger took is none of the service's time

    def _before_the_last_bytes(self) -> None:
        self._tether.await_answer()  # from here on it is the ledger that is waited for, and no line that has to move
        self._end_if_over()
        try:
            self._arm()
        except Exception as reason:
            raise ArmingFailedError(reason) from reason
        self._end_if_over()  # while the ledger waited for room, say: the last bytes have not left
        self.armed = True

    def _end_if_over(self) -> None:
        """Nothing has been run and nothing can be where all but the last bytes is all that ever comes."""
        reason = self._tether.cut_because()
        if reason is not None:
            raise CutError(reason)
        if self._tether.peer_has_left():
            # In the words of the transport, which then looks whether an answer, such as an early 402, came before.
            raise httpcore.WriteError("the service closed the connection during the upload")

    def _upload_s(self) -> float:
        if self._upload_began is None:
            return 0.0
        return (self._upload_ended or time.monotonic()) - self._upload_began

    def answered(self, answer: Answer) -> Answered | NotSent:
        """An answered error; one that leaves a doubt leaves none where the request was never complete."""
        if not self.armed and meaning(answer) is Outcome.LOST:
            return NotSent(f"answered {answer.status} during the upload", uploading=True, traffic=self.traffic())
        return Answered(answer, self.traffic())

    def without_answer(self, error: str) -> NotSent | Lost:
        """The meaning of a failed exchange: only a complete request can have been run."""
        reason = self._tether.cut_because() or error
        if self.armed:
            return Lost(f"sent, and then: {reason}", self.traffic(), ours=self._tether.ours)
        return NotSent(
            reason, uploading=self._sent > 0, traffic=self.traffic(), stalled=self._tether.stalled,
            ours=self._tether.ours,
        )  # fmt: skip

    def traffic(self) -> Traffic:
        """What went over the wire so far."""
        return Traffic(self._sent, self.received, self.cf_ray, self.quota, self._upload_s())
