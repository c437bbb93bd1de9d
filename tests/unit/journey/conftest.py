"""The workshop that the stages are tried in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.journey.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Builds the test's one workshop from folders and settings of its own; it is closed at the end."""
    built: list[Workshop] = []

    def make(*folders: object, **settings: object) -> Workshop:
        made = Workshop(tmp_path, *folders, **settings)  # type: ignore[arg-type]  # passed on as the test has them
        built.append(made)
        return made

    yield make
    for shop in built:
        shop.ledger.close()


@pytest.fixture
def shop(build: Callable[..., Workshop]) -> Workshop:
    """One folder called `portraits`, settling in two seconds."""
    return build()
