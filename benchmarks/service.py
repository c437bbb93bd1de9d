"""The benchmarks' own service as a process: started, asked what it saw, and measured itself, lest it set the pace."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.processes import BenchError, running
from benchmarks.server import Call

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

KEY = "benchmark"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service saw since it was last asked. `cpu_seconds`: its own, since it started."""

    calls: Sequence[Call]
    broken_off: int
    peak: int
    cpu_seconds: float

    def wrong(self, whole: Collection[str]) -> Sequence[Call]:
        """The calls whose picture was none of these, by SHA-256."""
        return [call for call in self.calls if call.sha256 not in whole]


@dataclass(frozen=True, slots=True)
class Listening:
    """A service of the benchmarks, wherever it is written: where it listens, and what it tells."""

    port: int

    @property
    def base_url(self) -> str:
        """What `api.base_url` gets."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def url(self) -> str:
        """Where a picture is posted."""
        return f"{self.base_url}/image/upscale"

    def told(self) -> dict[str, Any]:
        """Its report, which it forgets by that."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/report", headers={"Connection": "close"})
        told: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return told


class Service(Listening):
    """The one in Python, which tells every picture by its SHA-256."""

    __slots__ = ()

    def report(self) -> Seen:
        """Everything since the last report."""
        told = self.told()
        return Seen([Call(**call) for call in told["calls"]], told["broken_off"], told["peak"], told["cpu_seconds"])

    def send_bare(self, pictures: Sequence[bytes], at_once: int) -> float:
        """Seconds for these pictures with nothing around the calls: what the service itself allows."""
        start = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            for status in pool.map(self._send_one, pictures):
                if status != http.client.OK:
                    raise BenchError(f"the service answered {status}")
        return time.monotonic() - start

    def _send_one(self, picture: bytes) -> int:
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="image.png"\r\n\r\n'
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Connection": "close"}
        connection.request("POST", "/api/v1/image/upscale", body=head + picture + b"\r\n--b--\r\n", headers=headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status


@contextmanager
def serving(log: Path, *, latency: float, concurrency: int = 8, answers: Sequence[Path] = ()) -> Iterator[Service]:
    """The service until the context is left. `latency`: seconds of one call; `answers`: prepared PNGs."""
    command = [sys.executable, "-m", "benchmarks.server", "--latency", str(latency), "--concurrency", str(concurrency)]
    for path in answers:
        command += ["--answer", str(path)]
    with listening(command, log) as port:
        yield Service(port)


@contextmanager
def listening(command: Sequence[str], log: Path) -> Iterator[int]:
    """A service that says its port first, and ends when its standard input does; until the context is left."""
    with running(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or not (line := process.stdout.readline()):
            raise BenchError(f"the service did not start; see {log}")
        yield int(line)
