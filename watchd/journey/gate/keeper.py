"""The one gate before all workers: who may call now, who is the probe, and what every call teaches all the others."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from watchd.core import money
from watchd.core.calls import gating, retrying
from watchd.core.calls.gating import Hold, Open, Probe
from watchd.core.calls.outcomes import Answered
from watchd.core.calls.pacing import LONGEST_HOLD, MINUTE, Limiter, Permit, PutOff, Wait
from watchd.core.calls.retrying import CallContext, Streaks
from watchd.core.request import endpoint
from watchd.journey.gate.closed import ClosedGates
from watchd.journey.gate.holding import Holds
from watchd.model import Gate, GateReason, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.core.calls.outcomes import Quota, Trouble
    from watchd.core.calls.retrying import Conclusion, Policy
    from watchd.interfaces import Clock, Endpoint, Ledger
    from watchd.journey.gate.holding import Held
    from watchd.model import Backlog, BudgetReached, Job

logger = logging.getLogger(__name__)

COUNT_SHARE = 20.0
"""A backlog behind its gate is counted again after twenty times what counting it took."""


class GateKeeper:
    """Holds the gates as the ledger has them, the pace of calls, and the places for calls in flight."""

    def __init__(
        self, ledger: Ledger, clock: Clock, endpoint: Endpoint, policy: Policy, *, workers: int, per_minute: int,
        fingerprint: Callable[[], str],
    ) -> None:  # fmt: skip
        """`fingerprint` tells keys apart without telling the key. Gates left from before a restart hold as they did."""
        self._ledger = ledger
        self._clock = clock
        self._endpoint = endpoint
        self._policy = policy
        self._fingerprint = fingerprint
        self._changed = threading.Condition(threading.RLock())
        self._gates = ClosedGates(ledger, clock, self._tell, self._begin_slowly)
        ages = ledger.recent_calls(MINUTE)
        last = clock.steady() - ages[-1] if ages else float("-inf")  # a restart makes no call sooner
        self._pace = Limiter(workers, per_minute, last=last)
        self._streaks = Streaks()
        self._in_flight = 0
        self._probing: GateReason | None = None
        self._probe_called = False
        self._stopping = False
        self._next_count = float("-inf")
        self._holds = Holds(clock)
        self.on_change: Callable[[], None] = lambda: None

    def _tell(self) -> None:
        """A gate is other than it was: those who wait look again, and others may go to work."""
        self._changed.notify_all()
        self.on_change()

    def _begin_slowly(self) -> None:
        self._pace = self._pace.after_a_pause()

    def fingerprint(self) -> str:
        """What tells the key of this moment from another."""
        return self._fingerprint()

    def gates(self) -> Mapping[GateReason, Gate]:
        """What is closed now."""
        with self._changed:
            self._gates.expire()
            return self._gates.all()

    def announce(self) -> None:
        """Say at the start what is closed from before."""
        with self._changed:
            self._gates.expire()
            self._gates.announce()

    def decision(self) -> Open | Probe | Hold:
        """Whether a call may be made now; a probe under way holds the others."""
        with self._changed:
            self._gates.expire()
            decided = gating.decide(self._gates.values(), self._clock.steady())
            if isinstance(decided, Probe) and self._probing is not None:
                return Hold(decided.gate, None)
            return decided

    def take_probe(self) -> bool:
        """Become the one probe, if its time has come and nobody else is. The free query is asked first."""
        with self._changed:
            decided = self.decision()
            if not isinstance(decided, Probe):
                return False
            self._probing, self._probe_called = decided.gate.reason, False
            # Written before the probe is made: a restart in its midst does not make another at once.
            gate = gating.probing(decided.gate, self._clock.steady(), self._policy.balance_probe.first)
            self._gates.put_off(gate)
        if gate.reason is GateReason.BALANCE and self._endpoint.permits() is False:
            with self._changed:
                scene = self._scene(gate.reason)
                longer = retrying.refused_probe(gate, scene, self._policy.balance_probe.longest)
                self._gates.close(longer, "the balance query, free of charge, says that there is nothing to spend yet")
                self._probing = None
            return False
        logger.info("Gate %s: one call is made as a probe", gate.reason, extra={"action": "probe"})
        return True

    def give_probe_back(self, *, had_job: bool = False) -> None:
        """The probe ended, or found nothing to try. One whose job needed no call is not spent: the next may try."""
        with self._changed:
            reason, self._probing = self._probing, None
            gate = self._gates.get(reason)
            if had_job and not self._probe_called and gate is not None:
                self._gates.put_off(replace(gate, retry_at=self._clock.steady()))
            self._changed.notify_all()

    def enter(self, *, again: bool, probe: bool) -> Permit | PutOff | None:
        """Wait for a place among the calls in flight and for the pace; None if the gate closed or all stops.

        `again`: this job was tried before, and is put off where too many are.
        """
        with self._changed:
            while True:
                answer = self.ask(again=again, probe=probe)
                if not isinstance(answer, Wait):
                    return answer
                self._changed.wait(answer.seconds)

    def ask(self, *, again: bool, probe: bool) -> Permit | Wait | PutOff | None:
        """What `enter` answers if a call may begin now; else for how long there is nothing but to wait."""
        with self._changed:
            if self._stopping or not self._may_go(probe=probe):
                return None
            now = self._clock.steady()
            paced = self._pace.admit(now, self._in_flight, again=again, probe=probe)
            if not isinstance(paced, Limiter):
                return paced
            self._pace = paced
            self._in_flight += 1
            self._probe_called = self._probe_called or probe
            return Permit(now, again, probe)

    def _may_go(self, *, probe: bool) -> bool:
        """Whether nothing is closed; for the probe, nothing but what it is to try."""
        if not probe:
            return isinstance(self.decision(), Open)
        self._gates.expire()
        others = [gate for gate in self._gates.values() if gate.reason not in gating.PROBED]
        return isinstance(gating.decide(others, self._clock.steady()), Open)

    def leave(self) -> None:
        """A call has ended."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()  # the end of one call may have made room for more than one

    def in_flight(self) -> int:
        """Calls under way."""
        with self._changed:
            return self._in_flight

    def stop(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def scene(self, job: Job, trouble: Trouble, ticket: Permit, *, luck: float, key: str) -> CallContext:
        """Learn from this trouble and answer what surrounds the call. `key`: the fingerprint of the key it had."""
        with self._changed:
            self._streaks = self._streaks.after(job.id, trouble)
            self._slow_down(trouble, ticket)
            self._hear(trouble.traffic.quota)
            return replace(self._scene(self._probing if ticket.probe else None), luck=luck, key=key)

    def _slow_down(self, trouble: Trouble, ticket: Permit) -> None:
        if not isinstance(trouble, Answered):
            return
        status, now = trouble.answer.status, self._clock.steady()
        if endpoint.counts_against_the_key(status):
            self._pace = self._pace.refused(now)
        if endpoint.meaning(status) in {Outcome.RATE, Outcome.SERVER}:
            was_narrowed = self._pace.is_narrowed()
            self._pace = self._pace.troubled(now, ticket.began)
            if not was_narrowed:
                logger.info(
                    "Going slower: the service answered %d. At most %d calls at once for now, more with each picture.",
                    status, self._pace.places(now), extra={"action": "slower"},
                )  # fmt: skip

    def _hear(self, quota: Quota) -> None:
        self._pace = self._pace.heard(quota, self._clock.steady(), max(0, self._in_flight - 1))
        if quota.remaining == 0 and (quota.resets_in or 0) > MINUTE:
            logger.warning(
                "The service says that its limit is used up for %.0f s. No call is made until then, for %.0f s at most;"
                " `watchd resume` tries at once.", quota.resets_in, LONGEST_HOLD, extra={"action": "limit_used_up"},
            )  # fmt: skip

    def _scene(self, probe: GateReason | None) -> CallContext:
        return CallContext(self._policy, self._streaks, self._gates.all(), probe, self._clock.steady(), 0.5)

    def succeeded(self, ticket: Permit, quota: Quota) -> None:
        """A picture came: the streaks end, the pace grows, and a probe opens what it was made for."""
        with self._changed:
            self._streaks = Streaks()
            was_narrowed = self._pace.is_narrowed()
            if ticket.probe:
                for reason in gating.PROBED & self._gates.all().keys():
                    self._gates.open(reason, "the probe succeeded")
            self._pace = self._pace.succeeded(self._clock.steady(), again=ticket.again)
            self._hear(quota)
            if was_narrowed and not self._pace.is_narrowed():
                logger.info("At full pace again", extra={"action": "full_pace"})

    def learn(self, conclusion: Conclusion) -> None:
        """Take over the gate that a conclusion, already in the ledger, closed."""
        gate = conclusion.gate
        if gate is None:
            return
        with self._changed:
            before = self._gates.get(gate.reason)
            if gate.reason is GateReason.RATE and before is not None and (before.retry_at or 0) > (gate.retry_at or 0):
                self._ledger.close_gate(before)  # another call was told to wait longer while this one was concluded
                return
            self._gates.close(gate, conclusion.error)

    def budget_reached(self, reached: BudgetReached) -> None:
        """A call would have passed a budget: nobody calls until its period is over, or that folder alone does not."""
        limit = reached.limit
        detail = money.of_budget(reached)
        now = self._clock.steady()
        wait = max(1.0, limit.until - self._clock.wall() + 1.0)  # a moment into the new period, not just before it
        if limit.folder is None:
            self.close(Gate(GateReason.BUDGET, now, detail, now + wait, wait))
            return
        self.hold(limit.folder, f"budget: {detail}", wait)

    def hold(self, folder: str, reason: str, seconds: float) -> None:
        """Let one folder make no calls for a while; everybody else's go on."""
        with self._changed:
            self._holds.hold(folder, reason, seconds)

    def held(self) -> dict[str, Held]:
        """Folders that wait by themselves."""
        with self._changed:
            return self._holds.all()

    def review_backlog(self, coming: Backlog) -> float | None:
        """Hold a backlog that passes `approval`, and let one go that no longer does.

        `coming`: files seen that are no jobs yet, at the most that they can cost until they are measured.

        Returns:
            The steady time at which to review again, where a long queue was counted a moment ago; None: it is done.
        """
        allowed = self._policy.approval
        closed = GateReason.APPROVAL in self.gates()
        if closed and money.passes(allowed, coming.files, coming.cost):
            return None  # what is to come passes it by itself
        if not closed and allowed.cost is None and allowed.files is None:
            return None
        if closed and self._clock.steady() < self._next_count:
            return self._next_count  # it opens a moment later then; a flood behind it is not counted over and over
        began = self._clock.steady()
        backlog = self._ledger.backlog()
        self._next_count = began + COUNT_SHARE * (self._clock.steady() - began)
        files, cost = backlog.files + coming.files, backlog.cost + coming.cost
        with self._changed:
            if money.passes(allowed, files, cost):
                self.close(Gate(GateReason.APPROVAL, self._clock.steady(), money.of_backlog(files, cost)))
            elif self._gates.get(GateReason.APPROVAL) is not None:
                self._gates.open(GateReason.APPROVAL, "the backlog is within `approval` now")
        return None

    def refresh(self) -> None:
        """Take over what a command changed in the ledger's gates."""
        with self._changed:
            self._pace = replace(self._pace, told=None)  # the owner says: try again now
            self._holds.clear()
            self._gates.read_again()

    def close(self, gate: Gate) -> None:
        """Close a gate for a reason that no call told, such as a full disk."""
        with self._changed:
            before = self._gates.get(gate.reason)
            self._gates.close(replace(gate, since=before.since) if before else gate, gate.detail)

    def is_probe_due(self) -> bool:
        """Whether a closed gate is being tried, or may be tried now."""
        with self._changed:
            return self._probing is not None or isinstance(self.decision(), Probe)

    def look_at_key(self) -> None:
        """Open gate `key` once the key is another than the one that was refused."""
        with self._changed:
            gate = self._gates.get(GateReason.KEY)
            if gate is not None and gate.mark and gate.mark != self._fingerprint():
                self._gates.open(GateReason.KEY, "the key has changed")

    def next_change(self) -> float | None:
        """Steady time at which a closed gate may open or be probed."""
        with self._changed:
            now = self._clock.steady()
            decided = gating.decide(self._gates.values(), now)
            moments = [*self._holds.moments()]
            if isinstance(decided, Hold) and decided.until is not None:
                moments.append(decided.until)
            elif not isinstance(decided, Hold) and self._probing is None and self._gates.is_due():
                moments.append(now)  # its time has come since somebody looked and found it closed
            return min(moments, default=None)
