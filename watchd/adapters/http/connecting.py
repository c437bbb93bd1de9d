"""How the service is reached: TLS always verified, a proxy only where the configuration names one, no redirect.

The environment has no say in any of it: variables that name proxies, other authorities or a file for the secrets of
TLS come with a login or a container, and nobody meant them for a daemon with a key.
"""

from __future__ import annotations

import base64
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

from watchd import __version__
from watchd.adapters.http.addresses import RacingBackend
from watchd.adapters.http.dialogue import Dialogue
from watchd.adapters.http.transport import PoolTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from watchd.model import Api

    Hold = Callable[[httpcore.NetworkStream], None]

MOST_UNSENT_BYTES: Final = 128 * 1024
"""What the kernel takes beyond what is on its way: megabytes otherwise, and on a slow line a call would count as armed,
its last bytes as gone, minutes before they are."""
SOCKET_OPTIONS: Final = [(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)]
USER_AGENT: Final = f"watchd/{__version__}"


def connect(api: Api, timeout: httpx.Timeout | float) -> httpx.Client:
    """A client for what is asked free of charge. Each request has a connection of its own."""
    return httpx.Client(
        transport=PoolTransport(_pool(api.proxy)),
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        timeout=timeout,
    )


def _pool(proxy_url: str | None) -> httpcore.ConnectionPool:
    if proxy_url is None:
        return httpcore.ConnectionPool(
            verified(), max_connections=None, max_keepalive_connections=0, network_backend=RacingBackend(),
            socket_options=SOCKET_OPTIONS,
        )  # fmt: skip
    proxy = httpx.Proxy(proxy_url)  # for what it reads out of an address: a name in IDNA, decoded credentials
    at = proxy.url
    return httpcore.HTTPProxy(
        httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path),
        proxy_auth=proxy.raw_auth,
        ssl_context=verified(),
        # Without a context of ours an https proxy would be verified by whatever the environment names.
        proxy_ssl_context=verified() if at.scheme == "https" else None,
        max_connections=None,
        max_keepalive_connections=0,
        network_backend=RacingBackend(),
        socket_options=SOCKET_OPTIONS,
    )


class Way:
    """The way to the service for calls that are paid: what is the same for each of them is made once.

    Threads: any; it holds nothing that changes.
    """

    def __init__(self, base_url: str, proxy: str | None, timeout: float) -> None:
        """`timeout`: seconds for a connection, and for each handshake on it."""
        self._url = httpx.URL(base_url)
        self._timeout = timeout
        self._backend = RacingBackend()
        self._verified = verified() if self._url.scheme == "https" else None
        self._proxy = None if proxy is None else httpx.Proxy(proxy)
        self._proxy_verified = verified() if self._proxy is not None and self._proxy.url.scheme == "https" else None
        self._proxy_headers: list[tuple[bytes, bytes]] = []
        if self._proxy is not None and self._proxy.raw_auth is not None:
            credentials = base64.b64encode(b":".join(self._proxy.raw_auth))
            self._proxy_headers = [(b"Proxy-Authorization", b"Basic " + credentials)]

    @property
    def passes_on(self) -> bool:
        """Whether requests are said to a proxy, which passes them on: they name the whole address then."""
        return self._proxy is not None and self._verified is None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What whoever is spoken to wants to hear with each request."""
        own = [
            (b"Host", self._url.netloc),
            (b"User-Agent", USER_AGENT.encode("ascii")),
            (b"Accept-Encoding", b"identity"),
        ]
        return own + (self._proxy_headers if self.passes_on else [])

    def open(self, hold: Hold) -> httpcore.NetworkStream:
        """A new connection: a kept one may be just closing, and a request on it would leave a doubt about money.

        `hold` is shown every stream that may block, as soon as it is there.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError: there is none to be had.
            as `Dialogue` does: a proxy that is no proxy.
        """
        host, port = self._url.raw_host.decode("ascii"), _port(self._url)
        with ExitStack() as undo:
            if self._proxy is None:
                stream = self._connected(host, port, hold)
                undo.callback(stream.close)
            else:
                at = self._proxy.url
                stream = self._connected(at.raw_host.decode("ascii"), _port(at), hold)
                undo.callback(stream.close)
                if self._proxy_verified is not None:
                    stream = self._secured(stream, self._proxy_verified, at.raw_host.decode("ascii"), hold)
                if not self.passes_on:
                    self._ask_for_tunnel(stream, f"{host}:{port}".encode("ascii"))
            if self._verified is not None:
                stream = self._secured(stream, self._verified, host, hold)
            undo.pop_all()
        return stream

    def _connected(self, host: str, port: int, hold: Hold) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, self._timeout, None, SOCKET_OPTIONS)
        hold(stream)
        return stream

    def _secured(
        self, stream: httpcore.NetworkStream, context: ssl.SSLContext, host: str, hold: Hold
    ) -> httpcore.NetworkStream:
        secured = stream.start_tls(context, host, self._timeout)
        hold(secured)
        return secured

    def _ask_for_tunnel(self, stream: httpcore.NetworkStream, target: bytes) -> None:
        asked = Dialogue(stream)
        asked.say("CONNECT", target, [(b"Host", target), (b"Accept", b"*/*"), *self._proxy_headers], iter(()))
        came = asked.head()
        if not httpx.codes.is_success(came.status):
            raise httpcore.ProxyError(f"{came.status} {came.reason}")


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}[url.scheme]


def verified() -> ssl.SSLContext:
    """What TLS is verified with: the authorities that httpx brings."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    context.keylog_filename = None  # type: ignore[assignment]  # Python's way to take SSLKEYLOGFILE back
    return context
