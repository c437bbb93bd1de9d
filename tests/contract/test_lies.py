"""The client against a service that lies: no lie is received, each ends in time, and none gets the key out."""

from __future__ import annotations

import gzip
import io
import threading
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pytest

from tests.contract.uploads import heavy, parameters, upload
from tests.fakes.lies import LIES, Lie, Scene, flaw, honest
from tests.fakes.raw_server import PATIENCE, Peer, RawServer
from watchd.adapters.http.client import HttpEndpoint
from watchd.core.calls.outcomes import Answered, BadAnswer, CallResult, Lost, NotSent, Received
from watchd.core.request.endpoint import meaning
from watchd.journey.work.receiving import AnswerSink
from watchd.model import Api, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.formats.png.structure import Blemish
    from watchd.interfaces import Streamed, Upload

SIZE = (512, 512)
RIGHT = honest(*SIZE)
DEADLINE = 1.0
pytestmark = pytest.mark.timeout(15)  # a call that does not end fails here, and holds up nobody for long
GRACE = 5.0
KEY = "vk-b6a3e0b15d7f4c55a0d1"
WEIGHT = 2_000_000
PIECE = 16_384
POINTS = [point / 20 for point in range(1, 20)]


class Kept:
    """A file of the spool, and a way to wait until so many bytes are in it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._data = bytearray()

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def write(self, chunk: bytes) -> None:
        with self._changed:
            self._data += chunk
            self._changed.notify_all()

    def sync(self) -> None:
        """Nothing to make durable."""

    def wait_for(self, size: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self._data) >= size, PATIENCE)


class Call:
    """One call, judged as the sender does."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.armed = 0
        self.took = 0.0

    def make(self, base_url: str, sent: Upload, timeout: float = DEADLINE) -> CallResult:
        endpoint = HttpEndpoint(Api(base_url=base_url, timeout=timeout, connect_timeout=timeout), lambda: KEY)
        sink = AnswerSink(self.kept, sent.parameters)
        began = time.monotonic()
        result: Streamed | Answered | NotSent | Lost = endpoint.call(sent, self._arm, sink.write)
        judged = result if isinstance(result, Answered | NotSent | Lost) else sink.judge(result)
        self.took = time.monotonic() - began
        endpoint.close()
        return judged

    def _arm(self) -> None:
        self.armed += 1


def outcome(result: CallResult) -> Outcome:
    """As the ledger tells it."""
    match result:
        case Received():
            return Outcome.OK
        case BadAnswer():
            return Outcome.BAD_ANSWER
        case Lost():
            return Outcome.LOST
        case NotSent():
            return Outcome.NETWORK
        case Answered(answer):
            return meaning(answer)


