"""The whole round, in order, each part with the rights of whom it is looked at for."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.host.accounts import acting_as
from watchd.config.secrets import KeyFound, KeyTrouble, api_key, credential_key
from watchd.inspection.finding import Finding, Grade, warning, well, wrong
from watchd.inspection.folders import folder
from watchd.inspection.in_time import PATIENCE_S, found_in_time
from watchd.inspection.ledger_file import ledger
from watchd.inspection.machine import watches
from watchd.inspection.room import room
from watchd.inspection.service import service
from watchd.inspection.unit import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from watchd.inspection.standpoint import Standpoint
    from watchd.model import Folder, Settings


def findings(settings: Settings, stand: Standpoint, now: float, *, offline: bool) -> Iterator[Finding]:
    """Everything there is to say, as it is found; `now` in Unix seconds."""
    text = f"{settings.source}: {len(settings.folders)} folders; looked at as {stand.who}"
    yield well("configuration", text)
    yield from _as(stand, "configuration", lambda: _readable(settings.source, stand.who))
    yield from unit(settings, stand)
    key = _key(settings, stand)
    yield _about_key(key)
    answering = []
    for each in settings.folders:
        found, answers = _look_at(each, stand)
        answering += [each] if answers else []
        yield from found
    state = Path(settings.state_dir)
    for finding in _as(stand, "ledger", partial(ledger, state, now, stand.who)):
        yield replace(finding, untrusted=finding.grade is Grade.WRONG)
    yield from _as(stand, "state_dir", lambda: [room("state_dir", state)])
    yield from _as(stand, "watches", partial(watches, replace(settings, folders=(*answering,))))
    if not offline:
        yield from service(settings, key, now)


def _look_at(each: Folder, stand: Standpoint) -> tuple[list[Finding], bool]:
    """What there is to say of a folder, and whether it answers: one that does not must not keep us from the rest."""
    subject = f"folder {each.name}"
    with acting_as(stand.account):
        try:
            found = found_in_time(partial(folder, each, stand.who))
        except PermissionError as error:
            return [_closed(subject, error, stand)], True
    if found is not None:
        return found, True
    text = f"does not answer within {PATIENCE_S:g} s: a share whose server is gone?"
    remedy = "the other folders go on; mend the mount, or mount it anew and `watchd reload`"
    return [wrong(subject, text, remedy)], False


def _readable(path: str, who: str) -> Iterator[Finding]:
    if not os.access(path, os.R_OK):
        yield wrong("configuration", f"{path} cannot be read by {who}", f"chmod o+r {path}; no secret belongs into it")


def elsewhere(settings: Settings, shell: Settings) -> Iterator[Finding]:
    """Whether commands from a shell find the ledger that the service keeps."""
    if settings.state_dir != shell.state_dir:
        text = (
            f"the service keeps its ledger in {settings.state_dir}, commands from this shell would look into"
            f" {shell.state_dir}"
        )
        yield warning("state_dir", text, f"say `state_dir: {settings.state_dir}` in {settings.source}")


def _as(stand: Standpoint, subject: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found with the rights of that user, until a folder may not be entered."""
    with acting_as(stand.account):
        found: list[Finding] = []
        try:
            found.extend(look())
        except PermissionError as error:
            found.append(_closed(subject, error, stand))
    yield from found


def _closed(subject: str, error: PermissionError, stand: Standpoint) -> Finding:
    remedy = "mend the permissions of the folders above it, or ask as the user that watchd runs as"
    return wrong(subject, f"{error.filename} cannot be looked at by {stand.who}", remedy)


def _key(settings: Settings, stand: Standpoint) -> KeyFound | KeyTrouble:
    """As the service would come by it: a file with its own rights, the credential with systemd's."""
    with acting_as(stand.account):
        found = api_key(settings.api, stand.environ)
    path = stand.unit.credential if stand.unit is not None else None
    file = settings.api.key_file
    if isinstance(found, KeyTrouble) and path is not None and not (file is not None and Path(file).exists()):
        return credential_key(path) or found
    return found


def _about_key(key: KeyFound | KeyTrouble) -> Finding:
    if isinstance(key, KeyTrouble):
        return wrong("key", key.problem, "a running watchd takes it within seconds")
    if key.warning is not None:
        return warning("key", key.warning, "it is used all the same")
    return well("key", f"from {key.source}")
