"""How many descriptors are asked for, whatever the limits are."""

from __future__ import annotations

import resource

import pytest

from watchd.adapters.host.descriptors import MOST, wished

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "asked"),
    [
        (1_024, 524_288, MOST),
        (1_024, 4_096, 4_096),
        (1_024, 1_024, 1_024),
        (1_024, NONE, MOST),
        (100_000, 524_288, 100_000),
        (100_000, NONE, 100_000),
        (NONE, NONE, NONE),
    ],
)
def test_the_soft_limit_is_raised_and_never_lowered(soft: int, hard: int, asked: int) -> None:
    assert wished(soft, hard) == asked
