"""A share that hangs takes its own folder alone: the others go on, health tells of it, and a stop is no longer.

What hangs is a real mount (bindfs) whose server is stopped: each system call on it waits, as on a NAS that has gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.system import watch_launcher
from tests.system.house import Daemon, bindfs, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.house import House

FULL = os.environ.get("WATCHD_FAULTS") == "full"
OTHERS = 160 if FULL else 32
LATENCY_S = 0.25
WORKERS = 4
IDEAL_S = OTHERS * LATENCY_S / WORKERS
SOONER = {
    "watchd.process.wiring.OFFLINE_AFTER_S": 3.0,
    "watchd.process.daemon.ILL_AFTER_S": 5.0,
    "watchd.process.engine.LEFT_AFTER_S": 2.0,
}
"""A minute, five, and ten seconds, for who waits for a test."""
END_S = 30.0
MOMENT_S = 1.0 if FULL else 2.5
"""Until a thread that hangs is seen to, and what the load of a machine that tests all else too may cost."""


@dataclass
class Share:
    """A folder that is served by a process of its own."""

    server: subprocess.Popen[bytes]

    def hang(self) -> None:
        self.server.send_signal(signal.SIGSTOP)

    def answer(self) -> None:
        self.server.send_signal(signal.SIGCONT)


@contextmanager
def served(folder: Path) -> Iterator[Share]:
    """`folder` is a mount whose server can be stopped."""
    program = bindfs()
    behind = folder.with_name(f"{folder.name}-behind")
    behind.mkdir()
    folder.mkdir(exist_ok=True)
    # Nothing is remembered by the kernel, so that each look asks the server.
    options = "attr_timeout=0,entry_timeout=0,negative_timeout=0"
    server = subprocess.Popen([program, "-f", "--no-allow-other", "-o", options, str(behind), str(folder)])
    try:
        for _ in range(200):
            if os.path.ismount(folder):
                break
            if server.poll() is not None:
                pytest.skip("FUSE does not work here")
            time.sleep(0.02)
        yield Share(server)
    finally:
        server.send_signal(signal.SIGCONT)
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=False, timeout=10)
        server.kill()
        server.wait(10)


def configure(house: House, **of_a: Any) -> None:
    """Folder `a`, which is to hang somewhere, and folder `b`."""
    house.open_sandbox(latency=LATENCY_S)
    for name in ("a", "b"):
        (house.root / name).mkdir(exist_ok=True)
    house.configure(
        {"path": str(house.root / "a"), "name": "a", **of_a}, {"path": str(house.root / "b"), "name": "b"},
        api={"workers": WORKERS}, web={"listen": "127.0.0.1:0"},
    )  # fmt: skip


def begin(house: House) -> Daemon:
    return house.launch_as(
        sys.executable, watch_launcher.__file__, WATCHD_FAULT="", WATCHD_CONSTANTS=json.dumps(SOONER)
    )


def asked(daemon: Daemon, path: str) -> tuple[int, str]:
    """What the daemon's page answers."""
    (line,) = [line for line in daemon.log() if line.get("action") == "web"]
    address = next(word for word in str(line["message"]).split() if word.startswith("http")).split("?")[0]
    answer = httpx.get(address.rstrip("/") + path, timeout=5.0)
    return answer.status_code, answer.text


def of(house: House, name: str) -> dict[str, Any]:
    """What is said of one folder."""
    (found,) = [folder for folder in house.status()["folders"] if folder["name"] == name]
    return dict(found)


def done(house: House, folder: str) -> int:
    return sum(job["state"] == "done" for job in house.jobs() if job["folder"] == folder)


def the_other_goes_on(house: House, usual: float | None = None) -> float:
    """Seconds that folder `b` takes for its pictures: no more than a tenth above the usual, and a moment."""
    before = done(house, "b")
    began = time.monotonic()
    for number in range(OTHERS):
        house.drop(f"{began}-{number}.png", picture(1000 + before + number), house.root / "b")
    until(lambda: done(house, "b") == before + OTHERS, "folder b is done", 3 * IDEAL_S + 20)
    took = time.monotonic() - began
    assert usual is None or took < usual / 0.9 + MOMENT_S
    return took


