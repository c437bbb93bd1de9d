"""What stands beside the ledger: the lock, the control socket, the notes, and what kind of file system it all is on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.filesystem import mounts
from watchd.adapters.filesystem.notes import FileNotes
from watchd.adapters.host import control
from watchd.adapters.host.control import ControlServer, ask
from watchd.adapters.host.lock import StateLock
from watchd.errors import LedgerError, LedgerInUseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# --- lock -----------------------------------------------------------------------------------------------------------


def test_the_second_who_wants_the_lock_is_told_who_has_it(tmp_path: Path) -> None:
    first = StateLock(tmp_path)
    with pytest.raises(LedgerInUseError, match=f"in use by watchd, process {os.getpid()}"):
        StateLock(tmp_path)
    first.close()
    StateLock(tmp_path).close()


def test_whoever_removes_the_file_lets_nobody_in(tmp_path: Path) -> None:
    held = StateLock(tmp_path)
    (tmp_path / "lock").unlink()
    with pytest.raises(LedgerInUseError):
        StateLock(tmp_path)
    held.close()
    StateLock(tmp_path).close()


def test_the_lock_of_a_process_that_is_no_more_is_free(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from watchd.adapters.host.lock import StateLock;"
        "held = StateLock(Path(sys.argv[1])); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=30)
    assert "process" in (tmp_path / "lock").read_text()
    StateLock(tmp_path).close()


def test_the_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    StateLock(tmp_path / "var/state").close()
    assert (tmp_path / "var/state").stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match="cannot be made"):
        StateLock(tmp_path / "file/state")


def test_a_state_folder_on_a_network_file_system_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(monkeypatch, tmp_path, f"36 1 0:32 / {tmp_path} rw - nfs4 nas:/x rw")
    with pytest.raises(LedgerError, match=r"network file system \(nfs4\).*local disk"):
        StateLock(tmp_path / "state")
    assert not (tmp_path / "state").exists()


# --- mounts ---------------------------------------------------------------------------------------------------------


def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: str) -> None:
    """What the kernel says is mounted."""
    table = tmp_path / "mountinfo"
    table.write_text("\n".join(["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw", *lines, ""]))
    monkeypatch.setattr(mounts, "MOUNTS", table)


def test_the_innermost_mount_decides_and_of_two_on_one_point_the_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nas = tmp_path / "nas"
    (nas / "deep").mkdir(parents=True)
    mounted(
        monkeypatch, tmp_path, f"36 22 0:32 / {nas} rw - ext4 /dev/sdb1 rw", f"37 36 0:33 / {nas} rw - cifs //nas/x rw"
    )
    assert mounts.type_of(str(nas / "deep/not/yet/there")) == "cifs"
    assert mounts.mount_point_of(str(nas / "deep")) == str(nas)
    assert mounts.type_of(str(tmp_path)) == "ext4"
    assert mounts.type_of(str(tmp_path / "nas-too")) == "ext4"


def test_a_mount_point_with_blanks_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my nas").mkdir()
    escaped = str(tmp_path / "my nas").replace(" ", "\\040")
    mounted(monkeypatch, tmp_path, f"36 22 0:32 / {escaped} rw master:7 propagate_from:2 - fuse.sshfs x rw")
    assert mounts.type_of(str(tmp_path / "my nas")) == "fuse.sshfs"


def test_without_a_table_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert (mounts.type_of("/"), mounts.mount_point_of("/")) == ("unknown", "/")


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse.sshfs", "fuseblk", "fuse", "unknown"]
)
def test_file_systems_that_tell_of_no_change_made_elsewhere_are_known(kind: str) -> None:
    assert mounts.gives_no_events(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs"])
def test_local_file_systems_give_events_and_hold_a_ledger(kind: str) -> None:
    assert not mounts.gives_no_events(kind)
    assert not mounts.is_on_network(kind)


# --- control socket -------------------------------------------------------------------------------------------------


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Longer than a socket's address may be."""
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def server(state_dir: Path) -> Iterator[ControlServer]:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("command") == "fail":
            raise RuntimeError("a fault")
        return {"got": request}

    running = ControlServer(state_dir, answer)
    running.start()
    yield running
    running.stop()


