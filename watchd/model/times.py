"""Two kinds of time, which are never compared: each is a type of its own, and a number of seconds is a plain float."""

from __future__ import annotations

from typing import NewType, TypeVar, cast

Steady = NewType("Steady", float)
"""Unix seconds as believed when the process began, plus what has passed since, sleep included. Never jumps.

For every interval and deadline; close enough to the clock on the wall to be told to people.
"""
Wall = NewType("Wall", float)
"""Unix seconds as the host believes them; may jump. For what is told to people, and for the days of money."""

Moment = TypeVar("Moment", Steady, Wall)


def after(moment: Moment, seconds: float) -> Moment:
    """So many seconds later, of the same kind."""
    return cast("Moment", moment + seconds)  # both kinds are floats at run time


AT_ONCE = Steady(0.0)
"""A deadline that has always passed."""
NEVER = Steady(float("-inf"))
"""Before any moment: what has not happened yet happened then."""
