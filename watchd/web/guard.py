"""Who may ask: checked before anything is answered. A page in somebody's browser must not reach what listens here.

A browser sends the name it was told to look up in `Host`, so that a foreign name that points to this machine (DNS
rebinding) is seen by it; and where a request comes from in `Origin`.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
READING = frozenset({"GET", "HEAD"})


class Guard:
    """Wraps the application. `hosts`: names that it may be called by, beside any address of this machine.

    An address is no name that somebody could let point here. `token`: asked for where it is not None.
    """

    def __init__(self, inner: ASGIApp, hosts: Collection[str], token: str | None) -> None:
        self._inner = inner
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a stranger with a refusal, and everybody else by what is guarded."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((n.encode(), v.encode()) for n, v in SAFE.items())]
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is None:
            await self._inner(scope, receive, guarded)
        else:
            status, words = refusal
            asked = {"www-authenticate": 'Bearer realm="watchd"'} if status == 401 else None  # noqa: PLR2004 -- HTTP
            await PlainTextResponse(words + "\n", status, headers=asked)(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name not in self._hosts and not _is_address(name):
            return 421, "this name is not one of watchd's; see `web.listen`"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return 403, "asked from a page of another site"
        if method not in READING:
            return 405, "nothing can be changed here"
        if self._token is not None and not self._knows(headers.get("authorization", "")):
            return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None

    def _knows(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        expected = (self._token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
