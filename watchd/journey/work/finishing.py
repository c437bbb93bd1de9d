"""How a job comes to its end: its answer published, an earlier result reused, its output there already, or failed."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from watchd.core.outgoing import disposition, reusing, spool_names
from watchd.core.text import on_one_line
from watchd.errors import LaterError, NoSpaceError
from watchd.interfaces import CallBook, JobQueue, ResultBook
from watchd.model import ClaimLost, Failure, FailureKind, Wall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from watchd.core.outgoing.reusing import Made
    from watchd.interfaces import Clock, Spool
    from watchd.journey.reporting import Recorder
    from watchd.journey.work.preparing import Prepared
    from watchd.journey.work.publishing import Publisher
    from watchd.journey.work.reserving import Reserver
    from watchd.model import Folder, Job, Published, Rect


logger = logging.getLogger(__name__)

MOST_KEPT_BYTES = 2_000_000_000
"""Of paid tiles whose pictures have failed, and of answers that another folder may want: the oldest go beyond it."""


class JobBooks(JobQueue, ResultBook, CallBook, Protocol):
    """What of the ledger leading a job needs: the queue, and the tiles and answers of its calls."""


class Finisher:
    """Ends jobs: the ledger first, then people are told, then the spool is cleared.

    Threads: every worker's; it holds nothing that changes.
    """

    def __init__(
        self, publisher: Publisher, reserver: Reserver, recorder: Recorder, ledger: JobBooks, spool: Spool,
        clock: Clock, folders: Sequence[Folder], lost: Callable[[str, str], None], served: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`folders`: all that are configured.

        `lost` is told of a folder and a path whose file was gone; `served` of a folder that has a new output.
        """
        self._folders = folders
        self._served = served
        self._publisher = publisher
        self._reserver = reserver
        self._recorder = recorder
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._lost = lost

    def publish(self, job: Job, folder: Folder) -> None:
        """Publish the paid answer that lies in the spool."""
        tiles = self._tiles(job)
        try:
            published = self._publisher.publish(job, folder, tiles)
        except FileNotFoundError:
            if self._goes_back_for(job, tiles):
                return
            # A ledger put back from a backup may know of answers that are published or lost since.
            words = "its paid answer is no longer in the spool; look for its output first"
            self._ledger.lose_answer(job, Failure(FailureKind.ANSWER_GONE, words))
            return
        self._finish(job, folder, published)

    def safe_tiles(self, job: Job) -> Mapping[int, Rect] | None:
        """Tiles that are paid for and there; None: some are not, and the job has gone back to have them paid again."""
        tiles = self._tiles(job)
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

    def _tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe; none where it is not cut."""
        return self._ledger.tiles(job) if job.tiles else {}

    def _is_there(self, name: str) -> bool:
        return self._size(name) > 0

    def bound_kept_tiles(self) -> None:
        """Tiles of pictures that failed are kept for their next try, as long as there are not too many."""
        sizes: dict[int, int] = {}
        kept = self._ledger.kept_tiles()
        for job_id, number in kept:
            sizes[job_id] = sizes.get(job_id, 0) + self._size(spool_names.tile(job_id, number))
        over = sum(sizes.values()) - MOST_KEPT_BYTES
        for job_id, size in sizes.items():
            if over > 0 and self._ledger.give_up_tiles(job_id):
                self._spool.remove(*(spool_names.tile(*each) for each in kept if each[0] == job_id))
                over -= size

    def has_name(self, job: Job, folder: Folder, prepared: Prepared, made: Made) -> bool:
        """Whether the output has its name reserved; where the folder says `skip` and it is taken, the job is done."""
        taken = self._reserver.reserve(job, folder, prepared, made)
        if taken is None:
            self._skip(job)
        return isinstance(taken, str)

    def reuse(self, job: Job, folder: Folder, prepared: Prepared, results: tuple[Job, ...]) -> None:
        """Make the output from the first of these earlier results that is still there, and is as good as bought."""
        unread: LaterError | None = None
        fit = reusing.fit_to_serve(results, folder.format)
        for earlier in fit:
            try:
                if not (earlier.keeps or self._publisher.fetch(job, folder, earlier)):
                    continue
            except NoSpaceError:
                raise  # of the copy that is made of it
            except LaterError as error:
                unread = error  # the next may be read; where none can, this job waits
                continue
            if self._is_served(job, folder, prepared, earlier):
                return
        if unread is not None:
            raise unread
        if fit:
            self.fail(job, folder, self._gone(fit[0]))
        else:
            self.clear(job)  # while it is still ours
            self._ledger.demand_new(job, reusing.words_for_none(results))

    def _is_served(self, job: Job, folder: Folder, prepared: Prepared, earlier: Job) -> bool:
        """Whether the job came to an end, or went to somebody else, by this result; False: it is not there any more."""
        made = reusing.made(earlier)
        if not self.has_name(job, folder, prepared, made):
            return True
        if earlier.keeps:
            tiles = self._tiles(earlier)
            published = self._publisher.publish_kept(job, folder, earlier, tiles)
            if published is None:
                self._ledger.give_up_answer(earlier.id)
                return False
        else:
            published = self._publisher.publish_fetched(job, folder, earlier)
        self._finish(job, folder, published, served_by=earlier)
        return True

    def _gone(self, earlier: Job) -> Failure:
        paid = self._clock.day_of(earlier.finished_at or Wall(0.0))
        words = f"paid on {paid} as job {earlier.id}, its output is gone; `watchd retry` pays again"
        return Failure(FailureKind.RESULT_GONE, words)

    def _finish(
        self, job: Job, folder: Folder, published: Published | ClaimLost, *, served_by: Job | None = None
    ) -> None:
        if isinstance(published, ClaimLost):
            return
        instead = "" if published.instead_of is None else f", and not under its own name: {published.instead_of}"
        source = "" if served_by is None else f", {_told_of(job, served_by)}"
        keeps = served_by is None and reusing.is_wanted_better(folder, self._folders)
        lost = self._ledger.finish(
            job, published.output, published.sha256,
            reused_from=None if served_by is None else served_by.reused_from or served_by.id,
            detail=f"published as {on_one_line(published.output)}{instead}{source}",
            written=reusing.written_from(served_by, folder.format), keeps=keeps,
            due=disposition.is_due_when_done(folder),
        )  # fmt: skip
        if lost is None:
            self._served(job.folder)
            self._recorder.published(job, published, served_by)
            if keeps:
                self._spool.remove(*spool_names.beside_answer(job))
                self.bound_kept_answers()
            else:
                self.clear(job, self._tiles(job))

    def bound_kept_answers(self) -> None:
        """Answers are kept as long as a folder wants them, and while there are not too many."""
        sizes = {}
        for job in self._ledger.kept_answers():
            tiles = self._tiles(job)
            names = [spool_names.answer(job, number) for number in tiles] or [spool_names.answer(job)]
            sizes[job] = names, sum(self._size(name) for name in names)
        over = sum(size for _, size in sizes.values()) - MOST_KEPT_BYTES
        for job, (names, size) in sizes.items():
            folder = next((one for one in self._folders if one.name == job.folder), None)
            if over > 0 or folder is None or not reusing.is_wanted_better(folder, self._folders):
                self._ledger.give_up_answer(job.id)
                self._spool.remove(*names)
                over -= size

    def _size(self, name: str) -> int:
        with suppress(FileNotFoundError):
            return self._spool.size(name)
        return 0

    def _skip(self, job: Job) -> None:
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


def _told_of(job: Job, served_by: Job) -> str:
    """Where a result comes from that was not bought for this job."""
    words = f"from the result of job {served_by.id}, nothing paid"
    if served_by.parameters != job.parameters:
        words += f": under the profile {served_by.profile} as it was then; `watchd reprocess` buys it anew"
    return words
