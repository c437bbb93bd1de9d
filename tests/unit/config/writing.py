"""Writes a configuration into a folder and tells its problems without the file's own path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.config.loading import load
from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from watchd.model import Settings

ENVIRON = {"HOME": "/home/operator"}
ONE_FOLDER = "folders:\n- path: /srv/a\n  profile: {}\n"
"""Three lines to which a test adds the line that it is about."""


def settings(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> Settings:
    """What the text loads to."""
    return load(written(folder, text.encode()), environ)


def problems(folder: Path, text: str | bytes, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """The problems of the text, each from its line on; none if it loads."""
    path = written(folder, text if isinstance(text, bytes) else text.encode())
    try:
        load(path, environ)
    except ConfigurationError as error:
        return [problem.removeprefix(f"{path}:") for problem in error.problems]
    return []


def written(folder: Path, content: bytes) -> str:
    """The path of a configuration file with that content."""
    path = folder / "watchd.yaml"
    path.write_bytes(content)
    return str(path)
