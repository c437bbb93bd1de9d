"""What the sandbox can be told, on the command line or while it runs, and how it is spelt."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

Dialect = Literal["enhance", "creativity"]
EngineName = Literal["auto", "waifu2x", "lanczos", "fast"]

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

MICRODOLLARS = 1_000_000
# More than any trial spends: a sandbox that was given no balance never answers 402 on its own.
AMPLE_BALANCE = Decimal(1_000_000)

_UNIT_S = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How one sandbox behaves; every field is an option of ``watchd sandbox``.

    ``latency`` is seconds, or a duration such as ``200ms``: the least time from a complete request to its answer.
    ``concurrency`` 0 means no limit, and so do ``requests_per_minute`` and ``refusals`` (answers of 4xx in 30 seconds,
    beyond which every call is refused for as long). ``balance`` is USD. ``fail`` holds rules such as ``503:2``,
    ``cut:10%``, ``402``.
    """

    port: int = 0
    key: str | None = None
    latency: float | str = 0.0
    concurrency: int = 0
    requests_per_minute: int = 0
    refusals: int = 0
    balance: Decimal | int | str = AMPLE_BALANCE
    fail: tuple[str, ...] = ()
    dialect: Dialect = "enhance"
    engine: EngineName = "auto"
    seed: int = 0


def seconds(duration: float | str) -> float:
    """Seconds of a number, or of a duration such as ``200ms``, ``2s``, ``1m30s``.

    Raises:
        ValueError: it is neither, or it is negative.
    """
    if isinstance(duration, str):
        if _DURATION.fullmatch(duration):
            return float(sum(Decimal(count) * _UNIT_S[unit] for count, unit in _DURATION_PART.findall(duration)))
        raise ValueError(f"a duration such as 200ms, 2s or 1m30s was expected, not {duration!r}")
    if not 0 <= duration < float("inf"):
        raise ValueError(f"a duration of 0 or more seconds was expected, not {duration!r}")
    return float(duration)


def microdollars(usd: Decimal | float | str) -> int:
    """The nearest whole micro-dollars of an amount in USD, which must be 0 or more.

    Raises:
        ValueError: it is no such amount, or larger than any trial needs.
    """
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        raise ValueError(f"an amount in USD such as 2.50 was expected, not {usd!r}") from None
    # Written so that NaN, which is neither, is refused as well.
    if not (amount.is_finite() and 0 <= amount <= AMPLE_BALANCE):
        raise ValueError(f"an amount of 0 to {AMPLE_BALANCE} USD was expected, not {usd!r}")
    return round(amount * MICRODOLLARS)


def usd_of(micro: int) -> Decimal:
    """USD, exactly, of whole micro-dollars."""
    return Decimal(micro) / MICRODOLLARS
