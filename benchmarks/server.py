"""The service of the benchmarks: raw HTTP/1.1 on loopback in a process of its own, with a set time for each call.

It answers a prepared PNG of exactly twice the size, tells every picture by its SHA-256, counts what it charges, and
notes when the first and the last byte of each request came, on the clock that all processes of this machine share
(CLOCK_MONOTONIC). It ends when its standard input does, so it never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import pictures

END_OF_HEAD: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Call:
    """One complete request. Times in ns of CLOCK_MONOTONIC; `charged`: a picture was answered."""

    sha256: str
    size: int
    first_byte_ns: int
    complete_ns: int
    charged: bool


@dataclass(slots=True)
class Service:
    """What all connections share."""

    latency: float
    places: asyncio.Semaphore
    answers: dict[tuple[int, int], bytes]
    calls: list[Call] = field(default_factory=list)
    broken_off: int = 0
    in_flight: int = 0
    peak: int = 0

    def answer_for(self, data: bytes) -> bytes | None:
        """The PNG of twice the size; None where that cannot be told."""
        size = pictures.size_of(data)
        if size is None:
            return None
        doubled = (2 * size[0], 2 * size[1])
        if doubled not in self.answers:
            self.answers[doubled] = pictures.png(doubled, channels=1, noisy_rows=0, seed=0, level=9)
        return self.answers[doubled]

    def report(self) -> bytes:
        """Everything since the last time it was asked for, and forgets it."""
        told = {
            "calls": [asdict(call) for call in self.calls],
            "broken_off": self.broken_off,
            "peak": self.peak,
            "cpu_seconds": time.process_time(),
        }
        self.calls, self.broken_off, self.peak = [], 0, self.in_flight
        return json.dumps(told).encode()


class Connection(asyncio.Protocol):
    """One client's connection; requests one after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._first_byte_ns = 0
        self._head = b""
        self._length = 0
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- narrows what asyncio says of a TCP server
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's own signature
        """Count a request that did not come whole."""
        if self._head or self._buffer:
            self._service.broken_off += 1

    def data_received(self, data: bytes) -> None:
        """Note when it came; serve the request once it is whole."""
        if not self._first_byte_ns:
            self._first_byte_ns = time.monotonic_ns()
        self._buffer += data
        if not self._head:
            self._read_head()
        if self._head and len(self._buffer) >= self._length:
            body, head, first = bytes(self._buffer[: self._length]), self._head, self._first_byte_ns
            del self._buffer[: self._length]
            self._head, self._first_byte_ns = b"", 0
            self._task = asyncio.get_running_loop().create_task(self._serve(head, body, first, time.monotonic_ns()))

    def _read_head(self) -> None:
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            return
        self._head = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_HEAD)]
        self._length = int(header(self._head, b"content-length") or b"0")
        if header(self._head, b"expect"):
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _serve(self, head: bytes, body: bytes, first_byte_ns: int, complete_ns: int) -> None:
        if head.startswith(b"GET /report"):
            self._answer(b"200 OK", b"application/json", self._service.report(), head)
            return
        picture = picture_in(body, head)
        answer = self._service.answer_for(picture)
        digest = hashlib.sha256(picture).hexdigest()
        call = Call(digest, len(picture), first_byte_ns, complete_ns, charged=answer is not None)
        self._service.calls.append(call)
        if answer is None:
            self._answer(b"400 Bad Request", b"application/json", b'{"error": "no picture"}', head)
            return
        async with self._service.places:
            self._service.in_flight += 1
            self._service.peak = max(self._service.peak, self._service.in_flight)
            # The time counts from the moment that a place is free: a queue before it is the caller's own making.
            await asyncio.sleep(self._service.latency)
            self._service.in_flight -= 1
        self._answer(b"200 OK", b"image/png", answer, head)

    def _answer(self, status: bytes, content_type: bytes, body: bytes, head: bytes) -> None:
        closes = (header(head, b"connection") or b"").lower() == b"close"
        lines = [b"HTTP/1.1 " + status, b"Content-Type: " + content_type, b"Content-Length: %d" % len(body)]
        if closes:
            lines.append(b"Connection: close")
        self._send(b"\r\n".join(lines) + END_OF_HEAD)
        self._send(body)
        if closes and self._transport is not None:
            self._transport.close()

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def header(head: bytes, name: bytes) -> bytes | None:
    """The value of a header line; `name` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


def picture_in(body: bytes, head: bytes) -> bytes:
    """The bytes of the file in a multipart body; nothing where there is none."""
    content_type = header(head, b"content-type") or b""
    boundary = content_type.partition(b"boundary=")[2].strip(b'"')
    named = body.find(b'name="image"')
    start = body.find(END_OF_HEAD, named)
    if not boundary or named < 0 or start < 0:
        return b""
    end = body.rfind(b"\r\n--" + boundary)
    # Another field may follow the file: the end of its part is the first boundary behind it, and never far from the
    # last one, so the search goes backwards and does not walk through megabytes of picture.
    while (earlier := body.rfind(b"\r\n--" + boundary, max(start, end - 4096), end)) > start:
        end = earlier
    return body[start + len(END_OF_HEAD) : end]


async def serve(latency: float, concurrency: int, answers: list[Path]) -> None:
    """Serve until standard input ends; the port is the first line of standard output."""
    prepared = {}
    for path in answers:
        data = path.read_bytes()
        size = pictures.size_of(data)
        if size is None:
            raise ValueError(f"{path} is no PNG")
        prepared[size] = data
    service = Service(latency, asyncio.Semaphore(concurrency), prepared)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """`python -m benchmarks.server`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that a call takes")
    parser.add_argument("--concurrency", type=int, default=8, help="calls worked on at once")
    parser.add_argument("--answer", type=Path, action="append", default=[], help="a PNG, answered where its size fits")
    options = parser.parse_args()
    asyncio.run(serve(options.latency, options.concurrency, options.answer))


if __name__ == "__main__":
    main()
