"""What goes back over the wire: the contract's answers, and the broken ones that a network and a bad day produce."""

import html
import http
import socket
import struct
from collections.abc import Mapping

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from watchd.sandbox.contract import ContractRefusal, refuse_request
from watchd.sandbox.scripting import LieName

# Where the protocol leaves the connection's transport for the answers that break it.
TRANSPORT = "sandbox.transport"

_SENTENCES = {
    401: "Authentication failed",
    402: "Insufficient USD or Diem balance to complete request. Please top up your account and try again.",
    415: "Invalid request content-type",
    429: "Rate limit exceeded",
    500: "Inference processing failed",
    503: "The model is at capacity. Please try again later.",
}
TOO_MANY_FAILED = "Too many failed attempts in 30 seconds. Please wait 30s and try again."
_FROM_A_PROXY = frozenset({504, 524})
_PROXY_TITLES = {504: "Gateway time-out", 524: "A timeout occurred"}


def sentence_of(status: int) -> str:
    """The contract's sentence for a status, or the standard phrase of HTTP."""
    try:
        return _SENTENCES.get(status) or http.HTTPStatus(status).phrase
    except ValueError:
        return f"Request failed with status {status}"


def refusal_of(status: int) -> ContractRefusal:
    """A scripted error, worded as the service would word it."""
    if status == 400:  # noqa: PLR2004 -- HTTP
        return refuse_request("Refused by the sandbox's script")
    return ContractRefusal(status, sentence_of(status))


def error(refusal: ContractRefusal, headers: Mapping[str, str]) -> Response:
    """An answered error: JSON as the contract has it, or HTML where a proxy would have spoken."""
    if refusal.status in _FROM_A_PROXY:
        title = html.escape(f"{refusal.status}: {_PROXY_TITLES[refusal.status]}")
        page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return HTMLResponse(page, refusal.status, headers)
    content: dict[str, object] = {"error": refusal.error}
    if refusal.details is not None:
        content["details"] = refusal.details
    return JSONResponse(content, refusal.status, headers)


def picture(png: bytes, headers: Mapping[str, str]) -> Response:
    """The result."""
    return Response(png, 200, headers, "image/png")


def lie(name: LieName, png: bytes, headers: Mapping[str, str]) -> Response:
    """Status 200, and not the picture asked for; ``png`` is the right one, for ``size`` a sound one of a wrong size."""
    match name:
        case "html":
            page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking.</body></html>"
            return HTMLResponse(page, 200, headers)
        case "json":
            return JSONResponse({"error": "Inference processing failed"}, 200, headers)
        case "size":
            return picture(png, headers)
        case "truncated":
            return picture(png[: len(png) * 2 // 3], headers)


class CutResponse(Response):
    """The right answer's headers and half its body; then the connection ends, by a reset or an orderly close."""

    def __init__(self, png: bytes, headers: Mapping[str, str], *, reset: bool) -> None:
        super().__init__(png, 200, headers, "image/png")
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is sent, then break the connection and wait until that is noticed."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport = scope["state"][TRANSPORT]
        if self._reset:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()
        # Returning before the server has seen the end would be reported as an answer forgotten.
        while (await receive())["type"] != "http.disconnect":
            pass


class NoResponse(Response):
    """Nothing is said, since nobody is listening any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's signature
        """Close what is left of the connection, and wait until that is noticed."""
        scope["state"][TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
