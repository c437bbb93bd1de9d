"""What the owner decides: retry, reprocess, approve, pause, resume, dismiss, adopt.

The daemon runs these for a command that reaches it through the control socket; where no daemon runs, the command runs
them itself, holding the daemon's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchd.core.calls.state import OwnerApproved, OwnerPaused, OwnerResumed, OwnerSpoke
from watchd.core.text import display
from watchd.errors import UsageError
from watchd.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from watchd.core.calls.state import Event, Step
    from watchd.interfaces import Clock, OwnerDesk
    from watchd.model import Job


class Operator:
    """Answers one request at a time; every answer is a JSON object.

    Threads: whoever calls it calls it for one request at a time. `gate` is the keeper's one door.
    """

    def __init__(
        self, ledger: OwnerDesk, clock: Clock, gate: Callable[[Event], Step], folders: Callable[[], Collection[str]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`folders`: the names of those in the configuration; `changed` is told after what may let something go on."""
        self._folders = folders
        self._ledger = ledger
        self._clock = clock
        self._gate = gate
        self._changed = changed
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "retry": self._retry,
            "reprocess": self._reprocess,
            "dismiss": self._dismiss,
            "approve": self._approve,
            "pause": self._pause,
            "resume": self._resume,
            "adopt": self._adopt,
        }

    def knows(self, command: object) -> bool:
        """Whether this is a command of the owner's."""
        return command in self._commands

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry it out; what the request gets wrong is told as `error`."""
        try:
            answer = self._commands[request["command"]](request)
        except UsageError as error:
            return {"error": str(error)}
        self._gate(OwnerSpoke())
        self._changed()
        return answer

    def _chosen(self, request: dict[str, Any], states: frozenset[JobState]) -> Sequence[Job]:
        """The jobs that a request names, each of which must be in one of `states`."""
        ids = request.get("ids")
        jobs = self._ledger.chosen(ids, request.get("state"), request.get("folder"))
        missing = set(ids or ()) - {job.id for job in jobs}
        if missing:
            raise UsageError(f"there is no job {', '.join(map(str, sorted(missing)))}; `watchd jobs` lists them")
        wrong = [job for job in jobs if job.state not in states] if ids else []
        if wrong:
            told = ", ".join(f"{job.id} is {job.state}" for job in wrong)
            raise UsageError(f"only jobs that are {' or '.join(sorted(states))} can be meant: {told}. Nothing was done")
        return [job for job in jobs if job.state in states]

    def _retry(self, request: dict[str, Any]) -> dict[str, Any]:
        jobs = self._chosen(request, frozenset({JobState.FAILED, JobState.UNKNOWN}))
        self._ledger.retry(jobs)
        return {"jobs": [_told(job) for job in jobs]}

    def _reprocess(self, request: dict[str, Any]) -> dict[str, Any]:
        jobs = self._chosen(request, frozenset({JobState.DONE}))
        return {"jobs": [{"id": job_id} for job_id in self._ledger.reprocess(jobs)]}

    def _dismiss(self, request: dict[str, Any]) -> dict[str, Any]:
        jobs = self._chosen(request, frozenset({JobState.UNKNOWN}))
        self._ledger.dismiss(jobs)
        return {"jobs": [_told(job) for job in jobs]}

    def _adopt(self, request: dict[str, Any]) -> dict[str, Any]:
        old, new, there = str(request["old"]), str(request["new"]), self._folders()
        if new not in there:
            known = ", ".join(sorted(there))
            raise UsageError(f"there is no folder {new} in the configuration that runs; there are {known}")
        if old in there:
            raise UsageError(f"{old} is a folder of the configuration that runs: take it out and `watchd reload` first")
        adopted = self._ledger.rename_folder(old, new)
        if adopted is None:
            raise UsageError(f"a file of {old} is being worked on at this moment: say it again in a minute")
        return {"adopted": adopted}

    def _approve(self, _request: dict[str, Any]) -> dict[str, Any]:
        approved = self._ledger.approve()
        self._gate(OwnerApproved(self._clock.steady()))
        return {"approved": approved}

    def _pause(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._gate(OwnerPaused(self._clock.steady()))
        return {"paused": True}

    def _resume(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Open what opens by asking; what is tried by a probe is tried at once, and by one call alone."""
        meant = self._gate(OwnerResumed(self._clock.steady())).verdict
        self._ledger.clear_delays()
        return {"resumed": [reason.value for reason in meant]}


def _told(job: Job) -> dict[str, Any]:
    return {"id": job.id, "folder": job.folder, "path": display(job.path), "was": job.state.value}
