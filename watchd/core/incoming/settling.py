"""Has a file stopped changing: decided from our own samples and our own clock, never from the file's times.

`cp -p` gives a file in the making an old date, and clocks of file servers differ; only what we saw ourselves counts.
All moments here are seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.model import Delay, DelayKind, Steady, after

if TYPE_CHECKING:
    from watchd.model import Sample

UNPROVEN_QUIET_S = 2.0
"""Seconds of quiet asked with `settle: 0` where nothing proves that the writer is done."""

TRUNCATED_AT_LEAST_S = 60.0
TRUNCATED_FACTOR = 10.0
LONGEST_LOOK_S = 30.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a file in the making. `since`: first seen as `sample`; `proven`: its writer closed it."""

    sample: Sample
    since: Steady
    proven: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: look again at `until`."""

    until: Steady
    delay: Delay


@dataclass(frozen=True, slots=True)
class Settled:
    """Quiet for long enough, or proven finished: it may be read."""


def observe(before: Observation | None, sample: Sample, now: Steady, *, proven: bool) -> Observation:
    """Join a new sample to what was known. A changed sample starts the quiet time anew and voids an older proof."""
    if before is None or before.sample != sample:
        return Observation(sample, now, proven)
    return Observation(sample, before.since, before.proven or proven)


def settle(observation: Observation, now: Steady, quiet: float) -> Waiting | Settled:
    """Whether the file has been quiet for `quiet` seconds; with 0, whether its writer is proven to be done."""
    if observation.sample.size == 0:
        return Waiting(look_again(observation, now), Delay(DelayKind.EMPTY, "it is empty so far"))
    if quiet == 0 and observation.proven:
        return Settled()
    due = after(observation.since, quiet or UNPROVEN_QUIET_S)
    if now >= due:
        return Settled()
    return Waiting(due, Delay(DelayKind.CHANGED, "it changed a moment ago"))


def busy_until(observation: Observation, now: Steady, quiet: float) -> Steady | None:
    """When to look again at a quiet file that another process has open for writing; None: it is taken all the same.

    A program may forget to close what it wrote: a whole container, quiet for that long, is believed.
    """
    return look_again(observation, now) if now < truncated_at(observation, quiet, once=False) else None


def look_again(observation: Observation, now: Steady) -> Steady:
    """The next look at a file that is quiet yet not finished: growing intervals, so that it is never dropped."""
    return after(now, min(LONGEST_LOOK_S, max(0.5, (now - observation.since) / 2)))


def truncated_at(observation: Observation, quiet: float, *, once: bool) -> Steady:
    """When a quiet file whose container is incomplete is given up as truncated; `once` does not wait as long."""
    if once:
        return after(observation.since, 2 * quiet + 1.0)
    return after(observation.since, max(TRUNCATED_FACTOR * quiet, TRUNCATED_AT_LEAST_S))
