"""Calls: what lets one begin, what it is while it is under way, and how it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.model.job import Job
    from watchd.model.times import Steady


class Outcome(StrEnum):
    """How one call ended, as the ledger's `attempts.outcome` tells it."""

    OK = "ok"
    REFUSED = "refused"
    BALANCE = "balance"
    KEY = "key"
    RATE = "rate"
    SERVER = "server"
    NETWORK = "network"
    LOST = "lost"
    BAD_ANSWER = "bad_answer"


@dataclass(frozen=True, slots=True)
class Permit:
    """One call's way in at the gate.

    `began`: when it was let in (steady seconds); `again`: its job was tried before; `probe`: it tries a closed gate.
    `left`: its place is another's already, as its picture has come.
    """

    began: Steady
    again: bool = False
    probe: bool = False
    left: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One paid call under way.

    `attempt`: its number in the ledger; `price`: micro-dollars; `answer`: the spool file for its answer; `tile`: the
    number of the part that is sent, of `tiles`, None: the whole picture; `scale`: what is asked for; `key`: the
    fingerprint of the key that it is made with.
    """

    job: Job
    attempt: int
    price: int
    answer: str
    tile: int | None = None
    tiles: int = 0
    scale: float = 0.0
    key: str = ""

    @property
    def part(self) -> str:
        """Which part of the picture it is for, in words; empty: all of it."""
        return "" if self.tile is None else f"tile {self.tile} of {self.tiles}"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A call that a former run had armed, and the size in pixels of the answer that was to come."""

    call: Call
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """A write that came to nothing, since the job has been somebody else's meanwhile: this step of it ends here."""

    job: int


@dataclass(frozen=True, slots=True)
class EndedCall:
    """How a call ended: the status that was answered, the service's words, its own id of the call."""

    outcome: Outcome
    status: int | None
    error: str | None
    cf_ray: str | None
