"""Stage 3: a settled file is opened safely, read once, proven whole, measured and hashed; then the ledger has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from watchd.core.incoming import settling
from watchd.core.outgoing.disposition import is_due_when_failed
from watchd.core.request import endpoint
from watchd.core.request.appraising import Appraisal, Refused
from watchd.core.text import on_one_line
from watchd.errors import SourceLostError
from watchd.formats.picture import Incomplete
from watchd.journey.examining import Examined
from watchd.model import Admission, Delay, DelayKind, Failure, FailureKind

if TYPE_CHECKING:
    from watchd.core.incoming.settling import Observation
    from watchd.interfaces import Clock, InHand
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.journey.examining import Examiner, FileRead
    from watchd.model import Asked, Folder, Steady


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotYet:
    """The file is looked at again at `until` (steady seconds)."""

    until: Steady
    delay: Delay


class Admitter:
    """Judges one settled file at a time; nothing is paid for here, and no pixel is decoded."""

    def __init__(self, examiner: Examiner, clock: Clock, in_hand: InHand, *, once: bool) -> None:
        """`once`: a truncated file is given up sooner: nobody waits for its rest."""
        self._in_hand = in_hand
        self._examiner = examiner
        self._clock = clock
        self._once = once

    def admit(self, hot: HotFolder, path: str, seen: Observation) -> Admission | NotYet | None:
        """What becomes of it, as it was last `seen`; None: it changed or went meanwhile, and is seen anew.

        Whatever goes wrong with one file, a fault of ours included, is that file's trouble alone.
        """
        try:
            return self._admit(hot, path, seen)
        except Exception:
            logger.exception(
                "Internal error with %s/%s; it is looked at again later, the others go on. Please report this.",
                hot.folder.name, on_one_line(path), extra={"action": "internal_error"},
            )  # fmt: skip
            words = "it cannot be read: internal error, see the log"
            return NotYet(settling.look_again(seen, self._clock.steady()), Delay(DelayKind.UNREADABLE, words))

    def _admit(self, hot: HotFolder, path: str, seen: Observation) -> Admission | NotYet | None:
        sample = seen.sample
        with self._in_hand.reading(f"{hot.root}/{path}", f"{sample.size} {sample.mtime_ns}") as may:
            return self._look_into(hot, path, seen, may=may)

    def _look_into(self, hot: HotFolder, path: str, seen: Observation, *, may: bool) -> Admission | NotYet | None:
        try:
            file = self._examiner.read(hot.root, path) if may else self._examiner.unread(hot.root, path)
        except SourceLostError as error:
            return self._seen_anew(hot, path, seen, str(error))
        except OSError as error:
            delay = Delay(DelayKind.UNREADABLE, f"it cannot be read: {error.strerror}")
            return NotYet(settling.look_again(seen, self._clock.steady()), delay)
        if file.sample != seen.sample:
            return self._seen_anew(hot, path, seen, "it changed a moment ago")
        return self._judge(hot.folder, path, file, seen)

    def _seen_anew(self, hot: HotFolder, path: str, seen: Observation, reason: str) -> NotYet | None:
        """It was not what the last look saw; if a new look sees that all the same, it is given time."""
        hot.look_at_file(path, proven=False)
        if hot.making.observation(path) == seen:
            return NotYet(settling.look_again(seen, self._clock.steady()), Delay(DelayKind.CHANGED, reason))
        return None

    def _judge(self, folder: Folder, path: str, file: FileRead, seen: Observation) -> Admission | NotYet:
        now, given_up = self._clock.steady(), settling.truncated_at(seen, folder.settle, once=self._once)
        match self._examiner.judge(file, folder, given_up=now >= given_up):
            case Examined(_, Appraisal(original, planned)) as examined:
                asked = replace(endpoint.asked(planned, folder.profile), picture=examined.known_by())
                return replace(_admission(folder, path, file, asked), besides=original.besides)
            case Incomplete(reason):
                if now < given_up:
                    delay = Delay(DelayKind.INCOMPLETE, f"it is not complete: {reason}")
                    return NotYet(min(given_up, settling.look_again(seen, now)), delay)
                words = f"truncated: {reason}, and nothing more came"
                return _admission(folder, path, file, Failure(FailureKind.TRUNCATED, words))
            case Refused(reason):
                return _admission(folder, path, file, Failure(FailureKind.UNFIT, reason))
            case unexpected:
                assert_never(unexpected)


def _admission(folder: Folder, path: str, file: FileRead, end: Asked | Failure) -> Admission:
    asked, refusal = (None, end) if isinstance(end, Failure) else (end, None)
    return Admission(
        folder.name, path, file.sample, file.sha256, folder.profile.name, folder.priority, folder.chain, asked, refusal,
        due=refusal is not None and is_due_when_failed(folder, refusal.kind),
    )  # fmt: skip
