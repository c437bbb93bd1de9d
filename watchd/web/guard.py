"""Asks what a visitor may do before anything is answered: a page elsewhere must not reach what listens here.

What is decided is in `permission`; this answers by it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, assert_never

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from watchd.adapters.host import peers
from watchd.web.permission import PRESSING, LinkFollowed, OwnerMay, Passed, Rules, TurnedAway, judge
from watchd.web.visitor import Visitor, visitor_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from watchd.web.visitor import Networks

SAFE = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    # With `no-referrer` a browser would not say where a form comes from either.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Wraps the application, which sees paths below `base_path` as if they were the root's.

    `cookie`: the name of the one that a browser keeps; `proxies`: networks whose word on a visitor is believed.

    Threads: the page's loop; whose a connection is, one of asyncio's own looks up.
    """

    def __init__(self, inner: ASGIApp, rules: Rules, cookie: str, base_path: str, proxies: Networks) -> None:
        self._inner = inner
        self._rules = rules
        self._cookie = cookie
        self._base_path = base_path
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a stranger with a refusal, and everybody else by what is guarded."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((n.encode(), v.encode()) for n, v in SAFE.items())]
            await send(message)

        visitor = visitor_of(scope, self._base_path, self._proxies)
        answer = await self._answer(visitor)
        below = {**scope, "path": visitor.path, "root_path": ""}
        await (answer or self._inner)(below, receive, guarded)

    async def _answer(self, visitor: Visitor) -> Response | None:
        """What it is told; None: what is guarded answers."""
        judgement = judge(visitor, self._rules, self._cookie)
        match judgement:
            case Passed():
                return None
            case LinkFollowed():
                return self._welcome(visitor)
            case OwnerMay(ends):
                # In another thread: the kernel's table may be long.
                if await asyncio.to_thread(peers.user_of, *ends) == os.geteuid():
                    return None
                return _refused(TurnedAway(403, PRESSING))
            case TurnedAway():
                return _refused(judgement)
        assert_never(judgement)

    def _welcome(self, visitor: Visitor) -> Response:
        """A cookie, and the same address without the token, so that it stays in no history and in no picture of it."""
        rest = f"?{visitor.rest}" if visitor.rest else ""
        path = visitor.path.lstrip("/")  # two slashes at the front would begin the name of another machine
        answer = RedirectResponse(f"{self._base_path}/{path}{rest}", 303)
        answer.set_cookie(
            self._cookie, self._rules.session, path=self._base_path or "/", secure=visitor.secure, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return answer


def _refused(why: TurnedAway) -> Response:
    asked = {"www-authenticate": 'Basic realm="watchd"'} if why.status == 401 else None  # noqa: PLR2004 -- HTTP
    return PlainTextResponse(why.words + "\n", why.status, headers=asked)
