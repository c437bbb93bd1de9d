"""Files that an earlier version has finished are read once more, to know what was sent of each.

What a picture is paid for by is what leaves; an earlier version noted the file's own bytes alone, and a rating changes
those. The old bytes are gone then, so they are looked at while they are there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from watchd.core.text import on_one_line
from watchd.errors import SourceLostError
from watchd.journey.examining import Examined
from watchd.model import AT_ONCE, after

if TYPE_CHECKING:
    from watchd.interfaces import Clock, InHand, SightingBook
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.journey.examining import Examiner
    from watchd.model import Job, Steady

logger = logging.getLogger(__name__)

REST = 4.0
"""A file is followed by a rest so many times as long: a fifth of the time at most goes into it."""
UNREADABLE_S = 600.0


class Identifier:
    """One file at a time, where nothing else is to do.

    Threads: the intake's, each with the folder that it is in.
    """

    def __init__(self, ledger: SightingBook, examiner: Examiner, clock: Clock, in_hand: InHand) -> None:
        self._ledger = ledger
        self._examiner = examiner
        self._clock = clock
        self._in_hand = in_hand
        self._due: dict[str, Steady | None] = {}

    def next_of(self, folder: str) -> Steady | None:
        """When the next file of a folder is due; None: there is none left."""
        return self._due.get(folder, AT_ONCE)

    def turn(self, hot: HotFolder) -> None:
        """One file, if it is time."""
        name, began = hot.folder.name, self._clock.steady()
        due = self.next_of(name)
        if due is None or due > began:
            return
        job = self._ledger.unidentified(name)
        if job is None:
            if name in self._due:
                logger.info("What an earlier version finished in %s is known now", name, extra={"action": "identified"})
            self._due[name] = None
            return
        if name not in self._due:
            logger.info(
                "An earlier version has finished files in %s: each is read once more, slowly, so that a rating or a"
                " caption given to it later costs nothing.", name, extra={"action": "identifying"},
            )  # fmt: skip
        try:
            picture = self._known_by(hot, job)
        except OSError as error:
            logger.debug("%s/%s cannot be read: %s", name, on_one_line(job.path), error.strerror)
            self._due[name] = after(began, UNREADABLE_S)
            return
        except Exception:
            # A fault of our own: this file stays as it was known, and the folder goes on.
            logger.exception(
                "Internal error with %s/%s, which is done; the others go on. Please report this.",
                name, on_one_line(job.path), extra={"action": "internal_error"},
            )  # fmt: skip
            picture = None
        self._ledger.identify(job, picture)
        now = self._clock.steady()
        self._due[name] = after(now, REST * (now - began))

    def _known_by(self, hot: HotFolder, job: Job) -> str | None:
        """What is sent of the file that was finished; None: it does not lie there any more, or nothing can be said."""
        with self._in_hand.reading(f"{hot.root}/{job.path}", f"finished {job.sha256}") as may:
            if not may:
                return None
            try:
                file = self._examiner.read(hot.root, job.path)
            except SourceLostError:
                return None
            if file.sha256 != job.sha256:
                return None
            examined = self._examiner.judge(file, hot.folder, given_up=True)
            return examined.known_by() if isinstance(examined, Examined) else None