@pytest.mark.sample(2)
@pytest.mark.parametrize("where", ["input", "output", "archive", "failed"])
def test_the_others_go_on_and_it_is_told_and_mended_by_itself(house: House, where: str) -> None:
    settings: dict[str, Any] = {} if where == "input" else {where: str(house.root / "share")}
    if where == "archive":
        settings["originals"] = "archive"
    configure(house, **settings)
    folder = house.root / ("a" if where == "input" else "share")
    with served(folder) as share:
        daemon = begin(house)
        daemon.wait_for("started")
        house.drop("first.png", picture(1), house.root / "a")
        until(lambda: done(house, "a") == 1, "folder a works")
        usual = the_other_goes_on(house)
        if where != "input":
            share.hang()
        for number in range(6):  # more than there are workers
            data = b"no picture" * 9 if where == "failed" else picture(10 + number)
            house.drop(f"{number}.png", data, house.root / "a")
        if where == "input":
            share.hang()
        the_other_goes_on(house, usual)
        until(lambda: "does not answer" in str(of(house, "a")["reason"]), "it is told", 15)
        assert of(house, "b")["state"] == "online"
        assert asked(daemon, "/readyz")[0] == 503
        until(lambda: asked(daemon, "/healthz")[0] == 503, "health tells of it", 15)
        assert "does not answer" in asked(daemon, "/healthz")[1]
        the_other_goes_on(house, usual)
        share.answer()
        ended = {"failed"} if where == "failed" else {"done"}
        until(
            lambda: [job["state"] for job in house.jobs() if job["folder"] == "a"][1:].count(*ended) == 6,
            "what hung goes on", 60,
        )  # fmt: skip
        until(lambda: asked(daemon, "/readyz")[0] == 200, "and all is well", 15)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text
    assert len(house.sent()) == len(set(house.sent()))


@pytest.mark.sample(1)
@pytest.mark.parametrize("where", ["input", "output"])
def test_a_stop_leaves_behind_who_hangs_and_the_next_start_takes_up_what_it_was_at(house: House, where: str) -> None:
    configure(house, **({} if where == "input" else {"output": str(house.root / "share")}))
    with served(house.root / ("a" if where == "input" else "share")) as share:
        for number in range(6):
            house.drop(f"{number}.png", picture(number), house.root / "a")
        daemon = begin(house)
        until(lambda: len(house.sandbox.calls()) > 0, "calls are made")
        share.hang()
        the_other_goes_on(house)
        until(lambda: "does not answer" in str(of(house, "a")["reason"]), "somebody hangs there", 30)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < END_S
        assert "left_behind" in daemon.actions()
        share.answer()
        house.watchd("once", timeout=60)
        assert [job["state"] for job in house.jobs() if job["folder"] == "a"] == ["done"] * 6
    assert len(house.sent()) == len(set(house.sent()))


def test_a_share_that_hangs_at_the_start_and_in_a_reload_keeps_nobody_from_work(house: House) -> None:
    configure(house)
    with served(house.root / "a") as share:
        house.drop("a.png", picture(1), house.root / "a")
        share.hang()
        daemon = begin(house)
        daemon.wait_for("started")
        the_other_goes_on(house)
        assert house.watchd("reload", timeout=60).returncode == 0
        the_other_goes_on(house)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < END_S
        share.answer()


def test_a_single_run_ends_without_the_share_that_hangs(house: House) -> None:
    configure(house)
    with served(house.root / "a") as share:
        house.drop("a.png", picture(1), house.root / "a")
        house.drop("b.png", picture(2), house.root / "b")
        share.hang()
        environment = {"WATCHD_FAULT": "", "WATCHD_CONSTANTS": json.dumps(SOONER)}
        run = house.begin(sys.executable, watch_launcher.__file__, "--config", str(house.config), "once", **environment)
        assert Daemon(run).wait(END_S) == 3
        assert done(house, "b") == 1
        share.answer()


def test_the_doctor_tells_of_it_and_of_all_the_rest(house: House) -> None:
    configure(house)
    with served(house.root / "a") as share:
        share.hang()
        told = house.watchd("check", "--offline", timeout=60)
        share.answer()
    assert "1 wrong" in told.stderr
    assert "does not answer within" in told.stdout
    assert "folder b" in told.stdout
    assert "state_dir" in told.stdout
