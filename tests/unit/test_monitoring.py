"""The dashboard and the alert rules ask for nothing that is not exported, and every figure and alert is explained."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.fakes.clock import ManualClock
from watchd.adapters.ledgers.sqlite.reader import LedgerReader
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.model import GateReason
from watchd.web import metrics, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\bwatchd_[a-z_]+\b")
LABELLED = re.compile(r"\b(watchd_[a-z_]+)\{([^}]*)\}")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name → the labels of its samples, as a real ledger and a folder give them."""
    path = tmp_path_factory.mktemp("state") / "ledger.db"
    SqliteLedger(path, ManualClock(), owner="test", lease=60.0).close()
    reader = LedgerReader(path)
    status = {"folders": [{"name": "hot", "state": "online", "watch": "events"}]}
    found: dict[str, set[str]] = {"watchd_answers_total": {"status"}}  # of which an empty ledger has none
    for one in metrics.families(reader, status, [GateReason.RATE], datetime.now(UTC)):
        for sample in one.samples:
            found.setdefault(f"{one.name}{sample.suffix}", set()).update(sample.labels)
    reader.close()
    return found


def dashboard() -> Any:
    return json.loads((ROOT / "monitoring" / "grafana.json").read_text())


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "monitoring" / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


def test_everything_that_is_asked_for_is_exported(exported: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert asked
    assert asked <= exported.keys()


def test_every_label_that_is_asked_for_is_there(exported: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name, matchers in LABELLED.findall(expression):
            assert set(re.findall(r"(\w+)\s*=", matchers)) <= exported[name], expression
        for label in re.findall(r"by \(([a-z, ]+)\)", expression):
            names = NAME.findall(expression)
            assert set(label.split(", ")) <= set().union(*(exported[name] for name in names)), expression


def test_every_reason_that_an_alert_waits_for_is_one() -> None:
    reasons = {
        reason
        for rule in rules()
        for values in re.findall(r'reason=~?"([^"]+)"', rule["expr"])
        for reason in values.split("|")
    }
    assert reasons
    assert reasons <= {reason.value for reason in GateReason}


def test_every_family_and_every_alert_is_explained(exported: dict[str, set[str]]) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    assert [name for name in families if name not in page] == []
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def test_no_two_panels_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        taken |= cells


def test_a_label_may_hold_anything() -> None:
    told = prometheus.text([prometheus.family("watchd_x", "gauge", "A\nB", [({"folder": 'a"b\\c\n\udcff'}, 1.5)])])
    assert told.splitlines() == [
        r"# HELP watchd_x A\nB",
        "# TYPE watchd_x gauge",
        r'watchd_x{folder="a\"b\\c\n\udcff"} 1.5',
    ]


def test_a_histogram_counts_up_to_everything() -> None:
    told = prometheus.text([prometheus.histogram("watchd_s", "About.", [1.0, 5.0], [2, 3, 4], 60.0)])
    assert told.splitlines()[2:] == [
        'watchd_s_bucket{le="1.0"} 2',
        'watchd_s_bucket{le="5.0"} 5',
        'watchd_s_bucket{le="+Inf"} 9',
        "watchd_s_sum 60",
        "watchd_s_count 9",
    ]
