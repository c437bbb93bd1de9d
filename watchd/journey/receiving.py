"""Stage 6: every 200 is checked before it is believed, and is durable in the spool before it counts as received."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.core import endpoint
from watchd.core.calls import BadAnswer, Received
from watchd.core.containers import PngProof
from watchd.core.picture import Incomplete, Picture, Unreadable

if TYPE_CHECKING:
    from watchd.interfaces import Spool, SpoolFile, Streamed
    from watchd.model import Job, Parameters

SPARE_BYTES = 1_000_000
CHUNK = 256 * 1024


def result_name(job: Job) -> str:
    """The spool file of a paid answer."""
    return f"{job.id}.png"


def reserve_bytes(parameters: Parameters) -> int:
    """Room for the answer, set aside before it is paid: a picture with alpha that did not compress at all."""
    return min(endpoint.MAX_ANSWER_BYTES, parameters.width * parameters.height * 4 + SPARE_BYTES)


def salvage(spool: Spool, job: Job) -> int | None:
    """The bytes of an answer that came whole before a crash, made durable now; None if there is none.

    The room that was set aside behind it reads as zeros, which no PNG ends with.
    """
    name = result_name(job)
    proof = PngProof()
    size = held = 0
    try:
        with spool.open(name) as file:
            while piece := file.read(CHUNK):
                told = piece.rstrip(b"\0")
                if told:
                    proof.feed(bytes(held) + told)
                    size += held + len(told)
                    held = 0
                held += len(piece) - len(told)
    except FileNotFoundError:
        return None
    match proof.finish():
        case Picture() as picture if endpoint.size_matches((job.width, job.height), (picture.width, picture.height)):
            spool.cut(name, size)
            return size
        case _:
            return None


class AnswerSink:
    """Takes the body as it comes: into the spool, and through the proof."""

    def __init__(self, file: SpoolFile) -> None:
        self._file = file
        self._proof = PngProof()
        self._size = 0

    def write(self, chunk: bytes) -> bool:
        """Whether to go on: not beyond the size that any answer can have."""
        self._size += len(chunk)
        if self._size > endpoint.MAX_ANSWER_BYTES:
            return False
        self._file.write(chunk)
        self._proof.feed(chunk)
        return True

    def judge(self, streamed: Streamed, parameters: Parameters) -> Received | BadAnswer:
        """Whether this is the picture asked for; if so it is durable when this returns."""
        expected = (parameters.width, parameters.height)
        reason = self._objection_to_message(streamed) or self._picture_or_objection(expected)
        self._file.sync()
        if isinstance(reason, Picture):
            return Received(self._size, reason.width, reason.height, streamed.traffic)
        return BadAnswer(f"the service answered 200 with {reason}", streamed.traffic)

    def _objection_to_message(self, streamed: Streamed) -> str | None:
        if self._size > endpoint.MAX_ANSWER_BYTES:
            return f"more than {endpoint.MAX_ANSWER_BYTES:,} bytes"
        if streamed.encoding.strip().lower() not in {"", "identity"}:
            return f"a body in encoding {streamed.encoding!r}, which was not asked for"
        kind = streamed.content_type
        if kind.partition(";")[0].strip().lower() != "image/png" and isinstance(self._proof.finish(), Picture):
            return f"content type {kind or 'none'!r} instead of image/png"
        return None

    def _picture_or_objection(self, expected: tuple[int, int]) -> Picture | str:
        match self._proof.finish():
            case Picture() as picture:
                if not endpoint.size_matches(expected, (picture.width, picture.height)):
                    return f"{picture.width}x{picture.height} pixels instead of {expected[0]}x{expected[1]}"
                return picture
            case Incomplete(reason):
                return f"a broken picture: {reason}"
            case Unreadable(reason):
                return f"something else than the picture asked for: {reason}"
            case unexpected:
                assert_never(unexpected)
