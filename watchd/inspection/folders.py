"""Each folder: is it there, may it be read, may what comes of it be written."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.inspection.finding import Finding, warning, well, wrong
from watchd.inspection.room import room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.model import Folder


def folder(looked_at: Folder, who: str) -> Iterator[Finding]:
    """All about one folder, as the user `who`, whose rights this process has."""
    subject, path = f"folder {looked_at.name}", Path(looked_at.path)
    yield _source(subject, path, looked_at, who)
    yield _written(subject, "output", Path(looked_at.output), who)
    if looked_at.archive is not None:
        yield _written(subject, "archive", Path(looked_at.archive), who)
    if looked_at.failed is not None:
        yield _written(subject, "failed", Path(looked_at.failed), who)
    takes_away = looked_at.originals != "keep" or looked_at.failed is not None
    if takes_away and path.is_dir() and not os.access(path, os.W_OK):
        text = f"{path} cannot be written by {who}, so originals stay there though the folder says otherwise"
        yield warning(subject, text, _let_write(path))


def _source(subject: str, path: Path, looked_at: Folder, who: str) -> Finding:
    kind = mounts.type_of(looked_at.path)
    if not path.is_dir():
        return wrong(subject, f"{path} is not there: offline until it is", "make it, or mount what it lies on")
    if looked_at.mount_marker is not None and not (path / looked_at.mount_marker).exists():
        text = f"{path} has no {looked_at.mount_marker}: offline until it is mounted"
        return wrong(subject, text, f"mount it; if it is mounted, put a file {looked_at.mount_marker} into it")
    if not os.access(path, os.R_OK | os.X_OK):
        return wrong(
            subject, f"{path} cannot be read by {who}", f"give {who} its group, and chmod g+rx {_quoted(path)}"
        )
    if looked_at.watch == "poll" or (looked_at.watch == "auto" and mounts.gives_no_events(kind)):
        return well(subject, f"{path} on {kind}, scanned every {looked_at.poll_every:g} s")
    if mounts.gives_no_events(kind):
        text = f"{path} is on {kind}, which tells of no change made elsewhere"
        return warning(subject, text, "say `watch: auto`, and it is scanned")
    return well(subject, f"{path} on {kind}, watched")


def _written(subject: str, what: str, target: Path, who: str) -> Finding:
    """Whether a folder that files go to can be written, or be made in the one that holds it."""
    place = target if target.exists() else target.parent
    if not place.is_dir():
        text = f"{what} {target}: {place} is not there; only the last folder is made"
        return wrong(subject, text, f"mkdir -p {_quoted(place)}, or mount what it lies on")
    if not os.access(place, os.W_OK | os.X_OK):
        return wrong(subject, f"{what} {target}: {place} cannot be written by {who}", _let_write(place))
    return room(f"{subject}, {what}", place)


def _let_write(place: Path) -> str:
    return f"give it to a group of the service's: chgrp GROUP {_quoted(place)} && chmod g+rwxs {_quoted(place)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
