"""What every clock keeps, whoever moves it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import ManualClock
from watchd.adapters.host.system_clock import SystemClock
from watchd.model import Wall

if TYPE_CHECKING:
    from watchd.interfaces import Clock


@pytest.fixture(params=[ManualClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_both_clocks_tell_unix_seconds_and_agree_when_nothing_has_happened(clock: Clock) -> None:
    assert clock.wall() == pytest.approx(clock.steady(), abs=1.0)
    assert clock.wall() > 1_700_000_000


def test_steady_time_never_goes_back(clock: Clock) -> None:
    moments = [clock.steady() for _ in range(1000)]
    assert moments == sorted(moments)


def test_local_time_has_a_zone_and_is_the_same_moment(clock: Clock) -> None:
    assert clock.local().tzinfo is not None
    assert abs(clock.local() - datetime.fromtimestamp(clock.wall(), UTC)) < timedelta(seconds=1)


def test_the_day_of_now_is_the_day_of_local_time(clock: Clock) -> None:
    now = clock.local()
    assert clock.day_of(Wall(now.timestamp())) == now.date().isoformat()


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), max_size=20))
def test_however_the_wall_jumps_manual_steady_time_stands_still(jumps: list[float]) -> None:
    clock = ManualClock()
    before = clock.steady()
    for jump in jumps:
        clock.jump_wall(jump)
        assert clock.steady() == before
    assert clock.wall() == pytest.approx(before + sum(jumps))


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_system_steady_time_does_not_follow_a_wall_clock_that_jumps(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    clock, real = SystemClock(), time.time
    before = clock.steady()
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert before <= clock.steady() < before + 60
    assert clock.wall() == pytest.approx(before + jump, abs=60)


def test_system_days_begin_at_midnight_of_the_hosts_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 3, 1, 3, 0, tzinfo=UTC).timestamp()
    try:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        assert SystemClock().day_of(Wall(moment)) == "2026-02-28"
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert SystemClock().day_of(Wall(moment)) == "2026-03-01"
    finally:
        monkeypatch.undo()
        time.tzset()
