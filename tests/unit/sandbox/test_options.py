"""How options of the sandbox are spelt."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.sandbox.options import microdollars, seconds, usd_of


@pytest.mark.parametrize(
    ("spelt", "expected"), [("200ms", 0.2), ("2s", 2.0), ("1m30s", 90.0), ("0.5s", 0.5), (3, 3.0), (0.25, 0.25)]
)
def test_a_duration_is_read_in_seconds(spelt: float | str, expected: float) -> None:
    assert seconds(spelt) == expected


@pytest.mark.parametrize("spelt", ["", "2", "s", "2 s", "-1s", "2d", -1, float("inf"), float("nan"), "٢s"])
def test_what_is_no_duration_is_refused(spelt: float | str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(spelt)


@pytest.mark.parametrize("spelt", ["", "ten", "-0.01", "NaN", "Infinity", "1000000.01", -1])
def test_what_is_no_amount_of_money_is_refused(spelt: float | str) -> None:
    with pytest.raises(ValueError, match="USD"):
        microdollars(spelt)


@given(st.integers(min_value=0, max_value=10**12))
def test_money_survives_the_way_to_microdollars_and_back(micro: int) -> None:
    assert microdollars(usd_of(micro)) == micro


def test_a_balance_given_as_a_float_is_the_amount_it_shows() -> None:
    assert microdollars(0.1) * 3 == microdollars(Decimal("0.3"))
