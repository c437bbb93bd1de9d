"""What tests of the whole program share: a house of their own, whose books must balance when they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A temporary folder with everything a watchd needs; whoever spends in it is audited at the end."""
    with House(tmp_path) as running:
        yield running
        running.assert_books_balance()
