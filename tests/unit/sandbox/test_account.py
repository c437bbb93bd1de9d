"""Money in the sandbox."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from watchd.sandbox.account import Charged, Charges, Insufficient, VendorAccount


def test_a_call_that_the_balance_does_not_cover_is_not_charged() -> None:
    account = VendorAccount(19_999)
    assert account.charge(20_000) == Insufficient(19_999)
    assert account.charges() == Charges(0, Decimal(0))


def test_the_last_cent_can_be_spent() -> None:
    account = VendorAccount(20_000)
    assert account.charge(20_000) == Charged(20_000)
    assert account.balance_micro == 0


def test_a_refund_leaves_no_trace() -> None:
    account = VendorAccount(100_000)
    account.refund(Charged(price_micro=account_price(account)))
    assert (account.balance_micro, account.charges()) == (100_000, Charges(0, Decimal(0)))


def account_price(account: VendorAccount) -> int:
    charged = account.charge(80_000)
    assert isinstance(charged, Charged)
    return charged.price_micro


@given(st.lists(st.sampled_from([20_000, 80_000])), st.integers(min_value=0, max_value=2_000_000))
def test_what_was_charged_and_what_is_left_are_always_what_there_was(prices: list[int], balance: int) -> None:
    account = VendorAccount(balance)
    charged = sum(isinstance(account.charge(price), Charged) for price in prices)
    charges = account.charges()
    assert charges.calls == charged
    assert charges.usd * 1_000_000 + account.balance_micro == balance
