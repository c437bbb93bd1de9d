"""The paid service without a network: it counts what it charges, and keeps the order that money depends on."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.pictures import png
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Traffic
from watchd.core.request.endpoint import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.interfaces import Upload

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class CutWhileUploading:
    """The connection ends before the last bytes."""


@dataclass(frozen=True, slots=True)
class CutAfterwards:
    """It runs and is charged, and the answer never comes."""


@dataclass(frozen=True, slots=True)
class Says:
    """It runs and is charged, and this is answered with status 200."""

    body: bytes
    content_type: str = "image/png"
    encoding: str = ""


Event = Unreachable | CutWhileUploading | CutAfterwards | Says | Answer


@dataclass(frozen=True, slots=True)
class Streamed:
    """A 200 whose body went into the sink."""

    content_type: str
    encoding: str
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Seen:
    """A complete request."""

    sha256: str
    fields: tuple[tuple[str, str | float | bool], ...]


@dataclass
class FakeEndpoint:
    """Implements `interfaces.Endpoint`. `script` is used up from its front; without one every picture is enlarged."""

    script: list[Event] = field(default_factory=list)
    answers_query: bool | None = None
    always_cut: set[str] = field(default_factory=set)
    """SHA-256 of pictures whose upload never gets through."""
    seen: list[Seen] = field(default_factory=list)
    charged: int = 0
    queries: int = 0
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(
        self, upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]
    ) -> Streamed | Answered | NotSent | Lost:
        """One call, as the script has it."""
        with self._lock:
            self.calls += 1
            event = self.script.pop(0) if self.script else None
        with upload.open() as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() in self.always_cut:
            event = CutWhileUploading()
        if isinstance(event, Unreachable):
            return NotSent("connection refused", uploading=False, traffic=Traffic())
        if isinstance(event, CutWhileUploading):
            return NotSent("connection reset", uploading=True, traffic=Traffic(len(data) // 2))
        arm()
        with self._lock:
            self.seen.append(Seen(hashlib.sha256(data).hexdigest(), upload.parameters.fields))
        if isinstance(event, Answer):
            return Answered(event, Traffic(len(data), 100, "ray"))
        with self._lock:
            self.charged += upload.parameters.price
        if isinstance(event, CutAfterwards):
            return Lost("sent, and then: connection reset", Traffic(len(data)))
        said = event or Says(png(upload.parameters.width, upload.parameters.height))
        return self._stream(said, sink, len(data))

    @staticmethod
    def _stream(said: Says, sink: Callable[[bytes], bool], sent: int) -> Streamed:
        received = 0
        for start in range(0, len(said.body), PIECE):
            piece = said.body[start : start + PIECE]
            received += len(piece)
            if not sink(piece):
                break
        return Streamed(said.content_type, said.encoding, Traffic(sent, received, "ray"))

    def permits(self) -> bool | None:
        """What the free query says."""
        self.queries += 1
        return self.answers_query

    def hurry(self) -> None:
        """Nothing takes any time."""

    def abort(self) -> None:
        """Nothing is ever in flight when somebody else could ask."""
