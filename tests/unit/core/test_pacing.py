"""The limiter: no burst, no fed outage, no flood of refusals, and nothing held up that need not be."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.calls import pacing
from watchd.core.calls.outcomes import Quota
from watchd.core.calls.pacing import Limiter, PutOff, Wait

NOW = 1_800_000_000.0
TINY = 1e-6


def admitted(pace: Limiter, now: float, in_flight: int = 0, *, again: bool = False, probe: bool = False) -> Limiter:
    """The pace after one more call, which must be let in."""
    answer = pace.admit(now, in_flight, again=again, probe=probe)
    assert isinstance(answer, Limiter), answer
    return answer


def wait(pace: Limiter, now: float, in_flight: int = 0, *, again: bool = False, probe: bool = False) -> float | None:
    """How long the next call is told to wait."""
    answer = pace.admit(now, in_flight, again=again, probe=probe)
    assert isinstance(answer, Wait), answer
    return answer.seconds


# --- spacing --------------------------------------------------------------------------------------------------------


def calls_made(pace: Limiter, asked_at: list[float]) -> list[float]:
    """When calls were let in, by callers who come at these moments, wait as they are told, and are gone at once."""
    made, now = [], NOW
    for moment in sorted(asked_at):
        now = max(now, NOW + moment)
        while not isinstance(answer := pace.admit(now, 0, again=False, probe=False), Limiter):
            assert isinstance(answer, Wait)
            assert answer.seconds is not None
            now += max(answer.seconds, TINY)
        pace = answer
        made.append(now)
    return made


@given(st.integers(min_value=1, max_value=600), st.lists(st.floats(min_value=0, max_value=600), max_size=60))
def test_calls_are_never_closer_than_the_rate_allows_however_they_come(per_minute: int, asked_at: list[float]) -> None:
    made = calls_made(Limiter(4, per_minute), asked_at)
    assert all(later - earlier >= 60 / per_minute - TINY for earlier, later in pairwise(made))


@given(st.lists(st.floats(min_value=0, max_value=600), max_size=60))
def test_nobody_waits_longer_than_the_spacing_asks(asked_at: list[float]) -> None:
    made = calls_made(Limiter(4, 12), asked_at)
    for number, (asked, at) in enumerate(zip(sorted(asked_at), made, strict=True)):
        least = max(NOW + asked, made[number - 1] + 5.0 if number else 0.0)
        assert at <= least + 1e-4


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=50))
def test_0_is_no_limit(asked_at: list[float]) -> None:
    assert calls_made(Limiter(4, 0), asked_at) == [NOW + at for at in sorted(asked_at)]


def test_a_probe_keeps_to_the_spacing_too() -> None:
    assert wait(admitted(Limiter(4, 20), NOW, probe=True), NOW + 1, probe=True) == pytest.approx(2.0)


# --- what the service says of its limit -----------------------------------------------------------------------------


def test_a_limit_lower_than_ours_slows_us_down_and_a_higher_one_does_not_speed_us_up() -> None:
    for limit, spacing in [(6, 10.0), (600, 3.0)]:
        pace = admitted(Limiter(4, 20).heard(Quota(limit=limit), NOW, 0), NOW)
        assert wait(pace, NOW) == pytest.approx(spacing)


@given(st.integers(min_value=1, max_value=200), st.floats(min_value=1, max_value=120))
def test_what_is_left_of_a_limit_lasts_until_it_begins_anew(left: int, seconds: float) -> None:
    pace = admitted(Limiter(4).heard(Quota(remaining=left, resets_in=seconds), NOW, 0), NOW)
    made, now = 1, NOW
    while now < NOW + seconds - TINY:
        answer = pace.admit(now, 0, again=False, probe=False)
        if isinstance(answer, Limiter):
            pace, made = answer, made + 1
            continue
        assert isinstance(answer, Wait)
        assert answer.seconds is not None
        now += max(answer.seconds, TINY)
    assert made <= left + 1  # the last one lies on the very moment at which the limit begins anew


def test_where_nothing_is_left_nobody_calls_until_the_limit_begins_anew() -> None:
    pace = Limiter(4).heard(Quota(remaining=0, resets_in=17.0), NOW, 0)
    assert wait(pace, NOW) == 17.0
    assert wait(pace, NOW, probe=True) == 17.0
    assert admitted(pace, NOW + 17).told == pacing.ServiceLimit(None, None, NOW + 17)


def test_calls_in_flight_are_taken_off_what_is_left() -> None:
    assert wait(Limiter(4).heard(Quota(remaining=3, resets_in=17.0), NOW, 3), NOW) == 17.0


def test_a_limit_for_a_day_is_used_as_it_is_needed_and_not_spread_over_the_day() -> None:
    pace = Limiter(4).heard(Quota(remaining=500, resets_in=86_400.0), NOW, 0)
    for _ in range(499):
        pace = admitted(pace, NOW)
    assert wait(admitted(pace, NOW), NOW) == pacing.LONGEST_HOLD_S


def test_no_header_holds_calls_back_for_more_than_five_minutes() -> None:
    assert wait(Limiter(4).heard(Quota(remaining=0, resets_in=10**9), NOW, 0), NOW) == 300.0


def test_headers_that_say_nothing_change_nothing() -> None:
    told = Limiter(4).heard(Quota(limit=6), NOW, 0)
    assert told.heard(Quota(), NOW, 0) == told
    assert told.heard(Quota(remaining=3), NOW, 0) == told


# --- calls in flight ------------------------------------------------------------------------------------------------


def in_flight_at_most(pace: Limiter, now: float) -> int:
    flying = 0
    while isinstance(answer := pace.admit(now, flying, again=False, probe=False), Limiter):
        pace, flying = answer, flying + 1
    return flying


def test_at_first_all_workers_may_call() -> None:
    assert in_flight_at_most(Limiter(4), NOW) == 4


def test_trouble_halves_the_calls_in_flight_once_for_all_that_had_begun_before() -> None:
    pace = Limiter(16)
    for _ in range(3):
        pace = pace.troubled(NOW, began=NOW - 5)
    assert pace.window == 8
    assert pace.troubled(NOW + 1, began=NOW + 0.5).window == 4


def test_a_single_call_may_always_be_in_flight_in_the_end() -> None:
    pace = Limiter(2)
    for second in range(100):
        pace = pace.troubled(NOW + second, began=NOW + second)
    assert in_flight_at_most(pace, NOW + 200) == 1


@pytest.mark.parametrize(("workers", "most_rounds"), [(1, 0), (4, 2), (8, 3), (16, 4), (64, 6)])
def test_after_a_pause_calls_begin_one_at_a_time_and_double_with_each_round(workers: int, most_rounds: int) -> None:
    pace, rounds, seen = Limiter(workers).after_a_pause(), 0, []
    while pace.is_narrowed():
        seen.append(places := pace.places(NOW))
        for _ in range(places):
            pace = pace.succeeded(NOW, again=False)
        rounds += 1
    assert seen[:1] == [1][: len(seen)]
    assert all(later <= 2 * earlier for earlier, later in pairwise(seen))
    assert rounds <= most_rounds
    assert in_flight_at_most(pace, NOW) == workers


# --- a line that is shared ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "rounds"), [(1, [1]), (2, [2]), (3, [2]), (4, [2]), (8, [4, 2]), (64, [32, 16, 8])]
)
def test_slow_uploads_halve_the_calls_in_flight_round_by_round_down_to_two(workers: int, rounds: list[int]) -> None:
    pace, now = Limiter(workers), NOW
    for places in rounds:
        began = now
        for _ in range(pace.places(now)):
            now += 1
            pace = pace.succeeded(now, again=False, slow=True).crowded(now, began, stalled=False)
        assert pace.places(now) == places
    if rounds[-1] <= 2:
        assert pace.succeeded(now, again=False, slow=True).crowded(now, now, stalled=False).places(now) == rounds[-1]


def test_uploads_that_stall_leave_one_call_in_the_end_and_no_budget_pays_for_it() -> None:
    pace, now = Limiter(8), NOW
    for _ in range(5):
        now += 1
        pace = pace.crowded(now, now, stalled=True)
    assert in_flight_at_most(pace, now) == 1
    assert pace.error_budget == Limiter(8).error_budget


def test_after_a_pause_slow_uploads_still_widen_it_to_two() -> None:
    pace = Limiter(8).after_a_pause()
    assert pace.succeeded(NOW, again=False, slow=True).crowded(NOW, NOW, stalled=False).places(NOW) == 2


# --- trouble --------------------------------------------------------------------------------------------------------


@given(st.integers(min_value=1, max_value=64), st.floats(min_value=0.01, max_value=20), st.integers(0, 2**32))
def test_of_a_service_in_trouble_no_half_minute_sees_more_than_ten_failures_beside_those_in_flight_at_its_onset(
    workers: int, seconds: float, seed: int
) -> None:
    chance = random.Random(seed)
    share = chance.choice([1.0, 0.5, 0.9])
    pace, now = Limiter(workers), NOW
    flying = [NOW + seconds * chance.uniform(0.1, 1) for _ in range(workers)]
    began = dict.fromkeys(range(workers), NOW - 1)
    ends = dict(enumerate(flying))
    failed: list[float] = []
    number = workers
    while now < NOW + 120:
        answer = pace.admit(now, len(ends), again=False, probe=False)
        if isinstance(answer, Limiter):
            pace = answer
            began[number], ends[number] = now, now + seconds * chance.uniform(0.5, 1)
            number += 1
            continue
        assert isinstance(answer, Wait)
        asked_again = now + answer.seconds if answer.seconds is not None else float("inf")
        call, ended = min(ends.items(), key=lambda item: item[1], default=(None, float("inf")))
        now = max(now + TINY, min(asked_again, ended))
        if call is not None and ended <= now:
            del ends[call]
            if chance.random() < share:
                failed.append(now)
                pace = pace.troubled(now, began[call])
            else:
                pace = pace.succeeded(now, again=False)
    assert failed, f"seed {seed}: the trouble never came"
    assert all(sum(first <= at < first + 30 for at in failed) <= workers + 10 for first in failed), f"seed {seed}"


def test_a_lone_failure_among_many_pictures_holds_nobody_up() -> None:
    pace, now = Limiter(1), NOW
    for number in range(2000):
        pace, now = admitted(pace, now), now + 0.2
        pace = pace.troubled(now, began=now - 0.2) if number % 200 == 199 else pace.succeeded(now, again=False)
    assert now == pytest.approx(NOW + 400)


# --- calls made again -----------------------------------------------------------------------------------------------


def test_a_lone_failure_is_tried_again_at_once() -> None:
    assert isinstance(Limiter(4).admit(NOW, 0, again=True, probe=False), Limiter)


def test_in_an_outage_no_more_calls_are_made_again_than_the_purse_holds() -> None:
    pace, again = Limiter(4), 0
    for second in range(3600):
        answer = pace.admit(NOW + second, 0, again=True, probe=False)
        if isinstance(answer, Limiter):
            pace, again = answer, again + 1
        else:
            assert isinstance(answer, PutOff)
            assert 0 < answer.seconds <= 60
    assert again <= 20 + 60 + again * 0.1
    assert again >= 80


def test_a_tenth_of_the_calls_fills_the_purse() -> None:
    pace = replace(Limiter(4), retry_budget=pacing.TokenBucket(20.0, 1 / 60, 0.0, NOW))
    assert pace.admit(NOW, 0, again=True, probe=False) == PutOff(60.0)
    for _ in range(10):
        pace = admitted(pace, NOW)
    assert isinstance(pace.admit(NOW, 0, again=True, probe=False), Limiter)


def test_what_succeeds_when_made_again_has_cost_the_purse_nothing() -> None:
    pace = Limiter(4)
    for _ in range(1000):
        pace = admitted(pace, NOW, again=True).succeeded(NOW, again=True)
    assert pace.retry_budget.now(NOW) >= 19


def test_a_probe_asks_nothing_of_the_budgets() -> None:
    pace = replace(
        Limiter(4),
        retry_budget=pacing.TokenBucket(20.0, 1 / 60, 0.0, NOW),
        error_budget=pacing.TokenBucket(5.0, 1 / 6, 0.0, NOW),
    )
    assert isinstance(pace.admit(NOW, 0, again=True, probe=True), Limiter)


# --- refusals -------------------------------------------------------------------------------------------------------


@given(st.floats(min_value=0.001, max_value=2.0))
def test_a_key_never_collects_the_fifty_refusals_in_half_a_minute_for_which_it_is_banned(seconds: float) -> None:
    pace, now = Limiter(8), NOW
    refused: list[float] = []
    while len(refused) < 120:
        answer = pace.admit(now, 0, again=False, probe=False)
        if isinstance(answer, Limiter):
            now += seconds
            pace = answer.refused(now)
            refused.append(now)
            continue
        assert isinstance(answer, Wait)
        assert answer.seconds is not None
        now += max(answer.seconds, TINY)
    assert all(sum(first <= at < first + 30 for at in refused) < 50 for first in refused)


def test_calls_in_flight_count_as_refusals_to_come() -> None:
    pace = Limiter(64)
    for _ in range(30):
        pace = pace.refused(NOW)
    assert isinstance(pace.admit(NOW, 9, again=False, probe=False), Limiter)
    assert wait(pace, NOW + 1, in_flight=10) == pytest.approx(29.0)
