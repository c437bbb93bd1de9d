"""uvicorn in a thread of its own: up when `start` returns, gone when `stop` does."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from watchd.errors import WatchdError
from watchd.web.connections import AT_ONE_GO, BACKLOG, KEPT_FOR_HEALTH, MOST_CONNECTIONS, BoundedProtocol, Places
from watchd.web.guard import Guard
from watchd.web.permission import OPEN, Rules
from watchd.web.visitor import LINK_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from watchd.model import Web


class CannotListenError(WatchdError):
    """The address cannot be had: the daemon works on without, and says so."""


class _Accepting(uvicorn.Server):
    """uvicorn has one number for the kernel's queue and for what asyncio takes out of it at one go."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept a few at one go, and let more of them wait."""
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(BACKLOG)


class WebServer:
    """Listens from its making on, so that a port that cannot be had is known before anything else starts.

    Threads: `web` serves; main starts and stops it.
    """

    def __init__(self, web: Web, token: str, inner: ASGIApp, failed: Callable[[BaseException], None]) -> None:
        """`token` opens everything; `failed` hears of an error that ended the thread.

        Raises:
            CannotListenError: the address is taken, or is none of this machine.
        """
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((web.host, web.port))
            self._socket.listen(BACKLOG)
        except OSError as error:
            self._socket.close()
            raise CannotListenError(f"{web.host}:{web.port} cannot be listened on: {error.strerror}") from error
        self.port = int(self._socket.getsockname()[1])
        placed = Places(inner, MOST_CONNECTIONS - KEPT_FOR_HEALTH, OPEN)
        networks = [ipaddress.ip_network(one) for one in web.trusted_proxies]
        # Browsers keep cookies by the name of a machine alone: the port tells one watchd on it from the other.
        guarded = Guard(placed, self._rules(web, token), f"watchd-{self.port}", web.base_path, networks)
        config = uvicorn.Config(
            guarded, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
            http=BoundedProtocol, backlog=AT_ONE_GO, proxy_headers=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = _Accepting(config)
        self._failed = failed
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def address(self, web: Web, *, token: str | None) -> str:
        """The page's own address on this machine; with `token` it is the link that opens its buttons."""
        host = socket.gethostname() if web.host in {"0.0.0.0", "::"} else web.host  # noqa: S104 -- asked for, not bound
        shown = f"[{host}]" if ":" in host else host
        query = "" if token is None else f"?{LINK_FIELD}={token}"
        return f"http://{shown}:{self.port}{web.base_path}/{query}"

    @staticmethod
    def _rules(web: Web, token: str) -> Rules:
        own = socket.gethostname().lower()
        hosts = frozenset({"localhost", web.host.lower(), own, f"{own}.local", *web.hosts})
        return Rules(hosts, token, closed=web.token_file is not None)

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
