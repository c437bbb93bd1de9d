"""A call's way in and out, as transitions of the call state: what it may, and what it teaches the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchd.core import money
from watchd.core.calls import closing, gating, retrying
from watchd.core.calls import state as events
from watchd.core.calls.gating import Open
from watchd.core.calls.outcomes import Answered, NotSent
from watchd.core.calls.pacing import MINUTE_S, Limiter
from watchd.core.calls.retrying import TROUBLE_OF_ITS_OWN_S, CallContext
from watchd.core.calls.standing import decision
from watchd.core.calls.state import CallState, Effect, Step
from watchd.core.calls.streaks import Streaks
from watchd.core.calls.upload_progress import SLOW_UPLOAD_S
from watchd.core.request import endpoint
from watchd.model import Gate, GateReason, JobState, Outcome, Permit, Steady, after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.core.calls.outcomes import Quota
    from watchd.model import Call

NO_STREAKS = Streaks()


def entering(state: CallState, event: events.Entering) -> Step:
    """In, to wait, or away: nothing may be closed but what the call is to try, and the limiter has to have a place."""
    now = event.now

    def enter(state: CallState) -> Step:
        if state.stopping or not _may_go(state, now, probe=event.probe):
            return Step(state)
        paced = state.limiter.admit(now, state.in_flight, again=event.again, probe=event.probe)
        if not isinstance(paced, Limiter):
            return Step(state, paced)
        called = state.probe_called or event.probe
        entered = replace(state, limiter=paced, in_flight=state.in_flight + 1, probe_called=called)
        return Step(entered, Permit(now, event.again, event.probe))

    return closing.then(closing.expired(state, now), enter)


def _may_go(state: CallState, now: Steady, *, probe: bool) -> bool:
    """Whether nothing is closed; for the probe, nothing but what it is to try."""
    if not probe:
        return isinstance(decision(state, now), Open)
    others = [gate for gate in state.gates.values() if gate.reason not in gating.PROBED or gate.retry_at is None]
    return isinstance(gating.decide(others, now), Open)


def out(state: CallState, permit: Permit) -> CallState:
    """With one call fewer under way, unless its place was given back when its picture came."""
    return state if permit.left else replace(state, in_flight=state.in_flight - 1)


def picture_came(state: CallState, event: events.PictureCame) -> Step:
    """The streaks end, the limiter widens unless uploads are slow, and a probe opens what it was made for."""
    was_narrowed = state.limiter.is_narrowed()
    first = _known_to_work(replace(state, streaks=NO_STREAKS, pictures=state.pictures + 1), event.call)
    if event.permit.probe:
        first = closing.then(first, lambda state: closing.opened(state, sorted(gating.PROBED), "the probe succeeded"))

    def widen(state: CallState) -> Step:
        slow = event.traffic.upload_s > SLOW_UPLOAD_S
        wider = state.limiter.succeeded(event.now, again=event.permit.again, slow=slow)
        paced = Step(replace(state, limiter=wider))
        if slow:
            paced = _crowded(paced.state, event.permit, event.now)
        heard = closing.then(paced, lambda state: _heard(state, event.traffic.quota, event.now))
        full = (events.FullPace(),) if was_narrowed and not heard.state.limiter.is_narrowed() else ()
        return Step(out(heard.state, event.permit), None, (*heard.effects, *full))

    return closing.then(first, widen)


def _known_to_work(state: CallState, call: Call) -> Step:
    """What one picture proves: its key is a right one, and its file is none that the service cannot do."""
    if call.job.id in state.troubled:
        state = replace(state, troubled=_without(state.troubled, call.job.id))
    if call.key in state.worked or not call.key:
        return Step(state)
    return Step(replace(state, worked=state.worked | {call.key}), effects=(events.KeyWorked(call.key),))


def _without(troubled: Mapping[int, tuple[int, Steady]], job: int) -> dict[int, tuple[int, Steady]]:
    return {other: since for other, since in troubled.items() if other != job}


def call_failed(state: CallState, event: events.CallFailed) -> Step:
    """Learn from the trouble, then say what follows for the job, and close what it closes for all."""
    counted = replace(state, streaks=state.streaks.after(event.call.job.id, event.trouble))
    slowed = closing.then(_slowed(counted, event), lambda state: _heard(state, event.trouble.traffic.quota, event.now))
    return closing.then(slowed, lambda state: _concluded(state, event))


def _concluded(state: CallState, event: events.CallFailed) -> Step:
    call = event.call
    pictures, since = state.troubled.get(call.job.id, (state.pictures, event.now))
    conclusion = retrying.conclude(
        event.trouble, call.job,
        CallContext(
            state.policy, state.streaks, state.gates, event.permit.probe, event.now, event.jitter, key=call.key,
            key_has_worked=call.key in state.worked, scale=call.scale, in_flight=state.in_flight,
            workers=state.limiter.workers,
            others_passed=state.pictures > pictures, lasts=event.now - since >= TROUBLE_OF_ITS_OWN_S,
        ),
    )  # fmt: skip
    if call.part:
        conclusion = replace(conclusion, error=f"{call.part}: {conclusion.error}")
    troubled = _without(state.troubled, call.job.id)
    if conclusion.outcome is Outcome.SERVER and conclusion.state is JobState.QUEUED:
        troubled[call.job.id] = pictures, since
    left = out(replace(state, troubled=troubled), event.permit)
    gate = conclusion.gate
    closed = Step(left) if gate is None else closing.closed(left, gate, conclusion.error)
    return replace(closed, verdict=conclusion)


def _crowded(state: CallState, permit: Permit, now: Steady, *, stalled: bool = False) -> Step:
    was_narrowed = state.limiter.is_narrowed()
    limiter = state.limiter.crowded(now, permit.began, stalled=stalled)
    is_told = limiter.is_narrowed() and not was_narrowed
    told = (events.Slowed(None, limiter.places(now)),) if is_told else ()
    return Step(replace(state, limiter=limiter), effects=told)


def _slowed(state: CallState, event: events.CallFailed) -> Step:
    trouble = event.trouble
    if not isinstance(trouble, Answered):
        stalled = isinstance(trouble, NotSent) and trouble.stalled
        if stalled or trouble.traffic.upload_s > SLOW_UPLOAD_S:
            return _crowded(state, event.permit, event.now, stalled=stalled)
        return Step(state)
    answer, limiter = trouble.answer, state.limiter
    told: tuple[Effect, ...] = ()
    if endpoint.counts_against_the_key(answer):
        limiter = limiter.refused(event.now)
    if endpoint.meaning(answer) in {Outcome.RATE, Outcome.SERVER}:
        was_narrowed = limiter.is_narrowed()
        limiter = limiter.troubled(event.now, event.permit.began)
        told = () if was_narrowed else (events.Slowed(answer.status, limiter.places(event.now)),)
    return Step(replace(state, limiter=limiter), effects=told)


def _heard(state: CallState, quota: Quota, now: Steady) -> Step:
    """Take over what the service says of its own limit; the call that brought it is no longer in flight."""
    limiter = state.limiter.heard(quota, now, max(0, state.in_flight - 1))
    used_up = quota.remaining == 0 and (quota.resets_in or 0) > MINUTE_S
    effects = (events.LimitUsedUp(quota.resets_in or 0.0),) if used_up else ()
    return Step(replace(state, limiter=limiter), effects=effects)


def over_budget(state: CallState, event: events.OverBudget) -> Step:
    """Nobody calls until the period of the budget is over, or that folder alone does not."""
    left, detail = out(state, event.permit), money.of_budget(event.reached)
    folder = event.reached.limit.folder
    if folder is not None:
        return closing.held(left, event.now, folder, f"budget: {detail}", event.wait)
    gate = Gate(GateReason.BUDGET, event.now, detail, after(event.now, event.wait), event.wait)
    return closing.closed(left, gate, detail)
