"""Leads files through the first three stages: seen, settled, admitted. One thread goes round, and alone scans.

Where it does not come back from a folder, another goes round in its place: that folder waits for the one who is in it,
and the others have their turn.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, assert_never

from watchd.core.incoming import unread
from watchd.journey.arrival import readiness
from watchd.journey.arrival.admitting import NotYet
from watchd.journey.arrival.hot_folder import HotFolder
from watchd.journey.arrival.registrar import Registrar
from watchd.journey.arrival.relay import Relay
from watchd.journey.arrival.scan_times import ScanTimes
from watchd.journey.arrival.watches import NoWatches
from watchd.model import AT_ONCE, Admission, after

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from watchd.interfaces import Clock, SightingBook, Tree
    from watchd.journey.arrival.admitting import Admitter
    from watchd.journey.arrival.hints import Hinted, Hints, Marks
    from watchd.journey.arrival.identifying import Identifier
    from watchd.journey.arrival.watches import Watches
    from watchd.journey.reporting import Recorder
    from watchd.model import Folder, Steady

logger = logging.getLogger(__name__)

VISIT_EVERY_S = 8.0
"""Seconds between two looks at the folders themselves: no event tells of an unmount or of a folder put in its place."""
BATCH = 512
"""Files of one folder admitted at a time: a flood in one holds up no other, and workers start on the first of it."""


class Intake:
    """Owns every HotFolder.

    Threads: one leads, in `run`; all that is not named here belongs to it, and a folder to whoever is in it. One that
    has lost the lead ends with the folder that it is in. Others hint (`hints`), and may call `adopt`, `poll`,
    `folders`, `pending` and `stop`; the list of folders is behind the lock.
    """

    def __init__(
        self, tree: Tree, ledger: SightingBook, clock: Clock, hints: Hints, admitter: Admitter, recorder: Recorder,
        identifier: Identifier,
        admitted: Callable[[int], None], looked: Callable[[], None],
        review: Callable[[], Steady | None], look_beside: Callable[[Folder, bool], bool],
        silent: Callable[[], Collection[str]],
    ) -> None:  # fmt: skip
        """`admitted` is told how many jobs may have come, to wake workers; `looked`, that a look at all has ended.

        `review` is told before new jobs are in the ledger and once they are; it may answer when to tell it again.
        `look_beside` looks at once, or where it is time, at the folders that files of a folder go to; it answers
        whether they can be used again. `silent`: folders whose shares do not answer.
        """
        self._tree = tree
        self._ledger = ledger
        self._clock = clock
        self._hints = hints
        self._admitter = admitter
        self._identifier = identifier
        self._told_unread: dict[str, set[str]] = defaultdict(set)
        self._registrar = Registrar(ledger, clock, recorder, review, admitted)
        self._admitted = admitted
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._folders: list[HotFolder] = []
        self._times = ScanTimes(clock)
        self._looked = looked
        self._look_beside = look_beside
        self._silent = silent
        self._pending = True
        self._next_visit = AT_ONCE
        self._watches: Watches = NoWatches()
        self._relay = Relay()

    def adopt(self, folders: Sequence[Folder], polled: Collection[str], *, as_they_are: bool = False) -> None:
        """Look after these folders from now on; `polled` names those that get no events.

        `as_they_are`: the owner has just said that they are right, so that an empty one is an empty one.
        """
        hot = [self._hot(folder) for folder in folders]
        if as_they_are:
            for one in hot:
                one.accept_as_it_is()
        with self._lock:
            self._folders, self._times = hot, ScanTimes(self._clock, polled)
        self._hints.wake()

    def watched_by(self, watches: Watches) -> None:
        """Let the folders' watches be looked after with the folders; before the first turn."""
        self._watches = watches

    def _hot(self, folder: Folder) -> HotFolder:
        name = folder.name
        remembered, was = self._ledger.sightings(name), self._ledger.place(name)
        return HotFolder(folder, self._tree, self._clock, remembered, was, partial(self._ledger.has_work, name))

    def poll(self, name: str, *, polled: bool = True, scan: bool = True) -> None:
        """A folder gets no events: scan it by its own `poll_every` from now on, and at once. Or it gets them again."""
        self._times.poll(name, polled=polled)
        if scan:
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
        """Go round whenever there is a hint, or something is due, until told to stop, or another thread does this."""
        self._relay.take_the_lead()
        seconds: float | None = 0.0
        while not self._stopping.is_set() and self._relay.leads():
            seconds = self.turn(seconds)

    def turn(self, seconds: float | None) -> float | None:
        """Wait for a hint, at most so long (None: as long as it takes); then look, settle and admit.

        Returns:
            Seconds until something is due again; None: nothing is.
        """
        self._owe(self._hints.take(seconds))
        if self._stopping.is_set():
            return None
        for hot in self.folders():
            if self._relay.leads():
                self._go_in(hot)
        if not self._relay.leads():
            self._hints.wake()  # for whoever leads now, who passed over the folder that this thread was in
            return None
        self._registrar.review_if_due()
        self._pending = self._some_pending()
        self._looked()
        return self._until_next()

    def _owe(self, hinted: Hinted) -> None:
        """Put down what is to be done in each folder, for whoever comes to do it."""
        now = self._clock.steady()
        # Before the folders are looked at: what is asked for meanwhile is a hint, and the next turn's.
        visits: list[str] = []
        if hinted.visit or self._next_visit <= now:
            self._next_visit = after(now, VISIT_EVERY_S)
            self._watches.begin_round()
            visits = [hot.folder.name for hot in self.folders()]
        self._relay.owe(hinted.marks, visits, asked=hinted.visit)

    def _go_in(self, hot: HotFolder) -> None:
        with self._relay.within(hot.folder.name) as owed:
            if owed is None:
                return
            self._attend(hot, owed.marks, visit=owed.visit)
            if owed.visit:
                self._watches.tend(hot)
                if self._look_beside(hot.folder, owed.asked):
                    self._admitted(BATCH)

    def _attend(self, hot: HotFolder, marks: Marks, *, visit: bool) -> None:
        name = hot.folder.name
        due = self._times.is_due(name) or (visit and hot.has_moved())
        if not due:
            self._times.let_rest(name, marks)
        if due or marks.everything or marks.files or marks.folders or marks.lost:
            self._look(hot, marks, everything=due)
        if not hot.standing.online:
            return
        self._registrar.note(hot)
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
        self._registrar.enter(hot, batch)
        self._registrar.note(hot)
        if not batch:
            self._identifier.turn(hot)

    def _look(self, hot: HotFolder, marks: Marks, *, everything: bool) -> None:
        name, before = hot.folder.name, hot.standing
        if not before.online:
            self._watches.watch_first(hot)
        began, worked = self._clock.steady(), self._clock.work()
        place = hot.look(marks, everything=everything)
        if everything or marks.everything:
            self._scanned(hot, self._clock.steady() - began, self._clock.work() - worked)
        if place is not None:
            self._ledger.note_place(name, place)
        if hot.standing.unread.keys() - self._told_unread[name]:
            self._tell_of_unread(name, hot.standing.unread)
        if not hot.standing.online:
            self._times.is_away(hot.folder)
            if hot.standing.reason != before.reason:
                logger.warning(
                    "Folder %s is offline: %s. The others go on; it is looked for again every few seconds, and nothing"
                    " about its files is forgotten.", name, hot.standing.reason, extra={"action": "offline"},
                )  # fmt: skip
        elif not before.online:
            logger.info("Folder %s is online", name, extra={"action": "online"})
            self._admitted(BATCH)  # what was queued for it before, in this run or an earlier one, can go on

    def _tell_of_unread(self, name: str, found: Mapping[str, int]) -> None:
        """Once for each kind: whoever drops them waits for nothing."""
        self._told_unread[name] |= found.keys()
        logger.warning(
            "In folder %s lie files that look like pictures and are not read: %s. They are left alone; export them as"
            " JPEG, PNG or TIFF.", name, unread.in_words(found), extra={"action": "unread"},
        )  # fmt: skip

    def _scanned(self, hot: HotFolder, seconds: float, cpu_seconds: float) -> None:
        name = hot.folder.name
        self._times.scanned(hot.folder, seconds)
        if hot.standing.online:
            known, fresh = hot.size()
            logger.debug(
                "Scanned %s: %d files known, %d in the making, in %.3f s", name, known, fresh, seconds,
                extra={
                    "action": "scanned", "folder": name, "files": known, "fresh": fresh, "seconds": seconds,
                    "cpu_seconds": cpu_seconds,
                },
            )  # fmt: skip

    def _until_next(self) -> float:
        """Seconds until a look or a scan is due."""
        now = self._clock.steady()
        free = [hot for hot in self.folders() if self._relay.is_free(hot.folder.name)]
        online = [hot for hot in free if hot.standing.online]
        perhaps = [hot.making.next_look() for hot in online] + [self._registrar.review_at]
        perhaps += [self._identifier.next_of(hot.folder.name) for hot in online]
        perhaps += [self._next_visit, *(self._times.next_of(hot.folder.name) for hot in free)]
        return max(0.0, min(moment for moment in perhaps if moment is not None) - now)

    def _some_pending(self) -> bool:
        """Whether a folder was not looked at yet, or a file may still become a job by waiting alone."""
        now, silent = self._clock.steady(), self._silent()
        folders = [hot for hot in self.folders() if hot.folder.name not in silent]
        unseen = any(not self._times.is_seen(hot.folder.name) for hot in folders)
        return unseen or any(hot.standing.online and hot.pending(now) for hot in folders)

    def pending(self) -> bool:
        """As of the last look: whether a file that is seen may still become a job by waiting alone."""
        return self._pending
