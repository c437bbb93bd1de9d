"""Budgets by the host's own day and month, and windows of hours, at the edges of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from watchd.core.calls import scheduling
from watchd.model import Budget, Folder, Hours, Limit, Profile, Span, Wall

NIGHT = Hours(22 * 60, 6 * 60)
LUNCH = Hours(12 * 60, 13 * 60)


def at(hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2026, 10, 14, hour, minute, second, microsecond, tzinfo=UTC)


minutes = st.integers(0, 24 * 60 - 1)
windows = st.builds(Hours, minutes, minutes).filter(lambda hours: hours.start != hours.end)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- given by timezones=


# Budgets


def test_without_a_budget_there_is_nothing_to_pass() -> None:
    assert scheduling.limits(Budget(), Budget(), "hot", at(12)) == ()


def test_everybody_s_budgets_come_before_the_folder_s_own() -> None:
    found = scheduling.limits(Budget(day=10, month=100), Budget(day=2, month=20), "hot", at(12))
    assert [(limit.folder, limit.period, limit.most) for limit in found] == [
        (None, "2026-10-14", 10), (None, "2026-10", 100), ("hot", "2026-10-14", 2), ("hot", "2026-10", 20),
    ]  # fmt: skip


def test_a_budget_of_nothing_is_a_limit_and_not_the_absence_of_one() -> None:
    (limit,) = scheduling.limits(Budget(day=0), Budget(), "hot", at(12))
    assert limit == Limit(None, "2026-10-14", 0, Wall(at(0).timestamp() + 86_400), Span.DAY)


@pytest.mark.parametrize(
    ("now", "day_ends", "month_ends"),
    [
        (datetime(2026, 10, 14, 0, 0, tzinfo=UTC), (2026, 10, 15), (2026, 11, 1)),
        (datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC), (2026, 2, 1), (2026, 2, 1)),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), (2027, 1, 1), (2027, 1, 1)),
        (datetime(2028, 2, 28, 12, 0, tzinfo=UTC), (2028, 2, 29), (2028, 3, 1)),
    ],
)
def test_a_period_ends_with_the_midnight_after_it(
    now: datetime, day_ends: tuple[int, int, int], month_ends: tuple[int, int, int]
) -> None:
    day, month = scheduling.limits(Budget(day=1, month=1), Budget(), "hot", now)
    assert day.until == datetime(*day_ends, tzinfo=UTC).timestamp()
    assert month.until == datetime(*month_ends, tzinfo=UTC).timestamp()


@given(moments)
def test_a_period_holds_now_and_not_at_its_end(now: datetime) -> None:
    for limit in scheduling.limits(Budget(day=1, month=1), Budget(day=1, month=1), "hot", now):
        end = datetime.fromtimestamp(limit.until, UTC)
        assert end > now
        assert now.date().isoformat().startswith(limit.period)
        assert not end.date().isoformat().startswith(limit.period)
        assert (end - timedelta(microseconds=1)).date().isoformat().startswith(limit.period)


def test_the_day_is_the_host_s_own_and_not_that_of_greenwich() -> None:
    now = datetime(2026, 10, 14, 23, 30, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    (limit,) = scheduling.limits(Budget(day=1), Budget(), "hot", now)
    assert limit.period == "2026-10-15"
    assert limit.until == datetime(2026, 10, 15, 22, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        # In Berlin clocks go forward on 28 March 2027 and back on 31 October 2027.
        (datetime(2027, 3, 28, 0, 30), datetime(2027, 3, 28, 22, 0, tzinfo=UTC)),  # noqa: DTZ001 -- the zone is below
        (datetime(2027, 3, 27, 12, 0), datetime(2027, 3, 27, 23, 0, tzinfo=UTC)),  # noqa: DTZ001 -- as above
        (datetime(2027, 10, 31, 0, 30), datetime(2027, 10, 31, 23, 0, tzinfo=UTC)),  # noqa: DTZ001 -- as above
    ],
)
def test_a_day_ends_with_its_own_midnight_where_clocks_are_changed(now: datetime, ends: datetime) -> None:
    (limit,) = scheduling.limits(Budget(day=1), Budget(), "hot", now.replace(tzinfo=ZoneInfo("Europe/Berlin")))
    assert limit.until == ends.timestamp()


def test_a_month_ends_with_its_own_midnight_though_clocks_are_changed_within_it() -> None:
    now = datetime(2027, 3, 2, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    (limit,) = scheduling.limits(Budget(month=1), Budget(), "hot", now)
    assert limit.until == datetime(2027, 3, 31, 22, 0, tzinfo=UTC).timestamp()


# Hours


def test_a_window_opens_by_the_zone_on_the_night_on_which_clocks_are_changed() -> None:
    hours = Hours(6 * 60, 7 * 60)
    now = datetime(2027, 3, 28, 1, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert scheduling.closed_for(hours, now) == 4 * 3600.0


def test_without_hours_a_folder_may_always_call() -> None:
    assert scheduling.closed_for(None, at(3)) == 0.0


@pytest.mark.parametrize(
    ("hours", "now", "seconds"),
    [
        (LUNCH, at(12), 0.0),
        (LUNCH, at(12, 59, 59, 999_999), 0.0),
        (LUNCH, at(13), 23 * 3600.0),
        (LUNCH, at(11, 59, 59), 1.0),
        (LUNCH, at(11, 59, 59, 500_000), 0.5),
        (NIGHT, at(22), 0.0),
        (NIGHT, at(0), 0.0),
        (NIGHT, at(5, 59, 59), 0.0),
        (NIGHT, at(6), 16 * 3600.0),
        (NIGHT, at(21, 30, 15), 29 * 60 + 45.0),
    ],
)
def test_a_window_is_open_from_its_first_minute_to_just_before_its_last(
    hours: Hours, now: datetime, seconds: float
) -> None:
    assert scheduling.closed_for(hours, now) == pytest.approx(seconds)


@given(windows, moments)
def test_a_closed_window_opens_exactly_when_it_was_said_to(hours: Hours, now: datetime) -> None:
    wait = scheduling.closed_for(hours, now)
    assert 0.0 <= wait < 86_400.0
    if wait:
        opens = now + timedelta(seconds=round(wait, 6))
        assert scheduling.closed_for(hours, opens) == 0.0
        assert scheduling.closed_for(hours, opens - timedelta(microseconds=2)) > 0.0


@given(minutes, minutes, moments)
def test_a_window_and_the_rest_of_the_day_are_never_open_together(start: int, end: int, now: datetime) -> None:
    if start != end:
        inside = scheduling.closed_for(Hours(start, end), now) == 0.0
        outside = scheduling.closed_for(Hours(end, start), now) == 0.0
        assert inside != outside


def test_a_folder_outside_its_hours_says_when_calls_are_made() -> None:
    folder = Folder("hot", "/hot", Profile("plain"), "/out", hours=NIGHT)
    assert scheduling.wait_of(folder.hours, at(12)) == "hours: calls are made 22:00-06:00"
    assert scheduling.wait_of(folder.hours, at(23)) is None
    assert scheduling.wait_of(None, at(12)) is None


@given(windows)
def test_a_window_is_shown_as_the_configuration_has_it(hours: Hours) -> None:
    start, end = (part.split(":") for part in scheduling.show(hours).split("-"))
    assert Hours(int(start[0]) * 60 + int(start[1]), int(end[0]) * 60 + int(end[1])) == hours
    assert len(scheduling.show(hours)) == len("22:00-06:00")
