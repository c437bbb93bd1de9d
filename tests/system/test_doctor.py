"""`check` as root beside an installed service: it looks with the service's eyes, and says what mends each thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import KEY
from tests.system.machine import PROGRAM, STUDIO, Machine
from tests.system.test_install_service import CONFIG, CREDENTIAL, configure, give_key
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DROP_IN = "/etc/systemd/system/watchd.service.d/10-this-machine.conf"

pytestmark = pytest.mark.plain("it has a machine of its own")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(engine="fast", key=KEY)) as made:
        yield made


@pytest.fixture
def installed(tmp_path: Path, sandbox: Sandbox) -> Iterator[Machine]:
    tmp_path.chmod(0o755)
    with Machine(tmp_path) as machine:
        machine.run("groupadd", "studio")
        machine.run("sh", "-c", "install -d -g studio -m 2775 /srv/studio/hot && install -d /etc/watchd")
        give_key(machine)
        configure(machine, sandbox)
        machine.watchd("--config", CONFIG, "install-service")
        yield machine


def told(machine: Machine) -> list[str]:
    """What `check` says, but for what is well."""
    ended = machine.watchd("--config", CONFIG, "check", check=False)
    assert ended.returncode in {0, 4}, ended.stderr
    assert "Traceback" not in ended.stderr
    return [line for line in ended.stdout.splitlines() if not line.startswith("ok")]


def test_an_installed_service_is_well_in_the_eyes_of_its_own_user(installed: Machine) -> None:
    assert told(installed) == []
    shown = installed.watchd("--config", CONFIG, "check").stdout
    assert "looked at as watchd" in shown
    assert "unit: watchd.service is active" in shown
    assert f"key: from the systemd credential in {CREDENTIAL}" in shown


def test_whoever_may_not_ask_systemd_is_told_of_everything_else(installed: Machine) -> None:
    as_watchd = ("setpriv", "--reuid=watchd", "--regid=watchd", "--init-groups")
    told_to_it = installed.run(*as_watchd, PROGRAM, "--config", CONFIG, "check").stdout
    assert "looked at as watchd" in told_to_it
    assert "unit:" not in told_to_it
    assert "folder hot" in told_to_it


def shell(command: str) -> Callable[[Machine, Sandbox], None]:
    def make(machine: Machine, _: Sandbox) -> None:
        machine.run("sh", "-c", command)

    return make


def configured(**top: Any) -> Callable[[Machine, Sandbox], None]:
    def make(machine: Machine, sandbox: Sandbox) -> None:
        configure(machine, sandbox, **top)

    return make


def unit_says(change: str) -> Callable[[Machine, Sandbox], None]:
    return shell(f"sed -i '{change}' {DROP_IN} && systemctl daemon-reload")


AILMENTS: dict[str, tuple[Callable[[Machine, Sandbox], None], str, str]] = {
    "an output that its user may not write": (
        shell(f"chmod 755 {STUDIO}/hot-out && chgrp root {STUDIO}/hot-out"), "cannot be written by watchd", "chgrp",
    ),
    "a folder that its user may not read": (
        shell(f"chmod 700 {STUDIO}/hot"), "cannot be read by watchd", "chmod g+rx",
    ),
    "a folder that is not there": (shell(f"rmdir {STUDIO}/hot"), "is not there", "mount"),
    "a configuration that its user may not read": (shell(f"chmod 600 {CONFIG}"), "cannot be read by watchd", "chmod"),
    "a key that went": (shell(f"rm {CREDENTIAL}"), "which is not there", "install -D -m 600"),
    "a key file that its user may not read": (
        shell("umask 077; echo x > /etc/watchd/venice.key"), "cannot be read", "takes it within seconds",
    ),
    "a unit that does not start with the machine": (
        shell("systemctl disable watchd"), "does not start with the machine", "systemctl enable watchd.service",
    ),
    "a unit that was stopped": (shell("systemctl stop watchd"), "is inactive", "systemctl start watchd.service"),
    "a unit that failed": (
        shell(f"chgrp root {CONFIG}; chmod 600 {CONFIG}; systemctl restart watchd; true"), "it ended with 2",
        "journalctl -u watchd.service",
    ),
    "files of a unit that systemd has not read": (
        shell(f"echo >> {DROP_IN}"), "have changed since systemd read them", "systemctl daemon-reload",
    ),
    "a stop that is too short": (
        unit_says("$aTimeoutStopSec=10"), "gives a stop 10 s", "install-service",
    ),
    "an output that the unit does not name": (
        unit_says("/^ReadWritePaths=/d"), "hot-out is read-only to watchd.service", "install-service",
    ),
    "a folder in a home": (
        configured(folder={"path": "/home/anna/hot"}), "lies in a home", "install-service",
    ),
    "a ledger that the unit does not let it write": (
        configured(state_dir="/srv/state"), "/srv/state is read-only", "install-service",
    ),
    "a shell that would look elsewhere": (
        shell(f"sed -i 's#\"state_dir\": \"[^\"]*\", ##' {CONFIG}"), "commands from this shell would look into",
        "say `state_dir: /var/lib/watchd`",
    ),
    "a clock that ran ahead": (
        shell("systemctl stop watchd; "
              " /opt/watchd/bin/python -c \"import sqlite3, time; c = sqlite3.connect('/var/lib/watchd/ledger.db');"
              " c.execute('INSERT INTO job (folder, path, path_text, sha256, size, mtime_ns, parameters, profile,"
              " state, created_at) VALUES (?,?,?,?,1,1,?,?,?,?)', ('hot', b'a', 'a', '0', '{}', 'p', 'queued',"
              ' time.time() + 9000)); c.commit()"'),
        "ahead of this machine's clock", "timedatectl",
    ),
}  # fmt: skip


@pytest.mark.sample(4)
@pytest.mark.parametrize("ailment", AILMENTS)
def test_what_ails_it_is_told_with_its_remedy(installed: Machine, sandbox: Sandbox, ailment: str) -> None:
    bring_about, words, remedy = AILMENTS[ailment]
    bring_about(installed, sandbox)
    found = told(installed)
    assert [line for line in found if words in line and remedy in line.partition("→")[2]], found
