"""How a job comes to its end: its answer published, an earlier result reused, its output there already, or failed."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from watchd.core.outgoing import disposition, spool_names
from watchd.core.text import on_one_line
from watchd.errors import LaterError, NameUnavailableError, NoSpaceError
from watchd.interfaces import CallBook, JobQueue
from watchd.model import ClaimLost, Failure, FailureKind, Wall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from watchd.interfaces import Clock, Spool
    from watchd.journey.reporting import Recorder
    from watchd.journey.work.publishing import Publisher
    from watchd.model import Folder, Job, Published, Rect


logger = logging.getLogger(__name__)

MOST_KEPT_BYTES = 2_000_000_000
"""Of paid tiles whose pictures have failed; beyond it those that failed first are given up."""


class JobBooks(JobQueue, CallBook, Protocol):
    """What of the ledger leading a job needs: the queue, and the tiles and answers of its calls."""


class Finisher:
    """Ends jobs: the ledger first, then people are told, then the spool is cleared.

    Threads: every worker's; it holds nothing that changes.
    """

    def __init__(
        self, publisher: Publisher, recorder: Recorder, ledger: JobBooks, spool: Spool, clock: Clock,
        lost: Callable[[str, str], None], served: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`lost` is told of a folder and a path whose file was gone; `served` of a folder that has a new output."""
        self._served = served
        self._publisher = publisher
        self._recorder = recorder
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._lost = lost

    def publish(self, job: Job, folder: Folder) -> None:
        """Publish the paid answer that lies in the spool."""
        tiles = self._ledger.tiles(job) if job.tiles else {}
        try:
            published = self._publisher.publish(job, folder, tiles)
        except FileNotFoundError:
            if self._goes_back_for(job, tiles):
                return
            # A ledger put back from a backup may know of answers that are published or lost since.
            words = "its paid answer is no longer in the spool; look for its output first"
            self._ledger.lose_answer(job, Failure(FailureKind.ANSWER_GONE, words))
            return
        self._finish(job, folder, published, reused_from=None, price=job.booked)

    def safe_tiles(self, job: Job) -> Mapping[int, Rect] | None:
        """Tiles that are paid for and there; None: some are not, and the job has gone back to have them paid again."""
        tiles = self._ledger.tiles(job) if job.tiles else {}
        return None if self._goes_back_for(job, tiles) else tiles

    def _goes_back_for(self, job: Job, tiles: Collection[int]) -> bool:
        """Whether any of these, which the ledger has as safe, is nowhere; then the job goes back, to pay for it."""
        gone = [number for number in tiles if not self._is_there(spool_names.answer(job, number))]
        if gone and self._ledger.lose_tiles(job, gone) is None:
            self._ledger.release(job)
            logger.warning(
                "%d paid tiles of %s/%s are no longer in the spool: these are paid again, the other %d are not.",
                len(gone), job.folder, on_one_line(job.path), job.tiles - len(gone),
                extra={"action": "tiles_lost", "job": job.id},
            )  # fmt: skip
        return bool(gone)

    def _is_there(self, name: str) -> bool:
        try:
            return self._spool.size(name) > 0
        except FileNotFoundError:
            return False

    def bound_kept_tiles(self) -> None:
        """Tiles of pictures that failed are kept for their next try, as long as there are not too many."""
        sizes: dict[int, int] = {}
        kept = self._ledger.kept_tiles()
        for job_id, number in kept:
            with suppress(FileNotFoundError):
                sizes[job_id] = sizes.get(job_id, 0) + self._spool.size(spool_names.tile(job_id, number))
        over = sum(sizes.values()) - MOST_KEPT_BYTES
        for job_id, size in sizes.items():
            if over > 0 and self._ledger.give_up_tiles(job_id):
                self._spool.remove(*(spool_names.tile(*each) for each in kept if each[0] == job_id))
                over -= size

    def reuse(self, job: Job, folder: Folder, results: tuple[Job, ...]) -> None:
        """Make the output from the first of these earlier results that is still there."""
        unread: LaterError | None = None
        for earlier in results:
            try:
                published = self._publisher.reuse(job, folder, earlier)
            except (NameUnavailableError, NoSpaceError):
                raise  # of what is made of it
            except LaterError as error:
                unread = error  # the next may be read; where none can, this job waits
                continue
            if published is not None:
                self._finish(job, folder, published, reused_from=earlier.reused_from or earlier.id, price=0)
                return
        if unread is not None:
            raise unread
        self.fail(job, folder, self._gone(results[0]))

    def _gone(self, earlier: Job) -> Failure:
        paid = self._clock.day_of(earlier.finished_at or Wall(0.0))
        words = f"paid on {paid} as job {earlier.id}, its output is gone; `watchd retry` pays again"
        return Failure(FailureKind.RESULT_GONE, words)

    def _finish(
        self, job: Job, folder: Folder, published: Published | ClaimLost, *, reused_from: int | None, price: int
    ) -> None:
        if isinstance(published, ClaimLost):
            return
        instead = "" if published.instead_of is None else f", and not under its own name: {published.instead_of}"
        lost = self._ledger.finish(
            job, published.output, published.sha256, reused_from=reused_from,
            detail=f"published as {on_one_line(published.output)}{instead}", due=disposition.is_due_when_done(folder),
        )  # fmt: skip
        if lost is None:
            self._served(job.folder)
            self._recorder.published(job, published, price, reused_from)
            self.clear(job, self._ledger.tiles(job) if job.tiles else ())

    def skip(self, job: Job) -> None:
        """Its output is there, and the folder says to leave it."""
        words = "its output is there: `on_collision: skip`"
        if self._ledger.finish(job, None, None, reused_from=None, detail=words) is None:
            self._recorder.skipped(job)
            self.clear(job)

    def fail(self, job: Job, folder: Folder, failure: Failure) -> None:
        """End it without a call."""
        self.clear(job)  # before the ledger has it as failed: from then on `retry` may give it to another worker
        due = disposition.is_due_when_failed(folder, failure.kind)
        if self._ledger.fail(job, failure, due=due) is None:
            if failure.kind is FailureKind.GONE:
                self._lost(job.folder, job.path)
            self._recorder.ended(job, failure.words)

    def clear(self, job: Job, tiles: Collection[int] = ()) -> None:
        """Take its files out of the spool, but for answers that are paid for; with these `tiles`, those too."""
        self._spool.remove(*spool_names.passing(job), *spool_names.paid(job, tiles))
