"""A watch is believed while something is heard of it, put to the proof where nothing is, and given up in the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.incoming import watch_health
from watchd.core.incoming.watch_health import (
    CANARY_EVERY_S,
    CANARY_PATIENCE_S,
    STRIKES,
    Fine,
    GiveUp,
    Rearm,
    SendProbe,
)

NOW = 1_800_000_000.0


def test_a_watch_that_was_just_put_up_is_put_to_the_proof_at_once() -> None:
    assert watch_health.next_step(watch_health.begin(NOW), NOW, None) == SendProbe()


def test_while_a_canary_is_waited_for_no_other_is_made() -> None:
    probed = replace(watch_health.begin(NOW), probed_at=NOW)
    assert watch_health.next_step(probed, NOW + CANARY_PATIENCE_S - 0.1, None) == Fine()


def test_a_canary_that_is_not_heard_of_in_time_has_the_watch_put_up_anew() -> None:
    probed = replace(watch_health.begin(NOW), probed_at=NOW)
    assert isinstance(watch_health.next_step(probed, NOW + CANARY_PATIENCE_S, None), Rearm)


def test_a_watch_of_which_something_is_heard_needs_no_canary_for_a_minute() -> None:
    heard = watch_health.heard_of(replace(watch_health.begin(NOW), probed_at=NOW), NOW + 1)
    assert watch_health.next_step(heard, NOW + CANARY_EVERY_S, None) == Fine()
    assert watch_health.next_step(heard, NOW + 1 + CANARY_EVERY_S, None) == SendProbe()


@given(st.floats(min_value=0, max_value=1e6))
def test_what_is_seen_to_be_wrong_is_told_whatever_was_heard(seconds: float) -> None:
    heard = watch_health.heard_of(watch_health.begin(NOW), NOW + seconds)
    assert watch_health.next_step(heard, NOW + seconds, "its thread has ended") == Rearm("its thread has ended")


@pytest.mark.parametrize("flaw", [None, "its thread has ended"])
def test_what_putting_up_anew_does_not_help_is_given_up(flaw: str | None) -> None:
    strikes, now = 0, NOW
    for _ in range(STRIKES - 1):
        deaf = replace(watch_health.begin(now, strikes), probed_at=now)
        now += CANARY_PATIENCE_S
        assert isinstance(watch_health.next_step(deaf, now, flaw), Rearm)
        strikes += 1
    deaf = replace(watch_health.begin(now, strikes), probed_at=now)
    assert isinstance(watch_health.next_step(deaf, now + CANARY_PATIENCE_S, flaw), GiveUp)


def test_what_is_heard_again_is_forgiven() -> None:
    health = watch_health.heard_of(watch_health.begin(NOW, STRIKES - 1), NOW)
    assert watch_health.next_step(health, NOW, "its thread has ended") == Rearm("its thread has ended")
