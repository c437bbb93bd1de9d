"""The service manager: units as they were shipped, where they go, and what it makes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHIPPED = (Path(__file__).parents[1] / "systemd", Path(__file__).parents[2] / "systemd")
"""In an installed package, and beside it in a clone."""
SYSTEM = Path("/etc/systemd/system")
CREDENTIALS = Path("/etc/credstore")
STATE = Path("/var/lib/watchd")
_PATIENCE = 60.0


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


def run(command: Sequence[str], timeout: float = _PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run a program of the system's to its end.

    Raises:
        LaterError: it is not there, or does not end.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaterError(f"{command[0]} cannot be run: {error}") from error
