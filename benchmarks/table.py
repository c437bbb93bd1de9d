"""How the lines are shown: a plain table for people, one object for machines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

from benchmarks.figures import AtMost, Line, Noted, NoWorseThan, TimesIdeal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Bound, Measure

HEAD = ("row", "figure", "ideal", "watchd", "bound", "rivals", "ratio", "verdict")


def number(value: float) -> str:
    """Three digits are what a noisy machine can tell."""
    if math.isinf(value):
        return "inf"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}"


def bound_in_words(bound: Bound) -> str:
    """What watchd may not exceed."""
    match bound:
        case AtMost(limit):
            return f"<= {number(limit)}"
        case TimesIdeal(factor):
            return f"<= {factor:.2f} x ideal"
        case NoWorseThan(rivals, factor):
            return f"<= {'' if factor == 1 else f'{factor:.2f} x '}{' and '.join(rivals)}"
        case Noted():
            return "-"
        case unexpected:
            assert_never(unexpected)


def verdict(line: Line) -> str:
    """One word."""
    if line.held is None:
        return "noted" if isinstance(line.measure.bound, Noted) else "no rival"
    return "held" if line.held else "MISSED"


def render(lines: Sequence[Line]) -> str:
    """The table. A rival's figure has its own ratio to watchd's behind it: above 1, watchd is better."""
    cells = [HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    ruled = [cells[0], tuple("-" * width for width in widths), *cells[1:]]
    shown = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in ruled)
    return "\n".join(text.rstrip() for text in shown)


def _cells(line: Line) -> tuple[str, ...]:
    measure = line.measure
    return (
        line.row,
        f"{measure.name} [{measure.unit}]",
        "-" if measure.ideal is None else number(measure.ideal),
        number(line.watchd),
        bound_in_words(measure.bound),
        ", ".join(f"{name} {number(value)}{_beside(value, line)}" for name, value in line.rivals.items()) or "-",
        "-" if line.ratio is None else "inf" if math.isinf(line.ratio) else f"{line.ratio:.3f}",
        verdict(line),
    )


def _beside(value: float, line: Line) -> str:
    return f" ({value / line.watchd:.2f}x)" if line.watchd else ""


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The same for machines; an infinite ratio is null, since JSON has none."""
    return [
        {
            "row": line.row,
            "figure": line.measure.key,
            "unit": line.measure.unit,
            "ideal": line.measure.ideal,
            "watchd": line.watchd,
            "bound": _bound_as_json(line.measure),
            "rivals": dict(line.rivals),
            "ratio": None if line.ratio is None or math.isinf(line.ratio) else line.ratio,
            "allowed_ratio": line.allowed,
            "verdict": verdict(line).lower(),
        }
        for line in lines
    ]


def _bound_as_json(measure: Measure) -> dict[str, Any] | None:
    match measure.bound:
        case AtMost(limit):
            return {"at_most": limit}
        case TimesIdeal(factor):
            return {"times_ideal": factor}
        case NoWorseThan(rivals, factor):
            return {"no_worse_than": [*rivals]} | ({} if factor == 1 else {"factor": factor})
        case Noted():
            return None
        case unexpected:
            assert_never(unexpected)
