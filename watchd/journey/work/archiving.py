"""Stage 9: the original is touched last, after its output is safe, or after it has failed, and only if it is asked for.

The ledger says for which jobs something is still to be done, so a crash at any moment leaves it to the next start. A
folder that cannot be written is one warning, however many originals it has; they stay, and are tried again in silence.
"""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING, Protocol, assert_never

from watchd.core.outgoing import disposition, naming
from watchd.core.outgoing.disposition import Delete, Keep, Move
from watchd.core.text import display, on_one_line
from watchd.errors import LaterError, SourceLostError
from watchd.interfaces import CallBook, OriginalBook
from watchd.model import JobState, after

if TYPE_CHECKING:
    from watchd.interfaces import Clock, Originals, Outputs
    from watchd.journey.reporting import Recorder
    from watchd.model import Folder, Job, Place

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 600.0
"""Seconds until what could not be done with an original is tried again."""


class OriginalBooks(OriginalBook, CallBook, Protocol):
    """What of the ledger this stage needs: its originals, and how the last call of a job ended."""


class Archiver:
    """Does what a folder wants done with the originals of its ended jobs.

    Threads: every worker's; `_warned` is kept by folder, and a warning too many is all that two can make of it.
    """

    def __init__(
        self, originals: Originals, outputs: Outputs, ledger: OriginalBooks, recorder: Recorder, clock: Clock
    ) -> None:
        self._originals = originals
        self._outputs = outputs
        self._ledger = ledger
        self._recorder = recorder
        self._clock = clock
        self._warned: dict[str, str] = {}

    def attend(self, job: Job, folder: Folder, place: Place) -> None:
        """Move or delete the original of a claimed job, or put it off."""
        step = disposition.step(job, folder)
        if isinstance(step, Keep):
            self._ledger.end_original(job, None, f"it stays: {step.reason}")
            if job.besides is not None:
                self._tell_of_staying(job, step.reason)
            return
        try:
            self._carry_out(job, folder, place, step)
        except SourceLostError as lost:
            self._ledger.end_original(job, None, f"left alone: {lost}")
            self._tell_of_staying(job, str(lost))
        except LaterError as error:
            self._put_off(job, str(error))
        except OSError as error:
            self._put_off(job, f"{folder.path}: {error.strerror}")
        else:
            self._warned.pop(job.folder, None)

    def _carry_out(self, job: Job, folder: Folder, place: Place, step: Delete | Move) -> None:
        if job.state is JobState.DONE:
            self._outputs.make_ready(folder.output, 0)  # its share may be away, and then nothing can be said of it
        match step:
            case Delete():
                self._make_sure_of_output(job, folder)
                self._originals.delete(place.root, job.path, job.sha256)
                self._ledger.end_original(job, None, "deleted: its output is safe")
                logger.info(
                    "Deleted the original %s/%s: its output is safe", job.folder, on_one_line(job.path),
                    extra={"action": "deleted", "job": job.id},
                )  # fmt: skip
            case Move(target, reason):
                self._move(job, folder, place, target, reason)
            case unexpected:
                assert_never(unexpected)

    def _make_sure_of_output(self, job: Job, folder: Folder) -> None:
        if job.state is not JobState.DONE:
            return
        if job.output is not None:
            root, path = naming.beneath(job.output, folder.output)
            if self._outputs.digest(root, path) == job.output_sha256:
                return
        raise SourceLostError("its output is not there as it was published, so the original stays")

    def _move(self, job: Job, folder: Folder, place: Place, target: str, reason: str | None) -> None:
        because = "" if reason is None else f" and not deleted: {reason}"
        self._originals.make_ready(target)  # before any file is read for it
        moved = self._moved_to(job, folder, place, target)
        if moved is None:
            return
        if self._ledger.end_original(job, moved, f"moved to {display(moved)}{because}") is not None:
            # The owner has taken the job up again meanwhile, and it is looked for in its place.
            self._originals.bring_back(moved, place.root, job.path, job.sha256)
            return
        logger.info(
            "Moved the original %s/%s to %s%s", job.folder, on_one_line(job.path), on_one_line(moved), because,
            extra={"action": "moved", "job": job.id},
        )  # fmt: skip
        if job.state is JobState.FAILED:
            note = self._recorder.failed_and_moved(job, moved, self._ledger.last_call(job.id))
            if note is not None:
                self._ledger.note_written(job, *note)

    def _moved_to(self, job: Job, folder: Folder, place: Place, target: str) -> str | None:
        """Where it is now, absolute; None: the claim is lost. The ledger has each name before it is tried."""
        paths = naming.candidates(job.path)
        if job.moving is not None and job.moving.startswith(f"{target}/"):
            paths = chain([job.moving[len(target) + 1 :]], paths)  # a run that was killed may have come as far as this
        for path in paths:
            moving = f"{target}/{path}"
            if moving != job.moving and not self._originals.is_free(target, path):
                continue
            self._make_sure_of_output(job, folder)
            if moving != job.moving and self._ledger.plan_move(job, moving) is not None:
                return None
            if self._originals.move(place.root, job.path, job.sha256, target, path):
                return moving
        raise LaterError(f"{naming.SUFFIXES:,} names like {on_one_line(job.path)} are taken in {target}: remove some")

    def _tell_of_staying(self, job: Job, why: str) -> None:
        logger.warning(
            "The original %s/%s stays where it is: %s", job.folder, on_one_line(job.path), why,
            extra={"action": "original_kept", "job": job.id},
        )  # fmt: skip

    def _put_off(self, job: Job, reason: str) -> None:
        if self._warned.get(job.folder) != reason:  # once for each reason, whatever number of files it concerns
            self._warned[job.folder] = reason
            logger.warning(
                "Originals of %s stay where they are: %s. Their outputs are safe and nothing is paid again; it is tried"
                " again every %d minutes.", job.folder, reason, AGAIN_AFTER_S // 60,
                extra={"action": "original_kept", "job": job.id},
            )  # fmt: skip
        self.put_off(job)

    def put_off(self, job: Job, wait: float | None = None) -> None:
        """Give it back for a while: `wait` seconds, or as long as anything that could not be done."""
        seconds = AGAIN_AFTER_S if wait is None else wait
        self._ledger.put_off_original(job, after(self._clock.steady(), seconds))

    def bring_back(self, job: Job, place: Place) -> None:
        """A job that is taken up again gets its original back, if its place is free.

        Raises:
            LaterError: the hot folder cannot be written at present.
        """
        if job.moved is None or not self._originals.bring_back(job.moved, place.root, job.path, job.sha256):
            return
        if self._ledger.bring_back(job, job.moved) is None:
            self._recorder.brought_back(job, job.moved)
