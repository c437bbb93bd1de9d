"""Between httpx, which knows requests, and httpcore, which knows connections: httpx's own takes no backend."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class PoolTransport(httpx.BaseTransport):
    """Requests through a pool of httpcore's. Threads: any, as the pool."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        """`pool` is its own from here on."""
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; its answer is open."""
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _in_words_of_httpx():
            came = self._pool.handle_request(asked)
        return httpx.Response(
            came.status, headers=came.headers, stream=_Answer(came), extensions=came.extensions, request=request
        )

    def close(self) -> None:
        """Close the connections that are open."""
        self._pool.close()


class _Answer(httpx.SyncByteStream):
    """The body of an answer as it comes."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _in_words_of_httpx():
            pieces: Iterable[bytes] = self._response.iter_stream()
            yield from pieces

    def close(self) -> None:
        self._response.close()


@contextmanager
def _in_words_of_httpx() -> Iterator[None]:
    """Each error of httpcore's has one of httpx's by the same name; what the body raised goes through as it is."""
    try:
        yield
    except (
        httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:  # fmt: skip
        raise getattr(httpx, type(error).__name__)(str(error)) from error
