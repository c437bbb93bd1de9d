"""The one gate before all workers: a lock round the call state, which is carried from one value to the next."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, assert_never

from watchd.core.calls import standing
from watchd.core.calls import state as events
from watchd.core.calls.outcomes import Received, Sent
from watchd.core.calls.pacing import MINUTE_S, Limiter, Wait
from watchd.core.calls.state import CallState, Wake
from watchd.core.calls.transitions import step
from watchd.interfaces import CallBook, GateBook
from watchd.journey.gate import announcing
from watchd.model import BudgetReached, ClaimLost, GateReason, after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.core.calls.gating import Hold, Open, Probe
    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.pacing import PutOff
    from watchd.core.calls.retrying import Conclusion, Policy
    from watchd.core.calls.state import Event, FolderHold, Step
    from watchd.interfaces import Clock
    from watchd.model import Call, Gate, Permit, Steady


class Books(GateBook, CallBook, Protocol):
    """What of the ledger the gate needs: its gates, and how calls are concluded."""


class GateKeeper:
    """Carries the call state over from event to event, and does once what each asks for.

    Whatever closes or opens a gate comes through here, also what the owner says: nobody else writes one. One for each
    process; a reload configures it anew, and what calls have taught is kept.

    Threads: any. `_state` is a frozen value that is replaced whole, behind `_changed`, after the ledger has what is to
    outlive the process; it is read without that lock, by those too who must not wait for the ledger.
    """

    def __init__(self, ledger: Books, clock: Clock) -> None:
        """Gates left from before a restart hold as they did, and no call is made sooner for it."""
        self._ledger = ledger
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._random = random.Random()  # noqa: S311 -- jitter, not a secret
        self._permits: Callable[[], bool | None] = lambda: None
        self._on_change: Callable[[], None] = lambda: None
        ages = ledger.recent_calls(MINUTE_S)
        last = clock.steady() - ages[-1] if ages else float("-inf")
        gates = {reason: self._bounded(gate) for reason, gate in ledger.gates().items()}
        self._state = CallState(Limiter(1, last=last), gates=gates, worked=ledger.keys_that_worked())

    def _bounded(self, gate: Gate) -> Gate:
        """A deadline from a clock that was wrong then or is wrong now never holds longer than its interval."""
        if gate.retry_at is None:
            return gate
        return replace(gate, retry_at=min(gate.retry_at, after(self._clock.steady(), gate.interval)))

    def configure(
        self, policy: Policy, *, workers: int, per_minute: int, permits: Callable[[], bool | None],
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        """Take a configuration over. `permits` asks the balance, free of charge; `changed` hears of every change."""
        with self._changed:
            self._permits, self._on_change = permits, changed
            self.apply(events.Configured(policy, workers, per_minute))

    def apply(self, event: Event, record: Callable[[Step], ClaimLost | None] | None = None) -> Step:
        """One event: what outlives the process is written, then the new state holds, then the rest is carried out.

        `record` writes in one transaction what the event means to a job and for the gates; where that job's claim is
        lost, what was learnt for the gates is written all the same.
        """
        with self._changed:
            return self._carry_out(step(self._state, event), record)

    def _carry_out(self, done: Step, record: Callable[[Step], ClaimLost | None] | None = None) -> Step:
        lost = record(done) if record is not None else None
        if done.changes and (record is None or lost is not None):
            self._ledger.write_gates(done.changes)
        if done.state is not self._state:  # else two who wait would wake each other for ever
            self._state = done.state
            self._changed.notify_all()
        for effect in done.effects:
            announcing.announce(effect)
        if any(isinstance(effect, Wake) for effect in done.effects):
            self._on_change()
        return done if lost is None else replace(done, verdict=lost)

    # Whoever looks for work

    def decision(self) -> Open | Probe | Hold:
        """Whether a call may be made now; a probe under way holds the others."""
        verdict: Open | Probe | Hold = self.apply(events.Looked(self._clock.steady())).verdict
        return verdict

    def take_probe(self) -> bool:
        """Become the one probe, if its time has come and nobody else is. The free query is asked first."""
        gate: Gate | None = self.apply(events.ProbeTaken(self._clock.steady())).verdict
        if gate is None:
            return False
        if GateReason.BALANCE in self._state.gates and self._permits() is False:
            self.apply(events.ProbeDenied(self._clock.steady()))
            return False
        announcing.probing(gate.reason)
        return True

    def give_probe_back(self) -> None:
        """The probe ended, or found nothing to try. One that made no call is not spent: the next may try."""
        self.apply(events.ProbeReturned())

    # A paid call: once in, once out

    def enter(self, *, again: bool, probe: bool) -> Permit | PutOff | None:
        """Wait for a place among the calls in flight and for the pace; None if the gate closed or all stops.

        `again`: this job was tried before, and is put off where too many are.
        """
        with self._changed:
            while True:
                answer = self.ask(again=again, probe=probe)
                if not isinstance(answer, Wait):
                    return answer
                self._changed.wait(None if answer.seconds is None else min(answer.seconds, MINUTE_S))

    def retry_wait(self) -> float:
        """Seconds until one more job that was tried before may be tried again: asked before one is prepared for it."""
        with self._changed:
            return standing.retry_wait(self._state, self._clock.steady())

    def ask(self, *, again: bool, probe: bool) -> Permit | Wait | PutOff | None:
        """What `enter` answers if a call may begin now; else for how long there is nothing but to wait."""
        answer: Permit | Wait | PutOff | None = self.apply(events.Entering(self._clock.steady(), again, probe)).verdict
        return answer

    def picture_came(self, permit: Permit, call: Call, traffic: Traffic) -> Permit:
        """Let another in as soon as a picture is here and proven: keeping it is no matter of the service's.

        Not where that has to be written first, as a gate that opens has: the ledger may wait for room, and what is paid
        for is kept before. Then all is done on the way out.
        """
        event = events.PictureCame(self._clock.steady(), permit, call, traffic)
        with self._changed:
            done = step(self._state, event)
            if done.changes:
                return permit
            self._carry_out(done)
        return replace(permit, left=True)

    def tell(
        self, permit: Permit, sent: Sent | BudgetReached | ClaimLost | None, *, due: bool = False
    ) -> Conclusion | ClaimLost | None:
        """How a call that was let in has ended; None: it was not made after all.

        Where it brought no picture the ledger has it when this returns, and the answer is what followed; `due`: an
        original that fails by it is moved away.
        """
        now = self._clock.steady()
        match sent:
            case Sent(call, end):
                if not isinstance(end, Received):
                    return self._failed(events.CallFailed(now, permit, call, end, self._random.random()), due=due)
                if not permit.left:
                    self.apply(events.PictureCame(now, permit, call, end.traffic))
            case BudgetReached(limit):
                wait = max(1.0, limit.until - self._clock.wall() + 1.0)  # a moment into the new period, not before it
                self.apply(events.OverBudget(now, permit, sent, wait))
            case None | ClaimLost():
                self.apply(events.NotBegun(permit))
            case unexpected:
                assert_never(unexpected)
        return None

    def _failed(self, event: events.CallFailed, *, due: bool) -> Conclusion | ClaimLost:
        def record(done: Step) -> ClaimLost | None:
            return self._ledger.conclude(event.call, done.verdict, done.changes, due=due)

        verdict: Conclusion | ClaimLost = self.apply(event, record).verdict
        return verdict

    # Others

    def close(self, gate: Gate) -> None:
        """Close a gate for a reason that no call told, such as a full disk."""
        self.apply(events.GateClosed(gate))

    def hold(self, folder: str, reason: str, seconds: float) -> None:
        """Let one folder make no calls for a while; everybody else's go on."""
        self.apply(events.FolderHeld(self._clock.steady(), folder, reason, seconds))

    def look_at_key(self, fingerprint: str) -> None:
        """Open gate `key` once the key is another than the one that was refused."""
        if GateReason.KEY in self._state.gates:  # the main thread asks, and waits for no lock without need
            self.apply(events.KeySeen(fingerprint))

    def stop(self) -> None:
        """Let nobody in any more, until the next configuration."""
        self.apply(events.Stopped())

    def announce(self) -> None:
        """Say at the start what is closed from before."""
        self.decision()  # less what only time has held
        for gate in self._state.gates.values():
            announcing.closed_since_before(gate)

    # Questions, answered without the lock

    def gates(self) -> Mapping[GateReason, Gate]:
        """What is closed now."""
        return standing.closed_now(self._state, self._clock.steady())

    def held(self) -> dict[str, FolderHold]:
        """Folders that wait by themselves."""
        return standing.held_now(self._state, self._clock.steady())

    def in_flight(self) -> int:
        """Calls under way."""
        return self._state.in_flight

    def is_probe_due(self) -> bool:
        """Whether a closed gate is being tried, or may be tried now."""
        return standing.is_probe_due(self._state, self._clock.steady())

    def next_change(self, since: Steady) -> Steady | None:
        """Steady time at which a closed gate may open or be probed, or a folder that waits goes on.

        `since`: when whoever asks looked for work.
        """
        return standing.next_change(self._state, self._clock.steady(), since)
