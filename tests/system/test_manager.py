"""What a service manager hears on a real socket: ready, alive, reloading, stopping, and a line for people."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.house import Daemon, House, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator


class Manager:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while word := self._socket.recv(4096):
            self.heard.append(word.decode())

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager(_short_path())
    yield made
    made.close()
    made.path.unlink()


def _short_path() -> Path:
    """A path that a socket can have, whatever the test's own folder is called."""
    return Path(tempfile.mkdtemp(prefix="wd")) / "notify"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made


def supervised(house: House, manager: Manager) -> Daemon:
    process = subprocess.Popen(
        house.command("run"), cwd=house.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=house.environment | {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"},
    )  # fmt: skip
    daemon = Daemon(process)
    house._daemons.append(daemon)
    until(lambda: "READY=1" in manager.heard, "it is ready")
    return daemon


def test_a_manager_hears_of_the_whole_life(house: House, manager: Manager) -> None:
    house.configure()
    daemon = supervised(house, manager)
    until(lambda: "WATCHDOG=1" in manager.heard, "it is alive")
    assert house.watchd("reload").returncode == 0
    assert any(word.startswith("RELOADING=1\nMONOTONIC_USEC=") for word in manager.heard)
    assert manager.heard.count("READY=1") == 2
    assert daemon.stop() == 0
    assert "STOPPING=1" in manager.heard
    assert manager.heard.index("STOPPING=1") > manager.heard.index("READY=1")


def test_a_line_for_people_says_how_it_stands(house: House, manager: Manager) -> None:
    house.configure()
    supervised(house, manager)
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    until(lambda: "STATUS=0 in flight, 0 queued, $0.02 today" in manager.heard, f"the status, in {manager.heard}")
    house.watchd("pause")
    until(lambda: any("no calls: paused" in word for word in manager.heard), "the gate is told")
    said = [word for word in manager.heard if word.startswith("STATUS=")]
    assert all(one != other for one, other in pairwise(said)), "the same is never said twice"


def test_an_abstract_socket_is_one_too(house: House) -> None:
    name = f"watchd-test-{os.getpid()}-{id(house)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(20)
        house.configure()
        process = subprocess.Popen(
            house.command("run"), cwd=house.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=house.environment | {"NOTIFY_SOCKET": f"@{name}"},
        )  # fmt: skip
        house._daemons.append(Daemon(process))
        assert listening.recv(4096) == b"READY=1"
