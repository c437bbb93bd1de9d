"""Leads one job at a time through the stages from claimed to recorded. Every worker thread runs this."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from watchd.core.calls import planning, scheduling
from watchd.core.calls.outcomes import Received, Sent
from watchd.core.calls.retrying import Conclusion
from watchd.core.outgoing.reusing import Made
from watchd.core.request.endpoint import asked, profile_of
from watchd.core.text import on_one_line
from watchd.errors import FolderOfflineError, LaterError, LedgerError, NoSpaceError, TargetOfflineError
from watchd.journey.gate.passage import Passage
from watchd.journey.work.preparing import Prepared, Unfit, rect_of
from watchd.journey.work.targets import wait_after
from watchd.model import (
    AT_ONCE,
    BudgetReached,
    ClaimLost,
    Failure,
    FailureKind,
    Gate,
    GateReason,
    JobState,
    Permit,
    after,
)

if TYPE_CHECKING:
    from watchd.interfaces import Clock
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.journey.reporting import Recorder
    from watchd.journey.work.archiving import Archiver
    from watchd.journey.work.dispatching import Claim, Dispatcher, Online
    from watchd.journey.work.finishing import Finisher, JobBooks
    from watchd.journey.work.preparing import Preparer
    from watchd.journey.work.publishing import Publisher
    from watchd.journey.work.sending import Sender
    from watchd.journey.work.targets import Targets
    from watchd.model import Budget, Folder, Job, Place

logger = logging.getLogger(__name__)

LATER_S = 30.0
"""Until room in `state_dir` is looked for again."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that a job passes; the runner alone leads from one to the next."""

    preparer: Preparer
    publisher: Publisher
    sender: Sender
    recorder: Recorder
    finisher: Finisher
    archiver: Archiver


