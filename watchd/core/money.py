"""Money in words: whole micro-dollars in, dollars as people read them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.model import MICROS_PER_USD, Span

if TYPE_CHECKING:
    from watchd.model import Approval, BudgetReached


def usd(micros: int) -> str:
    """Dollars and cents."""
    return of_usd(micros / MICROS_PER_USD)


def of_usd(dollars: float) -> str:
    """The same of dollars, as the views of the ledger have them."""
    return f"${dollars:,.2f}"


def passes(approval: Approval, files: int, cost: int) -> bool:
    """Whether a backlog of so many files, or of that cost, is more than the owner lets go unasked."""
    return (approval.cost is not None and cost > approval.cost) or (
        approval.files is not None and files > approval.files
    )


def of_backlog(files: int, cost: int) -> str:
    """What the gate `approval` says."""
    return f"{files:,} files wait that would cost about {usd(cost)}, more than `approval` lets go unasked"


def of_budget(reached: BudgetReached) -> str:
    """What the gate `budget`, or a folder that its own budget holds, says."""
    limit = reached.limit
    period = "today's" if limit.span is Span.DAY else "this month's"
    left = usd(max(0, limit.most - reached.held))
    return f"{period} budget of {usd(limit.most)} has {left} left, and the next call would cost {usd(reached.price)}"
