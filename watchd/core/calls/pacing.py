"""How fast calls may be made: one limiter for all workers, slowed by what the service answers and says of its limits.

Four things hold calls back, each for a reason of its own. Smooth spacing keeps to `requests_per_minute` and to the
rate-limit headers. A window of calls in flight is halved by trouble of the service's own, and by uploads that are slow,
as they share a line; it grows by one with every picture (AIMD: additive increase, multiplicative decrease). An error
budget bounds how much of such trouble is asked for at all, and a retry budget how many calls are made again; both are
token buckets. Times are steady seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.core.calls.outcomes import Quota

MINUTE_S = 60.0
ERROR_BUDGET = 5.0
ERROR_REFILL_S = 6.0
"""One failed answer is forgiven in so long: 5 at once and 5 more in half a minute, however fast calls end."""
ERRORS_PER_PICTURE = 0.005
"""What a picture adds: where one call in two hundred fails, nothing is held up however fast the service is."""
ROUNDING = 1e-6
"""What is missing by less than this is not missing: tenths do not add up to a whole, nor do moments of Unix time."""
RETRY_BUDGET = 20.0
RETRIES_PER_CALL = 0.1
MOST_REFUSALS = 40
"""Answers of 4xx in `REFUSAL_WINDOW_S` that are not passed: at 50 the vendor refuses every call of the key."""
REFUSAL_WINDOW_S = 30.0
LEAST_FOR_SLOW_UPLOADS = 2
"""Calls in flight, however slow: the line is in use by one while the other waits for its answer."""
LONGEST_SPREAD_S = 120.0
"""What is left of a limit is spread evenly over a shorter period; a day's worth is used as it is needed."""
LONGEST_HOLD_S = 300.0
"""A header alone can hold calls back for so long; after that one is tried, whatever it said."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody may begin a call now. `seconds`: until it is worth asking again; None: when a call in flight has ended."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class PutOff:
    """This job was tried before and the retry budget is spent: others may go, it comes back after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A level that fills by time up to its capacity."""

    capacity: float
    per_second: float
    level: float
    at: float = 0.0

    def now(self, now: float) -> float:
        """The level at `now`."""
        return min(self.capacity, self.level + max(0.0, now - self.at) * self.per_second)

    def add(self, amount: float, now: float) -> TokenBucket:
        """The bucket with more in it, or less; it never holds less than nothing."""
        return replace(self, level=max(0.0, min(self.capacity, self.now(now) + amount)), at=now)

    def wait_for_one(self, now: float) -> float:
        """Seconds until there is one whole in it; 0 where there is."""
        missing = 1.0 - self.now(now)
        return missing / self.per_second if missing > ROUNDING else 0.0


@dataclass(frozen=True, slots=True)
class ServiceLimit:
    """What is left of the service's own limit until it begins anew, and its rate a minute; None: not told."""

    per_minute: int | None
    left: int | None
    until: float

    def interval(self, now: float) -> float:
        """Seconds between two calls that use up what is left, and no more, by the time it begins anew."""
        own = MINUTE_S / self.per_minute if self.per_minute else 0.0
        if self.left is None or not 0 < self.until - now <= LONGEST_SPREAD_S:
            return own
        return max(own, (self.until - now) / max(1, self.left))

    def next_turn(self, now: float) -> float:
        """When a call may be made that was promised nothing: at once, or when the limit begins anew."""
        return self.until if self.left == 0 else now


def _error_budget() -> TokenBucket:
    return TokenBucket(ERROR_BUDGET, 1 / ERROR_REFILL_S, ERROR_BUDGET)


def _retry_budget() -> TokenBucket:
    return TokenBucket(RETRY_BUDGET, 1 / MINUTE_S, RETRY_BUDGET)


