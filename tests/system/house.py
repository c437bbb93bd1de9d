"""A watchd in a folder of its own, as its users have it: files, processes, sockets, and the ledger's public face."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, ClassVar, Protocol, Self

import pytest

from tests.system.nursery import Forked, Nursery
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

KEY = "vk-3b1f9c77d04e4a5e8f21"
PATIENCE = 20.0
"""Seconds that nothing here takes on an idle machine; only a failing test waits for so long."""


def until(holds: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
    """Ask over and over until it holds; `what` is the sentence of a failure."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)


def bindfs() -> str:
    """The program that mounts a folder behind FUSE, `--no-allow-other`; a test that has none is skipped."""
    program = shutil.which("bindfs")
    if program is None:
        pytest.skip("bindfs is not installed")
    return program


class Process(Protocol):
    """What is asked of whatever runs the daemon: a process of ours, or a unit of systemd's."""

    @property
    def stderr(self) -> IO[bytes] | None: ...
    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...


class Daemon:
    """A `watchd run` under way, with its log as it comes: JSON objects with their `action`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, name="log")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as log:
            for line in log:
                with self._changed:
                    self._lines.append(line.decode())
                    self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def text(self) -> str:
        """The log so far."""
        with self._changed:
            return "".join(self._lines)

    def log(self) -> list[dict[str, Any]]:
        """The log so far, a line each."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def actions(self) -> list[str]:
        """The machine's key of each line."""
        return [str(line.get("action")) for line in self.log()]

    def wait_for(self, action: str, count: int = 1, timeout: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until so many lines with this action came since the start; answers them."""

        def came() -> list[dict[str, Any]]:
            lines = [json.loads(line) for line in self._lines if line.startswith("{")]
            return [line for line in lines if line.get("action") == action]

        with self._changed:
            self._changed.wait_for(lambda: self._over or len(came()) >= count, timeout)
            found = came()
            assert len(found) >= count, f"{len(found)} of {count} lines {action!r} in:\n{''.join(self._lines)}"
            return found

    def signal_thread(self, number: signal.Signals) -> None:
        """Send a signal as the kernel may: to another thread than the main one."""
        tasks = sorted(int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir())
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.tgkill(self.pid, next(task for task in tasks if task != self.pid), int(number)) == 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def stop(self) -> int:
        """Ask it to end, in good order; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it with no warning at all."""
        self.process.kill()
        self.wait()


def plainly(house: House) -> Daemon:
    """A `watchd run` as a shell would start it."""
    return Daemon(house.begin(*house.command("run")))


class House:
    """A configuration with its folders, a sandbox to pay at, and commands to run. Use it as a context manager."""

    starter: ClassVar[Callable[[House], Daemon]] = plainly
    """How daemons are started: otherwise with `pytest --under-unit`."""
    may_fork = True
    """Whether processes may be forked from one that has the program loaded: not where their memory is asked about."""
    forks_in_campaigns = False
    """Whether they are forked with `WATCHD_FAULTS=full` too."""
    _nursery: ClassVar[Nursery | None] = None
    _one_nursery = threading.Lock()

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hot = root / "hot"
        self.out = root / "hot-out"
        self.state = root / "state"
        self.config = root / "watchd.yaml"
        self.key = root / "key"
        self.hot.mkdir()
        self.key.write_text(KEY + "\n")
        self.key.chmod(0o600)
        self._daemons: list[Daemon] = []
        self._sandbox: Sandbox | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for daemon in self._daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        self._stack.close()

    # What is there

    @property
    def sandbox(self) -> Sandbox:
        """The endpoint; without failures of its own unless it was opened with some."""
        return self._sandbox or self.open_sandbox()

    def open_sandbox(self, **options: Any) -> Sandbox:
        """Start the endpoint; see SandboxOptions."""
        assert self._sandbox is None, "one sandbox for each house: its charges are what the books are held against"
        chosen = SandboxOptions(**({"engine": "fast", "key": KEY} | options))
        self._sandbox = self._stack.enter_context(Sandbox(chosen))
        return self._sandbox

    def configure(self, *folders: dict[str, Any], api: dict[str, Any] | None = None, **top: Any) -> None:
        """Write the configuration: quick to settle, unpaced, one folder unless others are given."""
        chosen = {
            "base_url": self.sandbox.base_url,
            "key_file": str(self.key),
            "requests_per_minute": 0,
            "timeout": "20s",
        } | (api or {})
        whole = {
            "api": chosen,
            "state_dir": str(self.state),
            "folders": [self.folder(**folder) for folder in folders or ({},)],
            "log": {"format": "json"},
        } | top
        self.config.write_text(json.dumps(whole, indent=1))  # every JSON text is YAML

    def folder(self, **changes: Any) -> dict[str, Any]:
        """A folder's part of the configuration."""
        return {"path": str(self.hot), "profile": {"scale": 2}, "settle": "200ms", "rescan_every": "1s"} | changes

    def drop(self, name: str, data: bytes, folder: Path | None = None) -> Path:
        """Write a file into the hot folder, its sub-folders made where needed."""
        path = (folder or self.hot) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    # What is run

    @property
    def environment(self) -> dict[str, str]:
        """A clean environment: nothing of the machine's own configuration or keys; the tree that is tested is run."""
        names = {"PATH", "PYTHONPATH", "HOME", "LANG", "TZ"}
        kept = {name: value for name, value in os.environ.items() if name in names}
        return kept | {"PYTHONWARNINGS": "error"}

    def command(self, *arguments: str | bytes) -> list[str | bytes]:
        """The program with these arguments."""
        return [sys.executable, "-m", "watchd", "--config", str(self.config), *arguments]

    def watchd(self, *arguments: str | bytes, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command, environment = self.command(*arguments), self.environment
        nursery = self._nursery_for(command, environment)
        if nursery is None:
            return subprocess.run(
                command, env=environment, cwd=self.root, capture_output=True, text=True, timeout=timeout, check=False
            )
        with TemporaryFile() as told, TemporaryFile() as complained, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), told.fileno(), complained.fileno()]
            process = Forked(nursery.fork(command[1:], environment, self.root, files), None)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            texts = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0) for file in (told, complained)]
        return subprocess.CompletedProcess(command, status, *(text.decode() for text in texts))

    def begin(self, *command: str | bytes, **environment: str) -> Process:
        """Start a process in the house; its standard error is to be read."""
        surroundings = self.environment | environment
        nursery = self._nursery_for(command, surroundings)
        if nursery is None:
            return subprocess.Popen(
                command, env=surroundings, cwd=self.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        heard, told = os.pipe()
        with Path(os.devnull).open("r+b") as nothing:
            pid = nursery.fork(command[1:], surroundings, self.root, [nothing.fileno(), nothing.fileno(), told])
        os.close(told)
        return Forked(pid, os.fdopen(heard, "rb"))

    def _nursery_for(self, command: Sequence[str | bytes], environment: Mapping[str, str]) -> Nursery | None:
        """Where a process may be forked from; None: it is begun as a shell does it."""
        campaign = os.environ.get("WATCHD_FAULTS") == "full" and not self.forks_in_campaigns
        if not self.may_fork or campaign or command[0] != sys.executable:
            return None
        if command[1] != "-m" and not str(command[1]).endswith(".py"):
            return None
        with House._one_nursery:  # houses of two threads may want the first one at once
            House._nursery = House._nursery or Nursery(self.environment)
        return House._nursery if House._nursery.suits(environment) else None

    def once(self, status: int = 0) -> subprocess.CompletedProcess[str]:
        """`watchd once`, which must end with this status."""
        ended = self.watchd("once", timeout=30.0)
        assert ended.returncode == status, f"{ended.returncode} instead of {status}:\n{ended.stdout}{ended.stderr}"
        return ended

    def start(self) -> Daemon:
        """`watchd run`, ready."""
        daemon = self.launch()
        daemon.wait_for("started")
        return daemon

    def launch(self) -> Daemon:
        """`watchd run`, perhaps not ready yet."""
        daemon = type(self).starter(self)
        self._daemons.append(daemon)
        return daemon

    def launch_as(self, *program: str, **environment: str) -> Daemon:
        """`run` by another program than `python -m watchd`, such as one with a fault; perhaps not ready yet."""
        daemon = Daemon(self.begin(*program, "--config", str(self.config), "run", **environment))
        self._daemons.append(daemon)
        return daemon

    # What came of it

    def read(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the ledger, read beside the daemon as any other program may."""
        if not (self.state / "ledger.db").exists():
            return []
        connection = sqlite3.connect(f"file:{self.state / 'ledger.db'}?mode=ro", uri=True, timeout=5.0)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def jobs(self) -> list[dict[str, Any]]:
        """The view `jobs`, oldest first."""
        return self.read("SELECT * FROM jobs ORDER BY id") if self._has_ledger() else []

    def _has_ledger(self) -> bool:
        """Whether the ledger was made: before that there is a moment with a file and no tables."""
        return bool(self.read("SELECT 1 FROM sqlite_master WHERE name = 'spending'"))

    def job(self, path: str) -> dict[str, Any]:
        """The one job of a path."""
        (found,) = (job for job in self.jobs() if job["path"] == path)
        return found

    def attempts(self) -> list[dict[str, Any]]:
        """The view `attempts`, oldest first."""
        return self.read("SELECT * FROM attempts ORDER BY id")

    def states(self) -> list[str]:
        """The state of each job, oldest first."""
        return [job["state"] for job in self.jobs()]

    def wait_for_states(self, *states: str, timeout: float = PATIENCE) -> None:
        """Wait until the jobs, oldest first, stand like this."""
        until(lambda: self.states() == [*states], f"jobs {[*states]}, now {self.jobs()}", timeout)

    def wait_for_all(self, count: int, state: str = "done", timeout: float = PATIENCE) -> None:
        """Wait until there are so many jobs and all of them are in that state."""
        until(lambda: self.states() == [state] * count, f"{count} jobs {state}; {self.states()}", timeout)

    def status(self) -> dict[str, Any]:
        """`status --json`."""
        answer = self.json("status", "--json")
        assert isinstance(answer, dict)
        return answer

    def json(self, *arguments: str | bytes) -> Any:
        """What a command that only asks tells in JSON."""
        ended = self.watchd(*arguments)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def sent(self) -> Sequence[str | None]:
        """SHA-256 of the picture of each call that the endpoint charged for."""
        return [call.sha256 for call in self.sandbox.calls() if call.charged]

    def assert_books_balance(self) -> None:
        """What the ledger says less what the service charged is never below 0 nor above what is in doubt."""
        if self._sandbox is None or not self._has_ledger():
            return
        (row,) = self.read(
            "SELECT coalesce(sum(cost), 0) AS total, coalesce(sum(cost) FILTER (WHERE finished_at IS NULL"
            " OR outcome IN ('lost', 'bad_answer')), 0) AS in_doubt FROM attempts"
        )
        total, in_doubt = (round(Decimal(row[name]), 6) for name in ("total", "in_doubt"))
        difference = total - self._sandbox.charges().usd
        assert 0 <= difference <= in_doubt, f"{total} booked, {difference} more than charged, {in_doubt} in doubt"
