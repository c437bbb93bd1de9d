"""`api.proxy`: through a proxy each promise about money holds, and the proxy learns no more than it must."""

from __future__ import annotations

import base64
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.contract.test_http_endpoint import DEADLINE, KEY, TRANSFERS, Caller, well
from tests.contract.test_tls import SLACK, Waiting
from tests.contract.uploads import PictureUpload, heavy, upload
from tests.fakes.raw_server import Peer, RawServer
from tests.fakes.tls import AUTHORITY, SERVICE, Proxy, TlsServer, certified, trust
from watchd.adapters.http.bodies import HELD_BACK_BYTES
from watchd.adapters.http.inquiry import Inquiry, inquire
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Received
from watchd.model import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMES = ["http", "https"]
USER, SECRET = "proxy-user", "Pr0xy:S3cret@work"
CREDENTIALS = "proxy-user:Pr0xy%3AS3cret%40work@"
BASIC = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
TELLING = [SECRET, "S3cret", BASIC]
"""What would give the proxy's credentials away."""


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Certificates of AUTHORITY are good here: test_tls.py is about those that are not."""
    trust(AUTHORITY, monkeypatch, tmp_path)


def service(scheme: str, treat: Callable[[Peer], None]) -> RawServer:
    return RawServer(treat) if scheme == "http" else TlsServer(treat, certified(AUTHORITY, SERVICE))


@pytest.fixture
def lead() -> Iterator[Callable[..., tuple[RawServer, Proxy, Caller]]]:
    """Starts a service, a proxy in front of it, and a client that reaches the one through the other alone."""
    with ExitStack() as stack:

        def start(
            scheme: str, treat: Callable[[Peer], None] = well, credentials: str = "", **api: Any
        ) -> tuple[RawServer, Proxy, Caller]:
            server = stack.enter_context(service(scheme, treat))
            proxy = stack.enter_context(Proxy(server.port))
            url = proxy.url.replace("//", f"//{credentials}")
            caller = Caller(f"{scheme}://{SERVICE}/api/v1", proxy=url, **api)
            stack.callback(caller.endpoint.close)
            return server, proxy, caller

        yield start


Lead = Any


def seen_by(proxy: RawServer) -> bytes:
    """All that came to a proxy, over all connections."""
    return b"".join(peer.head + b"\r\n\r\n" + peer.body for peer in proxy.peers)


# --- what it learns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_proxy_leads_to_an_https_service_by_connect_and_sees_neither_key_nor_picture(
    lead: Lead, transfer: str
) -> None:
    server, proxy, caller = lead("https", transfer=transfer)
    sent = upload()
    assert isinstance(caller.call(sent), Received)
    (peer,) = proxy.peers
    assert peer.head.startswith(f"CONNECT {SERVICE}:443 HTTP/1.1\r\n".encode())
    seen, arrived = seen_by(proxy), server.peer()
    assert len(seen) > sent.size
    beginning = sent.data[:33] if transfer == "multipart" else base64.b64encode(sent.data[:33])
    for secret in (KEY.encode(), b"/image/upscale", beginning):
        assert secret in arrived.head + arrived.body
        assert secret not in seen


def test_a_proxy_is_asked_for_a_service_without_tls_in_the_absolute_form(lead: Lead) -> None:
    server, proxy, caller = lead("http")
    assert isinstance(caller.call(), Received)
    assert proxy.peer().head.startswith(f"POST http://{SERVICE}/api/v1/image/upscale HTTP/1.1\r\n".encode())
    assert server.peer().header("authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_call_has_a_way_through_the_proxy_of_its_own(lead: Lead, scheme: str) -> None:
    server, proxy, caller = lead(scheme)
    for _ in range(3):
        assert isinstance(caller.call(), Received)
    assert (len(proxy.peers), len(server.peers)) == (3, 3)


def test_the_way_to_the_proxy_may_be_tls_too() -> None:
    with TlsServer(well, certified(AUTHORITY, SERVICE)) as server:
        with Proxy(server.port, certified(AUTHORITY, "127.0.0.1")) as proxy:
            url = proxy.url.replace("//", f"//{CREDENTIALS}")
            caller = Caller(f"https://{SERVICE}/api/v1", proxy=url)
            assert isinstance(caller.call(), Received)
            caller.endpoint.close()
        assert proxy.peer().header("proxy-authorization") == f"Basic {BASIC}"
        assert server.peer().complete
    assert KEY.encode() not in seen_by(proxy)


def test_a_proxy_behind_tls_that_proves_nothing_gets_no_credentials() -> None:
    with TlsServer(well, certified(trustme.CA(), "127.0.0.1")) as proxy:
        caller = Caller(f"https://{SERVICE}/api/v1", proxy=f"https://{CREDENTIALS}127.0.0.1:{proxy.port}")
        result = caller.call()
        caller.endpoint.close()
        peer = proxy.peer()
        assert peer.gone.wait(10)
    assert isinstance(result, NotSent)
    assert len(proxy.refusals) == 1
    assert (peer.head, peer.body, proxy.after_refusal, caller.armed) == (b"", b"", b"", 0)


def test_the_environment_makes_no_unknown_proxy_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stranger = trustme.CA()
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "stranger.pem"))
    with (
        TlsServer(well, certified(AUTHORITY, SERVICE)) as server,
        Proxy(server.port, certified(stranger, "127.0.0.1")) as proxy,
    ):
        caller = Caller(f"https://{SERVICE}/api/v1", proxy=proxy.url.replace("//", f"//{CREDENTIALS}"))
        result = caller.call()
        caller.endpoint.close()
        assert isinstance(result, NotSent)
        assert proxy.peer().head == b""


# --- credentials ----------------------------------------------------------------------------------------------------


def test_the_proxys_credentials_go_to_the_proxy_and_not_through_it(lead: Lead) -> None:
    server, proxy, caller = lead("https", credentials=CREDENTIALS)
    assert isinstance(caller.call(), Received)
    assert proxy.peer().header("proxy-authorization") == f"Basic {BASIC}"
    behind = server.peer()
    assert behind.header("proxy-authorization") is None
    assert behind.header("authorization") == f"Bearer {KEY}"
    assert not any(word.encode() in behind.head + behind.body for word in TELLING)


def test_the_proxys_credentials_stand_beside_the_key_in_the_absolute_form(lead: Lead) -> None:
    _, proxy, caller = lead("http", credentials=CREDENTIALS)
    assert isinstance(caller.call(), Received)
    assert proxy.peer().header("proxy-authorization") == f"Basic {BASIC}"
    assert proxy.peer().header("authorization") == f"Bearer {KEY}"


def test_without_credentials_none_are_sent(lead: Lead) -> None:
    _, proxy, caller = lead("https")
    caller.call()
    assert proxy.peer().header("proxy-authorization") is None


# --- a proxy that fails ---------------------------------------------------------------------------------------------


def answering(told: bytes) -> Callable[[Peer, threading.Event], None]:
    def treat(peer: Peer, _: threading.Event) -> None:
        peer.read_head()
        peer.send(told)

    return treat


def resetting(peer: Peer, _: threading.Event) -> None:
    peer.read_head()
    peer.reset()


def stalling(peer: Peer, over: threading.Event) -> None:
    peer.read_head()
    over.wait(10)


def dripping(peer: Peer, over: threading.Event) -> None:
    peer.read_head()
    peer.send(b"HTTP/1.1 200 Connection established\r\nX-Filler: ")
    while not over.wait(0.02):
        peer.send(b"x")


def in_the_clear(peer: Peer, _: threading.Event) -> None:
    peer.read_head()
    peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    peer._take(peer._receive())
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


AUTHENTICATE = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
FAILURES: dict[str, tuple[Callable[[Peer, threading.Event], None], str]] = {
    "407": (answering(AUTHENTICATE), "407 Proxy Authentication Required"),
    "502": (answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops"), "502 Bad Gateway"),
    "a redirect": (answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), "302 Found"),
    "an end": (answering(b""), "disconnected"),
    "a reset": (resetting, "reset"),
    "a stall": (stalling, "within 1 s"),
    "a drip": (dripping, "within 1 s"),
    "no http": (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), ""),
    "an end after its 200": (answering(b"HTTP/1.1 200 OK\r\n\r\n"), ""),
    "no tls after its 200": (in_the_clear, "SSL"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_proxy_that_fails_at_connect_leaves_the_call_not_sent_and_is_told_no_secret(failure: str) -> None:
    treat, words = FAILURES[failure]
    with RawServer(lambda peer: treat(peer, proxy.over)) as proxy:
        url = f"http://{CREDENTIALS}127.0.0.1:{proxy.port}"
        caller = Caller(f"https://{SERVICE}/api/v1", proxy=url, timeout=DEADLINE)
        began = time.monotonic()
        result = caller.call()
        took = time.monotonic() - began
        caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert (result.uploading, result.traffic.sent_bytes, caller.armed) == (False, 0, 0)
    assert words in result.reason
    assert took < DEADLINE + SLACK
    (peer,) = proxy.peers
    assert peer.head.startswith(b"CONNECT ")
    assert KEY.encode() not in seen_by(proxy)
    assert not any(word in repr(result) for word in TELLING)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_that_repeats_its_credentials_in_its_refusal_is_not_quoted_with_them(scheme: str) -> None:
    def repeat(peer: Peer) -> None:
        peer.read_head()
        told = f"{peer.header('proxy-authorization')} is not welcome"
        peer.answer(f"407 {told}", told.encode())

    with RawServer(repeat) as proxy:
        caller = Caller(f"{scheme}://{SERVICE}/api/v1", proxy=f"http://{CREDENTIALS}127.0.0.1:{proxy.port}")
        result = caller.call()
        caller.endpoint.close()
    assert isinstance(result, NotSent | Answered)
    assert not any(word in repr(result) for word in TELLING)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_that_is_not_there_leaves_the_call_not_sent_and_its_credentials_untold(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    caller = Caller(f"{scheme}://{SERVICE}/api/v1", proxy=f"http://{CREDENTIALS}127.0.0.1:{port}")
    result = caller.call()
    caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (False, 0)
    assert not any(word in repr(result) for word in TELLING)


def test_a_service_that_never_shakes_hands_behind_a_proxy_is_left_within_connect_timeout() -> None:
    with RawServer(lambda peer: stalling(peer, server.over)) as server, Proxy(server.port) as proxy:
        caller = Caller(f"https://{SERVICE}/api/v1", proxy=proxy.url, timeout=30.0, connect_timeout=0.5)
        began = time.monotonic()
        result = caller.call()
        took = time.monotonic() - began
        caller.endpoint.close()
        assert proxy.peer().body.startswith(b"\x16\x03"), "the handshake has begun"
    assert isinstance(result, NotSent)
    assert caller.armed == 0
    assert took < 0.5 + SLACK


# --- the last bytes, through it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_call_is_armed_once_when_everything_but_the_last_bytes_is_through_the_proxy(
    lead: Lead, scheme: str, transfer: str
) -> None:
    server, _, caller = lead(scheme, transfer=transfer)
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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
def test_a_service_that_left_before_the_last_bytes_is_noticed_through_the_proxy_before_the_call_is_armed(
    lead: Lead, scheme: str, end: Callable[[Peer], None]
) -> None:
    def leave(peer: Peer) -> None:
        peer.read_head()
        end(peer)

    _, proxy, caller = lead(scheme, leave, transfer="json")
    result = caller.call(Waiting.until(proxy.passed_on_the_end))
    assert isinstance(result, NotSent)
    assert (result.traffic.sent_bytes, caller.armed) == (0, 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_cut_in_the_middle_of_the_upload_through_the_proxy_is_nobodys_money(lead: Lead, scheme: str) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body(0.1)
        peer.reset()

    server, _, caller = lead(scheme, cut)
    result = caller.call(heavy())
    assert isinstance(result, NotSent)
    assert (result.uploading, caller.armed) == (True, 0)
    assert not server.peer().complete


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_cut_after_the_last_bytes_through_the_proxy_is_lost(lead: Lead, scheme: str) -> None:
    def cut(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()

    _, _, caller = lead(scheme, cut)
    assert isinstance(caller.call(), Lost)
    assert caller.armed == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_early_402_is_understood_through_the_proxy(lead: Lead, scheme: str) -> None:
    def early(peer: Peer) -> None:
        peer.read_head()
        peer.answer("402 Payment Required", b'{"error": "Insufficient balance"}')
        peer.read_body()

    _, _, caller = lead(scheme, early)
    result = caller.call(heavy())
    assert isinstance(result, Answered)
    assert result.answer.status == 402


# --- time, through it -----------------------------------------------------------------------------------------------


def timed(scheme: str, treat: Callable[[Peer, threading.Event], None], sent: PictureUpload) -> tuple[object, int]:
    """One call with a deadline, which it has to keep; what it came to, and how often it was armed."""
    with service(scheme, lambda peer: treat(peer, server.over)) as server, Proxy(server.port) as proxy:
        caller = Caller(f"{scheme}://{SERVICE}/api/v1", proxy=proxy.url, timeout=DEADLINE)
        began = time.monotonic()
        result = caller.call(sent)
        took = time.monotonic() - began
        caller.endpoint.close()
        assert server.peer().head, "the fault lies behind the proxy"
    assert DEADLINE <= took < DEADLINE + SLACK
    return result, caller.armed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_upload_that_stalls_behind_the_proxy_is_given_up_unsent(scheme: str) -> None:
    result, armed = timed(scheme, stalling, heavy(40_000_000))
    assert isinstance(result, NotSent)
    assert (result.uploading, result.stalled, armed) == (True, True, 0)
    assert result.reason == "nothing of the upload arrived any more for 1 s"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Filler: "])
def test_an_answer_that_stalls_or_drips_behind_the_proxy_ends_at_the_deadline(scheme: str, first: bytes) -> None:
    def drip(peer: Peer, over: threading.Event) -> None:
        peer.read_head()
        peer.read_body()
        peer.send(first)
        while not over.wait(0.02):
            peer.send(first and b"x")

    result, armed = timed(scheme, drip, upload())
    assert isinstance(result, Lost)
    assert (armed, "within 1 s" in result.reason) == (1, True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_call_in_flight_through_the_proxy_is_ended_at_once_when_told_to(lead: Lead, scheme: str) -> None:
    complete, over = threading.Event(), threading.Event()

    def stall(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        complete.set()
        over.wait(10)

    _, _, caller = lead(scheme, stall, timeout=30.0)
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


# --- the environment ------------------------------------------------------------------------------------------------


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A proxy that everything in the environment points to, while the named one is declared needless for all hosts."""
    with RawServer(well) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{server.port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "*")
        yield server


