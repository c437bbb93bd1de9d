"""Stage 5: one paid call, with its durable points: sending, armed before the last bytes, received."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Received, Sent, Traffic
from watchd.core.outgoing import spool_names
from watchd.core.request import endpoint
from watchd.core.text import on_one_line
from watchd.errors import LaterError
from watchd.journey.work import receiving
from watchd.model import Call, ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchd.core.calls.outcomes import CallResult, Trouble
    from watchd.interfaces import Endpoint, Spool, Streamed
    from watchd.journey.work.finishing import JobBooks
    from watchd.journey.work.preparing import Prepared
    from watchd.model import BudgetReached, Job, Limit

    Came = Callable[[Call, Traffic], None]

logger = logging.getLogger(__name__)

MOST_FLAWS_TOLD = 5


class _ClaimLostError(Exception):
    """The claim was lost before the last bytes had left: raised through the endpoint, so that they never leave."""

    def __init__(self, lost: ClaimLost) -> None:
        super().__init__()
        self.lost = lost


class Sender:
    """Makes calls. Between `armed` and the end of a call its money is in doubt, and the ledger says so.

    Threads: every worker's; it holds nothing that changes.
    """

    def __init__(self, endpoint: Endpoint, spool: Spool, ledger: JobBooks, fingerprint: Callable[[], str]) -> None:
        """`fingerprint` tells keys apart without telling the key."""
        self._endpoint = endpoint
        self._spool = spool
        self._ledger = ledger
        self._fingerprint = fingerprint

    def send(
        self, job: Job, prepared: Prepared, limits: Sequence[Limit], came: Came
    ) -> Sent | BudgetReached | ClaimLost:
        """One call, and how it ended; a picture is durable in the spool and the ledger has it when this returns.

        `came` is told of a picture that is here and proven, before that.

        What ended in trouble is not in the ledger yet, and nothing of its answer is in the spool.

        Raises:
            LaterError: the spool has no room for the answer, so nothing was sent.
        """
        self._tell_of_conversion(job, prepared)
        tile = None if prepared.tile is None else prepared.tile.number
        name, asked = spool_names.answer(job, tile), prepared.upload.parameters
        with self._spool.create(name, receiving.reserve_bytes(asked)) as file:
            size = asked.width, asked.height
            attempt = self._ledger.begin_sending(job, asked.price, limits, size, prepared.tile)
            if not isinstance(attempt, int):
                self._spool.remove(name)  # with the room that was set aside
                return attempt
            tiles, key = len(prepared.parameters.tiles), self._fingerprint()  # not of a key that comes meanwhile
            call = Call(job, attempt, asked.price, name, tile, tiles, asked.scale, key)
            try:
                result = self._exchange(call, prepared, receiving.AnswerSink(file, asked), came)
            except _ClaimLostError as error:
                return error.lost
        if isinstance(result, Received):
            return self._keep(call, prepared, result)
        return Sent(call, self._set_aside(call, result))

    def _tell_of_conversion(self, job: Job, prepared: Prepared) -> None:
        if not prepared.converted or job.attempts:  # once is enough
            return
        reasons = "; ".join(prepared.converted)
        self._ledger.note(job, "converted", f"sent as {prepared.upload.picture_format}, not as it is: {reasons}")
        logger.info(
            "Converted %s/%s for the upload: %s", job.folder, on_one_line(job.path), reasons,
            extra={"action": "converted", "job": job.id},
        )  # fmt: skip

    def _exchange(
        self, call: Call, prepared: Prepared, sink: receiving.AnswerSink, came: Came
    ) -> CallResult:  # fmt: skip
        def arm() -> None:
            lost = self._ledger.arm(call)
            if lost is not None:
                raise _ClaimLostError(lost)

        job = call.job
        logger.debug("Sending %s/%s", job.folder, on_one_line(job.path), extra={"action": "sending", "job": job.id})
        try:
            result = self._endpoint.call(prepared.upload, arm, sink.write)
            if isinstance(result, Answered | NotSent | Lost):
                return result
            return self._judged(sink, result, call, came)
        except LaterError as error:
            # Room was set aside, so this is a disk that fails or a file system that cannot set aside.
            return Lost(f"the answer could not be kept: {error}", Traffic(prepared.upload.size), ours=True)

    def _judged(self, sink: receiving.AnswerSink, streamed: Streamed, call: Call, came: Came) -> Received | BadAnswer:
        judged = sink.judge(streamed)
        if not isinstance(judged, Received):
            sink.keep()  # as evidence
            return judged
        came(call, judged.traffic)  # before the disk is waited for
        sink.keep()
        receiving.leave_out(self._spool, call.answer, judged.flaws)
        return judged

    def _keep(self, call: Call, prepared: Prepared, result: Received) -> Sent | ClaimLost:
        scale, job = prepared.upload.parameters.effective_scale, call.job
        if call.tile is not None:
            # Before the ledger gives the job back: another worker may lay the next tile under this name at once.
            self._spool.remove(spool_names.snapshot(job))
            lost = self._ledger.receive_tile(call, result.traffic, scale, whole=prepared.makes_whole(job))
        else:
            lost = self._ledger.receive(call, result.traffic, scale)
        if lost is not None:
            return lost
        self._tell_of_flaws(job, result)
        if call.tile is None and self._is_unchanged(call, result, prepared):
            self._tell_of_no_change(job)
        return Sent(call, result)

    def _tell_of_flaws(self, job: Job, received: Received) -> None:
        if received.flaws:
            reasons = "; ".join(dict.fromkeys(flaw.reason for flaw in received.flaws[:MOST_FLAWS_TOLD]))
            self._ledger.note(job, "mended", f"left out of the answer: {reasons}")
            logger.warning(
                "Mended %s/%s: %s. The answer is published without that; its pixels are whole.",
                job.folder, on_one_line(job.path), reasons, extra={"action": "mended", "job": job.id},
            )  # fmt: skip

    def _tell_of_no_change(self, job: Job) -> None:
        self._ledger.note(job, "unchanged", endpoint.UNCHANGED)
        logger.warning(
            "Unchanged %s/%s: %s. It is published as it came, and paid for.",
            job.folder, on_one_line(job.path), endpoint.UNCHANGED, extra={"action": "unchanged", "job": job.id},
        )  # fmt: skip

    def _is_unchanged(self, call: Call, received: Received, prepared: Prepared) -> bool:
        """Whether the enhancer brought back what it got, which is paid for and worth nothing."""
        upload = prepared.upload
        if upload.parameters.scale != 1 or received.size != upload.size:
            return False
        with self._spool.open(call.answer) as answer, upload.open() as sent:
            return all(
                answer.read(receiving.CHUNK_BYTES) == piece
                for piece in iter(lambda: sent.read(receiving.CHUNK_BYTES), b"")
            )

    def _set_aside(self, call: Call, trouble: Trouble) -> Trouble:
        """Take out of the spool what came; a bad answer is kept as evidence, and its words say where.

        Before the ledger gives the job back: once it has, another worker may lay its own files under these names.
        """
        if isinstance(trouble, BadAnswer):
            try:
                where = f"kept as {self._spool.keep_evidence(call.answer, f'{call.job.id}-{call.attempt}.answer')}"
            except LaterError as error:  # the money is in doubt all the same, and has to be told
                where = f"which could not be kept: {error}"
            trouble = replace(trouble, reason=f"{trouble.reason} ({where})")
        self._spool.remove(call.answer)
        return trouble
