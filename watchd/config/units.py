"""Durations, sizes, money and hours as people write them, each to one exact number and back."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from watchd.model import MICROS_PER_USD

if TYPE_CHECKING:
    from watchd.model import Hours

_COUNT: Final = r"[0-9]+(\.[0-9]+)?"
DURATION_PATTERN: Final = rf"^(?=.)({_COUNT}d)?({_COUNT}h)?({_COUNT}m(?!s))?({_COUNT}s)?({_COUNT}ms)?$"
SIZE_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?)(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$"
MONEY_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?$"
HOURS_PATTERN: Final = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]-(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)$"

_MS_PER_UNIT: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_BYTES_PER_UNIT: Final = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
}  # fmt: skip
_LONGEST_TEXT: Final = 64
_LONGEST_SHOWN: Final = 60
MOST_USD: Final = 1_000_000_000
MOST_S: Final = 366 * 86_400


class RefusedError(ValueError):
    """A single value that cannot be used; its text says what is wrong, what is expected, what was found."""


def found(value: object) -> str:
    """How a value of the file is shown in a message: short, on one line, without what stands inside a list."""
    match value:
        case None:
            return "found null"
        case bool():
            return f"found {str(value).lower()}"
        case int() | float():
            return f"found the number {_shortened(str(value))}"
        case str():
            return f'found "{_shortened("".join(c if c.isprintable() else ascii(c)[1:-1] for c in value))}"'
        case list():
            return "found a list"
        case _:
            return "found a mapping"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def parse_duration(value: object, example: str = "2s") -> float:
    """Seconds, exact to the millisecond, from `500ms`, `2s`, `10m`, `1h30m`, `1d`, or a bare 0.

    Raises:
        RefusedError: for anything else, above all a number without a unit.
    """
    if value == "0" or (value == 0 and isinstance(value, int | float) and not isinstance(value, bool)):
        return 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        guess = f'; did you mean "{value}s"?' if value > 0 and len(str(value)) < _LONGEST_SHOWN else ""
        raise RefusedError(f"a duration needs a unit, expected a duration such as {example}, {found(value)}{guess}")
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not re.fullmatch(DURATION_PATTERN, value):
        raise RefusedError(f"not a duration, expected a duration such as {example}, {found(value)}")
    parts = re.findall(r"([0-9.]+)(ms|[dhms])", value)
    milliseconds = sum((Decimal(number) * _MS_PER_UNIT[unit] for number, unit in parts), Decimal(0))
    if milliseconds != int(milliseconds):
        raise RefusedError(f"finer than a millisecond, expected a duration such as {example}, {found(value)}")
    if milliseconds > MOST_S * 1000:
        raise RefusedError(f"too long, expected a duration of at most {format_duration(MOST_S)}, {found(value)}")
    return int(milliseconds) / 1000


def format_duration(seconds: float) -> str:
    """The shortest writing of a duration in whole milliseconds: what `parse_duration` reads back to the same."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    parts = []
    for unit, size in _MS_PER_UNIT.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_size(value: object) -> int:
    """Bytes from `25MB` (powers of 1000) or `1GiB` (powers of 1024).

    Raises:
        RefusedError: for anything else, and for a fraction of a byte.
    """
    matched = re.fullmatch(SIZE_PATTERN, value) if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
    if matched is None:
        raise RefusedError(f"not a size, expected a size such as 25MB or 1GiB, {found(value)}")
    size = Decimal(matched[1]) * _BYTES_PER_UNIT[matched[3]]
    if size != int(size):
        raise RefusedError(f"not a whole number of bytes, expected a size such as 25MB or 1GiB, {found(value)}")
    return int(size)


def parse_money(value: object) -> int:
    """Micro-dollars, exact, from a number of USD written as 10, 10.00 or "10.00".

    Raises:
        RefusedError: for what is no number, is negative, is finer than a micro-dollar or is beyond all reason.
    """
    expected = f"expected an amount in USD such as 10.00, {found(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > _LONGEST_TEXT:
        raise RefusedError(f"not an amount of money, {expected}")
    text = str(value)
    if text.startswith("-"):
        raise RefusedError(f"an amount cannot be negative, {expected}")
    if isinstance(value, str) and not re.fullmatch(MONEY_PATTERN, text):
        raise RefusedError(f"not an amount of money, {expected}")
    amount = Decimal(text)
    if not amount.is_finite() or amount > MOST_USD:
        raise RefusedError(f"too large, expected at most {MOST_USD:,} USD, {found(value)}")
    micros = amount * MICROS_PER_USD
    if micros != int(micros):
        raise RefusedError(f"finer than a millionth of a dollar, {expected}")
    return int(micros)


def format_money(micros: int) -> str:
    """USD with at least two decimals and as many as the amount needs, without a sign."""
    dollars, rest = divmod(micros, MICROS_PER_USD)
    decimals = f"{rest:06d}".rstrip("0")
    return f"{dollars}.{decimals:0<2}"


def parse_hours(value: object) -> Hours:
    """A daily window such as "22:00-06:00" in minutes since midnight; 24:00 may stand as its end.

    Raises:
        RefusedError: for anything else, and for a window that ends when it starts.
    """
    expected = f'expected a window such as "22:00-06:00", {found(value)}'
    if not isinstance(value, str) or not re.fullmatch(HOURS_PATTERN, value):
        raise RefusedError(f"not a window of hours, {expected}")
    start, end = (int(hour) * 60 + int(minute) for hour, minute in (part.split(":") for part in value.split("-")))
    if start == end:
        raise RefusedError(f"start and end are the same (for the whole day write null), {expected}")
    from watchd.model import Hours  # noqa: PLC0415 -- a path needs no hours

    return Hours(start, end)


def format_hours(hours: Hours) -> str:
    """The window as `parse_hours` reads it."""
    return "-".join(f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in (hours.start, hours.end))
