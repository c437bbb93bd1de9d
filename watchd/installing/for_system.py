"""A service of the system's: a user of its own, the unit as it was shipped, and a drop-in for this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.adapters.host import accounts, systemd
from watchd.config import loading
from watchd.errors import UsageError
from watchd.installing import unit_files
from watchd.installing.access import HIDDEN, USER, Access, is_hidden
from watchd.installing.program import program
from watchd.installing.steps import Remark, Run, Start, Step, Write
from watchd.installing.unit_files import Local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from watchd.model import Settings

DROP_IN = "10-this-machine.conf"


def _user() -> Iterator[Step]:
    if accounts.account(USER) is not None:
        return
    home = str(systemd.STATE)
    yield Run(
        ("useradd", "--system", "--user-group", "--home-dir", home, "--shell", "/usr/sbin/nologin", USER),
        "a user of its own, that nobody can log in as and that owns nothing but the ledger and the spool",
    )


def _about_the_key(credential: Path) -> Remark:
    return Remark(
        f"The API key is still to be put in its place:\n"
        f"  install -d -m 700 {systemd.CREDENTIALS}\n"
        f"  install -m 600 /dev/stdin {credential}     (paste the key, Enter, Ctrl-D)\n"
        f"Root owns it there; the service gets a copy in memory that no other user can see."
    )


def steps(config: str, environ: Mapping[str, str], name: str | None) -> Iterator[Step]:
    """All of them in order, looked up one by one: what a step has changed, later ones see.

    `config` is absolute; `name` is that of one of several. Raises UsageError where the service could not see the
    configuration or the program, and ConfigurationError.
    """
    unit = "watchd.service" if name is None else f"watchd@{name}.service"
    state = systemd.STATE if name is None else systemd.STATE / name
    settings = loading.load(config, {**environ, "STATE_DIRECTORY": str(state)})
    words = program()
    _refuse_what_is_hidden(config, words[0])
    yield from _user()
    yield from _own_state(settings, state, config, environ)
    access = Access()
    yield from access.look(settings, config)
    credential = systemd.CREDENTIALS / ("venice-api-key" if name is None else f"venice-api-key-{name}")
    key_file = settings.api.key_file
    from_file = key_file is not None and Path(key_file).exists() and not credential.exists()
    if not from_file and not credential.exists():
        yield _about_the_key(credential)
    shipped = "watchd.service" if name is None else "watchd@.service"
    yield Write(
        systemd.SYSTEM / shipped, systemd.shipped(shipped),
        "the unit as it came with watchd; systemd/README.md explains its every line",
    )  # fmt: skip
    local = _local(config, words, settings, state, access)
    yield Write(
        systemd.SYSTEM / f"{unit}.d" / DROP_IN, unit_files.drop_in(replace(local, credential=not from_file)),
        "what only this machine can say: program, configuration, the folders that may be written, and as whose group",
    )  # fmt: skip
    yield Run(("systemctl", "daemon-reload"), "systemd reads the two files")
    if from_file or credential.exists():
        yield Run(("systemctl", "enable", unit), "it starts with the machine")
        yield Start(unit, user=False, why="it starts now; if it ran, its calls in flight end well first")
    else:
        yield Run(("systemctl", "enable", unit), "it starts with the machine, from now on")
        yield Remark(f"When the key is in its place: systemctl start {unit}")
    yield Remark(f"How it does: systemctl status {unit}; journalctl -u {unit} -f; and `watchd check`, as root.")


def _local(config: str, words: tuple[str, ...], settings: Settings, state: Path, access: Access) -> Local:
    writes = {_outside_mounts(place) for place in access.writes}
    if not Path(settings.state_dir).is_relative_to(state):
        writes.add(settings.state_dir)
    homes = {place for place in writes if is_hidden(place)} | {
        folder.path for folder in settings.folders if is_hidden(folder.path)
    }
    return Local(
        program=words,
        config=config,
        needs=(settings.state_dir, words[0]),
        writes=tuple(_tops(writes - homes)),
        homes=tuple(_tops(homes)),
        groups=tuple(sorted(accounts.group_name(gid) for gid in access.groups)),
        credential=True,
        longest=settings.api.connect_timeout + settings.api.timeout,
    )


def _refuse_what_is_hidden(config: str, started: str) -> None:
    if is_hidden(config) or config.startswith("/tmp/"):  # noqa: S108 -- asked, not used
        raise UsageError(
            f"{config} lies where the service cannot see it: /home, /root and /tmp are hidden from it. Put it into"
            " /etc/watchd and name it with --config, or install for one user with --user"
        )
    if is_hidden(started) or started.startswith("/tmp/"):  # noqa: S108 -- asked, not used
        raise UsageError(
            f"this watchd is {started}, which the service cannot see: /home, /root and /tmp are hidden from it."
            " Install watchd into /opt/watchd as the README says, and run that one's install-service"
        )


def _own_state(settings: Settings, state: Path, config: str, environ: Mapping[str, str]) -> Iterator[Step]:
    """The folder of the ledger: systemd makes its own, any other is made here."""
    if settings.state_dir != str(state) and not Path(settings.state_dir).exists():
        yield Run(
            ("install", "-d", "-m", "700", "-o", USER, "-g", USER, settings.state_dir),
            "the ledger and the spool, which holds your customers' pictures",
        )
    if loading.load(config, environ).state_dir != settings.state_dir:
        yield Remark(
            f"Say `state_dir: {settings.state_dir}` in {config}. It is not said there, so `watchd status` from your"
            " shell would look for the ledger in another place than the service keeps it."
        )


def _outside_mounts(place: str) -> str:
    """The place, or the mount point that it lies behind.

    A path within a mount would be a mount of its own in the service's view, and hold there what is unmounted outside.
    """
    point = mounts.mount_point_of(place)
    return place if point in {"/", *HIDDEN} else point


def _tops(places: set[str]) -> list[str]:
    return sorted(
        place for place in places if not any(place != other and Path(place).is_relative_to(other) for other in places)
    )
