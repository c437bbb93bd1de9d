"""The transitions of the call state, row by row: `step(state, event)` → state, verdict, effects."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from watchd.core.calls import gating, pacing
from watchd.core.calls import state as events
from watchd.core.calls.gating import Hold, Open, Probe
from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Quota, Traffic
from watchd.core.calls.pacing import Limiter, PutOff, TokenBucket, Wait
from watchd.core.calls.retrying import Conclusion, Policy
from watchd.core.calls.state import (
    CallState,
    FolderHold,
    FolderWaits,
    FullPace,
    KeyWorked,
    LimitUsedUp,
    Opened,
    Shut,
    Slowed,
    Wake,
)
from watchd.core.calls.streaks import Streaks
from watchd.core.calls.transitions import RESUMED, step
from watchd.core.calls.upload_progress import SLOW_UPLOAD_S
from watchd.core.request.endpoint import Answer
from watchd.model import (
    Approval,
    Backlog,
    BudgetReached,
    Call,
    Gate,
    GateReason,
    Job,
    JobState,
    Limit,
    Outcome,
    Permit,
    Span,
    Steady,
    Wall,
    after,
)

if TYPE_CHECKING:
    from watchd.core.calls.outcomes import Trouble

NOW = Steady(1_800_000_000.0)
POLICY = Policy(approval=Approval(files=10, cost=None))
LIMITER = Limiter(workers=4)
AFTER_A_PAUSE = LIMITER.after_a_pause()
QUIET = CallState(LIMITER, POLICY)
JOB = Job(7, "hot", "a.png", "00" * 32, 0, "{}", "gold", JobState.ARMED)
CALL = Call(JOB, 1, 20_000, "answer.png", scale=2.0, key="f00d")
KEYLESS = replace(CALL, key="")
WORN = replace(CALL, job=replace(JOB, attempts=4))
PERMIT = Permit(NOW)
PROBE_PERMIT = Permit(NOW, probe=True)
WIRE = Traffic(1000, 80, "ray-1")


def gate(reason: GateReason, due_in: float | None = None, interval: float = 60.0, detail: str = "because") -> Gate:
    at = None if due_in is None else after(NOW, due_in)
    return Gate(reason, Steady(NOW - 500), detail, at, interval)


BALANCE_DUE = gate(GateReason.BALANCE, 0)
BALANCE_LATER = gate(GateReason.BALANCE, 30)
SERVICE_DUE = gate(GateReason.SERVICE, 0, 5.0)
SERVICE_LATER = gate(GateReason.SERVICE, 30, 5.0)
RATE_OVER = gate(GateReason.RATE, -1)
RATE_LATER = gate(GateReason.RATE, 10)
PAUSED = gate(GateReason.PAUSED)
KEY = replace(gate(GateReason.KEY), mark="f00d")
KEY_DUE = gate(GateReason.KEY, 0)
APPROVAL = gate(GateReason.APPROVAL)
BUDGET = gate(GateReason.BUDGET, 3600)
DISK = gate(GateReason.DISK, 60)
LEDGER = gate(GateReason.LEDGER)


def closed(*gates: Gate, **further: Any) -> CallState:
    return replace(QUIET, gates={each.reason: each for each in gates}, **further)


def probing(due: Gate, *others: Gate, called: bool = True, **further: Any) -> CallState:
    """Somebody is out to try `due`; its next time is written already."""
    out = gating.probing(due, NOW, 60.0)
    return closed(out, *others, probing=due, probe_called=called, **further)


def failed(trouble: Trouble, permit: Permit = PERMIT, call: Call = CALL) -> events.CallFailed:
    return events.CallFailed(NOW, permit, call, trouble, jitter=0.5)


def answered(status: int, **headers: Any) -> Answered:
    return Answered(Answer(status, "words", **headers), WIRE)


def over(folder: str | None) -> events.OverBudget:
    limit = Limit(folder, "2026-11-26", 1_000_000, Wall(NOW + 3600), Span.DAY)
    return events.OverBudget(NOW, PERMIT, BudgetReached(limit, 990_000, 20_000), 3600.0)


BUDGET_WORDS = "today's budget of $1.00 has $0.01 left, and the next call would cost $0.02"


@dataclass(frozen=True)
class Row:
    """One transition. What of the state is not in `then` stays; `verdict` is compared whole where it is no Conclusion.

    Of a Conclusion `verdict` names (outcome, state of the job, whether a gate closes).
    """

    name: str
    given: CallState
    event: events.Event
    verdict: Any = None
    then: dict[str, Any] = field(default_factory=dict)
    effects: tuple[type, ...] = ()
    changes: tuple[tuple[type, GateReason], ...] = ()


def opened(*reasons: GateReason) -> tuple[tuple[type, GateReason], ...]:
    return tuple((Opened, reason) for reason in reasons)


def shut(*reasons: GateReason) -> tuple[tuple[type, GateReason], ...]:
    return tuple((Shut, reason) for reason in reasons)


BUSY = replace(QUIET, in_flight=1)
LET_IN = {"in_flight": 1, "limiter": LIMITER.admit(NOW, 0, again=False, probe=False)}
NARROW = replace(LIMITER, window=2.0)
CROWD = replace(QUIET, in_flight=4)
SLOWLY = Traffic(1000, 80, "ray-1", upload_s=SLOW_UPLOAD_S + 1)
STALLED = NotSent("nothing arrived", uploading=True, traffic=SLOWLY, stalled=True)
SPENT = replace(LIMITER, retry_budget=TokenBucket(20.0, 1 / 60, 0.0, NOW))
SLOWED = LIMITER.troubled(NOW, NOW)
SLOWED_BY_429 = LIMITER.refused(NOW).troubled(NOW, NOW)
REFUSED = LIMITER.refused(NOW)
HELD = FolderHold("its own budget", after(NOW, 60))
HELD_BEFORE = FolderHold("its own budget", after(NOW, -60))

LOOKED = [
    Row("nothing is closed", QUIET, events.Looked(NOW), Open()),
    Row("only the owner opens it", closed(PAUSED), events.Looked(NOW), Hold(PAUSED, None)),
    Row("its time has not come", closed(RATE_LATER), events.Looked(NOW), Hold(RATE_LATER, RATE_LATER.retry_at)),
    Row(
        "time opens it", closed(RATE_OVER), events.Looked(NOW), Open(),
        {"gates": {}, "limiter": AFTER_A_PAUSE}, (Opened, Wake), opened(GateReason.RATE),
    ),
    Row(
        "time opens one of two", closed(RATE_OVER, PAUSED), events.Looked(NOW), Hold(PAUSED, None),
        {"gates": {GateReason.PAUSED: PAUSED}, "limiter": AFTER_A_PAUSE}, (Opened, Wake), opened(GateReason.RATE),
    ),
    Row("a probe is due", closed(BALANCE_DUE), events.Looked(NOW), Probe(BALANCE_DUE)),
    Row(
        "somebody is out to try it", closed(BALANCE_DUE, probing=BALANCE_DUE), events.Looked(NOW),
        Hold(BALANCE_DUE, None),
    ),
]  # fmt: skip

TRIED = gating.probing(BALANCE_DUE, NOW, 60.0)
LONGER = replace(TRIED, retry_at=after(NOW, 120), interval=120.0)
PROBES = [
    Row("there is none to try", QUIET, events.ProbeTaken(NOW)),
    Row("not before its time", closed(BALANCE_LATER), events.ProbeTaken(NOW)),
    Row("not behind a pause", closed(BALANCE_DUE, PAUSED), events.ProbeTaken(NOW)),
    Row("one at a time", closed(BALANCE_DUE, probing=BALANCE_DUE), events.ProbeTaken(NOW)),
    Row(
        "the next time is written before it is tried", closed(BALANCE_DUE), events.ProbeTaken(NOW), TRIED,
        {"gates": {GateReason.BALANCE: TRIED}, "probing": BALANCE_DUE}, (Shut,), shut(GateReason.BALANCE),
    ),
    Row(
        "the free query says no", probing(BALANCE_DUE, called=False), events.ProbeDenied(NOW), None,
        {"gates": {GateReason.BALANCE: LONGER}, "probing": None}, (Shut, Wake), shut(GateReason.BALANCE),
    ),
    Row("the gate was opened meanwhile", replace(QUIET, probing=BALANCE_DUE), events.ProbeDenied(NOW), None,
        {"probing": None}),
    Row("the free query says no while another gate is tried: that one alone is not due", closed(
            gating.probing(SERVICE_DUE, NOW, 60.0), BALANCE_LATER, probing=SERVICE_DUE), events.ProbeDenied(NOW), None,
        {"probing": None}),
    Row("a probe that called is spent", probing(BALANCE_DUE), events.ProbeReturned(), None, {"probing": None}),
    Row(
        "one that made no call is not", probing(BALANCE_DUE, called=False), events.ProbeReturned(), None,
        {"gates": {GateReason.BALANCE: BALANCE_DUE}, "probing": None}, (Shut,), shut(GateReason.BALANCE),
    ),
    Row("it came back after its gate was opened", replace(QUIET, probing=BALANCE_DUE), events.ProbeReturned(), None,
        {"probing": None}),
]  # fmt: skip


def entering(*, again: bool = False, probe: bool = False) -> events.Entering:
    return events.Entering(NOW, again, probe)


ENTERING = [
    Row("let in", QUIET, entering(), Permit(NOW), LET_IN),
    Row("a stop lets nobody in", replace(QUIET, stopping=True), entering()),
    *(Row(f"closed: {each.reason}", closed(each), entering()) for each in (
        BALANCE_DUE, BALANCE_LATER, SERVICE_DUE, RATE_LATER, PAUSED, KEY, APPROVAL, BUDGET, DISK, LEDGER)),
    Row(
        "its time is over", closed(RATE_OVER), entering(), Permit(NOW),
        {"gates": {}, "in_flight": 1, "limiter": AFTER_A_PAUSE.admit(NOW, 0, again=False, probe=False)},
        (Opened, Wake), opened(GateReason.RATE),
    ),
    Row("all places are taken", replace(QUIET, in_flight=4), entering(), Wait(None)),
    Row("the pace is kept", replace(QUIET, limiter=replace(LIMITER, per_minute=60, last=NOW)), entering(), Wait(1.0)),
    Row("calls made again are used up", replace(QUIET, limiter=SPENT), entering(again=True), PutOff(60.0)),
    Row(
        "the probe passes the gate that it tries", probing(BALANCE_DUE, called=False), entering(probe=True),
        PROBE_PERMIT,
        {"in_flight": 1, "probe_called": True, "limiter": LIMITER.admit(NOW, 0, again=False, probe=True)},
    ),
    *(Row(f"the probe does not pass {each.reason}", probing(BALANCE_DUE, each, called=False), entering(probe=True))
      for each in (RATE_LATER, PAUSED, KEY, APPROVAL, BUDGET, DISK, LEDGER)),
]  # fmt: skip

CAME = [
    Row("a picture", BUSY, events.PictureCame(NOW, PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "in_flight": 0, "limiter": LIMITER.succeeded(NOW, again=False)}),
    Row(
        "it ends the streaks, not the gates", replace(closed(BALANCE_LATER, in_flight=1), streaks=Streaks(refusal=2)),
        events.PictureCame(NOW, PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "in_flight": 0, "streaks": Streaks(), "limiter": LIMITER.succeeded(NOW, again=False)},
    ),
    Row(
        "the probe opens what one call tries, and nothing else", probing(BALANCE_DUE, SERVICE_LATER, DISK, in_flight=1),
        events.PictureCame(NOW, PROBE_PERMIT, KEYLESS, Traffic()), None,
        {"gates": {GateReason.DISK: DISK}, "pictures": 1, "in_flight": 0,
         "limiter": AFTER_A_PAUSE.succeeded(NOW, again=False)},
        (Opened, Opened, Wake), opened(GateReason.BALANCE, GateReason.SERVICE),
    ),
    Row("a little wider", replace(BUSY, limiter=NARROW), events.PictureCame(NOW, PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "in_flight": 0, "limiter": NARROW.succeeded(NOW, again=False)}),
    Row("full pace again", replace(BUSY, limiter=replace(LIMITER, window=3.0)),
        events.PictureCame(NOW, PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "in_flight": 0, "limiter": LIMITER.succeeded(NOW, again=False)}, (FullPace,)),
    Row("its upload was slow", CROWD, events.PictureCame(NOW, PERMIT, KEYLESS, SLOWLY), None,
        {"pictures": 1, "in_flight": 3,
         "limiter": LIMITER.succeeded(NOW, again=False, slow=True).crowded(NOW, NOW, stalled=False)}, (Slowed,)),
    Row("its upload was slow, and no call is told twice to go slower", replace(CROWD, limiter=NARROW),
        events.PictureCame(NOW, PERMIT, KEYLESS, SLOWLY), None,
        {"pictures": 1, "in_flight": 3,
         "limiter": NARROW.succeeded(NOW, again=False, slow=True).crowded(NOW, NOW, stalled=False)}),
    Row("the service tells its limit", BUSY,
        events.PictureCame(NOW, PERMIT, KEYLESS, Traffic(quota=Quota(100, 0, 30.0))), None,
        {"pictures": 1, "in_flight": 0,
         "limiter": LIMITER.succeeded(NOW, again=False).heard(Quota(100, 0, 30.0), NOW, 0)}),
    Row("the service's limit is used up for long", BUSY,
        events.PictureCame(NOW, PERMIT, KEYLESS, Traffic(quota=Quota(100, 0, 3600.0))), None,
        {"pictures": 1, "in_flight": 0,
         "limiter": LIMITER.succeeded(NOW, again=False).heard(Quota(100, 0, 3600.0), NOW, 0)},
        (LimitUsedUp,)),
    Row("a file that had trouble has none any more", replace(BUSY, troubled={7: (0, NOW), 8: (0, NOW)}),
        events.PictureCame(NOW, PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "in_flight": 0, "troubled": {8: (0, NOW)}, "limiter": LIMITER.succeeded(NOW, again=False)}),
    Row("a key has worked", BUSY, events.PictureCame(NOW, PERMIT, replace(CALL, key="f00d"), Traffic()), None,
        {"pictures": 1, "in_flight": 0, "worked": frozenset({"f00d"}),
         "limiter": LIMITER.succeeded(NOW, again=False)}, (KeyWorked,)),
    Row("the probe opens a key that was refused", probing(KEY_DUE, in_flight=1),
        events.PictureCame(NOW, PROBE_PERMIT, KEYLESS, Traffic()), None,
        {"pictures": 1, "gates": {}, "in_flight": 0, "limiter": AFTER_A_PAUSE.succeeded(NOW, again=False)},
        (Opened, Wake), opened(GateReason.KEY)),
]  # fmt: skip

FAILED = [
    Row(
        "402 closes for all", BUSY, failed(answered(402)), (Outcome.BALANCE, JobState.QUEUED, True),
        {"in_flight": 0, "limiter": REFUSED}, (Shut, Wake), shut(GateReason.BALANCE),
    ),
    Row(
        "402 of a call that was under way when it closed changes nothing", closed(BALANCE_LATER, in_flight=1),
        failed(answered(402)), (Outcome.BALANCE, JobState.QUEUED, True), {"in_flight": 0, "limiter": REFUSED},
    ),
    Row(
        "402 of the probe: the next is twice as far", probing(BALANCE_DUE, in_flight=1),
        failed(answered(402), PROBE_PERMIT), (Outcome.BALANCE, JobState.QUEUED, True),
        {"in_flight": 0, "limiter": REFUSED}, (Shut, Wake), shut(GateReason.BALANCE),
    ),
    *(Row(
        f"{status} closes for all", BUSY, failed(answered(status)), (Outcome.KEY, JobState.QUEUED, True),
        {"in_flight": 0, "limiter": REFUSED}, (Shut, Wake), shut(GateReason.KEY),
    ) for status in (401, 403)),
    Row(
        "429 closes for a while and slows", BUSY, failed(answered(429, retry_after=7.0)),
        (Outcome.RATE, JobState.QUEUED, True), {"in_flight": 0, "streaks": Streaks(rate=1), "limiter": SLOWED_BY_429},
        (Slowed, Shut, Wake), shut(GateReason.RATE),
    ),
    Row(
        "slow already", replace(BUSY, limiter=NARROW), failed(answered(503)), (Outcome.SERVER, JobState.QUEUED, False),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "troubled": {7: (0, NOW)},
         "limiter": NARROW.troubled(NOW, NOW)},
    ),
    *(Row(
        f"{status} slows", BUSY, failed(answered(status)), (Outcome.SERVER, JobState.QUEUED, False),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "troubled": {7: (0, NOW)},
         "limiter": SLOWED}, (Slowed,),
    ) for status in (500, 502, 503)),
    Row(
        "the fifth file in a row that meets trouble", replace(BUSY, streaks=Streaks(frozenset({1, 2, 3, 4}), 4)),
        failed(answered(500)), (Outcome.SERVER, JobState.QUEUED, True),
        {"in_flight": 0, "streaks": Streaks(frozenset({1, 2, 3, 4, 7}), 5),
         "troubled": {7: (0, NOW)},
         "limiter": SLOWED},
        (Slowed, Shut, Wake), shut(GateReason.SERVICE),
    ),
    *(Row(
        f"{status} is the file's own", replace(BUSY, streaks=Streaks(refusal=1)), failed(answered(status)),
        (Outcome.REFUSED, JobState.FAILED, False), {"in_flight": 0, "limiter": REFUSED},
    ) for status in (413, 415)),
    Row(
        "the third refusal that names no file", replace(BUSY, streaks=Streaks(refusal=2)), failed(answered(404)),
        (Outcome.REFUSED, JobState.FAILED, True),
        {"in_flight": 0, "streaks": Streaks(refusal=3), "limiter": REFUSED}, (Shut, Wake), shut(GateReason.SERVICE),
    ),
    Row(
        "an upload stalls", CROWD, failed(STALLED), (Outcome.NETWORK, JobState.QUEUED, False),
        {"in_flight": 3, "streaks": Streaks(network=1), "limiter": LIMITER.crowded(NOW, NOW, stalled=True)}, (Slowed,),
    ),
    Row(
        "an upload is slow, and cut", CROWD, failed(replace(STALLED, stalled=False)),
        (Outcome.NETWORK, JobState.QUEUED, False),
        {"in_flight": 3, "streaks": Streaks(network=1), "limiter": LIMITER.crowded(NOW, NOW, stalled=False)}, (Slowed,),
    ),
    Row(
        "a stop of ours gives an upload up", replace(CROWD, streaks=Streaks(network=2)),
        failed(NotSent("watchd stops", uploading=True, traffic=WIRE, ours=True)),
        (Outcome.NETWORK, JobState.QUEUED, False), {"in_flight": 3},
    ),
    Row(
        "the way is cut", BUSY, failed(NotSent("refused", uploading=False, traffic=WIRE)),
        (Outcome.NETWORK, JobState.QUEUED, False), {"in_flight": 0, "streaks": Streaks(network=1)},
    ),
    Row(
        "the way is cut for the third in a row", replace(BUSY, streaks=Streaks(network=2)),
        failed(NotSent("refused", uploading=False, traffic=WIRE)), (Outcome.NETWORK, JobState.QUEUED, True),
        {"in_flight": 0, "streaks": Streaks(network=3)}, (Shut, Wake), shut(GateReason.SERVICE),
    ),
    Row("no answer came", BUSY, failed(Lost("reset", WIRE)), (Outcome.LOST, JobState.UNKNOWN, False),
        {"in_flight": 0, "streaks": Streaks(doubtful=frozenset({7}))}),
    Row("504 may be charged", BUSY, failed(answered(504)), (Outcome.LOST, JobState.UNKNOWN, False),
        {"in_flight": 0, "streaks": Streaks(doubtful=frozenset({7}))}),
    Row(
        "the fifth file in a row in doubt", replace(BUSY, streaks=Streaks(doubtful=frozenset({1, 2, 3, 4}))),
        failed(Lost("reset", WIRE)), (Outcome.LOST, JobState.UNKNOWN, True),
        {"in_flight": 0, "streaks": Streaks(doubtful=frozenset({1, 2, 3, 4, 7}))}, (Shut, Wake),
        shut(GateReason.SERVICE),
    ),
    Row("one of ours that was cut", BUSY, failed(Lost("stopped", WIRE, ours=True)),
        (Outcome.LOST, JobState.UNKNOWN, False), {"in_flight": 0}),
    Row("its last try, and none has passed", replace(BUSY, troubled={7: (0, NOW)}),
        failed(answered(503), call=WORN), (Outcome.SERVER, JobState.QUEUED, False),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "limiter": SLOWED}, (Slowed,)),
    Row("its last try, and others have passed", replace(BUSY, troubled={7: (0, NOW)}, pictures=1),
        failed(answered(503), call=WORN), (Outcome.SERVER, JobState.FAILED, False),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "limiter": SLOWED, "troubled": {}}, (Slowed,)),
    Row("its last try, after an hour", replace(BUSY, troubled={7: (0, after(NOW, -3600))}),
        failed(answered(503), call=WORN), (Outcome.SERVER, JobState.FAILED, False),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "limiter": SLOWED, "troubled": {}}, (Slowed,)),
    Row("a key that has worked is refused", replace(BUSY, worked=frozenset({"f00d"})),
        failed(answered(401), call=replace(CALL, key="f00d")), (Outcome.KEY, JobState.QUEUED, True),
        {"in_flight": 0, "limiter": REFUSED}, (Shut, Wake), shut(GateReason.KEY)),
    Row("a firewall refuses", BUSY, failed(answered(403, is_page=True)), (Outcome.SERVER, JobState.QUEUED, True),
        {"in_flight": 0, "streaks": Streaks(frozenset({7}), 1), "troubled": {7: (0, NOW)},
         "limiter": SLOWED},
        (Slowed, Shut, Wake), shut(GateReason.SERVICE)),
    Row("not what was asked for", BUSY, failed(BadAnswer("HTML", WIRE)), (Outcome.BAD_ANSWER, JobState.UNKNOWN, False),
        {"in_flight": 0, "streaks": Streaks(doubtful=frozenset({7}))}),
    Row("it was not made after all", replace(QUIET, in_flight=2), events.NotBegun(PERMIT), None, {"in_flight": 1}),
    Row(
        "over the budget of all", BUSY, over(None), None,
        {"in_flight": 0,
         "gates": {GateReason.BUDGET: Gate(GateReason.BUDGET, NOW, BUDGET_WORDS, after(NOW, 3600), 3600.0)}},
        (Shut, Wake), shut(GateReason.BUDGET),
    ),
    Row(
        "over a folder's own budget", BUSY, over("hot"), None,
        {"in_flight": 0, "holds": {"hot": FolderHold(f"budget: {BUDGET_WORDS}", after(NOW, 3600))}}, (FolderWaits,),
    ),
]  # fmt: skip


def held(seconds: float) -> events.FolderHeld:
    return events.FolderHeld(NOW, "hot", "its own budget", seconds)


OTHERS = [
    Row("a full disk", QUIET, events.GateClosed(DISK), None, {"gates": {GateReason.DISK: DISK}}, (Shut, Wake),
        shut(GateReason.DISK)),
    Row("the same disk", closed(DISK), events.GateClosed(replace(DISK, since=NOW))),
    Row(
        "a fuller disk", closed(DISK), events.GateClosed(replace(DISK, since=NOW, detail="0 left")), None,
        {"gates": {GateReason.DISK: replace(DISK, detail="0 left")}}, (Shut, Wake), shut(GateReason.DISK),
    ),
    Row("a folder waits", QUIET, held(60), None, {"holds": {"hot": HELD}}, (FolderWaits,)),
    Row("it waits longer", replace(QUIET, holds={"hot": HELD}), held(90), None,
        {"holds": {"hot": replace(HELD, until=after(NOW, 90))}}),
    Row("it waits again; one whose time is over is forgotten",
        replace(QUIET, holds={"hot": HELD_BEFORE, "old": HELD_BEFORE}), held(60), None, {"holds": {"hot": HELD}},
        (FolderWaits,)),
    Row("a large backlog", QUIET, events.BacklogCounted(NOW, Backlog(11, 0)), None,
        {"gates": {GateReason.APPROVAL: Gate(
            GateReason.APPROVAL, NOW, "11 files wait that would cost about $0.00, more than `approval` lets go unasked"
        )}}, (Shut, Wake), shut(GateReason.APPROVAL)),
    Row("a count that `approve` came into says nothing", replace(QUIET, approved_at=NOW),
        events.BacklogCounted(NOW, Backlog(11, 0))),
    Row("a small one", QUIET, events.BacklogCounted(NOW, Backlog(10, 0))),
    Row("a large one became small", closed(APPROVAL), events.BacklogCounted(NOW, Backlog(10, 0)), None,
        {"gates": {}, "limiter": AFTER_A_PAUSE}, (Opened, Wake), opened(GateReason.APPROVAL)),
    Row("the key that was refused", closed(KEY), events.KeySeen("f00d")),
    Row("a key, and none was refused", closed(PAUSED), events.KeySeen("beef")),
    Row("refused by a run that did not know its mark", closed(gate(GateReason.KEY)), events.KeySeen("beef")),
    Row("another key", closed(KEY, PAUSED), events.KeySeen("beef"), None,
        {"gates": {GateReason.PAUSED: PAUSED}, "limiter": AFTER_A_PAUSE}, (Opened, Wake), opened(GateReason.KEY)),
]  # fmt: skip

OWNER_PAUSE = Gate(GateReason.PAUSED, NOW, "the owner said `pause`")
OWNER = [
    Row("pause", QUIET, events.OwnerPaused(NOW), None, {"gates": {GateReason.PAUSED: OWNER_PAUSE}}, (Shut, Wake),
        shut(GateReason.PAUSED)),
    Row("pause twice", closed(PAUSED), events.OwnerPaused(NOW)),
    Row("resume where nothing is closed", QUIET, events.OwnerResumed(NOW), (), {}, (Wake,)),
    *(Row(f"resume opens {each.reason}", closed(each), events.OwnerResumed(NOW), (each.reason,),
          {"gates": {}, "limiter": AFTER_A_PAUSE}, (Opened, Wake, Wake), opened(each.reason))
      for each in (PAUSED, KEY, BUDGET, DISK, RATE_LATER)),
    *(Row(f"resume has {each.reason} tried at once", closed(each), events.OwnerResumed(NOW), (each.reason,),
          {"gates": {each.reason: replace(each, retry_at=NOW)}}, (Shut, Wake), shut(each.reason))
      for each in (BALANCE_LATER, SERVICE_LATER)),
    Row("resume lets no backlog go", closed(APPROVAL), events.OwnerResumed(NOW), (), {}, (Wake,)),
    Row("resume mends no ledger", closed(LEDGER), events.OwnerResumed(NOW), (), {}, (Wake,)),
    Row("approve", closed(APPROVAL, PAUSED), events.OwnerApproved(NOW), None,
        {"gates": {GateReason.PAUSED: PAUSED}, "limiter": AFTER_A_PAUSE, "approved_at": NOW}, (Opened, Wake),
        opened(GateReason.APPROVAL)),
    Row("approve where nothing waits for it", closed(PAUSED), events.OwnerApproved(NOW), None, {"approved_at": NOW}),
    Row("whatever the owner says, what waits for its time is tried",
        replace(QUIET, holds={"hot": HELD}, limiter=LIMITER.heard(Quota(1, 0, 60.0), NOW, 0)), events.OwnerSpoke(),
        None, {"holds": {}, "limiter": LIMITER}, (Wake,)),
    Row(
        "a configuration: lessons stay, what belonged to the run before is over",
        closed(PAUSED, KEY, limiter=SLOWED, streaks=Streaks(refusal=2), holds={"hot": HELD}, in_flight=2,
               probing=GateReason.BALANCE, probe_called=True, stopping=True),
        events.Configured(Policy(max_attempts=9), 8, 30), None,
        {"policy": Policy(max_attempts=9), "limiter": replace(SLOWED, workers=8, per_minute=30), "streaks": Streaks(),
         "holds": {}, "probing": None, "probe_called": False, "stopping": False},
    ),
    Row("a configuration of fewer workers than are let in", replace(QUIET, limiter=NARROW),
        events.Configured(POLICY, 2, 0), None, {"limiter": replace(NARROW, workers=2, window=None)}),
    Row("the host's clock is set ahead: days end sooner", closed(BUDGET, holds={"hot": HELD}),
        events.WallJumped(600.0), None,
        {"holds": {"hot": replace(HELD, until=after(HELD.until, -600))},
         "gates": {GateReason.BUDGET: replace(BUDGET, retry_at=after(NOW, 3000))}},
        (Shut, Wake), shut(GateReason.BUDGET)),
    Row("the host's clock is set, and nothing waits for a day", closed(SERVICE_LATER), events.WallJumped(-600.0), None,
        {}, (Wake,)),
    Row("a stop", QUIET, events.Stopped(), None, {"stopping": True}),
]  # fmt: skip

TABLE = [*LOOKED, *PROBES, *ENTERING, *CAME, *FAILED, *OTHERS, *OWNER]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row.event).__name__}: {row.name}")
def test_a_state_and_an_event_make_the_next_state_a_verdict_and_effects(row: Row) -> None:
    taken = step(row.given, row.event)
    verdict = taken.verdict
    if isinstance(verdict, Conclusion):
        verdict = (verdict.outcome, verdict.state, verdict.gate is not None)
    assert verdict == row.verdict
    assert tuple(type(effect) for effect in taken.effects) == row.effects
    changes = [change for change in taken.changes if not isinstance(change, KeyWorked)]
    reasons = [change.gate.reason if isinstance(change, Shut) else change.reason for change in changes]
    assert tuple(zip((type(change) for change in changes), reasons, strict=True)) == row.changes
    for each in fields(CallState):
        after_it = getattr(taken.state, each.name)
        if each.name in row.then:
            assert after_it == row.then[each.name], each.name
        elif each.name == "gates" and shut_by(row):
            # A call's own words are in the gate that it closed; test_retrying says which.
            assert set(after_it) == {*row.given.gates, *shut_by(row)}
        else:
            assert after_it == getattr(row.given, each.name), each.name


def shut_by(row: Row) -> set[GateReason]:
    return {reason for change, reason in row.changes if change is Shut}


def test_the_table_has_a_row_for_every_event() -> None:
    assert {type(row.event) for row in TABLE} == set(get_args(events.Event))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row.event).__name__}: {row.name}")
def test_what_the_ledger_is_told_leads_from_the_gates_before_to_the_gates_after(row: Row) -> None:
    """A restart reads the gates from the ledger: what it was told, one after another, has to be what holds."""
    taken, written = step(row.given, row.event), dict(row.given.gates)
    for change in taken.changes:
        if isinstance(change, Shut):
            assert change.before == written.get(change.gate.reason)
            written[change.gate.reason] = change.gate
        elif isinstance(change, Opened):
            written.pop(change.reason)
    assert written == taken.state.gates


def test_the_probe_that_meets_402_again_keeps_since_when_it_is_closed() -> None:
    taken = step(probing(BALANCE_DUE, in_flight=1), failed(answered(402), PROBE_PERMIT))
    again = taken.state.gates[GateReason.BALANCE]
    assert (again.since, again.interval, again.retry_at) == (BALANCE_DUE.since, 120.0, NOW + 120)


def test_what_is_told_of_a_tile_says_which_one() -> None:
    taken = step(BUSY, failed(Lost("reset", WIRE), call=replace(CALL, tile=2, tiles=6)))
    assert taken.verdict.error.startswith("tile 2 of 6: reset")


def test_resume_names_every_reason_but_those_that_it_cannot_help() -> None:
    assert set(GateReason) - RESUMED == {GateReason.APPROVAL, GateReason.LEDGER}


def test_slow_words_say_how_many_places_there_are() -> None:
    effects = step(BUSY, failed(answered(503))).effects
    assert effects == (Slowed(503, SLOWED.places(NOW)),)
    assert SLOWED.places(NOW) < pacing.Limiter(4).places(NOW)
