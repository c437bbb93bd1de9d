"""The money: a balance that falls with each call run, and what has been charged so far, in whole micro-dollars."""

import threading
from dataclasses import dataclass
from decimal import Decimal

from watchd.sandbox.options import usd_of


@dataclass(frozen=True, slots=True)
class Charges:
    """Calls charged since the start, and their sum in USD."""

    calls: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Charged:
    """The call was paid for."""

    price_micro: int


@dataclass(frozen=True, slots=True)
class Insufficient:
    """The balance does not cover the call; nothing was charged."""

    balance_micro: int


class VendorAccount:
    """One customer's balance. Checking and charging are one step, so that no two calls spend the same cent."""

    def __init__(self, balance_micro: int) -> None:
        self._lock = threading.Condition()
        self._balance_micro = balance_micro
        self._calls = 0
        self._charged_micro = 0

    @property
    def balance_micro(self) -> int:
        """Micro-dollars left."""
        with self._lock:
            return self._balance_micro

    def charge(self, price_micro: int) -> Charged | Insufficient:
        """Take the price of one call, if the balance covers it."""
        with self._lock:
            if self._balance_micro < price_micro:
                return Insufficient(self._balance_micro)
            self._balance_micro -= price_micro
            self._charged_micro += price_micro
            self._calls += 1
            self._lock.notify_all()
            return Charged(price_micro)

    def refund(self, charged: Charged) -> None:
        """Give back a call that was paid for and then answered with an error."""
        with self._lock:
            self._balance_micro += charged.price_micro
            self._charged_micro -= charged.price_micro
            self._calls -= 1

    def top_up(self, micro: int) -> int:
        """Add to the balance; the new balance in micro-dollars."""
        with self._lock:
            self._balance_micro += micro
            return self._balance_micro

    def charges(self) -> Charges:
        """Calls charged and their sum, at one instant."""
        with self._lock:
            return Charges(self._calls, usd_of(self._charged_micro))

    def wait_for_calls(self, count: int, timeout_s: float) -> bool:
        """Wait until so many calls were charged since the start; False when the time is over."""
        with self._lock:
            return self._lock.wait_for(lambda: self._calls >= count, timeout_s)
