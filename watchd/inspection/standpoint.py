"""Whose eyes it is looked at with: the service's where root asks and systemd has a unit for this file."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.host import accounts, systemd
from watchd.config.secrets import VARIABLE
from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.adapters.host.accounts import Account
    from watchd.adapters.host.systemd import Unit


@dataclass(frozen=True, slots=True)
class Standpoint:
    """`account` is who is looked as, None for whoever asks; `trouble` says why systemd could not be asked."""

    environ: Mapping[str, str]
    account: Account | None = None
    unit: Unit | None = None
    trouble: str | None = None

    @property
    def who(self) -> str:
        """In words."""
        return self.account.name if self.account else accounts.own_name()


def standpoint(config: str, environ: Mapping[str, str]) -> Standpoint:
    """The service's own where that can be had, else the asker's."""
    if not systemd.is_running():
        return Standpoint(environ)
    path = str(Path(config).absolute())
    if os.geteuid() != 0:
        return Standpoint(environ, unit=_unit_of_ours(path))
    try:
        unit = systemd.serving(path, user=False)
    except LaterError as error:
        return Standpoint(environ, trouble=str(error))
    if unit is None:
        return Standpoint(environ)
    # What stands in root's own environment is not in the service's.
    its = {name: value for name, value in environ.items() if name != VARIABLE}
    if unit.state:
        its["STATE_DIRECTORY"] = unit.state
    return Standpoint(its, accounts.account(unit.user, unit.groups) if unit.user else None, unit)


def _unit_of_ours(config: str) -> Unit | None:
    """The system's unit, else the user's own. Not everybody may ask either systemd, and nobody has to."""
    for user in (False, True):
        with suppress(LaterError):
            unit = systemd.serving(config, user=user)
            if unit is not None:
                return unit
    return None
