"""One gate before all workers: of several closed ones the strictest decides."""

from __future__ import annotations

from itertools import permutations

import pytest

from watchd.core.calls.gating import PROBED, Hold, Open, Probe, decide, expired, foremost, probing
from watchd.model import Gate, GateReason, Steady

NOW = Steady(1000.0)
PAUSED = Gate(GateReason.PAUSED, Steady(0), "asked for")
KEY = Gate(GateReason.KEY, Steady(0), "refused")


def gate(reason: GateReason, due_in: float, interval: float = 60.0) -> Gate:
    return Gate(reason, Steady(0), "because", Steady(NOW + due_in), interval)


BALANCE_DUE, BALANCE_LATER = gate(GateReason.BALANCE, 0), gate(GateReason.BALANCE, 60)
SERVICE_DUE, SERVICE_LATER = gate(GateReason.SERVICE, -5), gate(GateReason.SERVICE, 30)
KEY_DUE, KEY_LATER = gate(GateReason.KEY, -1), gate(GateReason.KEY, 60)
RATE_OVER, RATE_LATER = gate(GateReason.RATE, -1), gate(GateReason.RATE, 10)


def test_without_a_closed_gate_calls_may_be_made() -> None:
    assert decide([], NOW) == Open()


@pytest.mark.parametrize(
    ("gates", "decision"),
    [
        ([RATE_OVER], Open()),
        ([RATE_LATER], Hold(RATE_LATER, Steady(NOW + 10))),
        ([BALANCE_DUE], Probe(BALANCE_DUE)),
        ([BALANCE_LATER], Hold(BALANCE_LATER, Steady(NOW + 60))),
        ([PAUSED], Hold(PAUSED, None)),
        ([BALANCE_DUE, PAUSED], Hold(PAUSED, None)),
        ([BALANCE_DUE, KEY, RATE_LATER], Hold(KEY, None)),
        ([BALANCE_DUE, RATE_OVER], Probe(BALANCE_DUE)),
        ([BALANCE_DUE, RATE_LATER], Hold(RATE_LATER, Steady(NOW + 10))),
        ([BALANCE_DUE, SERVICE_LATER], Probe(BALANCE_DUE)),
        ([BALANCE_LATER, SERVICE_DUE], Probe(SERVICE_DUE)),
        ([BALANCE_LATER, SERVICE_LATER, RATE_LATER], Hold(SERVICE_LATER, Steady(NOW + 30))),
        ([BALANCE_DUE, SERVICE_DUE], Probe(SERVICE_DUE)),
        ([SERVICE_LATER, KEY_DUE], Probe(KEY_DUE)),
        ([SERVICE_DUE, KEY_LATER], Probe(SERVICE_DUE)),
        ([KEY_LATER], Hold(KEY_LATER, Steady(NOW + 60))),
        ([KEY_DUE, PAUSED], Hold(PAUSED, None)),
        ([KEY_DUE, RATE_LATER], Hold(RATE_LATER, Steady(NOW + 10))),
    ],
)
def test_one_call_tries_all_that_is_probed_once_nothing_else_holds_it(
    gates: list[Gate], decision: Open | Probe | Hold
) -> None:
    assert {decide(order, NOW) for order in permutations(gates)} == {decision}


@pytest.mark.parametrize("reason", GateReason)
def test_balance_service_and_key_want_a_probe_and_the_others_open_by_time(reason: GateReason) -> None:
    over = gate(reason, -1)
    assert expired(over, NOW) == (reason not in PROBED)
    assert isinstance(decide([over], NOW), Probe if reason in PROBED else Open)


@pytest.mark.parametrize("reason", GateReason)
def test_a_gate_without_a_time_never_opens_by_itself(reason: GateReason) -> None:
    closed = Gate(reason, Steady(0), "because")
    assert not expired(closed, Steady(NOW + 10**9))
    assert decide([closed], Steady(NOW + 10**9)) == Hold(closed, None)


def test_the_gate_that_is_told_follows_the_order_of_reasons() -> None:
    gates = [RATE_LATER, BALANCE_LATER, PAUSED, KEY]
    assert {foremost(order) for order in permutations(gates)} == {PAUSED}
    assert foremost([RATE_LATER, BALANCE_LATER]) == BALANCE_LATER
    assert foremost([]) is None


def test_the_next_probe_is_put_off_before_this_one_is_made() -> None:
    put_off = probing(BALANCE_DUE, NOW, 60.0)
    assert (put_off.retry_at, put_off.interval) == (NOW + 60, 60.0)
    assert isinstance(decide([put_off], NOW), Hold)


def test_a_gate_without_an_interval_of_its_own_takes_the_first() -> None:
    assert probing(gate(GateReason.BALANCE, 0, interval=0.0), NOW, 45.0).retry_at == NOW + 45
