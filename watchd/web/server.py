"""uvicorn in a thread of its own: up when `start` returns, gone when `stop` does."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from watchd.errors import WatchdError
from watchd.web.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from watchd.model import Web

MOST_CONNECTIONS = 64


class CannotListenError(WatchdError):
    """The address cannot be had: the daemon works on without, and says so."""


class WebServer:
    """Listens from its making on, so that a port that cannot be had is known before anything else starts.

    Threads: `web` serves; main starts and stops it.
    """

    def __init__(self, web: Web, token: str | None, inner: ASGIApp, failed: Callable[[BaseException], None]) -> None:
        """`failed` hears of an error that ended the thread.

        Raises:
            CannotListenError: the address is taken, or is none of this machine.
        """
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((web.host, web.port))
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise CannotListenError(f"{web.host}:{web.port} cannot be listened on: {error.strerror}") from error
        self.port = int(self._socket.getsockname()[1])
        own = socket.gethostname()
        guarded = Guard(inner, {"localhost", web.host, own, f"{own}.local"}, token)
        config = uvicorn.Config(
            guarded, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
            limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._failed = failed
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:
            self._failed(error)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End within a second or two, whoever is connected."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
