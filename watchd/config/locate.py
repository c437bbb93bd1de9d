"""Which file is the configuration, and where its state lies: cheap enough for every command, without pydantic."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.config.document import MAX_BYTES, Document, parse
from watchd.config.paths import absolute, default_state_dir, xdg
from watchd.config.units import RefusedError
from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_FILE = "/etc/watchd/config.yaml"


def find(explicit: str | None, environ: Mapping[str, str], cwd: str) -> str:
    """The configuration file: `explicit`, `$WATCHD_CONFIG`, `./watchd.yaml`, the user's, the system's, first found.

    Raises:
        ConfigurationError: if a named file is not there, or none is found anywhere.
    """
    for origin, named in (("--config", explicit), ("$WATCHD_CONFIG", environ.get("WATCHD_CONFIG"))):
        if named or (named == "" and origin == "--config"):
            if not Path(cwd, named).exists():
                raise ConfigurationError([f"{named}: no such file, though {origin} names it"])
            return named
    looked_at = [posixpath.join(cwd, "watchd.yaml"), *_of_the_user(environ), SYSTEM_FILE]
    for place in looked_at:
        if Path(place).is_file():
            return place
    places = ", ".join(["$WATCHD_CONFIG", *looked_at])
    raise ConfigurationError(
        [f"no configuration found; looked at {places}. Name one with --config FILE, or write one with `watchd init`"]
    )


def _of_the_user(environ: Mapping[str, str]) -> list[str]:
    try:
        return [posixpath.join(xdg(environ, "XDG_CONFIG_HOME", ".config"), "watchd", "config.yaml")]
    except RefusedError:
        return []


def read(path: str) -> Document:
    """The document in the file at `path`, its flaws included.

    Raises:
        ConfigurationError: if the file cannot be read at all.
    """
    try:
        with Path(path).open("rb") as file:
            return parse(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:
        raise ConfigurationError([f"{path!a}: cannot be read: not a path"]) from error


def quick_state_dir(path: str, environ: Mapping[str, str]) -> str | None:
    """`state_dir` alone, without checking the rest; None where anything about it is odd and the full load must tell."""
    try:
        document = read(path)
        if document.flaws or not isinstance(document.value, dict):
            return None
        written = document.value.get("state_dir")
        if written is None:
            return default_state_dir(environ)
        if not isinstance(written, str):
            return None
        return absolute(written, posixpath.dirname(posixpath.abspath(path)), environ)
    except (ConfigurationError, RefusedError):
        return None
