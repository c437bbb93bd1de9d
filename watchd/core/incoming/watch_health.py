"""Can a watch be trusted: decided from what was heard of its folder, and from a canary where nothing was.

A watch dies without a word when its folder is unmounted, replaced or renamed; every thread lives on, and nothing comes.
A file of our own, made and removed, must be heard of within seconds; three times not, and the folder is scanned
instead.
All moments are seconds of a steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CANARY_EVERY_S = 60.0
"""Seconds without any event after which the watch is put to the proof."""
CANARY_PATIENCE_S = 5.0
STRIKES = 3
"""Watches of one folder that were put up anew and heard nothing; then it is scanned."""
TRY_AGAIN_S = 600.0
"""Seconds for which a folder is scanned before its events are given another chance."""


@dataclass(frozen=True, slots=True)
class WatchHealth:
    """What is known of one watch. `probed_at`: when the canary that is waited for was made."""

    since: float
    heard: float
    probed_at: float | None = None
    strikes: int = 0


@dataclass(frozen=True, slots=True)
class Fine:
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class SendProbe:
    """Make a canary, and see whether it is heard of."""


@dataclass(frozen=True, slots=True)
class Rearm:
    """The watch is deaf or gone: put it up anew, and scan for what came meanwhile."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Putting it up anew does not help: scan the folder instead."""

    reason: str


def begin(now: float, strikes: int = 0) -> WatchHealth:
    """A watch that was just put up: it is put to the proof at once."""
    return WatchHealth(now, now - CANARY_EVERY_S, strikes=strikes)


def heard_of(health: WatchHealth, now: float) -> WatchHealth:
    """An event came: it is not deaf."""
    return replace(health, heard=now, probed_at=None, strikes=0)


def next_step(health: WatchHealth, now: float, flaw: str | None) -> Fine | SendProbe | Rearm | GiveUp:
    """What is to be done about a watch. `flaw`: what is seen to be wrong with it; None: nothing."""
    deaf = health.probed_at is not None and now - health.probed_at >= CANARY_PATIENCE_S
    if flaw is None and not deaf:
        return SendProbe() if health.probed_at is None and now - health.heard >= CANARY_EVERY_S else Fine()
    reason = flaw or "a file made in it for the purpose was not heard of"
    if health.strikes + 1 >= STRIKES:
        return GiveUp(reason)
    return Rearm(reason)
