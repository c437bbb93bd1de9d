"""What `watchd check` looks at: configuration, key, folders, ledger, disk, API. The paid endpoint is never called."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters import control, mounts
from watchd.adapters.http.inquiry import Inquiry, inquire
from watchd.adapters.ledger.opening import look
from watchd.config.secrets import KeyFound, KeyTrouble, api_key
from watchd.errors import LaterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from watchd.model import Folder, Settings

ROOM = 1_000_000_000
"""Bytes: below this a disk is told to be nearly full; it holds some answers yet."""


class Grade(StrEnum):
    """How a finding stands."""

    WELL = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, in words."""

    grade: Grade
    subject: str
    text: str


def findings(settings: Settings, environ: Mapping[str, str], *, offline: bool) -> Iterator[Finding]:
    """Everything there is to say, as it is found."""
    yield Finding(Grade.WELL, "configuration", f"{settings.source}: {len(settings.folders)} folders")
    key = api_key(settings.api, environ)
    yield _key(key)
    for folder in settings.folders:
        yield from _folder(folder)
    yield from _ledger(Path(settings.state_dir))
    yield _room("state_dir", Path(settings.state_dir))
    if not offline:
        yield from _service(settings, key)


def _key(key: KeyFound | KeyTrouble) -> Finding:
    if isinstance(key, KeyTrouble):
        return Finding(Grade.WRONG, "key", key.problem)
    if key.warning is not None:
        return Finding(Grade.WARNING, "key", key.warning)
    return Finding(Grade.WELL, "key", f"from {key.source}")


def _folder(folder: Folder) -> Iterator[Finding]:
    subject, path = f"folder {folder.name}", Path(folder.path)
    kind = mounts.type_of(folder.path)
    if not path.is_dir():
        yield Finding(Grade.WRONG, subject, f"{path} is not there: offline until it is")
    elif folder.mount_marker is not None and not (path / folder.mount_marker).exists():
        yield Finding(Grade.WRONG, subject, f"{path} has no {folder.mount_marker}: offline until it is mounted")
    elif not os.access(path, os.R_OK | os.X_OK):
        yield Finding(Grade.WRONG, subject, f"{path} cannot be read by this user")
    elif folder.watch == "poll" or (folder.watch == "auto" and mounts.gives_no_events(kind)):
        yield Finding(Grade.WELL, subject, f"{path} on {kind}, scanned every {folder.poll_every:g} s")
    elif mounts.gives_no_events(kind):
        text = f"{path} is on {kind}, which tells of no change made elsewhere; `watch: auto` would scan it"
        yield Finding(Grade.WARNING, subject, text)
    else:
        yield Finding(Grade.WELL, subject, f"{path} on {kind}, watched")
    yield _output(subject, Path(folder.output))


def _output(subject: str, output: Path) -> Finding:
    place = output if output.exists() else output.parent
    if not place.is_dir():
        return Finding(Grade.WRONG, subject, f"output {output}: {place} is not there; only the last folder is made")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(Grade.WRONG, subject, f"output {output}: {place} cannot be written by this user")
    return _room(f"{subject}, output", place)


def _room(subject: str, path: Path) -> Finding:
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    text = f"{free / 1e9:.1f} GB free at {path}"
    return Finding(Grade.WELL if free > ROOM else Grade.WARNING, subject, text)


def _ledger(state: Path) -> Iterator[Finding]:
    kind = mounts.type_of(str(state))
    if mounts.is_on_network(kind):
        text = f"state_dir {state} is on {kind}: a ledger is not safe there; put it on a local disk"
        yield Finding(Grade.WRONG, "ledger", text)
    who = _who_works_on(state)
    path = state / "ledger.db"
    if not path.exists():
        yield Finding(Grade.WELL, "ledger", f"{path} is not there yet and will be made; {who}")
        return
    if not os.access(state, os.W_OK | os.X_OK) or not os.access(path, os.R_OK | os.W_OK):
        text = f"{path} cannot be written by this user; mend the permissions, or run as the user that watchd runs as"
        yield Finding(Grade.WRONG, "ledger", text)
        return
    try:
        flaw = look(path)
    except sqlite3.Error as error:
        flaw = f"it cannot be read ({error}). Put it back from a backup; docs/operating.md tells more."
    if flaw is not None:
        yield Finding(Grade.WRONG, "ledger", f"{path}: {flaw} Until then nothing is sent and nothing is replaced.")
    else:
        yield Finding(Grade.WELL, "ledger", f"{path} is sound; {who}")


def _who_works_on(state: Path) -> str:
    try:
        running = control.ask(state, {"command": "status"})
    except (LaterError, UsageError) as error:
        return str(error)
    return f"in use by a daemon, process {running['daemon']['pid']}" if running else "no daemon runs"


def _service(settings: Settings, key: KeyFound | KeyTrouble) -> Iterator[Finding]:
    base_url = settings.api.base_url
    secret = key.key.reveal() if isinstance(key, KeyFound) else None
    match inquire(settings.api, secret):
        case str() as trouble:
            yield Finding(Grade.WRONG, "service", f"{base_url}: {trouble}")
        case Inquiry(dialect, permitted):
            yield Finding(Grade.WELL, "service", f"{base_url} answers")
            if dialect is not None and dialect != settings.api.dialect:
                text = (
                    f"the service looks like dialect {dialect}, the configuration says {settings.api.dialect}: fields"
                    " of the other dialect are ignored and billed all the same"
                )
                yield Finding(Grade.WARNING, "service", text)
            if permitted is False:
                yield Finding(Grade.WRONG, "balance", "the balance query says that calls are not permitted: top up")
            elif permitted:
                yield Finding(Grade.WELL, "balance", "calls are permitted")
