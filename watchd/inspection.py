"""What `watchd check` looks at: configuration, key, folders, ledger, disk, API. The paid endpoint is never called."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters import control, mounts
from watchd.adapters.http.inquiry import Inquiry, inquire
from watchd.adapters.ledger.opening import look
from watchd.config.secrets import KeyFound, KeyTrouble, api_key
from watchd.errors import LaterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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
        yield from _as_far_as_permitted(f"folder {folder.name}", partial(_folder, folder))
    yield from _as_far_as_permitted("ledger", partial(_ledger, Path(settings.state_dir)))
    yield from _as_far_as_permitted("state_dir", lambda: [_room("state_dir", Path(settings.state_dir))])
    if not offline:
        yield from _service(settings, key)


def _as_far_as_permitted(subject: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What was found until a folder may not be entered, and that it may not."""
    try:
        yield from look()
    except PermissionError as error:
        text = f"{error.filename} cannot be looked at by this user; run as the user that watchd runs as"
        yield Finding(Grade.WRONG, subject, text)


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
    yield _written(subject, "output", Path(folder.output))
    if folder.archive is not None:
        yield _written(subject, "archive", Path(folder.archive))
    if folder.failed is not None:
        yield _written(subject, "failed", Path(folder.failed))
    takes_away = folder.originals != "keep" or folder.failed is not None
    if takes_away and path.is_dir() and not os.access(path, os.W_OK):
        text = f"{path} cannot be written by this user, so originals stay there though the folder says otherwise"
        yield Finding(Grade.WARNING, subject, text)


def _written(subject: str, what: str, folder: Path) -> Finding:
    """Whether a folder that files go to can be written, or be made in the one that holds it."""
    place = folder if folder.exists() else folder.parent
    if not place.is_dir():
        return Finding(Grade.WRONG, subject, f"{what} {folder}: {place} is not there; only the last folder is made")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(Grade.WRONG, subject, f"{what} {folder}: {place} cannot be written by this user")
    return _room(f"{subject}, {what}", place)


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
        case Inquiry() as learnt:
            yield Finding(Grade.WELL, "service", f"{base_url} answers")
            yield _dialect(settings, learnt)
            yield from _enhancer(settings, learnt)
            if learnt.refused is not None:
                yield Finding(Grade.WRONG, "key", f"the service refuses the key ({learnt.refused.words})")
            elif secret is not None:
                yield _balance(learnt)
                yield _rate(settings, learnt)


def _dialect(settings: Settings, learnt: Inquiry) -> Finding:
    ours = settings.api.dialect
    if learnt.dialect is None:
        text = f"could not be learnt; the configuration says {ours}"
    elif learnt.dialect == ours:
        text = f"the service speaks {ours}, as the configuration says"
    else:
        text = (
            f"the service looks like dialect {learnt.dialect}, the configuration says {ours}: fields of the other"
            f" dialect are ignored and billed all the same; set `api.dialect: {learnt.dialect}`"
        )
        return Finding(Grade.WARNING, "dialect", text)
    return Finding(Grade.WELL, "dialect", text)


def _enhancer(settings: Settings, learnt: Inquiry) -> Iterator[Finding]:
    """Whether what the profiles ask of the enhancer will be done."""
    asking = sorted({folder.profile.name for folder in settings.folders if folder.profile.enhance})
    if not asking:
        return
    told = f"profile{'s' if len(asking) > 1 else ''} {', '.join(asking)}"
    match learnt.dialect:
        case None:
            yield Finding(Grade.WELL, "enhance", f"{told}: whether the service enhances could not be learnt")
        case "enhance":
            yield Finding(Grade.WELL, "enhance", f"{told}: the service enhances")
        case "creativity":
            yield Finding(Grade.WARNING, "enhance", f"{told}: the service ignores `enhance`, and bills the call")


def _balance(learnt: Inquiry) -> Finding:
    left = ", ".join(f"{amount:,.2f} {name}" for name, amount in sorted(learnt.balances.items(), reverse=True))
    refill = f"; the daily allowance begins anew at {learnt.refilled_at}" if learnt.refilled_at else ""
    told = f"{left or 'what is left could not be learnt'}{refill}"
    match learnt.permitted:
        case None:
            return Finding(Grade.WELL, "balance", "could not be learnt; a call will tell")
        case True:
            return Finding(Grade.WELL, "balance", f"calls are permitted: {told}")
        case False:
            return Finding(Grade.WRONG, "balance", f"calls are not permitted: {told}. Top up the account")


def _rate(settings: Settings, learnt: Inquiry) -> Finding:
    ours, theirs = settings.api.requests_per_minute, learnt.per_minute
    if theirs is None:
        return Finding(
            Grade.WELL, "rate", f"the service's limit could not be learnt; ours is {ours or 'none'} a minute"
        )
    if ours == 0 or ours > theirs:
        text = f"the service takes {theirs} requests a minute; set `api.requests_per_minute: {theirs}` or lower"
        return Finding(Grade.WARNING, "rate", text)
    return Finding(Grade.WELL, "rate", f"the service takes {theirs} requests a minute, ours are at most {ours}")
