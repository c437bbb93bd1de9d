"""Leads files through the first three stages: seen, settled, admitted. One thread, and the only one that scans."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, assert_never

from watchd.core.text import on_one_line
from watchd.journey.arrival import readiness
from watchd.journey.arrival.admitting import NotYet
from watchd.journey.arrival.hot_folder import HotFolder
from watchd.model import AT_ONCE, Admission, after

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from watchd.interfaces import Clock, SightingBook, Tree
    from watchd.journey.arrival.admitting import Admitter
    from watchd.journey.arrival.hints import Hints, Marks
    from watchd.journey.reporting import Recorder
    from watchd.model import Folder, Steady

logger = logging.getLogger(__name__)

VISIT_EVERY_S = 8.0
"""Seconds between two looks at the folders themselves: no event tells of an unmount or of a folder put in its place."""
SCAN_SHARE = 19.0
"""A scan rests for so many times as long as it took: looking at a folder takes 5 % of the time at most."""
HURRIED_SHARE = 4.0
"""The same for scans that events ask for, as where the kernel's queue overflows again and again."""
OFFLINE_EVERY_S = 10.0
"""Seconds at the most between two looks for a folder that is away."""
BATCH = 512
"""Files of one folder admitted at a time: a flood in one holds up no other, and workers start on the first of it."""


