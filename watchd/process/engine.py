"""Wires the rooms together for one configuration, and starts and stops them in order.

`run` and `once` use the same engine; what differs is who feeds it and who waits for it. A reload ends one engine and
starts another on the same ledger.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem.notes import FileNotes
from watchd.adapters.filesystem.originals import FileOriginals
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.adapters.filesystem.spool import FileSpool
from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.host import logs
from watchd.adapters.http.client import HttpEndpoint
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.config.secrets import KeyFound, KeyTrouble, api_key, mark_of_key
from watchd.core.calls import scheduling
from watchd.core.calls.gating import Hold
from watchd.core.calls.retrying import Policy
from watchd.core.outgoing import spool_names
from watchd.core.request import endpoint
from watchd.errors import LaterError, LedgerError, WatchdError
from watchd.journey.arrival.admitting import Admitter
from watchd.journey.arrival.hot_folder import Hints
from watchd.journey.arrival.intake import Intake
from watchd.journey.gate.keeper import GateKeeper
from watchd.journey.reporting import Recorder
from watchd.journey.work.archiving import Archiver
from watchd.journey.work.job_runner import Claim, JobRunner, Stages
from watchd.journey.work.preparing import Preparer
from watchd.journey.work.publishing import Publisher
from watchd.journey.work.sending import Sender, recover_lost
from watchd.model import Backlog, Gate, GateReason
from watchd.process.worker_pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from watchd.interfaces import Clock, Ledger
    from watchd.model import Folder, Place, Settings

logger = logging.getLogger(__name__)

AHEAD = 2
"""Workers beyond the calls in flight: they snapshot, hash and claim what comes next while the others fly."""
LEASE_SPARE = 120.0


def open_ledger(settings: Settings, clock: Clock) -> SqliteLedger:
    """The ledger for this process, which holds the lock. Claims name this very run as their owner."""
    lease = settings.api.connect_timeout + settings.api.timeout + LEASE_SPARE
    path = Path(settings.state_dir, "ledger.db")
    return SqliteLedger(path, clock, owner=f"{os.getpid()}-{uuid.uuid4().hex[:12]}", lease=lease)


class Engine:
    """Everything that works on files, for one configuration."""

    def __init__(
        self, settings: Settings, ledger: Ledger, clock: Clock, environ: Mapping[str, str], *,
        once: bool, failed: Callable[[BaseException], None], changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`failed` hears of an error that must end the process: the ledger's, or a fault of our own.

        `changed` is told after each step of a file or a job.
        """
        self.settings = settings
        self.hints = Hints()
        self._ledger = ledger
        self._clock = clock
        self._environ = environ
        self._failed = failed
        self._key_mark: tuple[object, ...] | None = None
        state = Path(settings.state_dir)
        self._spool = FileSpool(state / "spool")
        self._tree = FileTree()
        self._endpoint = HttpEndpoint(settings.api, self._key)
        studio = PillowStudio()
        api = settings.api
        policy = Policy(api.max_attempts, api.resend_lost, settings.balance_probe, settings.approval)
        self.keeper = GateKeeper(
            ledger, clock, self._endpoint, policy, workers=api.workers, per_minute=api.requests_per_minute,
            fingerprint=self._fingerprint,
        )  # fmt: skip
        recorder = Recorder(FileNotes(state / "failed"), clock)
        stages = Stages(
            Preparer(self._tree, self._spool, studio, api),
            Publisher(FileOutputs(), self._spool, studio, ledger, clock),
            Sender(self._endpoint, self._spool, ledger, self.keeper),
            recorder,
            Archiver(FileOriginals(), FileOutputs(), ledger, recorder, clock),
        )
        self._recorder = recorder
        self._conductor = JobRunner(
            stages, ledger, self._spool, self.keeper, clock, self.online, settings.budget, self.hints.lost
        )
        self._policy = policy
        admitter = Admitter(self._tree, clock, api, studio.reads, once=once)
        self.pool: Pool[Claim] = Pool(
            api.workers + AHEAD,
            self._conductor.next_claim,
            self._conductor.conduct,
            self._conductor.next_due,
            self._fail,
            changed,
        )
        self.intake = Intake(
            self._tree, ledger, clock, self.hints, admitter, recorder, self._admitted, changed, self._review
        )
        self.keeper.on_change = self.pool.wake_all
        self._intake_thread = threading.Thread(target=self._run_intake, name="intake")

    def _review(self) -> float | None:
        """Before workers hear of new jobs: a backlog that the owner should see first is held.

        What is seen and not measured yet is counted at the higher price wherever its profile may come to that: a gate
        that closed for too much opens again, a call that was made is paid.
        """
        price = self.settings.api.price
        files = cost = 0
        for hot in self.intake.folders():
            count = hot.newcomers()
            files += count
            cost += count * endpoint.price_of(endpoint.scale_of(hot.folder.profile), price)
        return self.keeper.review_backlog(Backlog(files, cost))

    def _admitted(self, count: int) -> None:
        """Wake workers for new jobs; behind a closed gate one is enough to find what costs nothing."""
        self.pool.wake(1 if isinstance(self.keeper.decision(), Hold) else count)

    def refresh(self) -> None:
        """Take over what a command of the owner's changed."""
        self.keeper.refresh()
        self._review()

    def _fail(self, error: BaseException) -> None:
        """Tell of an error that ends the process; a fault of our own with all there is to know about it."""
        if not isinstance(error, WatchdError):
            logger.critical("Internal error, please report this", exc_info=error, extra={"action": "internal_error"})
        self.keeper.stop()  # nobody begins a call after this
        self._failed(error)

    def _key(self) -> str:
        found = api_key(self.settings.api, self._environ)
        if isinstance(found, KeyTrouble):
            raise LaterError(found.problem)
        key = found.key.reveal()
        logs.hide(key)
        return key

    def _fingerprint(self) -> str:
        """Tells one key from another without telling the key."""
        found = api_key(self.settings.api, self._environ)
        text = found.key.reveal() if isinstance(found, KeyFound) else ""
        return hashlib.sha256(f"watchd key {text}".encode()).hexdigest()[:16]

    def online(self) -> dict[str, tuple[Folder, Place]]:
        """The folders that can be worked on now, and where they are."""
        folders = self.intake.folders()
        return {hot.folder.name: (hot.folder, hot.place) for hot in folders if hot.online and hot.place is not None}

    def is_claimed(self) -> bool:
        """Whether a worker has a job in hand."""
        return self._ledger.is_claimed()

    def is_busy(self) -> bool:
        """Whether a worker has a job in hand, or any can go on by itself, as far as the gate lets it."""
        online, held = self.online(), self.keeper.held()
        return self._ledger.is_busy(online.keys() - held.keys(), self._conductor.calling(online))

    def own_waits(self) -> dict[str, str]:
        """Folders whose own hours or budget hold them, in words."""
        waits = {name: held.reason for name, held in self.keeper.held().items()}
        for folder in self.settings.folders:
            wait = scheduling.wait_of(folder, self._clock.local())
            if wait is not None:
                waits[folder.name] = wait
        return waits

    def recover(self) -> None:
        """Carry on from what the ledger and the spool have. Doing it again changes nothing more."""
        self._ledger.free_claims()
        try:
            ended = recover_lost(self._ledger, self._spool, self._policy)
        except LaterError as error:
            raise LedgerError(f"a paid answer in the spool cannot be made safe at present ({error})") from error
        for job, conclusion in ended:
            self._recorder.concluded(job, conclusion)
        needed = {str(job) for job in self._ledger.needed()}
        self._spool.remove(*(name for name in self._spool.names() if spool_names.owner(name) not in needed))

    def look_at_key(self) -> None:
        """Close the gate while there is no key at all, and open it when the key is another than was refused."""
        mark = mark_of_key(self.settings.api, self._environ)
        if mark == self._key_mark:
            return
        found = api_key(self.settings.api, self._environ)
        if isinstance(found, KeyTrouble):  # looked at each time, as the owner's `resume` may have opened the gate
            self.keeper.close(Gate(GateReason.KEY, self._clock.steady(), found.problem, mark=self._fingerprint()))
            return
        self.keeper.look_at_key()
        self._key_mark = mark  # as it was before the file was read: what came since is looked at the next time

    def adopt(self, *, polled: Collection[str] = (), as_they_are: bool = False) -> None:
        """Recover, and take over the folders; nobody works on them yet. `polled` names those that get no events."""
        self.recover()
        self.look_at_key()
        self.keeper.announce()
        self.intake.adopt(self.settings.folders, polled, as_they_are=as_they_are)

    def start(self) -> None:
        """Start workers and intake."""
        self._review()
        self.pool.start()
        self._intake_thread.start()

    def _run_intake(self) -> None:
        try:
            self.intake.run()
        except BaseException as error:
            self._fail(error)

    def stop(self) -> None:
        """Stop in order: intake first, so that nothing new comes; then no new calls; those in flight end well."""
        self.intake.stop()
        self.pool.stop()
        self.keeper.stop()
        # All have been told before the first is waited for: a scan of a slow share must not let calls go on meanwhile.
        if self._intake_thread.is_alive():
            self._intake_thread.join()
        self.pool.join()
        self._endpoint.close()

    def abort(self) -> None:
        """Cut the calls in flight, whatever becomes of their money: told to stop at once."""
        self._endpoint.abort()

    def alive(self) -> bool:
        """Whether every thread that should work does."""
        return self._intake_thread.is_alive() and self.pool.alive()
