"""The suite's daemons under the limits of their unit, enforced by a real systemd: `pytest --under-unit`.

Every limit is the shipped unit's own. What differs: it runs as root without a capability, since a test's folders are
root's, and the test's folder is the one place that may be written.
"""

from __future__ import annotations

import itertools
import os
import select
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.house import Daemon, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.house import House
    from tests.system.machine import Machine

UNIT = Path(__file__).parents[2] / "systemd" / "watchd.service"
_OTHERWISE = frozenset({
    "ExecStart", "ExecReload", "User", "Group", "StateDirectory", "StateDirectoryMode", "LoadCredential", "Restart",
    "RestartSec", "RestartPreventExitStatus",
})  # fmt: skip


def limits() -> list[str]:
    """The lines of the unit's `[Service]` that say how it runs and what it may."""
    service = UNIT.read_text(encoding="utf-8").partition("[Service]")[2].partition("[Install]")[0]
    lines = [line for line in service.splitlines() if "=" in line and not line.startswith("#")]
    return [line for line in lines if line.partition("=")[0] not in _OTHERWISE]


class UnitProcess:
    """A unit as far as a test looks at a process: its log, its end, its signals."""

    def __init__(self, machine: Machine, unit: str, log: Path) -> None:
        """Starts it."""
        self._machine = machine
        self._unit = unit
        self._begun = False
        os.mkfifo(log)
        reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        machine.run("systemctl", "start", "--no-block", unit)
        # A pipe that nobody has opened to write has nothing but an end to be read: a first word is waited for.
        poller = select.poll()
        poller.register(reading, select.POLLIN)
        until(lambda: poller.poll(100) or self.poll() is not None, f"{unit} says something")
        self._begun = True
        os.set_blocking(reading, True)
        self.stderr = os.fdopen(reading, "rb")

    def _pid_within(self) -> str:
        return self._machine.show(self._unit, "MainPID")

    @property
    def pid(self) -> int:
        """Of the daemon, as it is seen from here."""
        within = self._pid_within()
        for task in Path("/proc").glob("[0-9]*/status"):
            try:
                told = dict(line.split(":", 1) for line in task.read_text().splitlines() if ":" in line)
                group = (task.parent / "cgroup").read_text()
            except OSError:
                continue  # it ended meanwhile
            numbers = told.get("NSpid", "").split()
            if numbers[1:] == [within] and self._unit in group:
                return int(numbers[0])
        raise AssertionError(f"{self._unit} has no process")

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        state = self._machine.show(self._unit, "ActiveState")
        if state != "failed" and not (state == "inactive" and self._begun):
            return None  # before it has begun it is inactive as well
        status = int(self._machine.show(self._unit, "ExecMainStatus"))
        return status if self._machine.show(self._unit, "ExecMainCode") in {"0", "1"} else -status

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        until(lambda: self.poll() is not None, f"{self._unit} ends", timeout)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """To its main process."""
        self._machine.run("systemctl", "kill", f"--signal={int(number)}", "--kill-who=main", self._unit, check=False)

    def kill(self) -> None:
        """With no warning."""
        self.send_signal(9)


def starter(machine: Machine) -> Callable[[House], Daemon]:
    """Starts daemons on this machine, each as a unit of its own."""
    numbers = itertools.count()

    def start(house: House) -> Daemon:
        number = next(numbers)
        unit, log = f"watchd-{number}.service", house.root / f".log-{number}"
        environment = {**house.environment, "PATH": "/usr/bin:/bin", "HOME": str(house.root)}
        environment.pop("PYTHONPATH", None)
        lines = [
            *limits(), f"BindPaths={house.root}", f"WorkingDirectory={house.root}", f"StandardError=file:{log}",
            *(f'Environment="{name}={value}"' for name, value in environment.items()),
            f"ExecStart=/opt/watchd/bin/watchd --config {house.config} run",
        ]  # fmt: skip
        text = "\n".join(["[Unit]", "DefaultDependencies=no", "[Service]", *lines, ""])
        machine.path(f"/run/systemd/system/{unit}").write_text(text)
        machine.run("systemctl", "daemon-reload")
        return Daemon(UnitProcess(machine, unit, log))

    return start
