"""What may be called, when and by whom, as one frozen value; what can happen to it, and what has to be done then.

The gates are circuit breakers: closed to calls (the field says "open") until a time has come, until one call that tries
them succeeds ("half-open": here a probe), or until the operator says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from watchd.core.calls.retrying import Policy
from watchd.core.calls.streaks import Streaks
from watchd.model import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.core.calls.outcomes import Traffic, Trouble
    from watchd.core.calls.pacing import Limiter
    from watchd.model import Backlog, BudgetReached, Call, Gate, GateReason, Permit, Steady


@dataclass(frozen=True, slots=True)
class FolderHold:
    """One folder's calls wait until `until` (steady seconds), and why; everybody else's go on."""

    reason: str
    until: Steady


@dataclass(frozen=True, slots=True)
class CallState:
    """All that one call teaches the others. `limiter`: how fast; `gates`: what is closed, by reason.

    `probing`: the gate that somebody is out to try, as it was before, and `probe_called` whether its call has begun.
    `holds`: folders that wait by themselves. `stopping`: nobody gets in any more. `approved_at`: when the owner last
    said `approve`. `pictures`: how many have come; `troubled`: by job, how many had when it first met trouble of the
    service's, and when that was. `worked`: fingerprints of keys that have brought a picture.
    """

    limiter: Limiter
    policy: Policy = field(default_factory=Policy)
    gates: Mapping[GateReason, Gate] = field(default_factory=dict)
    streaks: Streaks = field(default_factory=Streaks)
    holds: Mapping[str, FolderHold] = field(default_factory=dict)
    in_flight: int = 0
    probing: Gate | None = None
    probe_called: bool = False
    stopping: bool = False
    approved_at: Steady = NEVER
    pictures: int = 0
    troubled: Mapping[int, tuple[int, Steady]] = field(default_factory=dict)
    worked: frozenset[str] = frozenset()


# What can happen. `now` is steady Unix seconds.


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody wants to know whether calls are made now. Verdict: `Open | Probe | Hold`."""

    now: Steady


@dataclass(frozen=True, slots=True)
class ProbeTaken:
    """Somebody offers to try a gate whose time has come. Verdict: the gate, or None where there is none to try."""

    now: Steady


@dataclass(frozen=True, slots=True)
class ProbeDenied:
    """The query that is free of charge says that trying is of no use yet."""

    now: Steady


@dataclass(frozen=True, slots=True)
class ProbeReturned:
    """Whoever was to try a gate is done. A probe that made no call is not spent: the next may try at once."""


@dataclass(frozen=True, slots=True)
class Entering:
    """A call wants in. `again`: its job was tried before; `probe`: it tries a gate. Verdict: see `Entry`."""

    now: Steady
    again: bool
    probe: bool


@dataclass(frozen=True, slots=True)
class PictureCame:
    """The answer of a call is here whole, and is what was asked for."""

    now: Steady
    permit: Permit
    call: Call
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call has ended without a picture; `jitter`: 0 to 1, by chance. Verdict: the `Conclusion`."""

    now: Steady
    permit: Permit
    call: Call
    trouble: Trouble
    jitter: float


@dataclass(frozen=True, slots=True)
class NotBegun:
    """A call that was let in was not made after all."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A call that was let in would have passed a budget. `wait`: seconds until that begins anew."""

    now: Steady
    permit: Permit
    reached: BudgetReached
    wait: float


@dataclass(frozen=True, slots=True)
class GateClosed:
    """A reason that no call told, such as a full disk."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class FolderHeld:
    """One folder makes no calls for a while."""

    now: Steady
    folder: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BacklogCounted:
    """What waits, and what it would cost. `began`: when the counting did; what was let go since may be in it."""

    began: Steady
    backlog: Backlog


@dataclass(frozen=True, slots=True)
class KeySeen:
    """The key is there, and has this fingerprint."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class OwnerPaused:
    """The owner said `pause`."""

    now: Steady


@dataclass(frozen=True, slots=True)
class OwnerResumed:
    """The owner said `resume`: try again what waits. Verdict: the reasons that were meant."""

    now: Steady


@dataclass(frozen=True, slots=True)
class OwnerApproved:
    """The owner said `approve`, and the ledger has it."""

    now: Steady


@dataclass(frozen=True, slots=True)
class OwnerSpoke:
    """The owner said anything: what only waits for its time is tried at once."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration begins to hold: at the start, and after a reload."""

    policy: Policy
    workers: int
    per_minute: int


@dataclass(frozen=True, slots=True)
class WallJumped:
    """The host's own clock was set, so many seconds ahead: days begin and end that much sooner."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nobody gets in until the next configuration."""


Event = (
    Looked | ProbeTaken | ProbeDenied | ProbeReturned | Entering | PictureCame | CallFailed | NotBegun | OverBudget
    | GateClosed | FolderHeld | BacklogCounted | KeySeen | OwnerPaused | OwnerResumed | OwnerApproved | OwnerSpoke
    | Configured | WallJumped | Stopped
)  # fmt: skip


# What has to be done, once, when the new state holds.


@dataclass(frozen=True, slots=True)
class Shut:
    """A gate is closed, or closed otherwise than `before`: the ledger is to have it.

    `why`: what the log says of it; None: there is nothing to say, as nothing is other for anybody.
    """

    gate: Gate
    before: Gate | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A gate is open again: the ledger is to forget it. `why`: what the log says; None: who opened it knows."""

    reason: GateReason
    why: str | None


@dataclass(frozen=True, slots=True)
class Slowed:
    """Fewer calls are in flight at once, since the service answered `status`; None: since uploads are slow."""

    status: int | None
    places: int


@dataclass(frozen=True, slots=True)
class FullPace:
    """As many calls as ever are in flight again."""


@dataclass(frozen=True, slots=True)
class LimitUsedUp:
    """The service says that no call is taken for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FolderWaits:
    """A folder makes no calls of its own accord, and did until now."""

    folder: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyWorked:
    """A key has brought its first picture: the ledger is to know, as it is no wrong one for being refused later."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Others may go to work."""


GateChange = Shut | Opened | KeyWorked
"""What of it the ledger has to have."""
Effect = Shut | Opened | KeyWorked | Slowed | FullPace | LimitUsedUp | FolderWaits | Wake


@dataclass(frozen=True, slots=True)
class Step:
    """One transition: the new state, the answer to whoever caused it, and what has to be done."""

    state: CallState
    verdict: Any = None
    effects: tuple[Effect, ...] = ()

    @property
    def changes(self) -> tuple[GateChange, ...]:
        """What the ledger has to have."""
        return tuple(effect for effect in self.effects if isinstance(effect, Shut | Opened | KeyWorked))
