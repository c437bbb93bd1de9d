"""Who may ask: checked before anything is answered. A page in somebody's browser must not reach what listens here.

A browser sends the name it was told to look up in `Host`, so that a foreign name that points to this machine (DNS
rebinding) is seen by it; and where a request comes from in `Origin`.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    # With `no-referrer` a browser would not say where a form comes from either.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
READING = frozenset({"GET", "HEAD"})
OPEN = frozenset({"/healthz", "/readyz"})
"""What a container's own health check asks; it tells whether watchd lives, and nothing of anybody's files."""
DOING = "/do/"
"""Where something is changed: by POST, from our own page."""


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

        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refusal is None:
            await self._inner(scope, receive, guarded)
        else:
            status, words = refusal
            asked = {"www-authenticate": 'Basic realm="watchd"'} if status == 401 else None  # noqa: PLR2004 -- HTTP
            await PlainTextResponse(words + "\n", status, headers=asked)(scope, receive, guarded)

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name not in self._hosts and not _is_address(name):
            return 421, "this name is not one of watchd's; see `web.listen`"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return 403, "asked from a page of another site"
        if method not in READING and (method != "POST" or not path.startswith(DOING)):
            return 405, "nothing can be changed here"
        if method == "POST" and origin is None:
            return 403, "asked from nowhere: a browser says where from, and others can send Origin"
        if self._token is not None and path not in OPEN and not self._knows(headers.get("authorization", "")):
            return 401, "a token is needed: Authorization: Bearer TOKEN, or as the password"
        return None

    def _knows(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "basic":
            given = _password(given)
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(), (self._token or "").encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _password(given: str) -> str:
    """What a browser sends that asked its user: any name, and the token as the password."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