@pytest.mark.usefixtures("server")
def test_a_question_is_answered_however_long_the_path_of_the_socket(state_dir: Path) -> None:
    assert len(str(state_dir)) > 200
    assert ask(state_dir, {"command": "status", "name": "caf\u00e9 \n"}) == {
        "got": {"command": "status", "name": "caf\u00e9 \n"}
    }


@pytest.mark.usefixtures("server")
def test_a_command_that_cannot_be_answered_is_told_and_the_next_one_is_answered(state_dir: Path) -> None:
    assert "a fault" in (ask(state_dir, {"command": "fail"}) or {})["error"]
    assert ask(state_dir, {}) == {"got": {}}


@pytest.mark.parametrize("line", [b"no json\n", b"[1, 2]\n", b"\xff\n", b""])
def test_nonsense_on_the_socket_ends_nothing(state_dir: Path, server: ControlServer, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, control._address(state_dir) as address:
        caller.settimeout(10)
        caller.connect(address)
        caller.sendall(line)
        caller.shutdown(socket.SHUT_WR)
        caller.recv(1000)
    assert ask(state_dir, {"after": 1}) == {"got": {"after": 1}}
    assert server.is_alive()


@pytest.mark.usefixtures("server")
def test_many_callers_are_answered_one_after_the_other(state_dir: Path) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(state_dir, {"x": 1}))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [{"got": {"x": 1}}] * 10


@pytest.mark.usefixtures("server")
def test_only_its_owner_may_ask(state_dir: Path) -> None:
    assert (state_dir / control.NAME).stat().st_mode & 0o777 == 0o600


def test_where_no_daemon_runs_there_is_no_answer(state_dir: Path, tmp_path: Path) -> None:
    assert ask(state_dir, {}) is None
    assert ask(tmp_path / "none", {}) is None
    running = ControlServer(state_dir, lambda request: request)
    running.start()
    running.stop()
    assert ask(state_dir, {}) is None
    assert not (state_dir / control.NAME).exists()


def test_the_socket_of_a_daemon_that_was_killed_is_in_nobodys_way(state_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left, control._address(state_dir) as address:
        left.bind(address)
    assert ask(state_dir, {}) is None
    running = ControlServer(state_dir, lambda _request: {"well": True})
    running.start()
    assert ask(state_dir, {}) == {"well": True}
    running.stop()


# --- notes ----------------------------------------------------------------------------------------------------------


def test_a_note_lies_where_its_file_lies_and_says_what_is_to_be_said(tmp_path: Path) -> None:
    notes = FileNotes(tmp_path / "failed")
    notes.write("hot", "sub/a.png", {"error": "400: caf\u00e9", "path": "sub/a.png"})
    note = tmp_path / "failed/hot/sub/a.png.error.json"
    assert json.loads(note.read_text(encoding="utf-8")) == {"error": "400: caf\u00e9", "path": "sub/a.png"}
    notes.write("hot", "sub/a.png", {"error": "another"})
    assert json.loads(note.read_text()) == {"error": "another"}
    notes.remove("hot", "sub/a.png")
    notes.remove("hot", "sub/a.png")
    assert not note.exists()


@pytest.mark.parametrize("name", [b"x" * 255, b"caf\xe9\n.png", "\u00e9".encode() * 127])
def test_any_name_gets_a_note_that_is_found_again(tmp_path: Path, name: bytes) -> None:
    notes = FileNotes(tmp_path / "failed")
    notes.write("hot", os.fsdecode(name), {"error": "no"})
    (note,) = (tmp_path / "failed/hot").iterdir()
    assert note.name.endswith(".error.json")
    assert len(os.fsencode(note.name)) <= 255
    notes.remove("hot", os.fsdecode(name))
    assert list((tmp_path / "failed/hot").iterdir()) == []


def test_a_note_that_cannot_be_written_is_logged_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "failed").write_bytes(b"")
    FileNotes(tmp_path / "failed").write("hot", "a.png", {"error": "no"})
    assert "No note written for a.png" in caplog.text


def test_a_note_that_cannot_be_removed_is_logged_and_ends_nothing_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "failed").write_bytes(b"")
    FileNotes(tmp_path / "failed").remove("hot", "a.png")
    assert "is true no longer and cannot be removed" in caplog.text
