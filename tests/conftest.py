"""What tests of the whole program share: a house of their own, whose books must balance when they leave."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.system import confined
from tests.system.house import House
from tests.system.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--under-unit`: the daemons of the system tests run under the limits of their unit; root, and a systemd."""
    parser.addoption("--under-unit", action="store_true", help="confine daemons as systemd/watchd.service does")


def pytest_configure() -> None:
    """One seed for the whole run: who runs a part of it is a child of ours, and finds it in the environment."""
    os.environ.setdefault("WATCHD_SEED", str(random.SystemRandom().randrange(1, 1_000_000)))


def pytest_report_header() -> str:
    """Say how this run can be repeated."""
    return f"WATCHD_SEED={os.environ['WATCHD_SEED']}"


def sampled(items: list[pytest.Item]) -> set[pytest.Item]:
    """Cases of long campaigns that are left to `WATCHD_FAULTS=full`: all but a sample, drawn by the seed."""
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sample") is not None:
            groups[item.nodeid.partition("[")[0]].append(item)
    left_out: set[pytest.Item] = set()
    for name, cases in groups.items():
        mark = cases[0].get_closest_marker("sample")
        assert mark is not None
        most = int(mark.args[0])
        if len(cases) > most:
            drawn = random.Random(f"{name} {os.environ['WATCHD_SEED']}").sample(cases, most)
            left_out |= set(cases).difference(drawn)
    return left_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a daemon in a view of its own cannot be asked, and what a campaign alone has time for."""
    if os.environ.get("WATCHD_FAULTS") != "full":
        left_out = sampled(items)
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    if config.getoption("--under-unit"):
        for item in items:
            mark = item.get_closest_marker("plain")
            if mark is not None:
                item.add_marker(pytest.mark.skip(reason=str(mark.args[0])))


@pytest.fixture(scope="session", autouse=True)
def _under_unit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not request.config.getoption("--under-unit"):
        yield
        return
    base = tmp_path_factory.getbasetemp()
    with Machine(base, at=base) as machine:
        House.starter = staticmethod(confined.starter(machine))
        yield


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A temporary folder with everything a watchd needs; whoever spends in it is audited at the end."""
    with House(tmp_path) as running:
        yield running
        running.assert_books_balance()
