"""How the service's user comes to the folders of a configuration, and what would have to be changed for that."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.host import accounts
from watchd.installing.steps import Remark, Run, Step
from watchd.installing.unit_files import Closed, Inode, Through, way_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.adapters.host.accounts import Account
    from watchd.model import Folder, Settings

USER = "watchd"
HIDDEN = ("/home", "/root", "/run/user")
"""What the system's unit shows to nobody; `/tmp` it has of its own."""
_READ, _WRITE, _ENTER = 4, 2, 1


def is_hidden(path: str) -> bool:
    """Whether the unit would not see it."""
    return any(Path(path).is_relative_to(place) for place in HIDDEN)


class Access:
    """Ask `look` first; then `groups` are those to be joined, and `writes` the folders that files go to."""

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.writes: set[str] = set()
        self._account: Account | None = accounts.account(USER)

    def look(self, settings: Settings, config: str) -> Iterator[Step]:
        """Steps and remarks for what would be closed to it."""
        secrets = (settings.api.key_file, settings.web.token_file if settings.web else None)
        for secret in secrets:
            if secret is not None and Path(secret).exists() and self._is_closed(Path(secret), _READ):
                yield Run(("chown", USER, secret), "the service reads this file itself, and it is nobody else's")
        if self._is_closed(Path(config), _READ):
            yield Run(("chmod", "o+r", config), "the service reads its configuration; no secret stands in it")
        for folder in settings.folders:
            yield from self._come_to(Path(folder.path), _READ | _ENTER)
            for place in (folder.output, folder.archive, folder.failed):
                if place is not None:
                    yield from self._write_to(Path(place), folder)
            if folder.originals != "keep" or folder.failed is not None:
                self.writes.add(folder.path)
                yield from self._come_to(Path(folder.path), _WRITE | _ENTER)

    def _write_to(self, place: Path, folder: Folder) -> Iterator[Step]:
        """A folder that watchd may make is made here where it could not, with the owner of the hot folder."""
        if place.exists():
            self.writes.add(str(place))
            yield from self._come_to(place, _WRITE | _ENTER)
        elif not place.parent.exists() or not self._is_closed(place.parent, _WRITE | _ENTER):
            self.writes.add(str(place.parent))
        else:
            self.writes.add(str(place))
            hot = Path(folder.path)
            about = hot.stat() if hot.exists() else None
            owner = str(about.st_uid) if about else "root"
            group = accounts.group_name(about.st_gid) if about and about.st_gid else USER
            if group != USER and about is not None:
                self.groups.add(about.st_gid)
            yield Run(
                ("install", "-d", "-m", "2775", "-o", owner, "-g", group, str(place)),
                f"results of {folder.name}: the service could not make it in {place.parent}",
            )

    def _come_to(self, path: Path, need: int) -> Iterator[Step]:
        while not path.exists() and path != path.parent:
            path = path.parent
        told = shlex.quote(str(path))
        if self._is_closed(path, need):
            verb, mode = ("written", "g+rwxs") if need & _WRITE else ("read", "g+rx")
            yield Remark(
                f"{path} cannot be {verb} by the user {USER}, nor by a group that it could join. Give it to a group"
                f" of its own (chgrp GROUP {told} && chmod {mode} {told}), and say this command again."
            )
        for parent in path.parents:
            if not is_hidden(str(parent)) and self._is_closed(parent, _ENTER):
                yield Remark(f"{parent} cannot be entered by the user {USER}: chmod o+x {shlex.quote(str(parent))}")

    def _is_closed(self, path: Path, need: int) -> bool:
        """Whether nothing lets it in; a group that does is joined."""
        about = path.stat()
        gids = self.groups | (set(self._account.groups) if self._account else set())
        uid = self._account.uid if self._account else None
        match way_in(Inode(about.st_mode, about.st_uid, about.st_gid), uid, gids, need):
            case Through(gid):
                self.groups.add(gid)
                return False
            case Closed():
                return True
            case None:
                return False
