"""What the owner decides: retry, reprocess, approve, pause, resume, dismiss.

The daemon runs these for a command that reaches it through the control socket; where no daemon runs, the command runs
them itself, holding the daemon's lock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from watchd.core.calls import gating
from watchd.core.text import display
from watchd.errors import UsageError
from watchd.model import Gate, GateReason, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchd.interfaces import Clock, Ledger
    from watchd.model import Job

RESUMED = frozenset({
    GateReason.PAUSED, GateReason.KEY, GateReason.BUDGET, GateReason.BALANCE, GateReason.SERVICE, GateReason.DISK,
    GateReason.RATE,
})  # fmt: skip
"""What `resume` tries again; a backlog is let go by `approve` alone."""


class Operator:
    """Answers one request at a time; every answer is a JSON object."""

    def __init__(self, ledger: Ledger, clock: Clock, changed: Callable[[], None]) -> None:
        """`changed` is told after whatever may let something go on."""
        self._ledger = ledger
        self._clock = clock
        self._changed = changed
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "retry": self._retry,
            "reprocess": self._reprocess,
            "dismiss": self._dismiss,
            "approve": self._approve,
            "pause": self._pause,
            "resume": self._resume,
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

    def _approve(self, _request: dict[str, Any]) -> dict[str, Any]:
        approved = self._ledger.approve()
        self._ledger.open_gate(GateReason.APPROVAL)
        return {"approved": approved}

    def _pause(self, _request: dict[str, Any]) -> dict[str, Any]:
        if GateReason.PAUSED not in self._ledger.gates():
            self._ledger.close_gate(Gate(GateReason.PAUSED, self._clock.steady(), "the owner said `pause`"))
        return {"paused": True}

    def _resume(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Open what opens by asking; what is tried by a probe is tried at once, and by one call alone."""
        gates = {reason: gate for reason, gate in self._ledger.gates().items() if reason in RESUMED}
        for reason, gate in gates.items():
            if reason in gating.PROBED:
                self._ledger.close_gate(replace(gate, retry_at=self._clock.steady()))
            else:
                self._ledger.open_gate(reason)
        self._ledger.hurry()
        return {"resumed": [reason.value for reason in gates]}


def _told(job: Job) -> dict[str, Any]:
    return {"id": job.id, "folder": job.folder, "path": display(job.path), "was": job.state.value}
