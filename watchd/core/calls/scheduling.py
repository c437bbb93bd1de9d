"""Days, months and hours of the host's own clock: which budgets hold now, and when a folder's window opens.

Moments come in as local datetimes with their zone; nothing here asks for the time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from watchd.model import Limit, Span, Wall

if TYPE_CHECKING:
    from datetime import datetime

    from watchd.model import Budget, Hours

MINUTES = 60


def limits(overall: Budget, own: Budget, folder: str, now: datetime) -> tuple[Limit, ...]:
    """The budgets that a call of `folder` has to pass now: everybody's, then the folder's own."""
    day, month = now.date().isoformat(), now.date().isoformat()[:7]
    tomorrow, next_month = Wall(_midnight(now, 1).timestamp()), Wall(_next_month(now).timestamp())
    found = []
    for scope, budget in ((None, overall), (folder, own)):
        if budget.day is not None:
            found.append(Limit(scope, day, budget.day, tomorrow, Span.DAY))
        if budget.month is not None:
            found.append(Limit(scope, month, budget.month, next_month, Span.MONTH))
    return tuple(found)


def _midnight(now: datetime, days: int) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _next_month(now: datetime) -> datetime:
    return _midnight((now.replace(day=1) + timedelta(days=32)).replace(day=1), 0)


def closed_for(hours: Hours | None, now: datetime) -> float:
    """Seconds until the window opens; 0 while it is open, and where there is none."""
    if hours is None:
        return 0.0
    minute = now.hour * MINUTES + now.minute
    over_midnight = hours.start > hours.end
    inside = minute >= hours.start or minute < hours.end if over_midnight else hours.start <= minute < hours.end
    if inside:
        return 0.0
    opens = now.replace(hour=hours.start // MINUTES, minute=hours.start % MINUTES, second=0, microsecond=0)
    opens = opens if opens > now else opens + timedelta(days=1)
    return opens.timestamp() - now.timestamp()  # by the zone: a day may have 23 hours, or 25


def wait_of(hours: Hours | None, now: datetime) -> str | None:
    """Why a folder makes no calls now by its own hours, in words; None where it may."""
    if hours is None or not closed_for(hours, now):
        return None
    return f"hours: calls are made {show(hours)}"


def show(hours: Hours) -> str:
    """The window as the configuration has it: `22:00-06:00`."""
    return f"{_clock(hours.start)}-{_clock(hours.end)}"


def _clock(minutes: int) -> str:
    return f"{minutes // MINUTES:02d}:{minutes % MINUTES:02d}"
