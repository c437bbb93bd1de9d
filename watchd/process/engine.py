"""The journey under one configuration with its threads, started and stopped in order.

`run` and `once` use the same engine; what differs is who feeds it and who waits for it. A reload ends one engine and
starts another on the same ledger and the same gate.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from watchd.adapters.filesystem.notes import FileNotes
from watchd.adapters.filesystem.originals import FileOriginals
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.adapters.filesystem.presence import ThreadPresence
from watchd.adapters.filesystem.roots import Roots
from watchd.adapters.filesystem.spool import FileSpool
from watchd.adapters.filesystem.target_folders import TargetFolders
from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.http.client import HttpEndpoint
from watchd.config import glance
from watchd.core.calls import scheduling
from watchd.core.calls.gating import Hold
from watchd.errors import LaterError, LedgerError, WatchdError
from watchd.journey.work.recovering import recover
from watchd.process.keys import KeyRing
from watchd.process.lookout import LOOK_EVERY_S, Lookout
from watchd.process.wiring import Journey, Outside, policy_of
from watchd.process.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from watchd.journey.work.dispatching import Claim
    from watchd.model import Settings
    from watchd.process.host import Host

logger = logging.getLogger(__name__)

LEFT_AFTER_S = 10.0
"""An end waits for whoever comes further at a share within so many seconds."""
AHEAD = 2
"""Workers beyond the calls in flight: they snapshot, hash and claim what comes next while the others fly."""


class Engine:
    """Everything that works on files, for one configuration.

    Threads: the main thread builds, starts and stops it. Its own are `intake` and the workers; whoever answers
    commands asks it for `refresh`, `own_waits` and what it has public.
    """

    def __init__(
        self, settings: Settings, host: Host, environ: Mapping[str, str], *, once: bool,
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`changed` is told after each step of a file or a job."""
        self.settings = settings
        self._host = host
        self._stopping = False
        self._ledger = host.ledger
        self._environ = environ
        self.keys = KeyRing(settings.api, environ, host.keeper, host.clock)
        self._spool = FileSpool(host.state / "spool")
        self._endpoint = HttpEndpoint(settings.api, self.keys.key)
        self._roots = Roots(host.ledger.targets(), host.ledger.note_target)
        self.presence = ThreadPresence()
        outputs = FileOutputs(TargetFolders(self._roots, self.presence))
        outside = Outside(
            host.ledger, host.clock, FileTree(self.presence), self._spool, outputs, FileOriginals(outputs),
            FileNotes(host.state / "failed", self.presence), host.darkroom, self._endpoint, self.keys.fingerprint,
            host.recorder, self.presence,
        )  # fmt: skip
        self.journey = Journey(settings, outside, host.keeper, once=once, admitted=self._admitted, looked=changed)
        self.intake = self.journey.intake
        self._pool: WorkerPool[Claim] = WorkerPool(
            settings.api.workers + AHEAD, self.journey.dispatcher.next_claim, self.journey.runner.run,
            self.journey.dispatcher.next_due, self._fail, changed,
        )  # fmt: skip
        self._intake_threads = [self._new_intake()]
        """The last of them leads."""
        self._lookout = Lookout(
            self.presence, self._relieve, self.journey.resting, self.journey.silent, self._answered, self._fail
        )

    def _new_intake(self) -> threading.Thread:
        # A daemon in Python's sense: what hangs on a share must not keep the process from its end.
        return threading.Thread(target=self._run_intake, name="intake", daemon=True)

    def _relieve(self, stuck: Collection[int]) -> None:
        """Let others do what threads that hang at a share cannot: take jobs, go round, look after the other folders."""
        self._pool.relieve(stuck)
        if self._intake_threads[-1].ident in stuck and not self._stopping:
            other = self._new_intake()
            other.start()
            self._intake_threads = [*(thread for thread in self._intake_threads if thread.is_alive()), other]

    def _answered(self) -> None:
        """A share does that had kept somebody waiting: its folder's files can go on."""
        self.journey.hints.wake()
        self._pool.wake_all()

    def _admitted(self, count: int) -> None:
        """Wake workers for new jobs; behind a closed gate one is enough to find what costs nothing."""
        self._pool.wake(1 if isinstance(self._host.keeper.decision(), Hold) else count)

    def refresh(self) -> None:
        """A command of the owner's has changed something."""
        self.journey.targets.hurry()
        self.journey.hints.visit()
        self._pool.wake_all()
        self.journey.review()

    def _fail(self, error: BaseException) -> None:
        """Tell of an error that ends the process; a fault of our own with all there is to know about it."""
        if not isinstance(error, WatchdError):
            logger.critical("Internal error, please report this", exc_info=error, extra={"action": "internal_error"})
        self._host.keeper.stop()  # nobody begins a call after this
        self._host.fail(error)

    def is_claimed(self) -> bool:
        """Whether a worker has a job in hand."""
        return self._ledger.is_claimed(self.journey.silent())

    def is_busy(self) -> bool:
        """Whether a worker has a job in hand, or any can go on by itself, as far as the gate lets it."""
        online, held, silent = self.journey.online(), self._host.keeper.held(), self.journey.silent()
        if self.journey.resting().keys() - silent.keys():
            return True  # it may answer yet
        return self._ledger.is_busy(online.keys() - held.keys(), self.journey.dispatcher.calling(online), silent)

    def own_waits(self) -> dict[str, str]:
        """Folders whose own hours or budget hold them, in words."""
        waits = {name: held.reason for name, held in self._host.keeper.held().items()}
        for folder in self.settings.folders:
            wait = scheduling.wait_of(folder.hours, self._host.clock.local())
            if wait is not None:
                waits[folder.name] = wait
        return waits

    def adopt(self, *, polled: Collection[str] = (), as_they_are: bool = False) -> None:
        """Recover, and take over the gate and the folders; nobody works yet. `polled` names those without events."""
        try:
            ended = recover(self._ledger, self._spool, policy_of(self.settings))
        except LaterError as error:
            raise LedgerError(f"a paid answer in the spool cannot be made safe at present ({error})") from error
        for job, conclusion in ended:
            self.journey.recorder.concluded(job, conclusion)
        self.journey.finisher.bound_kept_answers()
        if as_they_are:
            self._roots.accept_as_they_are()
        api = self.settings.api
        self._host.keeper.configure(
            policy_of(self.settings), workers=api.workers, per_minute=api.requests_per_minute,
            permits=self._endpoint.permits, changed=self._pool.wake_all,
        )  # fmt: skip
        glance.remember(self.settings, self._environ)
        self.keys.tend()
        self._tell_of_left_folders()
        self._host.keeper.announce()
        self.intake.adopt(self.settings.folders, polled, as_they_are=as_they_are)

    def _tell_of_left_folders(self) -> None:
        """Jobs of a folder that is in the file no longer wait for ever, and hold up others of the same picture."""
        for name, jobs in self._ledger.open_by_folder().items():
            if name not in self.settings.names():
                logger.warning(
                    "%d jobs of folder %s wait, and the configuration has it no longer. Where it has another name now:"
                    " `watchd adopt %s NAME`.", jobs, name, name, extra={"action": "left_folder"},
                )  # fmt: skip

    def start(self) -> None:
        """Start workers and intake."""
        self.journey.review()
        self._pool.start()
        self._intake_threads[-1].start()
        self._lookout.start()

    def _run_intake(self) -> None:
        try:
            self.intake.run()
        except BaseException as error:
            self._fail(error)

    def stop(self) -> None:
        """Stop in order: intake first, so that nothing new comes; then no new calls; those in flight end well.

        Whoever hangs at a share is left behind: what it does there is safe in the ledger, as at a crash.
        """
        self._stopping = True
        self.intake.stop()
        self._pool.stop()
        self._host.keeper.stop()
        self._endpoint.hurry()
        # All have been told before the first is waited for: a scan of a slow share must not let calls go on meanwhile.
        self._wait_for_threads()
        self._lookout.stop()
        self._endpoint.close()

    def _wait_for_threads(self) -> None:
        while left := [thread for thread in (*self._intake_threads, *self._pool.threads()) if thread.is_alive()]:
            stays = {stay.thread: stay for stay in self.presence.stays(LEFT_AFTER_S)}
            awaited = [thread for thread in left if thread.ident not in stays]
            if awaited:
                awaited[0].join(LOOK_EVERY_S)
                continue
            for thread in left:
                claim = self._pool.task_of(thread)
                if (
                    claim is not None
                ):  # anybody may take it up now: what the one who hangs says of it later is not heard
                    self._ledger.release(claim.job)
                stay = stays[thread.ident or 0]
                logger.warning(
                    "Left behind: %s, as %s %s takes %.0f s by now. What it was at is taken up again as after a crash.",
                    thread.name, stay.doing, stay.roots[0], stay.seconds, extra={"action": "left_behind"},
                )  # fmt: skip
            return

    def abort(self) -> None:
        """Cut the calls in flight, whatever becomes of their money: told to stop at once."""
        self._endpoint.abort()

    def alive(self) -> bool:
        """Whether every thread that should work does."""
        return self._intake_threads[-1].is_alive() and self._pool.alive() and self._lookout.is_alive()
