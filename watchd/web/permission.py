"""What a visitor may do: decided from what is known of them, before anything is answered.

A browser sends the name it was told to look up in `Host`, so that a foreign name that points to this machine (DNS
rebinding) is seen by it; and where a request comes from in `Origin`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.adapters.host.peers import End
    from watchd.web.visitor import Visitor

READING = frozenset({"GET", "HEAD"})
OPEN = frozenset({"/healthz", "/readyz"})
"""What a container's own health check asks; it tells whether watchd lives, and nothing of anybody's files."""
DOING = "/do/"
"""Where something is changed: by POST, from our own page."""
PRESSING = (
    "this button needs the link that `watchd status` shows: open it once in this browser; or ask as the very user that"
    " watchd runs as"
)
OUTDATED = "this link is none of this watchd's, or of an earlier start: `watchd status` shows the one that holds"


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom the page answers. `hosts`: names that it may be called by, beside any address of this machine.

    `token`: what opens everything. `closed`: it is needed to look as well (a token that the owner has chosen); else for
    buttons alone, and not by the user that watchd runs as.
    """

    hosts: frozenset[str]
    token: str = field(repr=False)
    closed: bool

    @property
    def session(self) -> str:
        """What a browser keeps that has shown the token: it opens the page, and is not the token."""
        return hmac.digest(self.token.encode(), b"watchd page", hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Passed:
    """Answer it."""


@dataclass(frozen=True, slots=True)
class OwnerMay:
    """Answer it if the user at the other end of this connection is the one that watchd runs as."""

    ends: tuple[End, End]


@dataclass(frozen=True, slots=True)
class LinkFollowed:
    """The link with the token was opened: let the browser keep that, and go on where no token stands in the address."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why not."""

    status: int
    words: str


Judgement = Passed | OwnerMay | LinkFollowed | TurnedAway


def judge(visitor: Visitor, rules: Rules, cookie: str) -> Judgement:
    """Whether this is answered. `cookie`: the name under which a browser keeps its session."""
    refusal = _strange(visitor, rules.hosts)
    if refusal is not None:
        return refusal
    known = _same(visitor.given, rules.token) or _same(visitor.cookies.get(cookie), rules.session)
    if visitor.link is not None and visitor.method == "GET" and visitor.path not in OPEN:
        return LinkFollowed() if known or _same(visitor.link, rules.token) else TurnedAway(403, OUTDATED)
    if known or visitor.path in OPEN or (visitor.method in READING and not rules.closed):
        return Passed()
    if rules.closed:
        return TurnedAway(401, "a token is needed: Authorization: Bearer TOKEN, or as the password")
    return TurnedAway(403, PRESSING) if visitor.ends is None else OwnerMay(visitor.ends)


def _strange(visitor: Visitor, hosts: frozenset[str]) -> TurnedAway | None:
    """What no visitor of ours would ask, whatever they know."""
    if not all(_is_ours(host, hosts) for host in visitor.hosts):
        return TurnedAway(421, "this name is not one of watchd's; say it in `web.hosts`")
    if visitor.origin is not None and visitor.origin not in {
        f"http://{visitor.hosts[0]}",
        f"https://{visitor.hosts[0]}",
    }:
        return TurnedAway(
            403, "asked from a page of another site; a proxy in front has to pass Host on, or to be in"
            " `web.trusted_proxies` and send X-Forwarded-Host",
        )  # fmt: skip
    if visitor.method not in READING and (visitor.method != "POST" or not visitor.path.startswith(DOING)):
        return TurnedAway(405, "nothing can be changed here")
    if visitor.method == "POST" and visitor.origin is None:
        return TurnedAway(403, "asked from nowhere: a browser says where from, and others can send Origin")
    return None


def _is_ours(host: str, hosts: frozenset[str]) -> bool:
    """Whether it is one of our names. An address is no name that somebody could let point here."""
    name, _, port = host.rpartition(":")
    name = name if port.isdigit() else host
    if name in hosts:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _same(given: str | None, wanted: str) -> bool:
    """In the same time, whatever was given."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
