"""Trouble in a row: how many calls, over all workers, have met the same one without a picture between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent
from watchd.core.request import endpoint
from watchd.model import Outcome

if TYPE_CHECKING:
    from watchd.core.calls.outcomes import Trouble
    from watchd.core.request.endpoint import Answer

SERVER_STREAK = 5
REFUSAL_STREAK = 3
NETWORK_STREAK = 3
DOUBT_STREAK = 5
"""Doubts of so many different files in a row close gate `service`, or of as many as there are workers, if more."""


@dataclass(frozen=True, slots=True)
class Streaks:
    """Calls in a row that met each kind of trouble, and where it matters the different jobs that they were for."""

    server_jobs: frozenset[int] = frozenset()
    server: int = 0
    refusal: int = 0
    network: int = 0
    rate: int = 0
    doubtful: frozenset[int] = frozenset()
    """Different jobs whose answers were lost or bad; calls that were cut by ourselves are none of them."""

    def after(self, job_id: int, trouble: Trouble) -> Streaks:
        """With one more trouble counted; a refusal that names its file is none of the service's."""
        match trouble:
            case NotSent(ours=True) | Lost(ours=True):
                return self
            case NotSent():
                return replace(self, network=self.network + 1)
            case Answered(answer):
                return self._answered(job_id, answer)
            case Lost() | BadAnswer():
                return replace(self, network=0, doubtful=self.doubtful | {job_id})

    def is_trouble_of_all(self, in_flight: int) -> bool:
        """Whether 500, 502 and 503 met five different files, or again and again all that there are.

        `in_flight`: calls under way, this one among them: another that is still waited for may pass.
        """
        if self.server < SERVER_STREAK:
            return False
        return len(self.server_jobs) >= min(SERVER_STREAK, in_flight)

    def _answered(self, job_id: int, answer: Answer) -> Streaks:
        reached = replace(self, network=0)
        match endpoint.meaning(answer):
            case Outcome.SERVER:
                return replace(reached, server=self.server + 1, server_jobs=self.server_jobs | {job_id})
            case Outcome.RATE:
                return replace(reached, rate=self.rate + 1)
            case Outcome.LOST:
                return replace(reached, doubtful=self.doubtful | {job_id})
            case Outcome.REFUSED if not endpoint.names_the_file(answer.status):
                return replace(reached, refusal=self.refusal + 1)
            case _:
                return reached
