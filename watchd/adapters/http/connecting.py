"""How the service is reached: TLS always verified, a proxy only where the configuration names one, no redirect.

The environment has no say in any of it: variables that name proxies, other authorities or a file for the secrets of
TLS come with a login or a container, and nobody meant them for a daemon with a key.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

from watchd import __version__
from watchd.adapters.http.addresses import RacingBackend
from watchd.adapters.http.transport import PoolTransport

if TYPE_CHECKING:
    import ssl

    from watchd.model import Api

MOST_UNSENT_BYTES: Final = 128 * 1024
"""What the kernel takes beyond what is on its way: megabytes otherwise, and on a slow line a call would count as armed,
its last bytes as gone, minutes before they are."""


def connect(api: Api, timeout: httpx.Timeout | float) -> httpx.Client:
    """A client for the service. Each request has a connection of its own: a kept one may be just closing."""
    return httpx.Client(
        transport=PoolTransport(_pool(api.proxy)),
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": f"watchd/{__version__}", "Accept-Encoding": "identity"},
        timeout=timeout,
    )


def _pool(proxy_url: str | None) -> httpcore.ConnectionPool:
    backend = RacingBackend()
    options = [(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)]
    if proxy_url is None:
        return httpcore.ConnectionPool(
            _verified(), max_connections=None, max_keepalive_connections=0, network_backend=backend,
            socket_options=options,
        )  # fmt: skip
    proxy = httpx.Proxy(proxy_url)  # for what it reads out of an address: a name in IDNA, decoded credentials
    at = proxy.url
    return httpcore.HTTPProxy(
        httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path),
        proxy_auth=proxy.raw_auth,
        ssl_context=_verified(),
        # Without a context of ours an https proxy would be verified by whatever the environment names.
        proxy_ssl_context=_verified() if at.scheme == "https" else None,
        max_connections=None,
        max_keepalive_connections=0,
        network_backend=backend,
        socket_options=options,
    )


def _verified() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.keylog_filename = None  # type: ignore[assignment]  # Python's way to take SSLKEYLOGFILE back
    return context
