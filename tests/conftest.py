"""What tests of the whole program share: a house of their own, whose books must balance when they leave."""

from __future__ import annotations

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a daemon in a view of its own cannot be asked."""
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
