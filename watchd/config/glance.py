"""What `watchd status` shows of each folder where no daemon answers: kept from the last time the file was read whole.

To check a file costs five times what `status` may take. One that is the same to the byte, read by the same program
where the same variables hold, means what it meant.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchd import __version__
from watchd.config.document import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watchd.model import Settings

NAME = "folders.json"
NAMED = re.compile(rb"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
"""A variable as a path may name it."""


class Glance(NamedTuple):
    """One folder. `hours`: its window in minutes since midnight."""

    name: str
    path: str
    profile: str
    mount_marker: str | None
    watch: str
    hours: tuple[int, int] | None


def of(settings: Settings) -> Sequence[Glance]:
    """The same from the file as it was just read whole."""
    return [
        Glance(
            folder.name, folder.path, folder.profile.name, folder.mount_marker, folder.watch,
            None if folder.hours is None else (folder.hours.start, folder.hours.end),
        )
        for folder in settings.folders
    ]  # fmt: skip


def remember(settings: Settings, environ: Mapping[str, str]) -> None:
    """Keep it beside the ledger; nothing depends on that."""
    place = Path(settings.state_dir, NAME)
    passing = place.with_name(f"{NAME}.new")
    with suppress(OSError, UnicodeEncodeError):
        told = {"of": _mark(settings.source, environ), "folders": of(settings)}
        passing.write_text(json.dumps(told), encoding="utf-8")
        passing.replace(place)


def recall(path: str, state_dir: Path, environ: Mapping[str, str]) -> Sequence[Glance] | None:
    """The folders of the file at `path`; None where it has to be read whole."""
    try:
        kept = json.loads((state_dir / NAME).read_text(encoding="utf-8"))
        if kept["of"] != _mark(path, environ):
            return None
        return [_glance(*told) for told in kept["folders"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _glance(name: str, path: str, profile: str, marker: str | None, watch: str, hours: Any) -> Glance:
    return Glance(name, path, profile, marker, watch, None if hours is None else (int(hours[0]), int(hours[1])))


def _mark(path: str, environ: Mapping[str, str]) -> str:
    """Tells one meaning of a file from another: the bytes, where it lies, who reads it, all that may stand in it."""
    with Path(path).open("rb") as file:
        data = file.read(MAX_BYTES)
    named = {b"HOME", *NAMED.findall(data)}
    held = sorted((name.decode("ascii"), environ.get(name.decode("ascii"))) for name in named)
    words = [__version__, posixpath.abspath(path), os.getuid(), held]
    return hashlib.sha256(data + json.dumps(words).encode()).hexdigest()
