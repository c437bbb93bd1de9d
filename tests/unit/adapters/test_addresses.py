"""Addresses of one name: the order in which they are tried, and what becomes of those that are too late."""

from __future__ import annotations

import socket
import threading

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.adapters.http.addresses import Address, Race, by_turns

SIX = [Address(socket.AF_INET6, f"2001:db8::{number}") for number in range(1, 4)]
FOUR = [Address(socket.AF_INET, f"192.0.2.{number}") for number in range(1, 3)]


@pytest.mark.parametrize(
    ("first", "order"),
    [
        (None, [SIX[0], FOUR[0], SIX[1], FOUR[1], SIX[2]]),
        (socket.AF_INET6, [SIX[0], FOUR[0], SIX[1], FOUR[1], SIX[2]]),
        (socket.AF_INET, [FOUR[0], SIX[0], FOUR[1], SIX[1], SIX[2]]),
    ],
)
def test_families_take_turns_and_the_one_that_worked_begins(first: int | None, order: list[Address]) -> None:
    assert by_turns([*SIX, *FOUR], first) == order


@pytest.mark.parametrize("only", [SIX, FOUR, []])
def test_a_family_that_a_name_has_no_longer_changes_nothing(only: list[Address]) -> None:
    assert by_turns(only, socket.AF_INET6) == by_turns(only, socket.AF_INET) == only


@given(st.lists(st.sampled_from([*SIX, *FOUR]), unique=True), st.sampled_from([None, socket.AF_INET, socket.AF_INET6]))
def test_no_address_is_left_out_and_none_is_tried_twice(addresses: list[Address], first: int | None) -> None:
    assert sorted(by_turns(addresses, first), key=repr) == sorted(addresses, key=repr)


def test_whoever_comes_after_the_end_of_a_race_is_discarded() -> None:
    discarded: list[str] = []
    gone, late = threading.Event(), threading.Event()

    def discard(what: str) -> None:
        discarded.append(what)
        gone.set()

    def come_late() -> str:
        late.wait(10)
        return "late"

    with Race(discard) as race:
        race.enter("slow", come_late)
        race.enter("quick", lambda: "quick")
        assert race.wait(10) == "quick"
    late.set()
    assert gone.wait(10)
    assert discarded == ["late"]


def test_a_race_that_everybody_has_lost_is_over_at_once_and_names_each() -> None:
    def refuse() -> str:
        raise httpcore.ConnectError("refused")

    with Race[str](lambda _: None) as race:
        race.enter("::1", refuse)
        race.enter("127.0.0.1", refuse)
        assert race.wait(10) is None
        failure = race.failure()
    assert isinstance(failure, httpcore.ConnectError)
    assert sorted(str(failure).split("; ")) == ["127.0.0.1: refused", "::1: refused"]


def test_a_race_in_which_somebody_is_still_on_the_way_has_timed_out() -> None:
    over = threading.Event()
    with Race[bool](lambda _: None) as race:
        race.enter("::1", lambda: over.wait(10))
        assert race.wait(0.01) is None
        failure = race.failure()
    over.set()
    assert isinstance(failure, httpcore.ConnectTimeout)
