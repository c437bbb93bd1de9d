"""The client against everything that a network and a bad day can do between it and the service."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.uploads import GOLD, PictureUpload, heavy, upload
from tests.fakes.pictures import png
from tests.fakes.raw_server import Peer, RawServer
from watchd import __version__
from watchd.adapters.http.bodies import HELD_BACK_BYTES
from watchd.adapters.http.client import HttpEndpoint
from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Received
from watchd.core.request.endpoint import MAX_ANSWER_BYTES
from watchd.errors import LaterError
from watchd.journey.work.receiving import AnswerSink
from watchd.model import Api
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.interfaces import Streamed

RIGHT = png(512, 512)
DEADLINE = 1.0
TRANSFERS = ["multipart", "json"]
KEY = "vk-secret-key"


class Nowhere:
    """A file of the spool that is only counted."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def sync(self) -> None:
        """Nothing to make durable."""


class Caller:
    """One client, and what a call of its came to; results of a 200 are judged as the sender does."""

    def __init__(self, base_url: str, **api: Any) -> None:
        settings = {"timeout": 10.0, "connect_timeout": 5.0, **api}
        self.endpoint = HttpEndpoint(Api(base_url=base_url, **settings), lambda: KEY)
        self.armed = 0
        self.kept = Nowhere()

    def call(
        self, sent: PictureUpload | None = None, arm: Callable[[], None] = lambda: None
    ) -> Received | BadAnswer | Answered | NotSent | Lost:
        sent = sent or upload()
        sink = AnswerSink(self.kept, sent.parameters)

        def counted() -> None:
            self.armed += 1
            arm()

        result: Streamed | Answered | NotSent | Lost = self.endpoint.call(sent, counted, sink.write)
        return result if isinstance(result, Answered | NotSent | Lost) else sink.judge(result)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[RawServer, Caller]]]:
    """Starts a server that treats every connection so, and a client for it."""
    servers, callers = [], []

    def start(treat: Callable[[Peer], None], **api: Any) -> tuple[RawServer, Caller]:
        server = RawServer(treat).__enter__()
        servers.append(server)
        callers.append(Caller(server.base_url, **api))
        return server, callers[-1]

    yield start
    for caller in callers:
        caller.endpoint.close()
    for server in servers:
        server.__exit__()


Serve = Any


def well(peer: Peer) -> None:
    """As the service does."""
    peer.read_head()
    peer.read_body()
    peer.answer("200 OK", RIGHT, "Content-Type: image/png", "CF-RAY: 8c1d-FRA")


# --- the last bytes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("size", [1, HELD_BACK_BYTES, 300_000])
def test_the_call_is_armed_once_when_everything_but_the_last_bytes_has_arrived(
    serve: Serve, transfer: str, size: int
) -> None:
    server, caller = serve(well, transfer=transfer)
    seen: list[tuple[int, int]] = []

    def arm() -> None:
        peer = server.peer()
        assert peer.wait_for_body(1 if size >= HELD_BACK_BYTES else 0)  # its length is known once the head has come
        assert peer.wait_for_body(peer.length - HELD_BACK_BYTES)
        seen.append((len(peer.body), peer.length))

    sent = PictureUpload(upload().data[:size] + bytes(max(0, size - upload().size)), upload().parameters)
    assert isinstance(caller.call(sent, arm), Received)
    ((arrived, length),) = seen
    assert arrived == max(0, length - HELD_BACK_BYTES)
    assert server.peer().complete


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_what_arm_raises_leaves_the_request_incomplete_for_ever(serve: Serve, transfer: str) -> None:
    server, caller = serve(well, transfer=transfer)

    def refuse() -> None:
        raise LaterError("the ledger cannot be written")

    with pytest.raises(LaterError):
        caller.call(arm=refuse)
    peer = server.peer()
    assert peer.gone.wait(10)
    assert not peer.complete
    assert len(peer.body) == peer.length - HELD_BACK_BYTES


def test_a_cut_in_the_middle_of_the_upload_is_nobodys_money(serve: Serve) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body(0.1)
        peer.reset()

    server, caller = serve(cut)
    result = caller.call(heavy())
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (True, 0)
    assert not server.peer().complete


