"""Stage 5: one paid call, with its durable points: sending, armed before the last bytes, received."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from watchd.core import endpoint, retrying
from watchd.core.calls import Answered, BadAnswer, Lost, NotSent, Received, Traffic
from watchd.core.naming import on_one_line
from watchd.errors import LaterError
from watchd.journey import receiving
from watchd.model import BudgetReached, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchd.core.calls import Trouble
    from watchd.core.pacing import Ticket
    from watchd.core.retrying import Conclusion
    from watchd.interfaces import Endpoint, Ledger, Spool
    from watchd.journey.claiming import Prepared
    from watchd.journey.gate import GateKeeper
    from watchd.model import Job, Limit

logger = logging.getLogger(__name__)


class Sender:
    """Makes calls. Between `armed` and the end of a call its money is in doubt, and the ledger says so."""

    def __init__(self, endpoint: Endpoint, spool: Spool, ledger: Ledger, keeper: GateKeeper) -> None:
        self._endpoint = endpoint
        self._spool = spool
        self._ledger = ledger
        self._keeper = keeper
        self._random = random.Random()  # noqa: S311 -- jitter, not a secret

    def send(
        self, job: Job, prepared: Prepared, limits: Sequence[Limit], ticket: Ticket, *, clear: Callable[[], None]
    ) -> str | Conclusion | BudgetReached:
        """One call; the spool name of the picture, or what the ledger has as the reason why none came.

        `clear` takes the job's files out of the spool; it is called where none came, while the job is still ours.

        Raises:
            LaterError: the spool has no room for the answer, so nothing was sent.
        """
        name = receiving.result_name(job)
        with self._spool.create(name, receiving.reserve_bytes(prepared.parameters)) as file:
            attempt = self._ledger.begin_sending(job, prepared.parameters.price, limits)
            if isinstance(attempt, BudgetReached):
                return attempt
            key = self._keeper.fingerprint()  # of the key that is about to be sent, not of one that comes meanwhile
            sink = receiving.AnswerSink(file, prepared.parameters)
            result = self._call(job, attempt, prepared, sink)
        if isinstance(result, Received):
            self._ledger.receive(job, attempt, name, result.traffic, prepared.parameters.effective_scale)
            self._keeper.succeeded(ticket, result.traffic.quota)
            if self._is_unchanged(name, result, prepared):
                self._ledger.note(job, "unchanged", endpoint.UNCHANGED)
                logger.warning(
                    "Unchanged %s/%s: %s. It is published as it came, and paid for.",
                    job.folder, on_one_line(job.path), endpoint.UNCHANGED, extra={"action": "unchanged", "job": job.id},
                )  # fmt: skip
            return name
        return self._conclude(job, attempt, result, name, prepared, ticket, key=key, clear=clear)

    def _call(
        self, job: Job, attempt: int, prepared: Prepared, sink: receiving.AnswerSink
    ) -> Received | Answered | NotSent | Lost | BadAnswer:
        parameters = prepared.parameters

        def arm() -> None:
            self._ledger.arm(job, attempt, parameters.price)

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
        if prepared.parameters.scale != 1 or received.size != upload.size:
            return False
        with self._spool.open(name) as answer, upload.open() as sent:
            return all(answer.read(receiving.CHUNK) == piece for piece in iter(lambda: sent.read(receiving.CHUNK), b""))

    def _conclude(
        self, job: Job, attempt: int, trouble: Trouble, name: str, prepared: Prepared, ticket: Ticket, *, key: str,
        clear: Callable[[], None],
    ) -> Conclusion:  # fmt: skip
        if isinstance(trouble, BadAnswer):
            try:
                where = f"kept as {self._spool.keep_evidence(name, f'{job.id}-{attempt}.answer')}"
            except LaterError as error:  # the money is in doubt all the same, and has to be told
                where = f"which could not be kept: {error}"
            trouble = BadAnswer(f"{trouble.reason} ({where})", trouble.traffic)
        scene = self._keeper.scene(job, trouble, ticket, luck=self._random.random(), key=key)
        conclusion = retrying.conclude(trouble, job, replace(scene, scale=prepared.parameters.scale))
        # Before the ledger gives the job back: once it has, another worker may lay its own files under these names.
        clear()
        self._ledger.conclude(job, attempt, conclusion)
        self._keeper.learn(conclusion)
        return conclusion


def recover_lost(ledger: Ledger, spool: Spool, policy: retrying.Policy) -> list[tuple[Job, Conclusion]]:
    """End the calls that a former run had armed and not ended.

    Where the answer lies whole in the spool it is received after all. The others are lost, their money in doubt.
    """
    concluded = []
    for job, attempt in ledger.interrupted():
        size = receiving.salvage(spool, job)
        if size is not None:
            scale = endpoint.effective_scale(job.parameters)
            ledger.receive(job, attempt, receiving.result_name(job), Traffic(received_bytes=size), scale)
            ledger.release(job)
            continue
        reason = "watchd ended after the request had left and before its answer was safe"
        conclusion = retrying.lost(job, Outcome.LOST, reason, Traffic(), policy=policy)
        ledger.conclude(job, attempt, conclusion)
        concluded.append((job, conclusion))
    return concluded
