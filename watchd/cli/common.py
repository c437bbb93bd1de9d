"""What several commands share: the configuration, and how money, times and tables are shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from watchd.model import Settings


def find(explicit: str | None) -> str:
    """The path of the configuration file. Raises ConfigurationError."""
    from watchd.config import locate  # noqa: PLC0415 -- YAML, for commands that need it

    return locate.find(explicit, os.environ, str(Path.cwd()))


def load(explicit: str | None) -> Settings:
    """The configuration. Raises ConfigurationError."""
    from watchd.config import loading  # noqa: PLC0415 -- pydantic, for commands that need it

    return loading.load(find(explicit), os.environ)


def state_dir(explicit: str | None) -> Path:
    """The state folder alone: read quickly where it can be, else through the whole configuration."""
    from watchd.config import locate  # noqa: PLC0415 -- YAML, for commands that need it

    path = find(explicit)
    return Path(locate.quick_state_dir(path, os.environ) or load(explicit).state_dir)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns, each as wide as it must be; the last is not padded."""
    lines = [[*head], *([on_one_line(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