def test_a_server_that_closed_before_the_last_bytes_is_noticed_before_the_call_is_armed(serve: Serve) -> None:
    closed = threading.Event()

    def close(peer: Peer) -> None:
        peer.read_head()
        peer.close()
        closed.set()

    _, caller = serve(close)

    class Slow(PictureUpload):
        def open(self) -> Any:
            file = super().open()
            read = file.read
            first: list[bool] = []

            def held(count: int) -> bytes:
                if first:
                    closed.wait(10)
                first.append(True)
                return read(count)

            file.read = held  # type: ignore[method-assign,assignment]
            return file

    sent = heavy(2_000_000)
    result = caller.call(Slow(sent.data, sent.parameters))
    assert isinstance(result, NotSent)
    assert caller.armed == 0


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
def test_a_server_that_goes_while_the_call_is_armed_never_gets_the_last_bytes(
    serve: Serve, end: Callable[[Peer], None]
) -> None:
    """The ledger may take its time: whoever has gone meanwhile cannot have run anything, so nothing is in doubt."""
    arming, gone = threading.Event(), threading.Event()

    def go(peer: Peer) -> None:
        peer.read_head()
        arming.wait(10)
        end(peer)
        gone.set()

    server, caller = serve(go)

    def arm() -> None:
        arming.set()
        assert gone.wait(10)

    result = caller.call(None, arm)
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (True, 1)
    assert not server.peer().complete


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
def test_a_cut_after_the_last_bytes_is_lost(serve: Serve, end: Callable[[Peer], None]) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        end(peer)

    _, caller = serve(cut)
    result = caller.call()
    assert isinstance(result, Lost)
    assert result.reason.startswith("sent, and then: ")
    assert (caller.armed, result.traffic.sent_bytes > upload().size) == (1, True)


def test_where_nobody_listens_nothing_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    caller = Caller(f"http://127.0.0.1:{port}")
    result = caller.call()
    assert isinstance(result, NotSent)
    assert (result.uploading, result.traffic.sent_bytes, caller.armed) == (False, 0, 0)
    caller.endpoint.close()


def test_a_server_that_speaks_no_tls_gets_nothing(serve: Serve) -> None:
    server, _ = serve(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    caller = Caller(server.base_url.replace("http:", "https:"))
    result = caller.call()
    assert isinstance(result, NotSent)
    assert caller.armed == 0
    caller.endpoint.close()


# --- answers before their time --------------------------------------------------------------------------------------


def test_an_early_402_is_understood_while_the_body_still_goes_up(serve: Serve) -> None:
    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer("402 Payment Required", b'{"error": "Insufficient balance"}', "x-venice-balance-usd: 0.01")
        peer.read_body()

    _, caller = serve(early)
    result = caller.call(heavy())
    assert isinstance(result, Answered)
    assert (result.answer.status, result.answer.message) == (402, "Insufficient balance")
    assert result.answer.balance_usd == 0.01


def test_an_early_402_with_a_cut_is_either_understood_or_never_sent(serve: Serve) -> None:
    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer("402 Payment Required", b'{"error": "Insufficient balance"}')
        peer.close()

    _, caller = serve(early)
    result = caller.call(heavy())
    assert isinstance(result, Answered | NotSent)
    assert caller.armed == 0


@pytest.mark.parametrize("status", ["200 OK", "504 Gateway Timeout", "524 A Timeout Occurred"])
def test_an_early_answer_that_would_leave_a_doubt_leaves_none_while_the_request_is_incomplete(
    serve: Serve, status: str
) -> None:
    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer(status, RIGHT, "Content-Type: image/png")
        peer.read_body(0.1)
        peer.reset()

    _, caller = serve(early)
    result = caller.call(heavy())
    assert isinstance(result, NotSent)
    assert caller.armed == 0


# --- answers that are not what they seem ----------------------------------------------------------------------------


def answering(*pieces: bytes) -> Callable[[Peer], None]:
    def treat(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        for piece in pieces:
            peer.send(piece)

    return treat


PNG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


def test_a_right_answer_is_received_with_its_cf_ray(serve: Serve) -> None:
    _, caller = serve(well)
    result = caller.call()
    assert isinstance(result, Received)
    assert (result.width, result.height, result.traffic.cf_ray) == (512, 512, "8c1d-FRA")


def test_a_body_shorter_than_its_length_is_lost(serve: Serve) -> None:
    _, caller = serve(answering(PNG_HEAD + b"Content-Length: %d\r\n\r\n" % len(RIGHT), RIGHT[:-1]))
    assert isinstance(caller.call(), Lost)


def test_a_body_without_a_length_that_ends_early_is_a_bad_answer(serve: Serve) -> None:
    _, caller = serve(answering(PNG_HEAD + b"\r\n", RIGHT[:-8]))
    result = caller.call()
    assert isinstance(result, BadAnswer)
    assert "broken picture" in result.reason


def test_a_body_without_a_length_that_is_whole_is_received(serve: Serve) -> None:
    _, caller = serve(answering(PNG_HEAD + b"\r\n", RIGHT))
    assert isinstance(caller.call(), Received)


def test_a_chunked_body_cut_between_chunks_is_lost(serve: Serve) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(RIGHT), RIGHT)
    _, caller = serve(answering(PNG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk))
    assert isinstance(caller.call(), Lost)


@pytest.mark.parametrize("kind", ["text/html", "image/png"])
def test_a_page_with_status_200_is_a_bad_answer_whatever_it_calls_itself(serve: Serve, kind: str) -> None:
    page = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
    _, caller = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % kind.encode(), page))
    assert isinstance(caller.call(), BadAnswer)


