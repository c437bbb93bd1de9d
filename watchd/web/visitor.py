"""Who asks, as far as it can be believed: what a request says of itself, and what a trusted proxy says of it."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

    from watchd.adapters.host.peers import End

    Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

LINK_FIELD = "token"
_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request. `hosts`: every name that it was sent to; the first is the one in the visitor's address bar.

    `origin`: of the page that it was asked from. `secure`: whether it came by https. `link`: the token in a link, and
    `rest`: the query without it. `given`: the token in a header. `ends`: theirs and ours of the connection, where no
    proxy stands in between.
    """

    method: str
    path: str
    hosts: tuple[str, ...]
    origin: str | None
    secure: bool
    link: str | None
    rest: str
    given: str | None
    cookies: dict[str, str]
    ends: tuple[End, End] | None


def visitor_of(scope: Scope, base_path: str, proxies: Networks) -> Visitor:
    """What an HTTP request comes to; of what a proxy says only that of the networks `proxies` is believed."""
    headers = Headers(scope=scope)
    trusted = _is_within(scope.get("client"), proxies)
    hosts = [headers.get("host", "")]
    # What stands last is what the proxy itself has said; what stands before it, its visitor may have.
    if trusted and _last(headers, "x-forwarded-host"):
        hosts.insert(0, _last(headers, "x-forwarded-host"))
    origin = headers.get("origin")
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    # Whoever comes through a proxy is somebody else than whose the connection is, whether we know that proxy or not.
    between = trusted or any(name in headers for name in _OF_PROXIES)
    return Visitor(
        method=scope["method"],
        path=_below(base_path, scope["path"]),
        hosts=tuple(host.lower() for host in hosts),
        origin=None if origin is None else origin.lower(),
        secure=trusted and _last(headers, "x-forwarded-proto") == "https",
        link=next((value for name, value in query if name == LINK_FIELD), None),
        rest=urlencode([(name, value) for name, value in query if name != LINK_FIELD]),
        given=_given(headers.get("authorization", "")),
        cookies=cookie_parser(headers.get("cookie", "")),
        ends=None if between or not scope.get("client") or not scope.get("server") else (
            (scope["client"][0], scope["client"][1]), (scope["server"][0], scope["server"][1]),
        ),
    )  # fmt: skip


def _below(base_path: str, path: str) -> str:
    """The path below the page's own, which a proxy may have taken away already."""
    if base_path and (path == base_path or path.startswith(f"{base_path}/")):
        return path.removeprefix(base_path) or "/"
    return path


def _last(headers: Headers, name: str) -> str:
    return headers.get(name, "").rpartition(",")[2].strip()


def _is_within(client: tuple[str, int] | None, proxies: Networks) -> bool:
    if client is None or not proxies:
        return False
    address = ipaddress.ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in proxies)


def _given(authorization: str) -> str | None:
    """The token in the header: as a bearer's, or as what a browser sends that asked its user for a password."""
    kind, _, given = authorization.partition(" ")
    match kind.lower():
        case "bearer":
            return given.strip()
        case "basic":
            try:
                return base64.b64decode(given, validate=True).decode().partition(":")[2].strip()
            except ValueError:
                return None
        case _:
            return None
