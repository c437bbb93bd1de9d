"""What passes between the daemon and a darkroom: a request with its open files, and a short answer.

Requests are pickled, since they come from the daemon. Answers are JSON: whoever decodes a hostile file may have been
taken over by it, and must not be able to make the daemon run anything.
"""

from __future__ import annotations

import array
import json
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LENGTH: Final = struct.Struct("<Q")
_FILES_AT_ONCE: Final = 100
"""Linux takes 253 descriptors in one message."""
_MOST_ANSWER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """A verb of the studio's and what it is told; `files` are numbers of descriptors on the side that holds it."""

    verb: str
    arguments: tuple[Any, ...]
    files: tuple[int, ...]


def send(line: socket.socket, request: Request) -> None:
    """Hand over a request and its files."""
    body = pickle.dumps((request.verb, request.arguments, len(request.files)))
    line.sendall(_LENGTH.pack(len(body)) + body)
    for start in range(0, len(request.files), _FILES_AT_ONCE):
        socket.send_fds(line, [b"\0"], request.files[start : start + _FILES_AT_ONCE])


def receive(line: socket.socket) -> Request | None:
    """The next request; None: there will be none."""
    head = _exactly(line, _LENGTH.size)
    if head is None:
        return None
    body = _exactly(line, _LENGTH.unpack(head)[0])
    if body is None:
        return None
    verb, arguments, count = pickle.loads(body)  # noqa: S301 -- the daemon's own
    files: list[int] = []
    while len(files) < count:
        _, ancillary, _, _ = line.recvmsg(1, socket.CMSG_SPACE(_FILES_AT_ONCE * array.array("i").itemsize))
        if not ancillary:
            return None
        for _, _, sent in ancillary:
            numbers = array.array("i")
            numbers.frombytes(sent[: len(sent) // numbers.itemsize * numbers.itemsize])
            files += numbers
    return Request(verb, arguments, (*files,))


def reply(line: socket.socket, answer: dict[str, Any]) -> None:
    """Send an answer."""
    body = json.dumps(answer).encode()
    line.sendall(_LENGTH.pack(len(body)) + body)


def answer(line: socket.socket) -> dict[str, Any] | None:
    """The answer; None: whoever should give it is no more. Raises TimeoutError as the socket is set to."""
    head = _exactly(line, _LENGTH.size)
    if head is None or _LENGTH.unpack(head)[0] > _MOST_ANSWER:
        return None
    body = _exactly(line, _LENGTH.unpack(head)[0])
    found = None if body is None else json.loads(body)
    return found if isinstance(found, dict) else None


def _exactly(line: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        piece = line.recv(min(size, 1 << 20))
        if not piece:
            return None
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def numbers(files: Sequence[Any]) -> tuple[int, ...]:
    """The descriptors of open files."""
    return tuple(file.fileno() for file in files)
