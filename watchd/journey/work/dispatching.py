"""Which job a worker takes next, and until when there is none."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.core.calls import scheduling
from watchd.core.calls.gating import Open, Probe
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from watchd.interfaces import Clock, JobQueue
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.model import Folder, Job, Place

    Online = Callable[[], Mapping[str, tuple[Folder, Place]]]


@dataclass(frozen=True, slots=True)
class Claim:
    """A job taken by this thread; `probe`: its call is the one that may try a closed gate."""

    job: Job
    probe: bool


class Dispatcher:
    """Claims jobs for workers.

    Threads: every worker's; what each saw at its last look is its own (`threading.local`).
    """

    def __init__(self, ledger: JobQueue, keeper: GateKeeper, clock: Clock, online: Online) -> None:
        """`online` answers the folders that can be worked on now: name → the folder and where it is."""
        self._ledger = ledger
        self._keeper = keeper
        self._clock = clock
        self._online = online
        self._look = threading.local()

    def next_claim(self) -> Claim | None:
        """Take a job; while the gate is closed only one that costs nothing, or the one that probes."""
        online = self._online()
        self._look.at, self._look.callers = self._clock.steady(), self.calling(online)
        decision = self._keeper.decision()
        probe = isinstance(decision, Probe) and self._keeper.take_probe()
        job = None
        try:
            callers = self._look.callers if isinstance(decision, Open) or probe else ()
            job = self._ledger.claim(online.keys(), callers)
        except LedgerError:
            self.done(probe=probe)
            raise
        if job is None:
            self.done(probe=probe)
            return None
        return Claim(job, probe)

    def done(self, *, probe: bool) -> None:
        """Whoever was to probe is through with it."""
        if probe:
            self._keeper.give_probe_back()

    def calling(self, online: Mapping[str, tuple[Folder, Place]]) -> Collection[str]:
        """Folders whose own hours and budget let them call now."""
        now, held = self._clock.local(), self._keeper.held()
        return [
            name
            for name, (folder, _) in online.items()
            if name not in held and not scheduling.closed_for(folder.hours, now)
        ]

    def may_call(self, folder: str) -> bool:
        """Whether one folder lets calls be made now."""
        return folder in self.calling(self._online())

    def next_due(self) -> float | None:
        """Seconds until something may become claimable by time alone; None: nothing does.

        Counted from this thread's last look: what came due between that and now nobody would wait for otherwise.
        """
        online = self._online()
        if set(self.calling(online)) - set(getattr(self._look, "callers", ())):
            return 0.0
        since = getattr(self._look, "at", self._clock.steady())
        moments = [at for at in (self._ledger.next_due(since), self._keeper.next_change(since)) if at is not None]
        waits = [max(0.0, at - self._clock.steady()) for at in moments]
        now = self._clock.local()
        waits += [wait for folder, _ in online.values() if (wait := scheduling.closed_for(folder.hours, now))]
        return min(waits, default=None)
