"""From samples to verdicts: the arithmetic of the benchmarks and the shape of a row. No clock, no disk, no process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

WATCHD = "watchd"


@dataclass(frozen=True, slots=True)
class AtMost:
    """The figure itself may reach `limit`, in the measure's unit."""

    limit: float


@dataclass(frozen=True, slots=True)
class TimesIdeal:
    """The figure may reach `factor` times the ideal."""

    factor: float


@dataclass(frozen=True, slots=True)
class NoWorseThan:
    """The figure may reach `factor` times that of the best of these rivals; those that did not run are not asked."""

    rivals: tuple[str, ...]
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Noted:
    """Told, not judged."""


Bound = AtMost | TimesIdeal | NoWorseThan | Noted


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a row; less is better. `key` finds it in a sample, `ideal` is what no program could beat."""

    key: str
    name: str
    unit: str
    bound: Bound
    ideal: float | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those compared: `measure` runs it once and answers its figures by the keys of the measures."""

    name: str
    measure: Callable[[], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a row is given: a folder of its own that goes when the row ends, its numbers, somewhere to tell things."""

    folder: Path
    quick: bool
    say: Callable[[str], None]


class Row(Protocol):
    """One comparison. Each implementation is a module in `benchmarks.rows`."""

    @property
    def name(self) -> str:
        """What `--row` calls it."""

    @property
    def about(self) -> str:
        """What is measured, in a sentence."""

    def rounds(self, *, quick: bool) -> int:
        """How often each contender has its turn."""

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """The lines that this row gives."""

    def contenders(self, bench: Bench) -> AbstractContextManager[Sequence[Contender]]:
        """All that are compared, ready to run; leaving the context ends every process of theirs."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: medians over the rounds, and what the bound says of watchd's."""

    row: str
    measure: Measure
    watchd: float
    rivals: Mapping[str, float]
    ratio: float | None
    allowed: float | None
    held: bool | None


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed, interpolated between neighbours. Raises ValueError."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(value: float, reference: float | None) -> float | None:
    """`value` in terms of `reference`; None where that says nothing. Nothing of nothing is 1."""
    if reference is None:
        return None
    if reference == 0:
        return 1.0 if value == 0 else math.inf
    return value / reference


def judge(row: str, measure: Measure, samples: Mapping[str, Sequence[Mapping[str, float]]]) -> Line:
    """The medians over the rounds and the verdict. `samples`: contender → one sample for each round."""
    medians = {
        name: median(sample[measure.key] for sample in taken)
        for name, taken in samples.items()
        if taken and all(measure.key in sample for sample in taken)
    }
    value = medians.pop(WATCHD)
    of, allowed = _reference(measure, medians)
    compared = ratio(value, of)
    held = None if allowed is None or compared is None else compared <= allowed
    return Line(row, measure, value, medians, compared, allowed, held)


def _reference(measure: Measure, rivals: Mapping[str, float]) -> tuple[float | None, float | None]:
    """What watchd's figure is divided by, and how large the ratio may be (None: no verdict)."""
    match measure.bound:
        case AtMost(limit):
            return limit, 1.0
        case TimesIdeal(factor):
            return measure.ideal, factor
        case NoWorseThan(names, factor):
            ran = [rivals[name] for name in names if name in rivals]
            return (min(ran), factor) if ran else (None, None)
        case Noted():
            return (measure.ideal if measure.ideal is not None else min(rivals.values(), default=None)), None
        case unexpected:
            assert_never(unexpected)