class Intake:
    """Owns every HotFolder.

    Threads: `run` is the intake's own, and all that is not named here belongs to it. Others hint (`hints`), and may
    call `adopt`, `poll`, `folders`, `pending` and `stop`; the list of folders and the times of their next scans are
    behind the lock.
    """

    def __init__(
        self, tree: Tree, ledger: SightingBook, clock: Clock, hints: Hints, admitter: Admitter, recorder: Recorder,
        admitted: Callable[[int], None], looked: Callable[[], None],
        review: Callable[[], Steady | None], look_beside: Callable[[Folder, bool], bool],
    ) -> None:  # fmt: skip
        """`admitted` is told how many jobs may have come, to wake workers; `looked`, that a look at all has ended.

        `review` is told before new jobs are in the ledger and once they are; it may answer when to tell it again.
        `look_beside` looks at once, or where it is time, at the folders that files of a folder go to; it answers
        whether they can be used again.
        """
        self._tree = tree
        self._ledger = ledger
        self._clock = clock
        self._hints = hints
        self._admitter = admitter
        self._recorder = recorder
        self._admitted = admitted
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._folders: list[HotFolder] = []
        self._poll: set[str] = set()
        self._next_scan: dict[str, Steady] = {}
        self._rests_until: dict[str, Steady] = {}
        self._looked = looked
        self._review = review
        self._look_beside = look_beside
        self._review_again: Steady | None = None
        self._pending = True
        self._next_visit = AT_ONCE

    def adopt(self, folders: Sequence[Folder], polled: Collection[str], *, as_they_are: bool = False) -> None:
        """Look after these folders from now on; `polled` names those that get no events.

        `as_they_are`: the owner has just said that they are right, so that an empty one is an empty one.
        """
        hot = [self._hot(folder) for folder in folders]
        if as_they_are:
            for one in hot:
                one.accept_as_it_is()
        with self._lock:
            self._folders, self._poll = hot, set(polled)
            self._next_scan = {}
        self._hints.wake()

    def _hot(self, folder: Folder) -> HotFolder:
        name = folder.name
        remembered, was = self._ledger.sightings(name), self._ledger.place(name)
        return HotFolder(folder, self._tree, self._clock, remembered, was, partial(self._ledger.has_work, name))

    def poll(self, name: str, *, polled: bool = True) -> None:
        """A folder gets no events: scan it by its own `poll_every` from now on. Or it gets them again."""
        with self._lock:
            self._poll = {*self._poll, name} if polled else self._poll - {name}
        self._hints.everything(name)

    def folders(self) -> Sequence[HotFolder]:
        """The folders as they stand, to be read only."""
        with self._lock:
            return tuple(self._folders)

    def stop(self) -> None:
        """End after the file at hand."""
        self._stopping.set()
        self._hints.wake()

    def run(self) -> None:
        """Go round whenever there is a hint, or something is due, until told to stop."""
        seconds: float | None = 0.0
        while not self._stopping.is_set():
            seconds = self.turn(seconds)

    def turn(self, seconds: float | None) -> float | None:
        """Wait for a hint, at most so long (None: as long as it takes); then look, settle and admit.

        Returns:
            Seconds until something is due again; None: nothing is.
        """
        hinted = self._hints.take(seconds)
        if self._stopping.is_set():
            return None
        now = self._clock.steady()
        # Before the folders are looked at: what is asked for meanwhile is a hint, and the next turn's.
        visit = hinted.visit or self._next_visit <= now
        if visit:
            self._next_visit = after(now, VISIT_EVERY_S)
        for hot in self.folders():
            self._attend(hot, hinted.of(hot.folder.name), visit=visit)
            if visit and self._look_beside(hot.folder, hinted.visit):
                self._admitted(BATCH)
        if self._review_again is not None and self._review_again <= self._clock.steady():
            self._review_again = self._review()
        self._pending = self._some_pending()
        self._looked()
        return self._until_next()

    def _attend(self, hot: HotFolder, marks: Marks, *, visit: bool) -> None:
        now, name = self._clock.steady(), hot.folder.name
        due = self._next_scan.get(name, 0.0) <= now or (visit and hot.has_moved())
        if marks.everything and not due and now < self._rests_until.get(name, 0.0):
            marks.everything = False
            self._next_scan[name] = min(self._next_scan[name], self._rests_until[name])
        if due or marks.everything or marks.files or marks.folders or marks.lost:
            self._look(hot, marks, everything=due)
        if not hot.standing.online:
            return
        self._note(hot)
        batch: list[Admission] = []
        for path, seen in readiness.settled(hot, self._tree, self._clock.steady()):
            match self._admitter.admit(hot, path, seen):
                case None:
                    continue
                case NotYet(until, delay):
                    hot.making.wait(path, until, delay)
                case Admission() as admission:
                    batch.append(admission)
                case unexpected:
                    assert_never(unexpected)
            if len(batch) >= BATCH or self._stopping.is_set():
                break  # the other folders have their turn; what is left here is due, and comes with the next
        self._commit(hot, batch)
        self._note(hot)

    def _look(self, hot: HotFolder, marks: Marks, *, everything: bool) -> None:
        name, before = hot.folder.name, hot.standing
        began, worked = self._clock.steady(), self._clock.work()
        place = hot.look(marks, everything=everything)
        if everything or marks.everything:
            self._scanned(hot, self._clock.steady() - began, self._clock.work() - worked)
        if place is not None:
            self._ledger.note_place(name, place)
        if not hot.standing.online:
            self._next_scan[name] = after(self._clock.steady(), min(hot.folder.poll_every, OFFLINE_EVERY_S))
            if hot.standing.reason != before.reason:
                logger.warning(
                    "Folder %s is offline: %s. The others go on; it is looked for again every few seconds, and nothing"
                    " about its files is forgotten.", name, hot.standing.reason, extra={"action": "offline"},
                )  # fmt: skip
        elif not before.online:
            logger.info("Folder %s is online", name, extra={"action": "online"})
            self._admitted(BATCH)  # what was queued for it before, in this run or an earlier one, can go on

    def _scanned(self, hot: HotFolder, seconds: float, cpu_seconds: float) -> None:
        """When the next scan is due: by the folder's own interval, and never so often that scans are all we do."""
        name, now = hot.folder.name, self._clock.steady()
        every = hot.folder.poll_every if name in self._poll else hot.folder.rescan_every
        self._next_scan[name] = after(now, max(every, SCAN_SHARE * seconds))
        self._rests_until[name] = after(now, HURRIED_SHARE * seconds)
        if hot.standing.online:
            known, fresh = hot.size()
            logger.debug(
                "Scanned %s: %d files known, %d in the making, in %.3f s", name, known, fresh, seconds,
                extra={
                    "action": "scanned", "folder": name, "files": known, "fresh": fresh, "seconds": seconds,
                    "cpu_seconds": cpu_seconds,
                },
            )  # fmt: skip

    def _commit(self, hot: HotFolder, batch: list[Admission]) -> None:
        if not batch:
            return
        self._review_again = self._review()  # while these still count as files to come: a job may be claimed at once
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
        self._review_again = self._review()
        self._admitted(len(batch))

    def _note(self, hot: HotFolder) -> None:
        """Files that are seen and not yet jobs are in the ledger too: seen is never forgotten."""
        fresh, gone = hot.making.take_unnoted()
        if fresh or gone:
            self._ledger.note_waiting(hot.folder.name, fresh, gone)

    def _until_next(self) -> float | None:
        """Seconds until a look or a scan is due."""
        now = self._clock.steady()
        looks = [hot.making.next_look() for hot in self.folders() if hot.standing.online]
        due = [look for look in looks if look is not None]
        due += [self._next_scan.get(hot.folder.name, now) for hot in self.folders()]
        due.append(self._next_visit)
        due += [] if self._review_again is None else [self._review_again]
        return max(0.0, min(due) - now) if due else None

    def _some_pending(self) -> bool:
        """Whether a folder was not looked at yet, or a file may still become a job by waiting alone."""
        now = self._clock.steady()
        folders = self.folders()
        unseen = any(hot.folder.name not in self._next_scan for hot in folders)
        return unseen or any(hot.standing.online and hot.pending(now) for hot in folders)

    def pending(self) -> bool:
        """As of the last look: whether a file that is seen may still become a job by waiting alone."""
        return self._pending
