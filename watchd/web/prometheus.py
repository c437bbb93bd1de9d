"""Figures in the text format that Prometheus reads.

Source: the Prometheus exposition format 0.0.4, and its conventions for names: seconds and bytes, `_total` for counters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One figure with its labels; `suffix` belongs to histograms."""

    value: float
    labels: Mapping[str, str]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    about: str
    samples: Sequence[MetricSample]


def family(
    name: str, kind: Literal["counter", "gauge"], about: str, values: Iterable[tuple[Mapping[str, str], float]]
) -> Family:
    """A counter or a gauge from (labels, value)."""
    return Family(name, kind, about, [MetricSample(value, labels) for labels, value in values])


def histogram(name: str, about: str, bounds: Sequence[float], counts: Sequence[int], total: float) -> Family:
    """`counts`: how many fell into each bucket up to its bound, and last those beyond; `total`: the sum of values."""
    samples, reached = [], 0
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        reached += count
        samples.append(MetricSample(reached, {"le": bound}, "_bucket"))
    return Family(
        name, "histogram", about, [*samples, MetricSample(total, {}, "_sum"), MetricSample(reached, {}, "_count")]
    )


def text(families: Iterable[Family]) -> str:
    """The whole answer."""
    lines = []
    for one in families:
        lines += [f"# HELP {one.name} {_escaped(one.about)}", f"# TYPE {one.name} {one.kind}"]
        lines += [
            f"{one.name}{sample.suffix}{_labels(sample.labels)} {_number(sample.value)}" for sample in one.samples
        ]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(value: str) -> str:
    """A label's value; what is no UTF-8 is shown as it is shown elsewhere."""
    return _escaped(value).replace('"', r"\"").encode("utf-8", "backslashreplace").decode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
