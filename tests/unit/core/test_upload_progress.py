"""An upload moves, or it does not: looked at once a second, by the seconds of the test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.calls.upload_progress import FLOOR_BYTES, FLOOR_S, STALL_S, Stalled, UploadProgress, beginning

TIMEOUT = 300.0


def watched(
    arrivals: list[int], longest_stall: float = TIMEOUT, begun: int = 0
) -> tuple[UploadProgress | Stalled, int]:
    """What is found where so many more bytes have arrived in each second; and in which second."""
    found: UploadProgress | Stalled = beginning(begun, 0.0, longest_stall)
    arrived = begun
    for second, more in enumerate(arrivals, 1):
        arrived += more
        assert isinstance(found, UploadProgress)
        found = found.seen(arrived, float(second))
        if isinstance(found, Stalled):
            return found, second
    return found, len(arrivals)


@given(st.lists(st.integers(FLOOR_BYTES // 60 + 1, 10**7), max_size=400), st.integers(0, 10**6))
def test_what_moves_at_the_floor_or_faster_is_never_given_up(arrivals: list[int], begun: int) -> None:
    assert isinstance(watched(arrivals, begun=begun)[0], UploadProgress)


def test_hours_are_not_too_long() -> None:
    assert isinstance(watched([2000] * 4 * 3600)[0], UploadProgress)


@pytest.mark.parametrize(("longest", "after"), [(TIMEOUT, STALL_S), (2.0, 2.0)])
def test_nothing_for_half_a_minute_or_as_long_as_an_answer_may_take_is_the_end(longest: float, after: float) -> None:
    found, second = watched([100_000] * 5 + [0] * 60, longest)
    assert found == Stalled(f"nothing of the upload arrived any more for {after:g} s")
    assert second == 5 + after


def test_a_pause_that_ends_in_time_is_none() -> None:
    assert isinstance(watched(([100_000] + [0] * 29) * 20)[0], UploadProgress)


def test_a_drip_is_given_up_after_a_minute() -> None:
    found, second = watched([100] * 600)
    assert found == Stalled("6,000 bytes of the upload arrived in 60 s")
    assert second == FLOOR_S


@given(st.integers(0, 600))
def test_a_drip_that_begins_late_is_given_up_within_two_minutes(begins: int) -> None:
    found, second = watched([1_000_000] * begins + [100] * 121)
    assert isinstance(found, Stalled)
    assert begins < second <= begins + 2 * FLOOR_S