def test_a_compressed_answer_is_not_inflated(serve: Serve) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    server, caller = serve(answering(PNG_HEAD + b"Content-Encoding: gzip\r\n\r\n", bomb))
    assert isinstance(caller.call(), BadAnswer)
    assert caller.kept.size == len(bomb)
    assert server.peer().header("accept-encoding") == "identity"


def test_an_answer_beyond_128_mb_is_refused_and_memory_stays_flat(serve: Serve) -> None:
    zeros = bytes(1 << 20)

    def flood(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        peer.send(PNG_HEAD + b"\r\n")
        while True:
            peer.send(zeros)

    server, caller = serve(flood, timeout=60.0)
    tracemalloc.start()
    try:
        result = caller.call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(result, BadAnswer)
    assert "more than 128,000,000 bytes" in result.reason
    assert caller.kept.size <= MAX_ANSWER_BYTES
    assert peak < 16_000_000
    assert server.peer().gone.wait(10)


def test_a_flood_of_headers_ends_the_call(serve: Serve) -> None:
    def flood(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.send(b"X-Filler: %s\r\n" % (b"x" * 4000))

    server, caller = serve(flood)
    result = caller.call()
    assert isinstance(result, Lost)
    assert server.peer().gone.wait(10)


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\x03\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_a_lost_answer(serve: Serve, garbage: bytes) -> None:
    _, caller = serve(answering(garbage))
    assert isinstance(caller.call(), Lost)


def test_a_huge_error_page_is_read_in_part_and_told_shortly(serve: Serve) -> None:
    page = b"<html>" + b"x" * 5_000_000
    _, caller = serve(answering(b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n", page))
    result = caller.call()
    assert isinstance(result, Answered)
    assert (result.answer.status, len(result.answer.message) < 600) == (503, True)


def test_an_error_whose_words_are_cut_keeps_its_status(serve: Serve) -> None:
    _, caller = serve(answering(b"HTTP/1.1 402 Payment Required\r\nContent-Length: 500\r\n\r\n", b'{"error": "Insuff'))
    result = caller.call()
    assert isinstance(result, Answered)
    assert result.answer.status == 402


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (PNG_HEAD + b"Content-Length: 1000000\r\n\r\n", Lost),
        (PNG_HEAD + b"\r\n", (Lost, BadAnswer)),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", Lost),
        (b"HTTP/1.1 402 Payment Required\r\nContent-Length: 1000000\r\n\r\n", Answered),
    ],
)
def test_an_answer_that_drips_beyond_the_deadline_of_the_whole_call_is_ended(
    first: bytes, kind: type | tuple[type, ...]
) -> None:
    def drip(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        peer.send(first)
        while not server.over.wait(0.02):
            peer.send(b"x")

    with RawServer(drip) as server:
        caller = Caller(server.base_url, timeout=DEADLINE)
        began = time.monotonic()
        result = caller.call()
        took = time.monotonic() - began
        caller.endpoint.close()
    assert isinstance(result, kind)
    assert took < 3 * DEADLINE


def test_a_service_that_never_answers_is_lost_at_the_deadline_and_says_so() -> None:
    def stall(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        server.over.wait(10)

    with RawServer(stall) as server:
        caller = Caller(server.base_url, timeout=DEADLINE)
        result = caller.call()
        caller.endpoint.close()
    assert isinstance(result, Lost)
    assert "within 1 s" in result.reason


def test_a_service_that_stops_reading_is_never_sent_to_in_the_end() -> None:
    def stall(peer: Peer) -> None:
        peer.read_head()
        server.over.wait(10)

    with RawServer(stall) as server:
        caller = Caller(server.base_url, timeout=DEADLINE)
        result = caller.call(heavy())
        caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (True, 0)


def test_a_call_in_flight_is_ended_at_once_when_told_to_and_no_other_begins() -> None:
    complete = threading.Event()

    def stall(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        complete.set()
        server.over.wait(10)

    results: list[object] = []
    with RawServer(stall) as server:
        caller = Caller(server.base_url, timeout=30.0)
        thread = threading.Thread(target=lambda: results.append(caller.call()))
        thread.start()
        assert complete.wait(10)
        caller.endpoint.abort()
        thread.join(10)
        later = caller.call()
        caller.endpoint.close()
    assert isinstance(results[0], Lost)
    assert isinstance(later, NotSent)
    assert caller.armed == 1


# --- where it goes --------------------------------------------------------------------------------------------------


def test_a_redirect_is_never_followed_and_the_picture_goes_nowhere_else(serve: Serve) -> None:
    trap, _ = serve(well)

    def redirect(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        peer.answer("307 Temporary Redirect", b"", f"Location: {trap.base_url}/image/upscale")

    _, caller = serve(redirect)
    result = caller.call()
    assert isinstance(result, Answered)
    assert result.answer.status == 307
    assert trap.peers == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"])
def test_proxies_of_the_environment_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    trap, _ = serve(well)
    monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    _, caller = serve(well)
    assert isinstance(caller.call(), Received)
    assert trap.peers == []


def test_a_proxy_that_is_named_is_used(serve: Serve) -> None:
    proxy, _ = serve(well)
    caller = Caller("http://service.invalid/api/v1", proxy=f"http://127.0.0.1:{proxy.port}")
    assert isinstance(caller.call(), Received)
    assert proxy.peer().head.startswith(b"POST http://service.invalid/api/v1/image/upscale ")
    caller.endpoint.close()


def test_a_netrc_of_the_environment_does_not_replace_the_key(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server, caller = serve(well)
    caller.call()
    assert server.peer().header("authorization") == f"Bearer {KEY}"


def test_each_call_has_a_connection_of_its_own(serve: Serve) -> None:
    server, caller = serve(well)
    for _ in range(3):
        caller.call()
    assert len(server.peers) == 3


# --- what is sent ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_request_names_us_and_nothing_of_the_owners(serve: Serve, transfer: str) -> None:
    server, caller = serve(well, transfer=transfer)
    caller.call()
    peer = server.peer()
    assert peer.head.startswith(b"POST /api/v1/image/upscale HTTP/1.1\r\n")
    assert peer.header("user-agent") == f"watchd/{__version__}"
    assert KEY.encode() not in peer.body
    if transfer == "multipart":
        assert b'name="image"; filename="image.png"\r\nContent-Type: image/png\r\n' in peer.body


def test_both_transfers_give_the_service_the_same_picture_and_parameters() -> None:
    with Sandbox(SandboxOptions(engine="fast")) as sandbox:
        for transfer in TRANSFERS:
            caller = Caller(sandbox.base_url, transfer=transfer)
            assert isinstance(caller.call(upload(GOLD)), Received)
            caller.endpoint.close()
        form, json = sandbox.calls()
    assert (form.sha256, form.sent_bytes, form.parameters) == (json.sha256, json.sent_bytes, json.parameters)
    assert form.parameters["prompt"] == GOLD.enhance_prompt
    assert (form.filename, json.filename) == ("image.png", None)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_dialect_creativity_is_taken_by_a_service_that_speaks_it(transfer: str) -> None:
    with Sandbox(SandboxOptions(engine="fast", dialect="creativity")) as sandbox:
        caller = Caller(sandbox.base_url, transfer=transfer)
        assert isinstance(caller.call(upload(dialect="creativity")), Received)
        caller.endpoint.close()
        (seen,) = sandbox.calls()
    assert seen.parameters["creativity"] == 0.01


def test_a_key_that_cannot_be_had_sends_nothing(serve: Serve) -> None:
    def no_key() -> str:
        raise LaterError("the key file is not there")

    server, _ = serve(well)
    endpoint = HttpEndpoint(Api(base_url=server.base_url), no_key)
    result = endpoint.call(upload(), lambda: None, lambda _: True)
    endpoint.close()
    assert isinstance(result, NotSent)
    assert "key file" in result.reason
    assert server.peers == []


def test_the_key_is_asked_for_at_each_call(serve: Serve) -> None:
    keys = iter(["first", "second"])
    server, _ = serve(well)
    endpoint = HttpEndpoint(Api(base_url=server.base_url), lambda: next(keys))
    for _ in range(2):
        endpoint.call(upload(), lambda: None, lambda _: True)
    endpoint.close()
    assert [peer.header("authorization") for peer in server.peers] == ["Bearer first", "Bearer second"]


# --- the free query -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("balance", "permitted"), [("5.00", True), ("0", False)])
def test_the_free_query_tells_whether_calls_are_permitted(balance: str, permitted: bool) -> None:  # noqa: FBT001
    with Sandbox(SandboxOptions(engine="fast", balance=balance)) as sandbox:
        caller = Caller(sandbox.base_url)
        assert caller.endpoint.permits() is permitted
        assert sandbox.charges().calls == 0
        caller.endpoint.close()


@pytest.mark.parametrize("status", ["404 Not Found", "500 Error", "200 OK"])
def test_a_query_that_is_not_answered_as_known_tells_nothing(serve: Serve, status: str) -> None:
    def treat(peer: Peer) -> None:
        peer.read_head()
        peer.answer(status, b"<html>")

    _, caller = serve(treat)
    assert caller.endpoint.permits() is None
