"""Enters what a folder holds in the ledger: files that are jobs now, and those that are seen and not yet jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchd.interfaces import Clock, SightingBook
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.journey.reporting import Recorder
    from watchd.model import Admission, Steady

logger = logging.getLogger(__name__)


class Registrar:
    """The backlog is reviewed with every entry: the owner may want to see it before it is worked off.

    Threads: the intake's, each with the folder that it is in; `review_at` is the last one's.
    """

    def __init__(
        self, ledger: SightingBook, clock: Clock, recorder: Recorder, review: Callable[[], Steady | None],
        admitted: Callable[[int], None],
    ) -> None:  # fmt: skip
        """`admitted` is told how many jobs may have come, to wake workers.

        `review` is told before new jobs are in the ledger and once they are; it may answer when to tell it again.
        """
        self._ledger = ledger
        self._clock = clock
        self._recorder = recorder
        self._review = review
        self._admitted = admitted
        self.review_at: Steady | None = None

    def review_if_due(self) -> None:
        """Tell of the backlog again where that was asked for."""
        if self.review_at is not None and self.review_at <= self._clock.steady():
            self.review_at = self._review()

    def enter(self, hot: HotFolder, batch: Sequence[Admission]) -> None:
        """Files that were judged are jobs, or ended, or outputs of ours."""
        if not batch:
            return
        self.review_at = self._review()  # while these still count as files to come: a job may be claimed at once
        jobs = self._ledger.admit(batch)
        for admission, job in zip(batch, jobs, strict=True):
            hot.admitted(admission.path, admission.sample)
            if job is None:
                logger.info(
                    "Left alone %s/%s: watchd published it itself", hot.folder.name, on_one_line(admission.path),
                    extra={"action": "own_output"},
                )  # fmt: skip
            elif admission.refusal is None:
                logger.info(
                    "Admitted %s/%s", hot.folder.name, on_one_line(admission.path), extra={"action": "admitted"}
                )
            else:
                self._recorder.refused(hot.folder.name, admission.path, admission.sha256, admission.refusal.words)
        self._admitted(len(batch))  # first: they cost no more than was reckoned when they were to come
        self.review_at = self._review()

    def note(self, hot: HotFolder) -> None:
        """Files that are seen and not yet jobs are in the ledger too: seen is never forgotten."""
        fresh, gone = hot.making.take_unnoted()
        if fresh or gone:
            self._ledger.note_waiting(hot.folder.name, fresh, gone)
