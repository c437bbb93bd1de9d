"""`install-service` on a machine with a real systemd: what it shows, what it makes, and that the service then works."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import KEY, until
from tests.system.machine import PROGRAM, STUDIO, Machine
from tests.system.pictures import picture
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = "/etc/watchd/config.yaml"
CREDENTIAL = "/etc/credstore/venice-api-key"

pytestmark = pytest.mark.plain("it has a machine of its own")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    tmp_path.chmod(0o755)
    with Machine(tmp_path) as made:
        made.run("groupadd", "studio")
        made.run("sh", "-c", "install -d -g studio -m 2775 /srv/studio/hot && install -d /etc/watchd")
        yield made


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(engine="fast", key=KEY)) as made:
        yield made


def configure(machine: Machine, sandbox: Sandbox, path: str = CONFIG, **top: Any) -> None:
    folder = {"path": f"{STUDIO}/hot", "profile": {"scale": 2}, "settle": "200ms"} | top.pop("folder", {})
    whole = {
        "api": {"base_url": sandbox.base_url, "requests_per_minute": 0} | top.pop("api", {}),
        "state_dir": "/var/lib/watchd",
        "folders": [folder],
    } | top
    whole = {name: value for name, value in whole.items() if value is not None}
    machine.path(path).write_text(json.dumps(whole))


def give_key(machine: Machine, path: str = CREDENTIAL) -> None:
    machine.run("sh", "-c", f"install -d -m 700 /etc/credstore && umask 077 && echo {KEY} > {path}")


def log(machine: Machine, unit: str = "watchd") -> str:
    return machine.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout


def test_a_dry_run_shows_everything_and_changes_nothing(machine: Machine, sandbox: Sandbox) -> None:
    configure(machine, sandbox)
    shown = machine.watchd("--config", CONFIG, "install-service", "--dry-run")
    for told in ("useradd --system", "/etc/systemd/system/watchd.service", f"ExecStart={PROGRAM}", "WatchdogSec=6min",
                 "SupplementaryGroups=studio", "RequiresMountsFor=/var/lib/watchd", CREDENTIAL):  # fmt: skip
        assert told in shown.stdout
    assert "Nothing was changed" in shown.stderr
    assert list(machine.path("/etc/systemd/system").iterdir()) == []
    assert machine.run("id", "watchd", check=False).returncode != 0


def test_the_installed_service_does_its_work(machine: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    give_key(machine)
    configure(machine, sandbox)
    machine.watchd("--config", CONFIG, "install-service")
    assert machine.show("watchd", "ActiveState") == "active", log(machine)
    assert machine.show("watchd", "User") == "watchd"
    (tmp_path / "hot" / "a.png").write_bytes(picture(1))
    until((tmp_path / "hot-out" / "a.png").exists, "the result is there")
    until(lambda: "1 calls" not in machine.show("watchd", "StatusText") != "", "systemd is told how it stands")
    machine.run("systemctl", "reload", "watchd")
    machine.run("systemctl", "stop", "watchd")
    assert machine.show("watchd", "Result") == "success"
    assert sandbox.charges().calls == 1


def test_the_journal_has_each_line_with_its_priority_and_its_fields(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    configure(machine, sandbox)
    machine.watchd("--config", CONFIG, "install-service")
    machine.path(f"{STUDIO}/hot/\x1b[31mred\n.png").write_bytes(b"no picture")

    def entries() -> dict[str, tuple[str, dict[str, Any]]]:
        lines = machine.run("journalctl", "--no-pager", "-o", "json", "-u", "watchd").stdout.splitlines()
        told = [(entry["PRIORITY"], json.loads(entry["MESSAGE"])) for entry in map(json.loads, lines)
                if str(entry["MESSAGE"]).startswith("{")]  # fmt: skip
        return {str(fields["action"]): (priority, fields) for priority, fields in told}

    until(lambda: "failed" in entries(), f"it is in the journal: {log(machine)}")
    found = entries()
    assert found["started"][0] == "6"
    assert found["failed"][0] == "4"
    assert found["failed"][1]["message"].startswith("Failed hot/\\x1b[31mred\\n.png: ")


def test_what_is_installed_is_what_systemd_would_have_it(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    configure(machine, sandbox)
    machine.watchd("--config", CONFIG, "install-service")
    assert machine.run("systemd-analyze", "verify", "/etc/systemd/system/watchd.service").stderr == ""
    exposure = machine.run("systemd-analyze", "security", "--threshold=15", "watchd.service", check=False)
    assert exposure.returncode == 0, exposure.stdout[-300:]


def test_a_second_time_changes_nothing_but_starts_it_anew(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    configure(machine, sandbox)
    machine.watchd("--config", CONFIG, "install-service")
    again = machine.watchd("--config", CONFIG, "install-service").stdout
    assert again.count("is as it should be") == 2
    assert "useradd" not in again
    assert not machine.path("/etc/systemd/system/watchd.service.before").exists()


def test_a_unit_that_was_changed_by_hand_is_kept_beside_the_new_one(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    configure(machine, sandbox)
    machine.path("/etc/systemd/system/watchd.service").write_text("[Service]\nExecStart=/bin/true\n")
    machine.watchd("--config", CONFIG, "install-service")
    assert "/bin/true" in machine.path("/etc/systemd/system/watchd.service.before").read_text()


def test_without_a_key_it_is_not_started_and_says_where_the_key_goes(machine: Machine, sandbox: Sandbox) -> None:
    configure(machine, sandbox)
    told = machine.watchd("--config", CONFIG, "install-service").stdout
    assert f"install -m 600 /dev/stdin {CREDENTIAL}" in told
    assert machine.show("watchd", "ActiveState") == "inactive"
    give_key(machine)
    machine.run("systemctl", "start", "watchd")


def test_a_key_file_is_handed_to_the_service(machine: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    give_key(machine, "/etc/watchd/venice.key")
    configure(machine, sandbox)
    machine.watchd("--config", CONFIG, "install-service")
    (tmp_path / "hot" / "a.png").write_bytes(picture(1))
    until((tmp_path / "hot-out" / "a.png").exists, f"the result is there; {log(machine)}")


def test_one_of_several_has_its_own_of_everything(machine: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    give_key(machine, f"{CREDENTIAL}-studio")
    configure(machine, sandbox, "/etc/watchd/studio.yaml", state_dir="/var/lib/watchd/studio")
    machine.watchd("--config", "/etc/watchd/studio.yaml", "install-service", "--name", "studio")
    assert machine.show("watchd@studio", "ActiveState") == "active", log(machine, "watchd@studio")
    (tmp_path / "hot" / "a.png").write_bytes(picture(1))
    until((tmp_path / "hot-out" / "a.png").exists, "the result is there")
    assert machine.path("/var/lib/watchd/studio/ledger.db").exists()
    assert (
        machine.run("systemd-analyze", "verify", "/etc/systemd/system/watchd@studio.service", check=False).stderr == ""
    )


def test_an_output_that_the_service_could_not_make_is_made_for_it(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    machine.run("install", "-d", "-g", "studio", "-m", "2775", "/srv/hot")  # in /srv, which is root's
    configure(machine, sandbox, folder={"path": "/srv/hot"})
    machine.watchd("--config", CONFIG, "install-service")
    machine.path("/srv/hot/a.png").write_bytes(picture(1))
    until(machine.path("/srv/hot-out/a.png").exists, f"the result is there; {log(machine)}")


def test_folders_in_a_home_are_let_in_and_nothing_else_of_it(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    machine.run("useradd", "--create-home", "anna")
    machine.run("sh", "-c", "chmod 700 /home/anna; install -d -o anna -g studio -m 2775 /home/anna/hot")
    configure(machine, sandbox, folder={"path": "/home/anna/hot"})
    machine.watchd("--config", CONFIG, "install-service")
    machine.path("/home/anna/hot/a.png").write_bytes(picture(1))
    until(machine.path("/home/anna/hot-out/a.png").exists, f"the result is there; {log(machine)}")
    pid = machine.show("watchd", "MainPID")
    seen = machine.run("nsenter", f"--target={pid}", "--mount", "ls", "-A", "/home/anna").stdout.split()
    assert seen == ["hot", "hot-out"]


def test_a_configuration_may_be_called_anything(machine: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    give_key(machine)
    path = "/etc/watchd/my 100% $HOME config.yaml"
    configure(machine, sandbox, path)
    machine.watchd("--config", path, "install-service")
    (tmp_path / "hot" / "a.png").write_bytes(picture(1))
    until((tmp_path / "hot-out" / "a.png").exists, f"the result is there; {log(machine)}")
    assert "unit: watchd.service is active" in machine.watchd("--config", path, "check").stdout


@pytest.mark.parametrize("name", ['My "best" 100% $HOME pics', "back\\slash\ttab", "Фото ☕", "-rw", "a;b'c"])
def test_a_folder_may_be_called_anything(machine: Machine, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    give_key(machine)
    hot = tmp_path / name
    hot.mkdir()
    hot.chmod(0o777)
    configure(machine, sandbox, folder={"path": f"{STUDIO}/{name}".replace("$", "$$"), "name": "odd"})
    machine.watchd("--config", CONFIG, "install-service")
    (hot / "a.png").write_bytes(picture(1))
    until((tmp_path / f"{name}-out" / "a.png").exists, f"the result is there; {log(machine)}")
    told = machine.watchd("--config", CONFIG, "check").stdout
    assert [line for line in told.splitlines() if not line.startswith("ok")] == []


def test_a_share_that_goes_and_comes_back_is_seen_by_the_service(machine: Machine, sandbox: Sandbox) -> None:
    give_key(machine)
    machine.run("mkdir", "/srv/share")
    share = "mount -t tmpfs share /srv/share && install -d -g studio -m 2775 /srv/share/hot /srv/share/hot-out"
    machine.run("sh", "-c", share)
    configure(machine, sandbox, folder={"path": "/srv/share/hot"})
    machine.watchd("--config", CONFIG, "install-service")
    machine.run("umount", "/srv/share")
    until(lambda: "offline" in machine.watchd("--config", CONFIG, "status").stdout, "it is seen to be gone")
    machine.run("sh", "-c", share)
    machine.path("/srv/share/hot/a.png").write_bytes(picture(1))
    until(machine.path("/srv/share/hot-out/a.png").exists, f"the result is there; {log(machine)}")


def test_a_user_installs_one_without_root(machine: Machine, sandbox: Sandbox) -> None:
    machine.run("useradd", "--create-home", "anna")
    home = "/home/anna"
    machine.run("sh", "-c", f"install -d -o anna {home}/.config {home}/.config/watchd {home}/hot /run/user/1000")
    configure(machine, sandbox, f"{home}/.config/watchd/config.yaml", folder={"path": f"{home}/hot"}, state_dir=None)
    machine.run("install", "-m", "600", "/dev/null", f"{home}/.config/watchd/venice.key")
    machine.path(f"{home}/.config/watchd/venice.key").write_text(KEY)
    machine.run("sh", "-c", "chown -R anna: /home/anna /run/user/1000")
    environment = ("env", f"HOME={home}", "XDG_RUNTIME_DIR=/run/user/1000")
    machine.run(
        "systemd-run", "--uid=anna", "--unit=anna", "-p", "Delegate=yes", *(f"-E{each}" for each in environment[1:]),
        "/lib/systemd/systemd", "--user",
    )  # fmt: skip
    until(machine.path("/run/user/1000/systemd/private").exists, "the user's own systemd is up")
    as_anna = ("setpriv", "--reuid=anna", "--regid=anna", "--clear-groups", *environment)
    told = machine.run(*as_anna, PROGRAM, "install-service", "--user")
    assert "loginctl enable-linger" in told.stdout
    unit = f"{home}/.config/systemd/user/watchd.service"
    verified = machine.run(*as_anna, "systemd-analyze", "--user", "--man=no", "verify", unit, check=False)
    assert verified.stderr == ""
    machine.path(f"{home}/hot/a.png").write_bytes(picture(1))
    until(machine.path(f"{home}/hot-out/a.png").exists, f"the result is there; {told.stdout}")
    asked = machine.run(*as_anna, PROGRAM, "status", "--json")
    assert json.loads(asked.stdout)["daemon"]["running"] is True, "the shell looks for another ledger"
    well = machine.run(*as_anna, PROGRAM, "check").stdout
    assert "unit: watchd.service is active" in well
    assert [line for line in well.splitlines() if not line.startswith("ok")] == []


REFUSED = {
    "in a home": ("/root/watchd.yaml", (), "hidden from it"),
    "of a user under a name": (CONFIG, ("--user", "--name", "x"), "a user has one"),
    "under a name that is a path": (CONFIG, ("--name", "../x"), "make the name of a unit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_words(machine: Machine, sandbox: Sandbox, name: str) -> None:
    path, options, words = REFUSED[name]
    configure(machine, sandbox, path)
    ended = machine.watchd("--config", path, "install-service", *options, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert list(machine.path("/etc/systemd/system").iterdir()) == []


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemd is not installed here")
def test_only_root_installs_for_the_system(machine: Machine, sandbox: Sandbox) -> None:
    configure(machine, sandbox)
    as_nobody = ("setpriv", "--reuid=nobody", "--clear-groups", PROGRAM, "--config", CONFIG, "install-service")
    ended = machine.run(*as_nobody, check=False)
    assert ended.returncode == 2
    assert "sudo, or --user" in ended.stderr
    assert machine.run(*as_nobody, "--dry-run").returncode == 0
