"""What stands between a client and a service that is far away: TLS, its certificates, and a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import certifi
import trustme

from tests.fakes.raw_server import PATIENCE, Peer, RawServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

SERVICE = "service.invalid"
"""A name that no resolver knows: who reaches it has been led there by a proxy."""

AUTHORITY = trustme.CA()
"""Signs for the tests; nobody trusts it who has not been told to."""


def trust(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let clients that are made from now on believe this authority alone, in place of the public ones."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setattr(certifi, "where", lambda: str(path))


def certified(authority: trustme.CA, *names: str, **more: Any) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for these names; `more` goes to `issue_cert`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **more).configure_cert(context)
    return context


def out_of_date(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a side of TLS speak 1.1 and nothing newer, which OpenSSL does only where weak ciphers are allowed too."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is deprecated is the point
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def farewell(peer: Peer) -> None:
    """The orderly end of TLS: the word that nothing more comes, then the end of the connection."""
    connection = peer._connection
    assert isinstance(connection, ssl.SSLSocket)
    with suppress(OSError):
        connection.settimeout(0)  # says its own word without waiting for the other side's
        connection.unwrap()
    peer.close()


class TlsServer(RawServer):
    """A RawServer behind TLS: only who has shaken hands is treated."""

    def __init__(self, treat: Callable[[Peer], None], context: ssl.SSLContext) -> None:
        """`context` is the server's side, with its certificate."""
        super().__init__(self._after_the_handshake)
        self._treat_secured = treat
        # Each connection shakes hands in its own thread, not in the one that accepts.
        self._listener = context.wrap_socket(self._listener, server_side=True, do_handshake_on_connect=False)
        self.refusals: list[str] = []
        """Why handshakes failed, as this side saw it."""
        self.after_refusal = b""
        """What the client sent, in whatever form, once it had refused."""

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/api/v1"

    def _after_the_handshake(self, peer: Peer) -> None:
        connection = peer._connection
        assert isinstance(connection, ssl.SSLSocket)
        try:
            connection.do_handshake()
        except OSError as error:
            self.refusals.append(str(error))
            with suppress(OSError):
                while data := socket.socket.recv(connection, 65_536):
                    self.after_refusal += data
            raise
        self._treat_secured(peer)


class Proxy(RawServer):
    """Leads everybody to one port, by CONNECT or by the absolute form; a peer's head and body are all that it sees."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        """`port` of this machine is where every name leads; with a `context`, the way to the proxy is TLS too."""
        super().__init__(self._lead)
        self._port = port
        self._scheme = "http" if context is None else "https"
        if context is not None:
            self._listener = context.wrap_socket(self._listener, server_side=True, do_handshake_on_connect=False)
        self._upstreams: list[socket.socket] = []
        self.passed_on_the_end = threading.Event()
        """Set once an end that came from behind has gone on to the client."""

    @property
    def url(self) -> str:
        """As `api.proxy` has it."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __exit__(self, *arguments: object) -> None:
        for upstream in self._upstreams:
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
        super().__exit__(*arguments)

    def _lead(self, peer: Peer) -> None:
        peer.read_head()
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as upstream:
            self._upstreams.append(upstream)
            if peer.head.startswith(b"CONNECT "):
                peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(peer.head + b"\r\n\r\n" + peer.body)
            back = threading.Thread(target=self._carry_back, args=(upstream, peer))
            back.start()
            try:
                while data := peer._receive():
                    peer._take(data)
                    upstream.sendall(data)
            finally:
                with suppress(OSError):
                    upstream.shutdown(socket.SHUT_RDWR)
                back.join(PATIENCE)

    def _carry_back(self, upstream: socket.socket, peer: Peer) -> None:
        with suppress(OSError):
            while data := upstream.recv(65_536):
                peer.send(data)
        with suppress(OSError):
            peer._connection.shutdown(socket.SHUT_RDWR)
        self.passed_on_the_end.set()