@dataclass(frozen=True, slots=True)
class Limiter:
    """The state of the limiter. `workers`: most calls in flight; `per_minute`: most calls a minute, 0: no limit."""

    workers: int
    per_minute: int = 0
    window: float | None = None
    """How many calls may be in flight at present; None: all of them."""
    last: float = float("-inf")
    narrowed_at: float = float("-inf")
    error_budget: TokenBucket = field(default_factory=_error_budget)
    retry_budget: TokenBucket = field(default_factory=_retry_budget)
    told: ServiceLimit | None = None
    refusals: tuple[float, ...] = ()

    def admit(self, now: float, in_flight: int, *, again: bool, probe: bool) -> Limiter | Wait | PutOff:
        """One more call, if it may begin now beside those in flight.

        A probe has its own schedule, and keeps to the spacing alone.
        """
        held = self._place_for_a_probe(in_flight) if probe else self._held_back(now, in_flight, again=again)
        if held is not None:
            return held
        turn = self.last + self._interval(now)
        if self.told is not None:
            turn = max(turn, self.told.next_turn(now))
        if turn > now:
            return Wait(turn - now)
        told = self.told
        if told is not None and told.left is not None and now < told.until:
            told = replace(told, left=max(0, told.left - 1))
        elif told is not None and told.left is not None:
            told = replace(told, left=None)  # that period is over, and nothing is known of the next
        earned = RETRIES_PER_CALL - (1.0 if again and not probe else 0.0)
        return replace(self, last=now, told=told, retry_budget=self.retry_budget.add(earned, now))

    def _place_for_a_probe(self, in_flight: int) -> Wait | None:
        return Wait(None) if in_flight >= self.workers else None

    def _held_back(self, now: float, in_flight: int, *, again: bool) -> Wait | PutOff | None:
        if again and (missing := self.retry_budget.wait_for_one(now)) > 0:
            return PutOff(missing)
        if (rest := self.error_budget.wait_for_one(now)) > 0:
            return Wait(rest)
        recent = self._recent_refusals(now)
        if recent and len(recent) + in_flight >= MOST_REFUSALS:
            return Wait(recent[0] + REFUSAL_WINDOW_S - now)
        if in_flight >= self.places(now):
            # A place comes with a call that ends, or with an error budget that fills by time.
            return Wait(None if self._may_err_freely(now) else ERROR_REFILL_S)
        return None

    def _may_err_freely(self, now: float) -> bool:
        return self.error_budget.now(now) >= self.error_budget.capacity - ROUNDING

    def places(self, now: float) -> int:
        """How many calls may be in flight; of a spent error budget each must be able to fail on the rest."""
        window = int(self._window)
        return window if self._may_err_freely(now) else max(1, min(window, int(self.error_budget.now(now) + ROUNDING)))

    @property
    def _window(self) -> float:
        return self.workers if self.window is None else self.window

    def _interval(self, now: float) -> float:
        own = MINUTE_S / self.per_minute if self.per_minute else 0.0
        return max(own, self.told.interval(now) if self.told is not None else 0.0)

    def _recent_refusals(self, now: float) -> tuple[float, ...]:
        return tuple(at for at in self.refusals if now - at < REFUSAL_WINDOW_S)

    def is_narrowed(self) -> bool:
        """Whether fewer calls are in flight than there are workers for, on account of the service or of the line."""
        return self.window is not None

    def succeeded(self, now: float, *, again: bool, slow: bool = False) -> Limiter:
        """A picture came: there is room for one more call, and a call made again has its price back.

        `slow`: its upload was, and there is no room for more.
        """
        window = self._window + (0.0 if slow else 1.0)
        retry_budget = self.retry_budget.add(1.0, now) if again else self.retry_budget
        error_budget = self.error_budget.add(ERRORS_PER_PICTURE, now)
        return replace(
            self, window=window if window < self.workers else None, error_budget=error_budget, retry_budget=retry_budget
        )

    def troubled(self, now: float, began: float) -> Limiter:
        """The service answered with trouble of its own: half as many at once.

        Calls that had begun before the window was last narrowed say nothing new of it.
        """
        charged = replace(self, error_budget=self.error_budget.add(-1.0, now))
        if began < self.narrowed_at:
            return charged
        return replace(charged, window=max(1.0, self._window / 2), narrowed_at=now)

    def crowded(self, now: float, began: float, *, stalled: bool) -> Limiter:
        """An upload was slow, or `stalled`, and those beside it share its line: half as many at once, each faster.

        The service had no trouble, so no budget pays for it. As with trouble, the calls of one round count as one.
        """
        if began < self.narrowed_at:
            return self
        least = 1 if stalled else min(LEAST_FOR_SLOW_UPLOADS, self.workers)
        window = max(float(least), self._window / 2)
        return replace(self, window=window if window < self.workers else None, narrowed_at=now)

    def refused(self, now: float) -> Limiter:
        """The service answered 4xx, which it counts."""
        return replace(self, refusals=(*self._recent_refusals(now), now))

    def after_a_pause(self) -> Limiter:
        """No calls were made for a while: they begin one at a time, not all at once."""
        return replace(self, window=1.0) if self.workers > 1 else self

    def heard(self, quota: Quota, now: float, in_flight: int) -> Limiter:
        """Take over what the service says of its limit; calls still in flight may not be in its count yet."""
        if quota.remaining is None or quota.resets_in is None:
            # A limit without a period is one a minute, as this vendor counts.
            return replace(self, told=ServiceLimit(quota.limit, None, now)) if quota.limit else self
        left = max(0, quota.remaining - in_flight)
        return replace(self, told=ServiceLimit(None, left, now + min(quota.resets_in, LONGEST_HOLD_S)))
