"""The client over TLS: who cannot prove to be the service gets nothing, and what holds in the clear holds here too."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography import x509

from tests.contract.test_http_endpoint import DEADLINE, KEY, PNG_HEAD, RIGHT, TRANSFERS, Caller, answering, well
from tests.contract.uploads import PictureUpload, heavy, upload
from tests.fakes.raw_server import Peer, RawServer
from tests.fakes.tls import AUTHORITY, SERVICE, Proxy, TlsServer, certified, farewell, out_of_date, trust
from watchd.adapters.http.bodies import HELD_BACK_BYTES
from watchd.adapters.http.inquiry import inquire
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Received
from watchd.model import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLACK = 2.0
"""Seconds that the end of a call may come after its time."""
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
STRANGER = trustme.CA()
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def good() -> ssl.SSLContext:
    return certified(AUTHORITY, "127.0.0.1", SERVICE)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Certificates of AUTHORITY are good in this test."""
    trust(AUTHORITY, monkeypatch, tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[TlsServer, Caller]]]:
    """Starts a TLS server that treats every connection so, and a client for it."""
    with ExitStack() as stack:

        def start(
            treat: Callable[[Peer], None] = well, context: ssl.SSLContext | None = None, **api: Any
        ) -> tuple[TlsServer, Caller]:
            server = stack.enter_context(TlsServer(treat, context or good()))
            caller = Caller(server.base_url, **api)
            stack.callback(caller.endpoint.close)
            return server, caller

        yield start


Serve = Any


def assert_got_nothing(server: TlsServer, caller: Caller, result: object, refusal: str = "alert") -> None:
    """The handshake failed, by default at a word of the client's, and neither key nor picture came in any form."""
    assert isinstance(result, NotSent)
    assert (result.uploading, result.traffic.sent_bytes, caller.armed) == (False, 0, 0)
    peer = server.peer()
    assert peer.gone.wait(10)
    assert len(server.refusals) == 1
    assert refusal in server.refusals[0]
    assert (peer.head, peer.body, server.after_refusal) == (b"", b"", b"")


# --- certificates ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_with_a_good_certificate_gets_key_and_picture(serve: Serve, version: ssl.TLSVersion) -> None:
    context = good()
    context.minimum_version = context.maximum_version = version
    server, caller = serve(context=context)
    assert isinstance(caller.call(), Received)
    assert server.peer().header("authorization") == f"Bearer {KEY}"
    assert upload().data in server.peer().body


@pytest.mark.usefixtures("trusted")
def test_a_service_with_a_good_certificate_is_reached_through_a_proxy_too(serve: Serve) -> None:
    server, _ = serve()
    with Proxy(server.port) as proxy:
        caller = Caller(f"https://{SERVICE}/api/v1", proxy=proxy.url)
        assert isinstance(caller.call(), Received)
        caller.endpoint.close()
    assert server.peer().complete


