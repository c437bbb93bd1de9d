"""A service of one user's, without root."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.host import systemd
from watchd.config import loading
from watchd.config.paths import xdg
from watchd.installing import unit_files
from watchd.installing.for_system import DROP_IN
from watchd.installing.program import program
from watchd.installing.steps import Remark, Run, Start, Step, Write
from watchd.installing.unit_files import Local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def steps(config: str, environ: Mapping[str, str]) -> Iterator[Step]:
    """All of them in order; `config` is absolute. Raises ConfigurationError."""
    settings = loading.load(config, environ)
    home = Path(xdg(environ, "XDG_CONFIG_HOME", ".config"))
    units = home / "systemd" / "user"
    credential, key = home / "watchd" / "venice.key", settings.api.key_file
    if key is not None and Path(key).exists() and not os.access(key, os.R_OK):
        yield Remark(f"{key} is there and cannot be read by you: name a key file of your own in `api.key_file`.")
    has_key = key is not None and os.access(key, os.R_OK)
    if not credential.exists() and not has_key:
        yield Remark(
            f"The API key is still to be put in its place:\n"
            f"  install -D -m 600 /dev/stdin {shlex.quote(str(credential))}     (paste the key, Enter, Ctrl-D)"
        )
    yield Write(
        units / "watchd.service", systemd.shipped("user/watchd.service"),
        "the unit for one user as it came with watchd; systemd/README.md explains its lines",
    )  # fmt: skip
    local = Local(
        program=program(), config=config, needs=(), writes=(), homes=(), groups=(),
        credential=credential.exists() or not has_key, longest=settings.api.connect_timeout + settings.api.timeout,
    )  # fmt: skip
    yield Write(units / "watchd.service.d" / DROP_IN, unit_files.drop_in(local), "where program and configuration are")
    systemctl = ("systemctl", "--user")
    yield Run((*systemctl, "daemon-reload"), "systemd reads the two files")
    yield Run((*systemctl, "enable", "watchd.service"), "it starts with your session")
    if credential.exists() or has_key:
        yield Start("watchd.service", user=True, why="it starts now; if it ran, its calls in flight end first")
    else:
        yield Remark("When the key is in its place: systemctl --user start watchd")
    yield Remark("So that it runs while you are not logged in: loginctl enable-linger")
    yield Remark("How it does: systemctl --user status watchd; journalctl --user -u watchd -f; and `watchd check`.")
