"""How the service is reached: TLS always verified, a proxy only where the configuration names one, no redirect.

The environment has no say in any of it: variables that name proxies, other authorities or a file for the secrets of
TLS come with a login or a container, and nobody meant them for a daemon with a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from watchd import __version__

if TYPE_CHECKING:
    import ssl

    from watchd.model import Api


def connect(api: Api, timeout: httpx.Timeout | float) -> httpx.Client:
    """A client for the service. Each request has a connection of its own: a kept one may be just closing."""
    return httpx.Client(
        verify=_verified(),
        http2=False,
        trust_env=False,
        proxy=_proxy(api.proxy),
        follow_redirects=False,
        headers={"User-Agent": f"watchd/{__version__}", "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=timeout,
    )


def _verified() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.keylog_filename = None  # type: ignore[assignment]  # Python's way to take SSLKEYLOGFILE back
    return context


def _proxy(url: str | None) -> httpx.Proxy | None:
    if url is None:
        return None
    # Without a context of ours an https proxy would be verified by whatever the environment names.
    return httpx.Proxy(url, ssl_context=_verified() if url.startswith("https:") else None)