@pytest.mark.parametrize("exempt", ["*", SERVICE, ""])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_proxies_and_exceptions_of_the_environment_are_ignored_where_one_is_named(
    lead: Lead, trap: RawServer, monkeypatch: pytest.MonkeyPatch, scheme: str, exempt: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, exempt)
    _, proxy, caller = lead(scheme)
    assert isinstance(caller.call(), Received)
    assert (len(proxy.peers), trap.peers) == (1, [])


# --- the free questions ---------------------------------------------------------------------------------------------


def telling(peer: Peer) -> None:
    """As the service answers what is free of charge: the list of models, then the balance, on one connection."""
    while True:
        peer.read_head()
        models = b'{"data": [{"model_spec": {"constraints": {"enhanceCreativity": 1}}}]}'
        limits = b'{"data": {"accessPermitted": true, "balances": {"USD": 5}}}'
        peer.answer("200 OK", models if b"/models" in peer.head else limits, "Content-Type: application/json")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_free_questions_go_through_the_same_proxy(lead: Lead, trap: RawServer, scheme: str) -> None:
    server, proxy, caller = lead(scheme, telling)
    assert caller.endpoint.permits() is True
    api = Api(base_url=f"{scheme}://{SERVICE}/api/v1", proxy=proxy.url.replace("//", f"//{CREDENTIALS}"))
    assert inquire(api, KEY) == Inquiry("enhance", permitted=True, balances={"USD": 5.0})
    assert len(server.peers) == len(proxy.peers)
    assert trap.peers == []
    assert proxy.peers[0].header("proxy-authorization") is None
    assert all(peer.header("proxy-authorization") == f"Basic {BASIC}" for peer in proxy.peers[1:])
    assert (KEY.encode() in seen_by(proxy)) is (scheme == "http")


@pytest.mark.parametrize("failure", ["407", "502", "an end", "a reset", "a stall", "no http", "no tls after its 200"])
def test_the_free_questions_tell_of_a_failing_proxy_without_its_credentials(failure: str) -> None:
    treat, _ = FAILURES[failure]
    with RawServer(lambda peer: treat(peer, proxy.over)) as proxy:
        url = f"http://{CREDENTIALS}127.0.0.1:{proxy.port}"
        api = Api(base_url=f"https://{SERVICE}/api/v1", proxy=url, connect_timeout=0.5)
        told = inquire(api, KEY)
    assert isinstance(told, str)
    assert told.startswith("it cannot be reached: ")
    assert not any(word in told for word in TELLING)
    assert len(proxy.peers) == 1
    assert KEY.encode() not in seen_by(proxy)
