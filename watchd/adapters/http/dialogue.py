"""One request and its answer on a line, in HTTP/1.1: h11 reads and writes all that is not a body.

A body whose length is known goes by it: it is written and read as it is, in large pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h11
import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_HEAD_BYTES: Final = 100 * 1024
READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """How an answer begins.

    `headers`: by lower-case name. `length`: of its body in bytes; None: it is told otherwise.
    """

    status: int
    headers: Mapping[str, str]
    length: int | None
    reason: str


class Dialogue:
    """What is said on a line from one request to the end of its answer.

    Raises from every method:
        httpcore.NetworkError: the line broke.
        httpcore.RemoteProtocolError: what came is no HTTP, or broke off.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)

    def say(self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: Iterator[bytes]) -> None:
        """Send a request; where the line breaks meanwhile, an answer may have come all the same.

        Raises:
            httpcore.LocalProtocolError: a header holds what no header may.
        """
        try:
            head = self._state.send(h11.Request(method=method, target=target, headers=[*headers]))
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        try:
            self._stream.write(head or b"")
            for piece in body:
                self._stream.write(piece)
        except httpcore.WriteError:
            pass  # a service that has had enough may close first and have said why

    def head(self) -> Head:
        """How the answer begins."""
        while True:
            event = self._event()
            if isinstance(event, h11.Response):
                break
        headers: dict[str, str] = {}
        for name, value in event.headers:
            told = name.decode("latin-1"), value.decode("latin-1")
            headers[told[0]] = f"{headers[told[0]]}, {told[1]}" if told[0] in headers else told[1]
        is_counted = "content-length" in headers and "transfer-encoding" not in headers
        length = int(headers["content-length"]) if is_counted and event.status_code == httpx.codes.OK else None
        return Head(event.status_code, headers, length, event.reason.decode("latin-1"))

    def body(self, head: Head) -> Iterator[bytes]:
        """The body of the answer as it comes."""
        yield from self._framed() if head.length is None else self._counted(head.length)

    def _counted(self, length: int) -> Iterator[bytes]:
        first, _ = self._state.trailing_data
        if first:
            yield first[:length]
        left = length - len(first)
        while left > 0:
            piece = self._stream.read(min(READ_BYTES, left))
            if not piece:
                raise httpcore.RemoteProtocolError(
                    "peer closed connection without sending complete message body"
                    f" (received {length - left} bytes, expected {length})"
                )
            left -= len(piece)
            yield piece

    def _framed(self) -> Iterator[bytes]:
        while True:
            match self._event():
                case h11.Data(data=data):
                    yield bytes(data)
                case _:
                    return

    def _event(self) -> object:
        while True:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as error:
                raise httpcore.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = self._stream.read(READ_BYTES)
            if not data and self._state.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
            self._state.receive_data(data)
