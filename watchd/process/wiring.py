"""Wires the journey together: what is outside comes in, and who speaks to whom is said here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.core.calls.retrying import Policy
from watchd.core.request import endpoint
from watchd.journey.answering import OFFLINE_AFTER_S, RESTS_AFTER_S, Answering
from watchd.journey.arrival.admitting import Admitter
from watchd.journey.arrival.hints import Hints
from watchd.journey.arrival.identifying import Identifier
from watchd.journey.arrival.intake import Intake
from watchd.journey.examining import Examiner
from watchd.journey.gate.backlog import BacklogReview
from watchd.journey.reporting import Recorder
from watchd.journey.work.archiving import Archiver
from watchd.journey.work.dispatching import Dispatcher
from watchd.journey.work.finishing import Finisher
from watchd.journey.work.job_runner import JobRunner, Stages
from watchd.journey.work.preparing import Preparer
from watchd.journey.work.publishing import Publisher
from watchd.journey.work.reserving import Reserver
from watchd.journey.work.sending import Sender
from watchd.journey.work.targets import Targets
from watchd.model import Backlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.interfaces import (
        Clock,
        Endpoint,
        InHand,
        Ledger,
        Notes,
        Originals,
        Outputs,
        Presence,
        Spool,
        Studio,
        Tree,
    )
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.model import Folder, Place, Settings, Steady


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything outside that the journey touches. `fingerprint` tells API keys apart without telling the key."""

    ledger: Ledger
    clock: Clock
    tree: Tree
    spool: Spool
    outputs: Outputs
    originals: Originals
    notes: Notes
    studio: Studio
    endpoint: Endpoint
    fingerprint: Callable[[], str]
    in_hand: InHand
    presence: Presence


def policy_of(settings: Settings) -> Policy:
    """The owner's rules for what is tried again, and for what is held."""
    api = settings.api
    return Policy(api.max_attempts, api.resend_lost, settings.balance_probe, settings.approval)


class Journey:
    """The stages, wired for one configuration; whoever has it gives it threads.

    Threads: none of its own, and nothing of it changes once it is built.
    """

    def __init__(
        self, settings: Settings, outside: Outside, keeper: GateKeeper, *, once: bool,
        admitted: Callable[[int], None], looked: Callable[[], None],
    ) -> None:  # fmt: skip
        """`admitted` hears how many jobs may have come; `looked`, that a look at all folders has ended."""
        ledger, clock, spool = outside.ledger, outside.clock, outside.spool
        self._price = settings.api.price
        self._backlog = BacklogReview(ledger, clock, keeper, settings.approval)
        self.hints = Hints()
        self.recorder = Recorder(outside.notes, clock)
        examiner = Examiner(outside.tree, settings.api, outside.studio)
        admitter = Admitter(examiner, clock, outside.in_hand, once=once)
        self.targets = Targets(outside.outputs, clock)
        self._answering = Answering(outside.presence)
        self.intake = Intake(
            outside.tree,
            ledger,
            clock,
            self.hints,
            admitter,
            self.recorder,
            Identifier(ledger, examiner, clock, outside.in_hand),
            admitted,
            looked,
            self.review,
            self.targets.look,
            self.silent,
        )
        reserver = Reserver(outside.outputs, spool, outside.studio, ledger, self.recorder, clock)
        self.publisher = Publisher(outside.outputs, spool, outside.studio, ledger, reserver)
        self.finisher = Finisher(
            self.publisher, reserver, self.recorder, ledger, spool, clock, settings.folders, self.hints.lost,
            self.targets.served,
        )  # fmt: skip
        stages = Stages(
            Preparer(outside.tree, examiner, spool, outside.studio, outside.in_hand),
            self.publisher,
            Sender(outside.endpoint, spool, ledger, outside.fingerprint),
            self.recorder,
            self.finisher,
            Archiver(outside.originals, outside.outputs, ledger, self.recorder, clock),
        )
        self.dispatcher = Dispatcher(ledger, keeper, clock, self.online)
        self.runner = JobRunner(
            stages, ledger, keeper, clock, self.dispatcher, self.online, settings.budget, self.targets
        )

    def online(self) -> dict[str, tuple[Folder, Place]]:
        """The folders that can be worked on now, and where they are."""
        found, resting = {}, self.resting()
        for hot in self.intake.folders():
            name, standing = hot.folder.name, hot.standing
            is_well = standing.online and name not in resting and self.targets.reason(name) is None
            if standing.place is not None and is_well:
                found[name] = hot.folder, standing.place
        return found

    def resting(self, seconds: float = RESTS_AFTER_S) -> dict[str, str]:
        """Folders at whose shares somebody has come no further for so long, and what to tell of each."""
        folders = self.intake.folders()
        return self._answering.resting(((hot.folder, hot.standing.place) for hot in folders), seconds)

    def silent(self) -> dict[str, str]:
        """Folders whose shares do not answer, and what to tell of each."""
        return self.resting(OFFLINE_AFTER_S)

    def offline(self) -> dict[str, str]:
        """Folders that cannot be worked on now, or whose files cannot be put where they belong, and why."""
        found = self.silent()
        for hot in self.intake.folders():
            name, standing = hot.folder.name, hot.standing
            reason = self.targets.reason(name) if standing.online else standing.reason or ""
            if reason is not None:
                found.setdefault(name, reason)
        return found

    def review(self) -> Steady | None:
        """Before workers hear of new jobs: a backlog that the owner should see first is held.

        What is seen and not measured yet is counted at the higher price wherever its profile may come to that: a gate
        that closed for too much opens again, a call that was made is paid.
        """
        files = cost = 0
        for hot in self.intake.folders():
            count = hot.making.newcomers()
            files += count
            cost += count * endpoint.price_of(endpoint.scale_of(hot.folder.profile), self._price)
        return self._backlog.review(Backlog(files, cost))
