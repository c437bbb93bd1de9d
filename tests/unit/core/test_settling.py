"""Has a file stopped changing: our own clock and our own looks decide, never the file's times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.incoming.settling import (
    LONGEST_LOOK_S,
    UNPROVEN_QUIET_S,
    Observation,
    Settled,
    Waiting,
    look_again,
    observe,
    settle,
    truncated_at,
)
from watchd.model import Delay, DelayKind, Sample, Steady

QUIET = 2.0
SAMPLE = Sample(size=1000, mtime_ns=10**18, ctime_ns=10**18, inode=7)
CHANGED = Delay(DelayKind.CHANGED, "it changed a moment ago")
ANY_TIMES = st.integers(min_value=0, max_value=2**62)
MOMENTS = st.floats(min_value=0, max_value=1e9)


def seen(sample: Sample = SAMPLE, at: float = 100.0, *, proven: bool = False) -> Observation:
    return observe(None, sample, Steady(at), proven=proven)


def test_a_file_is_settled_when_it_was_quiet_for_long_enough() -> None:
    assert settle(seen(at=100), Steady(101.9), QUIET) == Waiting(Steady(102.0), CHANGED)
    assert settle(seen(at=100), Steady(102.0), QUIET) == Settled()


@given(ANY_TIMES, ANY_TIMES, MOMENTS)
def test_the_times_of_a_file_never_matter(mtime_ns: int, ctime_ns: int, now: float) -> None:
    old = replace(SAMPLE, mtime_ns=mtime_ns, ctime_ns=ctime_ns)
    assert isinstance(settle(seen(old, now), Steady(now + 1.0), QUIET), Waiting)
    assert isinstance(settle(seen(old, now), Steady(now + 2.5), QUIET), Settled)


@pytest.mark.parametrize("change", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_any_change_starts_the_quiet_time_anew(change: str) -> None:
    changed = replace(SAMPLE, **{change: 1})
    again = observe(seen(at=100), changed, Steady(101.5), proven=False)
    assert again == Observation(changed, Steady(101.5), proven=False)
    assert isinstance(settle(again, Steady(102.0), QUIET), Waiting)


def test_a_look_that_finds_nothing_new_does_not_start_it_anew() -> None:
    assert observe(seen(at=100), SAMPLE, Steady(101.0), proven=False).since == 100.0


@given(st.lists(st.floats(min_value=0.01, max_value=2 * QUIET), min_size=1, max_size=20))
def test_a_slow_writer_is_never_read_before_its_last_pause_was_long_enough(pauses: list[float]) -> None:
    now, observation = 100.0, seen(at=100)
    for number, pause in enumerate(pauses, 1):
        now += pause
        settled = isinstance(settle(observation, Steady(now), QUIET), Settled)
        assert settled == (now >= observation.since + QUIET)
        observation = observe(observation, replace(SAMPLE, size=1000 + number), Steady(now), proven=False)
        assert isinstance(settle(observation, Steady(now), QUIET), Waiting)


def test_with_settle_0_a_proven_file_goes_at_once() -> None:
    assert settle(seen(proven=True), Steady(100.0), 0) == Settled()


def test_with_settle_0_an_unproven_file_waits_for_a_quiet_time_all_the_same() -> None:
    assert settle(seen(), Steady(100.0), 0) == Waiting(Steady(100.0 + UNPROVEN_QUIET_S), CHANGED)
    assert settle(seen(), Steady(100.0 + UNPROVEN_QUIET_S), 0) == Settled()


def test_a_proof_does_not_shorten_a_quiet_time_that_was_asked_for() -> None:
    assert isinstance(settle(seen(proven=True), Steady(100.0), QUIET), Waiting)


def test_a_proof_outlives_later_looks_at_the_same_bytes() -> None:
    assert observe(seen(proven=True), SAMPLE, Steady(101.0), proven=False).proven


def test_a_proof_is_void_once_the_file_changed_again() -> None:
    assert not observe(seen(proven=True), replace(SAMPLE, size=2000), Steady(101.0), proven=False).proven


@given(MOMENTS, st.booleans(), st.sampled_from([0.0, QUIET, 60.0]))
def test_zero_bytes_never_settle(waited: float, proven: bool, quiet: float) -> None:  # noqa: FBT001 -- drawn
    empty = seen(replace(SAMPLE, size=0), at=100, proven=proven)
    verdict = settle(empty, Steady(100 + waited), quiet)
    assert isinstance(verdict, Waiting)
    assert verdict.until > 100 + waited


def test_a_file_that_takes_long_is_looked_at_again_with_growing_intervals_up_to_a_longest() -> None:
    observation, now, gaps = seen(at=0), 2.0, []
    for _ in range(20):
        due = look_again(observation, Steady(now))
        gaps.append(due - now)
        now = due
    assert gaps[0] == 1.0
    assert gaps == sorted(gaps)
    assert gaps[-1] == LONGEST_LOOK_S
    assert len(set(gaps)) > 5


@pytest.mark.parametrize(("quiet", "seconds"), [(0, 60), (2, 60), (6, 60), (10, 100), (60, 600)])
def test_a_truncated_file_is_given_up_after_ten_quiet_times_or_a_minute(quiet: float, seconds: float) -> None:
    assert truncated_at(seen(at=100), quiet, once=False) == 100 + seconds


@pytest.mark.parametrize(("quiet", "seconds"), [(0, 1), (2, 5), (60, 121)])
def test_a_single_run_gives_it_up_after_twice_the_quiet_time_and_a_second(quiet: float, seconds: float) -> None:
    assert truncated_at(seen(at=100), quiet, once=True) == 100 + seconds
