"""Those who are compared, each started on folders of its own: watchd, and what a user would write instead."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import BenchError, running, wait_until, watches
from benchmarks.service import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.service import Service

READY_WITHIN = 60.0
NOWHERE = "http://127.0.0.1:9/api/v1"
WORKERS = 8
RIVALS = Path(__file__).parent / "rivals"
_NO_MORE = b"END"

CONFIGURATION = """\
api:
  base_url: {base_url}
  key_file: key
  workers: {workers}
  requests_per_minute: 0
  price: {{up_to_2x: 0.0001, above_2x: 0.0001}}   # nothing here is to wait for an approval
state_dir: state
profiles:
  double: {{scale: 2}}
folders:
  - path: hot
    output: out
    profile: double
    settle: 0
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One contender's folders: pictures come into `hot`, results into `out`."""

    home: Path

    @property
    def hot(self) -> Path:
        """Where pictures are dropped."""
        return self.home / "hot"

    @property
    def out(self) -> Path:
        """Where results appear."""
        return self.home / "out"

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.home / "log"

    @property
    def config(self) -> Path:
        """The configuration of watchd."""
        return self.home / "watchd.yaml"


@contextmanager
def staged(home: Path) -> Iterator[Stage]:
    """Empty folders, removed at the end with all that came into them. After an error the log stays in the error."""
    stage = Stage(home)
    stage.hot.mkdir(parents=True)
    stage.out.mkdir()
    try:
        yield stage
    except BenchError as error:
        said = stage.log.read_text(errors="replace")[-2000:] if stage.log.exists() else ""
        raise BenchError(f"{error}\n{said}") from error
    finally:
        shutil.rmtree(home)


def configure(stage: Stage, base_url: str, keys: str = "", workers: int = WORKERS) -> None:
    """Write watchd's configuration and its key; `keys` are more lines of its folder, then of the file."""
    (stage.home / "key").write_text(KEY)
    (stage.home / "key").chmod(0o600)
    stage.config.write_text(CONFIGURATION.format(base_url=base_url, workers=workers) + keys)


def watchd_command(stage: Stage, *arguments: str) -> list[str]:
    """A command of the watchd that is installed beside this interpreter."""
    return [str(Path(sys.executable).with_name("watchd")), "--config", str(stage.config), *arguments]


@contextmanager
def watchd(stage: Stage, service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """`watchd run`, ready as it tells systemd."""
    with alone(stage, service.base_url) as process:
        yield process


@contextmanager
def alone(
    stage: Stage, base_url: str = NOWHERE, keys: str = "", workers: int = WORKERS
) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """The same where no call is made, and so no service is needed; or with one of any kind."""
    configure(stage, base_url, keys, workers)
    address = str(stage.home / "notify")
    with _listening(address) as ready, running(watchd_command(stage, "run"), stage.log, NOTIFY_SOCKET=address) as it:
        if not ready.wait(READY_WITHIN):
            raise BenchError("watchd did not become ready")
        yield it


@contextmanager
def _listening(address: str) -> Iterator[threading.Event]:
    """The service manager's end of sd_notify(3): set once READY=1 has come.

    It reads on until the end, as systemd does: the kernel holds few datagrams that nobody reads, and then whoever sends
    another one waits.
    """
    ready = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(address)

        def listen() -> None:
            while (state := told.recv(4096)) != _NO_MORE:
                if b"READY=1" in state:
                    ready.set()

        listener = threading.Thread(target=listen, name="notify")
        listener.start()
        try:
            yield ready
        finally:
            told.sendto(_NO_MORE, address)
            listener.join()
            Path(address).unlink()  # so that a second start finds the name free


@contextmanager
def watchfiles_script(stage: Stage, service: Service, step_ms: int = 50) -> Iterator[subprocess.Popen[bytes]]:
    """The script rivals/watchfiles_httpx.py. `step_ms`: watchfiles waits that long for more before it tells."""
    script = str(RIVALS / "watchfiles_httpx.py")
    command = [sys.executable, script, str(stage.hot), str(stage.out), service.url, str(step_ms)]
    with running(command, stage.log) as process:
        wait_until(lambda: watches(process.pid), READY_WITHIN, "watchfiles watches")
        yield process


@contextmanager
def polling_script(stage: Stage, service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """The script rivals/polling_httpx.py."""
    command = [sys.executable, str(RIVALS / "polling_httpx.py"), str(stage.hot), str(stage.out), service.url]
    with running(command, stage.log, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise BenchError("the polling script did not become ready")
        yield process


@contextmanager
def inotifywait_pipeline(stage: Stage, service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """`inotifywait -m | xargs -P8 curl`; the process is inotifywait."""
    listen = [
        needed("inotifywait"), "-m", "-q", "-e", "moved_to", "-e", "close_write", "--format", "%f", str(stage.hot),
    ]  # fmt: skip
    with running(listen, stage.log, stdout=subprocess.PIPE) as source:
        send = [needed("xargs"), "-d", "\\n", f"-P{WORKERS}", "-I{}", *curl(stage, service)]
        with running(send, stage.log, stdin=source.stdout):
            wait_until(lambda: watches(source.pid), READY_WITHIN, "inotifywait watches")
            yield source
            # xargs ends when its input does, and its curls with it.
            source.terminate()


@contextmanager
def find_pipeline(stage: Stage, service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """`find | xargs -P8 curl` over what lies there now; the process is xargs, which ends when all is sent."""
    listing = [needed("find"), str(stage.hot), "-type", "f", "-printf", "%f\\0"]
    with running(listing, stage.log, stdout=subprocess.PIPE) as source:
        send = [needed("xargs"), "-0", f"-P{WORKERS}", "-I{}", *curl(stage, service)]
        with running(send, stage.log, stdin=source.stdout) as process:
            yield process


def curl(stage: Stage, service: Service) -> list[str]:
    """The call as anybody would make it; `{}` stands for the file's name."""
    return [
        needed("curl"), "-s", "-f", "-H", f"Authorization: Bearer {KEY}", "-F", "scale=2",
        "-F", f"image=@{stage.hot}/{{}};type=image/png", "-o", f"{stage.out}/{{}}", service.url,
    ]  # fmt: skip


def needed(program: str) -> str:
    """Where a program is. Raises BenchError where it is not installed."""
    found = shutil.which(program)
    if found is None:
        raise BenchError(f"{program} is not installed")
    return found


def installed(*programs: str) -> bool:
    """Whether all of them are."""
    return all(shutil.which(program) for program in programs)