class JobRunner:
    """Leads a claimed job as far as it comes. A claim that is lost on the way ends the step, and nothing else.

    Threads: every worker's, each with a job of its own; `_put_offs` is kept by job, so no two write one entry.
    """

    def __init__(
        self, stages: Stages, ledger: JobBooks, keeper: GateKeeper, clock: Clock, dispatcher: Dispatcher,
        online: Online, budget: Budget, targets: Targets,
    ) -> None:  # fmt: skip
        """`budget`: over all folders."""
        self._stages = stages
        self._finisher = stages.finisher
        self._ledger = ledger
        self._keeper = keeper
        self._clock = clock
        self._dispatcher = dispatcher
        self._online = online
        self._budget = budget
        self._targets = targets
        self._put_offs: dict[int, tuple[str, int]] = {}

    def run(self, claim: Claim) -> None:
        """Lead a claimed job on. Trouble of this job ends with this job; only the ledger's is raised."""
        job = claim.job
        try:
            place = self._online().get(job.folder)
            if place is None:
                self._put_back(job)
            else:
                self._lead(claim, *place)
                self._put_offs.pop(job.id, None)  # whatever it was put off for, it has got over it
        except LedgerError:
            raise
        except Exception as error:
            self._stop_short(job, error)
        finally:
            self._dispatcher.done(probe=claim.probe)

    def _stop_short(self, job: Job, error: Exception) -> None:
        """Trouble stops what it concerns: this file, its folder, or where it is of `state_dir`, everything."""
        match error:
            case NoSpaceError():
                self._put_off(job, str(error), wait=LATER_S)
                now = self._clock.steady()
                detail = f"{error}; make room there"
                self._keeper.close(Gate(GateReason.DISK, now, detail, after(now, LATER_S), LATER_S))
            case TargetOfflineError():
                self._targets.failed(job.folder, str(error))
                self._put_off(job, str(error), wait=0.0)  # its folder waits, until it is looked at again
            case FolderOfflineError():
                # It went away after it was last looked at: the file is not gone, and waits with its folder.
                self._put_off(job, str(error))
            case LaterError():
                self._put_off(job, str(error), told=True)
            case OSError():
                self._put_off(job, f"it cannot be read: {error.strerror}", told=True)
            case _:
                # A fault of our own: this file ends where everybody sees it, and the others go on.
                logger.error(
                    "Internal error with %s/%s; it is set aside, the others go on. Please report this.",
                    job.folder, on_one_line(job.path), exc_info=error,
                    extra={"action": "internal_error", "job": job.id},
                )  # fmt: skip
                self._set_aside(job)

    def _put_back(self, job: Job) -> None:
        """Its folder went offline after it was claimed: nothing was done with it."""
        if job.due:
            self._stages.archiver.put_off(job, wait=0.0)
        else:
            self._ledger.release(job)

    def _set_aside(self, job: Job) -> None:
        if job.due:
            self._stages.archiver.put_off(job)
        else:
            words = "internal error, see the log; `watchd retry` tries it again"
            self._ledger.abandon(job, Failure(FailureKind.INTERNAL, words))

    def _put_off(self, job: Job, reason: str, *, told: bool = False, wait: float | None = None) -> None:
        """Give the job back for a while, by default a growing one; one whose call has left is in doubt instead."""
        if job.due:
            self._stages.archiver.put_off(job, wait)
            return
        current = self._ledger.job(job.id)
        if current is not None and current.state is JobState.ARMED:
            self._ledger.abandon(job, Failure(FailureKind.LOST, f"sent, and then: {reason}"))
            return
        before, tries = self._put_offs.get(job.id, ("", 0))
        self._put_offs[job.id] = reason, tries + 1
        wait = wait_after(tries + 1) if wait is None else wait
        if before != reason:  # once for each reason, or a lasting one would fill the ledger
            self._ledger.note(job, "later", reason)
            if told:
                self._stages.recorder.waits(job, reason, wait)
        if current is not None and current.state in {JobState.QUEUED, JobState.SENDING}:
            self._finisher.clear(job)  # while it is still ours: it is read anew, and takes no room until then
        self._ledger.release(job, after(self._clock.steady(), wait))

    def _lead(self, claim: Claim, folder: Folder, place: Place) -> None:
        job = claim.job
        if job.due:
            self._stages.archiver.attend(job, folder, place)
            return
        if job.moved is not None:
            self._stages.archiver.bring_back(job, place)
        if job.state is JobState.RECEIVED:
            self._finisher.publish(job, folder)
            return
        wait = self._keeper.retry_wait() if job.tries > 0 and not claim.probe else 0.0
        if wait > 0 and not self._ledger.paid_results(job):  # before it is read: it may come back often
            self._ledger.release(job, after(self._clock.steady(), wait))
            return
        if job.tiles:
            # What has begun is finished as it began, whatever its folder's profile says by now: its tiles are paid for.
            folder = replace(folder, profile=profile_of(job.parameters, job.profile), oversize="tile")
        prepared = self._prepared(job, folder, place)
        if prepared is None:
            return
        if prepared.parameters.tiles and prepared.tile is None:
            if self._ledger.complete_tiles(job) is None:  # a crash came between the last of them and this
                self._finisher.publish(job, folder)
            return
        self._go_on(claim, folder, prepared)

    def _go_on(self, claim: Claim, folder: Folder, prepared: Prepared) -> None:
        """A job that has no answer of its own: from an earlier result, with the one it waited behind, or by a call."""
        job = claim.job
        behind = self._ledger.job(job.behind) if job.behind is not None else None
        match planning.next_step(job, behind, self._ledger.paid_results(job)):
            case planning.Reuse(results):
                self._finisher.reuse(job, folder, prepared, results)
            case planning.EndWith(failure):
                self._finisher.fail(job, folder, failure)
            case planning.AskService():
                self._call(claim, folder, prepared)
            case unexpected:
                assert_never(unexpected)

    def _prepared(self, job: Job, folder: Folder, place: Place) -> Prepared | None:
        """The snapshot; None if the job ended, or went back to follow its folder's profile as it is now."""
        have = self._finisher.safe_tiles(job)
        if have is None:
            return None
        prepared = self._stages.preparer.prepare(job, folder, place, have)
        if isinstance(prepared, Unfit):
            self._finisher.fail(job, folder, prepared.failure)
            return None
        planned = prepared.parameters
        cut = {tile.number: rect_of(tile) for tile in planned.tiles}
        is_as_admitted = (planned.identity, planned.width, planned.height) == (job.parameters, job.width, job.height)
        if not is_as_admitted or any(cut.get(number) != rect for number, rect in have.items()):
            self._finisher.clear(job, have)  # while the claim is still ours; tiles of another cut fit nowhere
            self._ledger.requalify(job, asked(planned, folder.profile), folder.profile.name)
            return None
        return prepared

    def _call(self, claim: Claim, folder: Folder, prepared: Prepared) -> None:
        """The paid call: once in at the gate, and once out."""
        job = claim.job
        planned = prepared.parameters
        made = Made(planned.width, planned.height, planned.effective_scale, folder.profile.name)
        if not self._finisher.has_name(job, folder, prepared, made):
            return
        permit = self._keeper.enter(again=job.tries > 0, probe=claim.probe)
        if not isinstance(permit, Permit):
            self._finisher.clear(job)  # while the claim is still ours
            later = AT_ONCE if permit is None else after(self._clock.steady(), permit.seconds)
            self._ledger.release(job, later)
            return
        passage, sent = Passage(self._keeper, permit), None
        try:
            sent = self._send(job, folder, prepared, passage)
        finally:
            concluded = passage.leave(sent, due=folder.failed is not None)
        match sent, concluded:
            case (None | BudgetReached(), _):
                self._ledger.release(job)
            case (Sent(result=Received()), _):
                self._received(job, folder, prepared)
            case (_, Conclusion() as conclusion):
                self._stages.recorder.concluded(job, conclusion)
                if job.tiles and conclusion.state in {JobState.FAILED, JobState.UNKNOWN}:
                    self._finisher.bound_kept_tiles()
            case _:
                pass  # the claim is lost, and what follows is somebody else's

    def _send(
        self, job: Job, folder: Folder, prepared: Prepared, passage: Passage
    ) -> Sent | BudgetReached | ClaimLost | None:
        """One call; None: it may not be made. Where no picture came, nothing is left in the spool."""
        sent: Sent | BudgetReached | ClaimLost | None = None
        if self._dispatcher.may_call(job.folder):  # its hours may have ended while it waited for its turn
            limits = scheduling.limits(self._budget, folder.budget, folder.name, self._clock.local())
            sent = self._stages.sender.send(job, prepared, limits, passage.picture_came)
        match sent:
            case Sent(result=Received()) | ClaimLost():
                pass
            case _:
                self._finisher.clear(job)  # while the claim is still ours
        return sent

    def _received(self, job: Job, folder: Folder, prepared: Prepared) -> None:
        if prepared.tile is None or prepared.makes_whole(job):
            self._finisher.publish(self._ledger.job(job.id) or job, folder)
        else:
            self._stages.recorder.part(job, prepared.tile.number, len(prepared.parameters.tiles))
