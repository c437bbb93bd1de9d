"""Whose eyes it is looked at with: the service's where root asks and systemd has a unit for this file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters import accounts, systemd
from watchd.config.secrets import VARIABLE
from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.adapters.accounts import Account
    from watchd.adapters.systemd import Unit


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
    root = os.geteuid() == 0
    try:
        unit = systemd.serving(str(Path(config).absolute()), user=not root)
    except LaterError as error:
        return Standpoint(environ, trouble=str(error))
    if unit is None or not root:
        return Standpoint(environ, unit=unit)
    # What stands in root's own environment is not in the service's.
    its = {name: value for name, value in environ.items() if name != VARIABLE}
    if unit.state:
        its["STATE_DIRECTORY"] = unit.state
    return Standpoint(its, accounts.account(unit.user, unit.groups) if unit.user else None, unit)
