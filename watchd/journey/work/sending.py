"""Stage 5: one paid call, with its durable points: sending, armed before the last bytes, received."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchd.core.calls import retrying
from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Received, Traffic
from watchd.core.outgoing import spool_names
from watchd.core.request import endpoint
from watchd.core.text import on_one_line
from watchd.errors import LaterError
from watchd.journey.work import receiving
from watchd.model import BudgetReached, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchd.core.calls.outcomes import Trouble
    from watchd.core.calls.pacing import Permit
    from watchd.core.calls.retrying import Conclusion
    from watchd.interfaces import Endpoint, Ledger, Spool
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.journey.work.preparing import Prepared
    from watchd.model import Job, Limit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureReceived:
    """All that was asked for is safe in the spool, and the job is received."""


@dataclass(frozen=True, slots=True)
class TileReceived:
    """One tile of `count` is safe in the spool; the job is back in the queue for the next."""

    number: int
    count: int


class Sender:
    """Makes calls. Between `armed` and the end of a call its money is in doubt, and the ledger says so."""

    def __init__(self, endpoint: Endpoint, spool: Spool, ledger: Ledger, keeper: GateKeeper) -> None:
        self._endpoint = endpoint
        self._spool = spool
        self._ledger = ledger
        self._keeper = keeper
        self._random = random.Random()  # noqa: S311 -- jitter, not a secret

    def send(
        self,
        job: Job,
        prepared: Prepared,
        limits: Sequence[Limit],
        ticket: Permit,
        *,
        clear: Callable[[], None],
        due_if_failed: bool = False,
    ) -> PictureReceived | TileReceived | Conclusion | BudgetReached:
        """One call; whether the picture is whole in the spool now, or what the ledger has as the reason why none came.

        `clear` takes the job's files out of the spool; it is called where none came, while the job is still ours.
        `due_if_failed`: an original that fails by this call is moved away.

        Raises:
            LaterError: the spool has no room for the answer, so nothing was sent.
        """
        name = spool_names.answer(job, None if prepared.tile is None else prepared.tile.number)
        asked = prepared.upload.parameters
        with self._spool.create(name, receiving.reserve_bytes(asked)) as file:
            size = asked.width, asked.height
            attempt = self._ledger.begin_sending(job, asked.price, limits, size, prepared.tile)
            if isinstance(attempt, BudgetReached):
                self._spool.remove(name)  # with the room that was set aside
                return attempt
            key = self._keeper.fingerprint()  # of the key that is about to be sent, not of one that comes meanwhile
            sink = receiving.AnswerSink(file, asked)
            result = self._call(job, attempt, prepared, sink)
        if isinstance(result, Received):
            return self._received(job, attempt, result, name, prepared, ticket)
        return self._conclude(job, attempt, result, name, prepared, ticket, key=key, clear=clear, due=due_if_failed)

    def _received(
        self, job: Job, attempt: int, result: Received, name: str, prepared: Prepared, ticket: Permit
    ) -> PictureReceived | TileReceived:
        scale = prepared.upload.parameters.effective_scale
        if prepared.tile is not None:
            whole = job.tiles + 1 == len(prepared.parameters.tiles)
            # Before the ledger gives the job back: another worker may lay the next tile under this name at once.
            self._spool.remove(spool_names.snapshot(job))
            self._ledger.receive_tile(job, attempt, result.traffic, scale, whole=whole)
            self._keeper.succeeded(ticket, result.traffic.quota)
            return PictureReceived() if whole else TileReceived(prepared.tile.number, len(prepared.parameters.tiles))
        self._ledger.receive(job, attempt, name, result.traffic, scale)
        self._keeper.succeeded(ticket, result.traffic.quota)
        if self._is_unchanged(name, result, prepared):
            self._ledger.note(job, "unchanged", endpoint.UNCHANGED)
            logger.warning(
                "Unchanged %s/%s: %s. It is published as it came, and paid for.",
                job.folder, on_one_line(job.path), endpoint.UNCHANGED, extra={"action": "unchanged", "job": job.id},
            )  # fmt: skip
        return PictureReceived()

    def _call(
        self, job: Job, attempt: int, prepared: Prepared, sink: receiving.AnswerSink
    ) -> Received | Answered | NotSent | Lost | BadAnswer:
        price = prepared.upload.parameters.price

        def arm() -> None:
            self._ledger.arm(job, attempt, price)

        logger.debug("Sending %s/%s", job.folder, on_one_line(job.path), extra={"action": "sending", "job": job.id})
        try:
            result = self._endpoint.call(prepared.upload, arm, sink.write)
            if isinstance(result, Answered | NotSent | Lost):
                return result
            return sink.judge(result)
        except LaterError as error:
            # Room was set aside, so this is a disk that fails or a file system that cannot set aside.
            return Lost(f"the answer could not be kept: {error}", Traffic(prepared.upload.size))

    def _is_unchanged(self, name: str, received: Received, prepared: Prepared) -> bool:
        """Whether the enhancer brought back what it got, which is paid for and worth nothing."""
        upload = prepared.upload
        if upload.parameters.scale != 1 or received.size != upload.size:
            return False
        with self._spool.open(name) as answer, upload.open() as sent:
            return all(answer.read(receiving.CHUNK) == piece for piece in iter(lambda: sent.read(receiving.CHUNK), b""))

    def _conclude(
        self, job: Job, attempt: int, trouble: Trouble, name: str, prepared: Prepared, ticket: Permit, *, key: str,
        clear: Callable[[], None], due: bool,
    ) -> Conclusion:  # fmt: skip
        if isinstance(trouble, BadAnswer):
            try:
                where = f"kept as {self._spool.keep_evidence(name, f'{job.id}-{attempt}.answer')}"
            except LaterError as error:  # the money is in doubt all the same, and has to be told
                where = f"which could not be kept: {error}"
            trouble = BadAnswer(f"{trouble.reason} ({where})", trouble.traffic)
        scene = self._keeper.scene(job, trouble, ticket, luck=self._random.random(), key=key)
        conclusion = retrying.conclude(trouble, job, replace(scene, scale=prepared.upload.parameters.scale))
        if prepared.tile is not None:
            part = f"tile {prepared.tile.number} of {len(prepared.parameters.tiles)}"
            conclusion = replace(conclusion, error=f"{part}: {conclusion.error}")
        # Before the ledger gives the job back: once it has, another worker may lay its own files under these names.
        self._spool.remove(name)
        clear()
        self._ledger.conclude(job, attempt, conclusion, due=due)
        self._keeper.learn(conclusion)
        return conclusion


def recover_lost(ledger: Ledger, spool: Spool, policy: retrying.Policy) -> list[tuple[Job, Conclusion]]:
    """End the calls that a former run had armed and not ended.

    Where the answer lies whole in the spool it is received after all. The others are lost, their money in doubt.
    """
    concluded = []
    for call in ledger.interrupted():
        job, attempt = call.job, call.attempt
        size = receiving.salvage(spool, call)
        if size is not None:
            scale, traffic = endpoint.effective_scale(job.parameters), Traffic(received_bytes=size)
            if call.tile is not None:
                ledger.receive_tile(job, attempt, traffic, scale, whole=False)  # if it is, the next claim finds it so
            else:
                ledger.receive(job, attempt, spool_names.answer(job), traffic, scale)
                ledger.release(job)
            continue
        reason = "watchd ended after the request had left and before its answer was safe"
        conclusion = retrying.lost(job, Outcome.LOST, reason, Traffic(), policy=policy)
        ledger.conclude(job, attempt, conclusion)
        concluded.append((job, conclusion))
    return concluded