# Every lie of the catalogue


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one lie."""

    lie: Lie
    result: CallResult
    call: Call
    complete: list[bool]
    """For each connection: whether the whole request had come."""
    trapped: int


def listen(lie: Lie) -> Heard:
    call = Call()
    with RawServer(Peer.close) as trap, RawServer(lambda peer: lie.tell(peer, scene)) as server:
        scene = Scene(RIGHT, trap.base_url, server.over)
        result = call.make(server.base_url, heavy(10_000_000) if lie.heavy else upload())
        assert scene.fired.wait(PATIENCE), "the lie was never told"
        return Heard(lie, result, call, [peer.complete for peer in server.peers], len(trap.peers))


@pytest.fixture(scope="module", params=LIES, ids=lambda lie: str(lie.name))
def heard(request: pytest.FixtureRequest) -> Heard:
    """Every lie is told once, and then looked at from all sides."""
    return listen(request.param)


def without(data: bytes, flaws: Sequence[Blemish]) -> bytes:
    """As the spool has it once they are left out."""
    for one in reversed(flaws):
        data = data[: one.start] + data[one.end :]
    return data


def test_what_is_received_is_a_whole_png_of_the_size_asked_for(heard: Heard) -> None:
    if isinstance(heard.result, Received):
        clean = without(heard.call.kept.data, heard.result.flaws)
        assert flaw(clean, SIZE) is None
        assert (heard.result.size, heard.result.width, heard.result.height) == (len(heard.call.kept.data), *SIZE)


def test_a_lie_comes_to_what_its_money_demands(heard: Heard) -> None:
    assert outcome(heard.result) in heard.lie.comes_to, heard.result
    sent = not isinstance(heard.result, NotSent)
    assert (heard.call.armed, heard.complete) == (int(sent), [sent])


def test_a_lie_ends_within_its_deadline_and_five_seconds(heard: Heard) -> None:
    assert heard.call.took < DEADLINE + GRACE
    if heard.lie.patient:
        assert heard.call.took > 0.9 * DEADLINE, "it was to last until the deadline"


def test_a_lie_gets_the_key_out_to_no_other_server_and_into_no_words(heard: Heard) -> None:
    assert heard.trapped == 0
    assert KEY not in repr(heard.result)


# Every twentieth of the way there and back


class Carried(io.BytesIO):
    """What has been read of it may lie in sockets; no more than a little beyond `reach` is, until `cut` is set."""

    def __init__(self, data: bytes, reach: int, cut: threading.Event) -> None:
        super().__init__(data)
        self._reach = reach
        self._cut = cut

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > self._reach:
            assert self._cut.wait(PATIENCE)
        return super().read(PIECE if size is None else min(size, PIECE))


class Cable:
    """A picture that goes up as over a slow cable: only so much of it is under way when the cable is cut."""

    picture_format = "png"

    def __init__(self, reach: float) -> None:
        self.parameters = parameters()
        self.cut = threading.Event()
        self._data = heavy(WEIGHT).data
        self._reach = int(reach)

    @property
    def size(self) -> int:
        return WEIGHT

    def open(self) -> BinaryIO:
        return Carried(self._data, self._reach, self.cut)


@pytest.mark.parametrize("part", POINTS)
def test_an_upload_that_is_reset_on_its_way_is_never_armed(part: float) -> None:
    sent = Cable(WEIGHT * part + 3 * PIECE)

    def reset(peer: Peer) -> None:
        peer.read_head()
        peer.read_body(part)
        peer.reset()
        sent.cut.set()

    call = Call()
    with RawServer(reset) as server:
        result = call.make(server.base_url, sent, timeout=PATIENCE)
        (peer,) = server.peers
    assert sent.cut.is_set(), "nothing was cut"
    assert part <= len(peer.body) / peer.length < 1
    assert isinstance(result, NotSent)
    assert (result.uploading, call.armed) == (True, 0)


@pytest.mark.parametrize("length", [True, False], ids=["with a length", "without a length"])
@pytest.mark.parametrize("part", POINTS)
def test_a_download_that_is_reset_on_its_way_is_never_received(part: float, length: bool) -> None:  # noqa: FBT001 -- a case
    call, upto = Call(), int(len(RIGHT) * part)
    cut = threading.Event()

    def reset(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        told = f"Content-Length: {len(RIGHT)}\r\n" if length else ""
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n{told}\r\n".encode() + RIGHT[:upto])
        if call.kept.wait_for(upto):
            peer.reset()
            cut.set()

    with RawServer(reset) as server:
        result = call.make(server.base_url, upload(), timeout=PATIENCE)
    assert cut.is_set(), "nothing was cut"
    assert isinstance(result, Lost | BadAnswer)
    assert (call.armed, call.kept.data) == (1, RIGHT[:upto])


# The free query


@pytest.mark.parametrize("head", [b"", b"Content-Length: 99999\r\n"], ids=["without a length", "with a length"])
def test_a_dripping_answer_to_the_free_query_ends_within_its_deadline_and_five_seconds(head: bytes) -> None:
    def drip(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for _ in range(int((DEADLINE + GRACE + 1) / 0.02)):
            peer.send(b" ")
            server.over.wait(0.02)

    with RawServer(drip) as server:
        took, _, permitted = asked(server)
        assert server.peers
    assert permitted is None
    assert took < DEADLINE + GRACE


def test_an_answer_to_the_free_query_takes_no_memory_to_speak_of() -> None:
    megabyte = bytes(1 << 20)
    sent: list[bytes] = []

    def flood(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            peer.send(megabyte)
            sent.append(megabyte)

    with RawServer(flood) as server:
        _, peak, permitted = asked(server)
    assert sent, "nobody read it"
    assert (permitted, peak < 16_000_000) == (None, True), f"{peak:,} bytes"


def test_a_compressed_answer_to_the_free_query_is_not_inflated_to_its_end() -> None:
    bomb = gzip.compress(bytes(64_000_000))
    told = threading.Event()

    def burst(peer: Peer) -> None:
        peer.read_head()
        peer.answer("200 OK", bomb, "Content-Encoding: gzip", "Content-Type: application/json")
        told.set()

    with RawServer(burst) as server:
        _, peak, permitted = asked(server)
    assert told.wait(PATIENCE)
    assert (permitted, peak < 16_000_000) == (None, True), f"{peak:,} bytes"


def asked(server: RawServer) -> tuple[float, int, bool | None]:
    """Seconds, bytes of memory at most, and what the query told."""
    endpoint = HttpEndpoint(Api(base_url=server.base_url, timeout=DEADLINE, connect_timeout=DEADLINE), lambda: KEY)
    tracemalloc.start()
    began = time.monotonic()
    try:
        permitted = endpoint.permits()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        endpoint.close()
    return time.monotonic() - began, peak, permitted
