"""Stage 6: every 200 is checked before it is believed, and is durable in the spool before it counts as received."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.core.calls.outcomes import BadAnswer, Received
from watchd.core.request import endpoint
from watchd.formats.containers import PngProof
from watchd.formats.picture import Incomplete, Picture, Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.formats.png.structure import Blemish
    from watchd.interfaces import Spool, SpoolFile, Streamed
    from watchd.model import Interrupted, Parameters

SPARE_BYTES = 1_000_000
CHUNK_BYTES = 256 * 1024


def reserve_bytes(parameters: Parameters) -> int:
    """Room for the answer, set aside before it is paid: a picture with alpha that did not compress at all."""
    return min(endpoint.MAX_ANSWER_BYTES, parameters.width * parameters.height * 4 + SPARE_BYTES)


def salvage(spool: Spool, interrupted: Interrupted) -> int | None:
    """The bytes of an answer that came whole before a crash, made durable now; None if there is none.

    The room that was set aside behind it reads as zeros, which no PNG ends with.
    """
    name = interrupted.call.answer
    expected = interrupted.width, interrupted.height
    proof = PngProof()
    size = held = 0
    try:
        with spool.open(name) as file:
            while piece := file.read(CHUNK_BYTES):
                told = piece.rstrip(b"\0")
                if told:
                    proof.feed(bytes(held) + told)
                    size += held + len(told)
                    held = 0
                held += len(piece) - len(told)
    except FileNotFoundError:
        return None
    match proof.finish():
        case Picture() as picture if endpoint.size_matches(expected, (picture.width, picture.height)):
            spool.cut(name, size)
            leave_out(spool, name, proof.flaws)
            return size
        case _:
            return None


def leave_out(spool: Spool, name: str, flaws: Sequence[Blemish]) -> None:
    """Take chunks out of an answer that no program needs and some stumble over. Raises LaterError."""
    if flaws:
        spool.leave_out(name, [(flaw.start, flaw.end) for flaw in flaws])


class AnswerSink:
    """Takes the body as it comes: into the spool, and through the proof."""

    def __init__(self, file: SpoolFile, parameters: Parameters) -> None:
        """`parameters`: what was asked for."""
        self._file = file
        self._expected = (parameters.width, parameters.height)
        self._proof = PngProof()
        self._wrong_size: str | None = None
        self._size = 0

    def write(self, chunk: bytes) -> bool:
        """Whether to go on: not beyond the size that any answer can have."""
        self._size += len(chunk)
        if self._size > endpoint.MAX_ANSWER_BYTES:
            return False
        self._file.write(chunk)
        if self._wrong_size is None:
            self._proof.feed(chunk)
            self._look_at_header()
        return True

    def _look_at_header(self) -> None:
        """A picture of another size is kept as evidence, and no time goes into its pixels, however many it claims."""
        header = self._proof.header
        if header is not None and not endpoint.size_matches(self._expected, (header.width, header.height)):
            width, height = self._expected
            self._wrong_size = f"{header.width}x{header.height} pixels instead of {width}x{height}"

    def judge(self, streamed: Streamed) -> Received | BadAnswer:
        """Whether this is the picture asked for, which is not durable yet.

        What is proven is taken whatever the message says of it: who calls pictures otherwise from one day
        to the next still sends what is paid for.
        """
        too_much = f"more than {endpoint.MAX_ANSWER_BYTES:,} bytes" if self._size > endpoint.MAX_ANSWER_BYTES else None
        reason = too_much or self._wrong_size or self._picture_or_objection()
        if isinstance(reason, Picture):
            return Received(self._size, reason.width, reason.height, streamed.traffic, (*self._proof.flaws,))
        encoding = streamed.encoding.strip().lower()
        if encoding not in {"", "identity"}:
            reason += f", in encoding {encoding!r}, which was not asked for"
        return BadAnswer(f"the service answered 200 with {reason}", streamed.traffic)

    def keep(self) -> None:
        """Make all that came durable. Raises LaterError."""
        self._file.sync()

    def _picture_or_objection(self) -> Picture | str:
        match self._proof.finish():
            case Picture() as picture:
                return picture
            case Incomplete(reason):
                return f"a broken picture: {reason}"
            case Unreadable(reason):
                return f"something else than the picture asked for: {reason}"
            case unexpected:
                assert_never(unexpected)