BAD: dict[str, tuple[Callable[[], ssl.SSLContext], str]] = {
    "an unknown authority": (lambda: certified(STRANGER, "127.0.0.1"), "unable to get local issuer|self-signed"),
    "another host": (lambda: certified(AUTHORITY, "service.example"), "mismatch"),
    "another address": (lambda: certified(AUTHORITY, "127.0.0.2"), "mismatch"),
    "a time that is over": (lambda: certified(AUTHORITY, "127.0.0.1", not_after=YESTERDAY), "expired"),
    "a time to come": (lambda: certified(AUTHORITY, "127.0.0.1", not_before=TOMORROW), "not yet valid"),
}


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("of", BAD)
def test_a_certificate_that_proves_nothing_gets_no_byte_of_the_request(serve: Serve, of: str) -> None:
    context, words = BAD[of]
    server, caller = serve(context=context())
    result = caller.call()
    assert_got_nothing(server, caller, result)
    assert any(word in result.reason for word in words.split("|"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("of", BAD)
def test_a_certificate_that_proves_nothing_gets_no_byte_through_a_proxy_either(serve: Serve, of: str) -> None:
    server, _ = serve(context=BAD[of][0]())
    with Proxy(server.port) as proxy:
        caller = Caller("https://127.0.0.1/api/v1", proxy=proxy.url)
        assert_got_nothing(server, caller, caller.call())
        caller.endpoint.close()


@pytest.mark.usefixtures("trusted")
def test_the_free_questions_take_no_key_to_a_stranger(serve: Serve) -> None:
    server, caller = serve(context=certified(STRANGER, "127.0.0.1"))
    assert caller.endpoint.permits() is None
    told = inquire(Api(base_url=server.base_url), KEY)
    assert isinstance(told, str)
    assert "certificate" in told
    for peer in server.peers:
        assert peer.gone.wait(10)
        assert peer.head == b""
    assert len(server.refusals) == 2


def test_the_tests_own_authority_is_unknown_where_nobody_vouches_for_it(serve: Serve) -> None:
    server, caller = serve()
    assert_got_nothing(server, caller, caller.call())


# --- the environment ------------------------------------------------------------------------------------------------


@pytest.fixture
def vouching(tmp_path: Path) -> dict[str, str]:
    """What of the environment other programs would believe the test's authority by, or see into TLS with."""
    path, folder = tmp_path / "authority.pem", tmp_path / "certs"
    folder.mkdir()
    AUTHORITY.cert_pem.write_to_path(path)
    AUTHORITY.cert_pem.write_to_path(folder / f"{name_in_a_folder_of_openssl(AUTHORITY)}.0")
    bundle = str(path)
    return {
        "SSL_CERT_FILE": bundle,
        "SSL_CERT_DIR": str(folder),
        "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
        "PYTHONHTTPSVERIFY": "0",
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
    }


def name_in_a_folder_of_openssl(authority: trustme.CA) -> str:
    """OpenSSL looks a certificate up by a hash of its subject's parts in small letters."""
    subject = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    small = x509.Name([x509.NameAttribute(part.oid, str(part.value).lower()) for part in subject]).public_bytes()
    assert small[1] < 0x80, "the length of the outermost frame is one byte"
    return f"{int.from_bytes(hashlib.sha1(small[2:], usedforsecurity=False).digest()[:4], 'little'):08x}"


def believes(context: ssl.SSLContext, server: TlsServer) -> str | None:
    """The version that both sides come to speak, if this client believes this server."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        try:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
                return secured.version()
        except ssl.SSLError:
            return None


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_authority_that_openssl_would_take_from_the_environment_is_unknown_to_us(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, vouching: dict[str, str], name: str
) -> None:
    monkeypatch.setenv(name, vouching[name])
    others, _ = serve()
    assert believes(ssl.create_default_context(), others) is not None
    server, caller = serve()
    assert_got_nothing(server, caller, caller.call())
    assert isinstance(inquire(Api(base_url=others.base_url), KEY), str)


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "PYTHONHTTPSVERIFY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_no_other_variable_makes_an_unknown_certificate_good(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, vouching: dict[str, str], name: str
) -> None:
    monkeypatch.setenv(name, vouching[name])
    server, caller = serve()
    assert_got_nothing(server, caller, caller.call())


def test_all_variables_together_make_no_unknown_certificate_good(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, vouching: dict[str, str]
) -> None:
    for name, value in vouching.items():
        monkeypatch.setenv(name, value)
    server, caller = serve()
    assert_got_nothing(server, caller, caller.call())


# --- the handshake --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted")
def test_a_service_that_speaks_nothing_newer_than_tls_1_1_gets_nothing(serve: Serve) -> None:
    context = out_of_date(good())
    old = out_of_date(ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode()))
    control, _ = serve(context=context)
    assert believes(old, control) == "TLSv1.1"
    server, caller = serve(context=context)
    result = caller.call()
    assert_got_nothing(server, caller, result, "unsupported protocol")
    assert "protocol version" in result.reason


def silent(peer: Peer, over: threading.Event) -> None:
    peer._take(peer._receive())
    over.wait(10)


def dripping(peer: Peer, over: threading.Event) -> None:
    peer._take(peer._receive())
    peer.send(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")  # a long record of the handshake begins, and goes on and on
    while not over.wait(0.02):
        peer.send(b"\x03")


@pytest.mark.parametrize("manner", [silent, dripping])
def test_a_service_that_takes_the_connection_and_never_shakes_hands_is_left_within_connect_timeout(
    manner: Callable[[Peer, threading.Event], None],
) -> None:
    with RawServer(lambda peer: manner(peer, server.over)) as server:
        caller = Caller(server.base_url.replace("http:", "https:"), timeout=30.0, connect_timeout=0.5)
        began = time.monotonic()
        result = caller.call()
        took = time.monotonic() - began
        caller.endpoint.close()
        hello = server.peer().body
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (False, 0)
    assert took < 0.5 + SLACK
    assert hello.startswith(b"\x16\x03")
    assert KEY.encode() not in hello


# --- the last bytes -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_call_is_armed_once_when_everything_but_the_last_bytes_has_arrived_over_tls(
    serve: Serve, transfer: str
) -> None:
    server, caller = serve(transfer=transfer)
    seen: list[tuple[int, int]] = []

    def arm() -> None:
        peer = server.peer()
        assert peer.wait_for_body(1)  # until then its length is not known
        assert peer.wait_for_body(peer.length - HELD_BACK_BYTES)
        seen.append((len(peer.body), peer.length))

    assert isinstance(caller.call(arm=arm), Received)
    ((arrived, length),) = seen
    assert arrived == length - HELD_BACK_BYTES
    assert server.peer().complete


class Waiting(PictureUpload):
    """So small that nothing of it leaves before the last bytes, and read only when an event has come about."""

    event: threading.Event

    @classmethod
    def until(cls, event: threading.Event) -> Waiting:
        waiting = cls(b"x", upload().parameters)
        object.__setattr__(waiting, "event", event)  # the class is frozen
        return waiting

    def open(self) -> Any:
        file = super().open()
        read = file.read

        def held(count: int) -> bytes:
            assert self.event.wait(10)
            return read(count)

        file.read = held  # type: ignore[method-assign,assignment]
        return file


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", [Peer.close, Peer.reset, farewell])
def test_a_server_that_left_before_the_last_bytes_is_noticed_over_tls_before_the_call_is_armed(
    serve: Serve, end: Callable[[Peer], None], version: ssl.TLSVersion
) -> None:
    left = threading.Event()

    def leave(peer: Peer) -> None:
        peer.read_head()
        end(peer)
        left.set()

    context = good()
    context.minimum_version = context.maximum_version = version
    _, caller = serve(leave, context, transfer="json")
    result = caller.call(Waiting.until(left))
    assert isinstance(result, NotSent)
    assert (result.traffic.sent_bytes, caller.armed) == (0, 0)


@pytest.mark.usefixtures("trusted")
def test_a_cut_in_the_middle_of_the_upload_over_tls_is_nobodys_money(serve: Serve) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body(0.1)
        peer.reset()

    server, caller = serve(cut)
    result = caller.call(heavy())
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (True, 0)
    assert not server.peer().complete


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("end", [Peer.close, Peer.reset, farewell])
def test_a_cut_after_the_last_bytes_over_tls_is_lost(serve: Serve, end: Callable[[Peer], None]) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        end(peer)

    _, caller = serve(cut)
    assert isinstance(caller.call(), Lost)
    assert caller.armed == 1


@pytest.mark.usefixtures("trusted")
def test_an_answer_cut_short_over_tls_is_lost(serve: Serve) -> None:
    head = PNG_HEAD + b"Content-Length: %d\r\n\r\n" % len(RIGHT)
    _, caller = serve(answering(head, RIGHT[:-1]))
    assert isinstance(caller.call(), Lost)


@pytest.mark.usefixtures("trusted")
def test_an_early_402_is_understood_over_tls_while_the_body_still_goes_up(serve: Serve) -> None:
    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer("402 Payment Required", b'{"error": "Insufficient balance"}')
        peer.read_body()

    _, caller = serve(early)
    result = caller.call(heavy())
    assert isinstance(result, Answered)
    assert (result.answer.status, result.answer.message) == (402, "Insufficient balance")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("end", [Peer.close, farewell])
def test_an_early_402_with_an_end_over_tls_is_never_armed(serve: Serve, end: Callable[[Peer], None]) -> None:
    left = threading.Event()

    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer("402 Payment Required", b'{"error": "Insufficient balance"}')
        end(peer)
        left.set()

    _, caller = serve(early, transfer="json")
    assert isinstance(caller.call(Waiting.until(left)), Answered | NotSent)
    assert caller.armed == 0


# --- time -----------------------------------------------------------------------------------------------------------


def timed(treat: Callable[[Peer, threading.Event], None], sent: PictureUpload) -> tuple[object, int]:
    """One call with a deadline, which it has to keep; what it came to, and how often it was armed."""
    with TlsServer(lambda peer: treat(peer, server.over), good()) as server:
        caller = Caller(server.base_url, timeout=DEADLINE)
        began = time.monotonic()
        result = caller.call(sent)
        took = time.monotonic() - began
        caller.endpoint.close()
        assert server.peer().head, "the fault lies behind the handshake"
    assert DEADLINE <= took < DEADLINE + SLACK
    return result, caller.armed


@pytest.mark.usefixtures("trusted")
def test_an_upload_that_stalls_over_tls_is_given_up_unsent() -> None:
    def stall(peer: Peer, over: threading.Event) -> None:
        peer.read_head()
        over.wait(10)

    result, armed = timed(stall, heavy())
    assert isinstance(result, NotSent)
    assert (result.uploading, result.stalled, armed) == (True, True, 0)
    assert result.reason == "nothing of the upload arrived any more for 1 s"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Filler: ", PNG_HEAD + b"Content-Length: 1000000\r\n\r\n"]
)
def test_an_answer_that_stalls_or_drips_over_tls_ends_at_the_deadline(first: bytes) -> None:
    def drip(peer: Peer, over: threading.Event) -> None:
        peer.read_head()
        peer.read_body()
        peer.send(first)
        while not over.wait(0.02):
            peer.send(first and b"x")

    result, armed = timed(drip, upload())
    assert isinstance(result, Lost)
    assert (armed, "within 1 s" in result.reason) == (1, True)


@pytest.mark.usefixtures("trusted")
def test_a_call_in_flight_over_tls_is_ended_at_once_when_told_to(serve: Serve) -> None:
    complete, over = threading.Event(), threading.Event()

    def stall(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        complete.set()
        over.wait(10)

    _, caller = serve(stall, timeout=30.0)
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(caller.call()))
    thread.start()
    assert complete.wait(10)
    began = time.monotonic()
    caller.endpoint.abort()
    thread.join(10)
    took = time.monotonic() - began
    over.set()
    assert isinstance(results[0], Lost)
    assert took < SLACK
