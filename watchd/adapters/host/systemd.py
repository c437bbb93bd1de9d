"""The service manager: units as they were shipped, where they go, and what it makes of them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHIPPED = (Path(__file__).parents[2] / "systemd", Path(__file__).parents[3] / "systemd")
"""In an installed package, and beside it in a clone."""
SYSTEM = Path("/etc/systemd/system")
CREDENTIALS = Path("/etc/credstore")
STATE = Path("/var/lib/watchd")
_PATIENCE_S = 60.0


def is_running() -> bool:
    """Whether this machine was booted with systemd."""
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def shipped(name: str) -> str:
    """The text of a unit as it came with watchd, such as `watchd@.service`."""
    for place in _SHIPPED:
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8")
    raise FileNotFoundError(f"{name} did not come with this watchd")


def show(unit: str, properties: Iterable[str], *, user: bool = False) -> dict[str, str]:
    """Properties of a unit, each by its name, as systemctl(1) prints them.

    Raises:
        LaterError: systemd does not answer.
    """
    asked = ["systemctl", *(["--user"] if user else []), "show", f"--property={','.join(properties)}", unit]
    answer = run(asked)
    if answer.returncode != 0:
        raise LaterError(f"systemd does not answer: {answer.stderr.strip()}")
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def run(command: Sequence[str], timeout: float = _PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run a program of the system's to its end.

    Raises:
        LaterError: it is not there, or does not end.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaterError(f"{command[0]} cannot be run: {error}") from error


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that starts watchd with a certain configuration, as systemd has read it.

    `state`: the folder that it makes for the ledger. `writes`, `homes`: paths that are writable, or bound in, though
    the rest is not. `credential`: the file that the key comes from. `stop_after`: seconds, None for no limit.
    """

    name: str
    user: str
    groups: tuple[str, ...]
    state: str
    writes: tuple[str, ...]
    homes: tuple[str, ...]
    is_strict: bool
    hides_homes: bool
    credential: str | None
    stop_after: float | None
    active: str
    enabled: str
    status: int
    is_stale: bool


_PROPERTIES = (
    "LoadState", "ExecStart", "User", "SupplementaryGroups", "StateDirectory", "ReadWritePaths", "BindPaths",
    "ProtectSystem", "ProtectHome", "TimeoutStopUSec", "ActiveState", "UnitFileState", "ExecMainStatus",
    "NeedDaemonReload",
)  # fmt: skip
_TIMES = {"y": 31_557_600.0, "month": 2_629_800.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0,
          "ms": 0.001, "us": 0.000_001}  # fmt: skip


def serving(config: str, *, user: bool) -> Unit | None:
    """The unit that runs watchd with this file (an absolute path), under one of the names that ours have.

    Raises:
        LaterError: systemd does not answer.
    """
    for name in ("watchd.service", f"watchd@{Path(config).stem}.service"):
        told = show(name, _PROPERTIES, user=user)
        if told.get("LoadState") == "loaded" and _names(told.get("ExecStart", ""), config):
            return _unit(name, told, user=user)
    return None


def _names(told: str, config: str) -> bool:
    """Whether `{ path=… ; argv[]=… ; …}` has this file as a word.

    Words are printed with nothing around them, and a dollar as it stood in the unit.
    """
    command = told.partition("argv[]=")[2].partition(" ; ")[0].replace("$$", "$")
    return f" {config} " in f"{command} " or f"={config} " in f"{command} "


def _unit(name: str, told: Mapping[str, str], *, user: bool) -> Unit:
    state = told.get("StateDirectory", "").split(" ")[0]
    return Unit(
        name=name,
        user=told.get("User", ""),
        groups=tuple(told.get("SupplementaryGroups", "").split()),
        state=f"{STATE.parent}/{state}" if state and not user else "",
        writes=_paths(told.get("ReadWritePaths", "")),
        homes=tuple(path.partition(":")[0] for path in _paths(told.get("BindPaths", ""))),
        is_strict=told.get("ProtectSystem") == "strict",
        hides_homes=told.get("ProtectHome") in {"yes", "tmpfs"},
        credential=_credential(name, user=user),
        stop_after=_seconds(told.get("TimeoutStopUSec", "")),
        active=told.get("ActiveState", ""),
        enabled=told.get("UnitFileState", ""),
        status=int(told.get("ExecMainStatus") or 0),
        is_stale=told.get("NeedDaemonReload") == "yes",
    )


def _paths(told: str) -> tuple[str, ...]:
    return tuple(path.lstrip("-+") for path in shlex.split(told))


def _seconds(told: str) -> float | None:
    """A time span as systemctl prints it, such as `6min 30s`."""
    if told == "infinity":
        return None
    parts = re.findall(r"([\d.]+)([a-z]+)", told)
    return sum(float(number) * _TIMES.get(unit, 0.0) for number, unit in parts)


def _credential(name: str, *, user: bool) -> str | None:
    """The file of the key; systemctl prints this property as unprintable, so that the unit's text has to tell."""
    text = run(["systemctl", *(["--user"] if user else []), "cat", name]).stdout
    path = None
    for line in text.splitlines():
        if line.startswith("LoadCredential="):
            path = line.partition(":")[2].strip() or None
    instance = name.partition("@")[2].removesuffix(".service")
    return path and path.replace("%i", instance).replace("%h", str(Path.home()))
