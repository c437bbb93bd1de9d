"""Processes of the benchmarks' own: started, awaited, looked at in /proc, and ended by their id."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.pool import Pool

ENDS_WITHIN = 10.0
STEP = 0.02


class BenchError(Exception):
    """Something about the run itself went wrong, so there is no figure."""


def environment(**extra: str) -> dict[str, str]:
    """Ours without proxies and keys: everything here speaks to loopback."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    for key in ("WATCHD_CONFIG", "WATCHD_BASE_URL", "VENICE_API_KEY", "NOTIFY_SOCKET"):
        kept.pop(key, None)
    return kept | extra


def seconds_of(command: Sequence[str], most: float = 60.0) -> float:
    """Wall time of a command that succeeds. It is ended after `most` seconds, which is a BenchError.

    Waited for in the kernel: who waits with a time limit looks every twentieth of a second, and finds no shorter times.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    limit = threading.Timer(most, process.kill)
    limit.start()
    try:
        status = process.wait()
        took = time.monotonic() - began
    finally:
        limit.cancel()
    if status:
        raise BenchError(f"{' '.join(command)} ended with {status}")
    return took


@contextmanager
def running(
    command: Sequence[str], log: Path, *, stdin: int | IO[Any] | None = subprocess.DEVNULL, stdout: int | None = None,
    **extra: str,
) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """A process until the context is left; what it says goes to `log`, and to the error if it ended too soon."""
    with log.open("ab") as told:
        process = subprocess.Popen(
            command, stdin=stdin, stdout=told if stdout is None else stdout, stderr=told, env=environment(**extra)
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; make it end if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def hands(number: int) -> Iterator[Pool]:
    """Processes of this very program, to make files; they end when the context is left, whatever they are at.

    To be had before anything starts a thread, as they are forks.
    """
    with multiprocessing.get_context("fork").Pool(number, _obey) as pool:
        try:
            yield pool
        finally:
            pool.terminate()
            pool.join()


def _obey() -> None:
    """End at once when the parent says so, and only then: it is the one that has contexts to leave."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def wait_until(true: Callable[[], bool], seconds: float, what: str, *, step: float = STEP) -> None:
    """Look every `step` seconds until it is so. Raises BenchError when it was not within `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise BenchError(f"not within {seconds:g} s: {what}")
        time.sleep(step)


def watches(pid: int) -> bool:
    """Whether the process holds an inotify watch: from then on it hears of files."""
    try:
        infos = [*Path(f"/proc/{pid}/fdinfo").iterdir()]
    except OSError:
        return False
    for info in infos:
        try:
            if "inotify wd:" in info.read_text():
                return True
        except OSError:
            continue  # closed since it was listed
    return False


def peak_memory_mb(pid: int) -> float:
    """The most resident memory that the process ever had (VmHWM), in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise BenchError(f"/proc/{pid}/status has no VmHWM")


@dataclass(frozen=True, slots=True)
class Activity:
    """What all threads of a process have done so far: context switches (either kind), and seconds of CPU."""

    switches: int
    cpu_seconds: float


def activity(pid: int) -> Activity:
    """As of now, over all threads that live; schedstat counts in ns where utime would count in hundredths."""
    switches = nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            status, on_cpu = (task / "status").read_text(), (task / "schedstat").read_text()
        except OSError:
            continue  # ended since it was listed
        switches += sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)
        nanoseconds += int(on_cpu.split()[0])
    return Activity(switches, nanoseconds / 1e9)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, threads that have ended included; in hundredths, for what takes its time."""
    user, system = _stat(Path("/proc", str(pid)))[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Others:
    """How much of the whole machine was in use by others: everything but this process and what descends from it."""

    def __init__(self) -> None:
        self._since = (*_cpu_ticks(), _own_ticks())

    def share(self) -> float:
        """Since this was made: 0 to 1. The kernel's own threads, such as those that write to the disk, are others."""
        total, idle, own = (now - then for now, then in zip((*_cpu_ticks(), _own_ticks()), self._since, strict=True))
        return max(0.0, (total - idle - own) / total) if total else 0.0


def others_share(seconds: float) -> float:
    """The same while we do nothing for so long."""
    others = Others()
    time.sleep(seconds)
    return others.share()


def _cpu_ticks() -> tuple[int, int]:
    """All ticks of all cores so far, and the idle ones of them."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _own_ticks() -> int:
    """Ticks of this process, of those that descend from it, and of those that have ended and were waited for."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(folder)
        except OSError:
            continue  # ended since it was listed
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(int(field) for field in fields[11:15])
    return sum(spent for pid, spent in ticks.items() if _descends(pid, parents))


def _stat(folder: Path) -> list[str]:
    """Behind the name, which may hold anything: see proc(5)."""
    return (folder / "stat").read_text().rpartition(")")[2].split()


def _descends(pid: int, parents: dict[int, int]) -> bool:
    me = os.getpid()
    while pid != me:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True
