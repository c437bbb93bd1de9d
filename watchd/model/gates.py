"""What keeps calls from being made, and the budgets behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.model.times import Steady, Wall

MICROS_PER_USD = 1_000_000


class GateReason(StrEnum):
    """Why no call is made at present, for all folders at once. Listed in the order in which they are told."""

    LEDGER = "ledger"
    PAUSED = "paused"
    KEY = "key"
    BALANCE = "balance"
    BUDGET = "budget"
    APPROVAL = "approval"
    DISK = "disk"
    SERVICE = "service"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Gate:
    """One closed gate. `retry_at` None: only the operator (or what the detail names) opens it."""

    reason: GateReason
    since: Steady
    detail: str
    retry_at: Steady | None = None
    interval: float = 0.0
    mark: str = ""
    """What must change for the gate to open by itself: for `key`, a fingerprint of the key that was refused."""


class Span(StrEnum):
    """How long a budget counts before it begins anew."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget at work: at most `most` micro-dollars in a period that begins like `period` (a day or month in ISO).

    `folder` None: over all folders. `until`: Unix seconds at which the period ends.
    """

    folder: str | None
    period: str
    most: int
    until: Wall
    span: Span


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """A call was not begun: with its price it would have passed `limit`; `held` micro-dollars count against that."""

    limit: Limit
    held: int
    price: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Calls that are queued and not let go by the owner yet, and what they would cost (micro-dollars)."""

    files: int
    cost: int
