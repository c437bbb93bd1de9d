"""Durations, sizes, money and hours: read exactly, written back to the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.config.units import (
    MOST_S,
    MOST_USD,
    RefusedError,
    format_duration,
    format_hours,
    format_money,
    parse_duration,
    parse_hours,
    parse_money,
    parse_size,
)
from watchd.model import Hours


@given(st.integers(0, MOST_S * 1000))
def test_a_duration_written_out_reads_back_to_the_same(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(0, MOST_USD * 1_000_000))
def test_an_amount_written_out_reads_back_to_the_same(micros: int) -> None:
    assert parse_money(format_money(micros)) == micros


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_hours_written_out_read_back_to_the_same(start: int, end: int) -> None:
    if start == end:
        with pytest.raises(RefusedError):
            parse_hours(format_hours(Hours(start, end)))
    else:
        assert parse_hours(format_hours(Hours(start, end))) == Hours(start, end)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1.5h", 5400),
        ("1m500ms", 60.5),
        ("0s", 0),
        ("0", 0),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", ["", "s", "2", "2 s", "-2s", "30m1h", "2S", "1e1s", "٢s", "1.s", 2, 2.5, True, None, [], "9" * 99]
)
def test_what_is_no_duration_is_refused_naming_one(value: object) -> None:
    with pytest.raises(RefusedError, match="expected a duration such as 2s"):
        parse_duration(value)


def test_a_duration_beyond_all_reason_is_refused() -> None:
    with pytest.raises(RefusedError, match="too long"):
        parse_duration("9999999d")


@pytest.mark.parametrize(
    ("text", "size"), [("25MB", 25_000_000), ("1GiB", 2**30), ("1.5KiB", 1536), ("7B", 7), ("2kB", 2000), ("2KB", 2000)]
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["25", 25, "25 MB", "25mb", "-1MB", "", None, "0.3B"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(RefusedError, match="expected a size such as 25MB or 1GiB"):
        parse_size(value)


@pytest.mark.parametrize(
    ("value", "micros"), [(10, 10_000_000), (0.1, 100_000), ("10.00", 10_000_000), (0, 0), ("0.000001", 1), (1e-6, 1)]
)
def test_an_amount_is_read_exactly(value: object, micros: int) -> None:
    assert parse_money(value) == micros


@pytest.mark.parametrize(
    "value", [-1, "-1", -0.5, "0.0000001", True, None, "$5", "1,5", "1e1", "", [], 1e300, "1e999", "NaN"]
)
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(RefusedError, match="expected"):
        parse_money(value)


@pytest.mark.parametrize(
    "text", ["24:00-06:00", "22:00", "22:60-23:00", "25:00-01:00", "22-06", "06:00-24:01", None, 1350]
)
def test_what_is_no_window_is_refused(text: object) -> None:
    with pytest.raises(RefusedError, match='expected a window such as "22:00-06:00"'):
        parse_hours(text)
