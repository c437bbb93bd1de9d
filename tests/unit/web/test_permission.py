"""Who may look and who may press: every visitor, judged by what is known of them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from watchd.web.permission import Judgement, LinkFollowed, OwnerMay, Passed, Rules, TurnedAway, judge
from watchd.web.visitor import Visitor, visitor_of

TOKEN = "a-token-that-was-made-up-here"  # noqa: S105 -- made up here
HOSTS = frozenset({"localhost", "nas.fritz.box"})
LOCAL = Rules(HOSTS, TOKEN, closed=False)
CHOSEN = Rules(HOSTS, TOKEN, closed=True)
COOKIE = "watchd-8787"
PROXY = (ipaddress.ip_network("172.16.0.0/12"), ipaddress.ip_network("127.0.0.9/32"))
AT_HOME = {"host": "localhost:8787"}
FROM_HERE = AT_HOME | {"origin": "http://localhost:8787"}
BEARER = {"authorization": f"Bearer {TOKEN}"}
SESSION = {"cookie": f"other=1; {COOKIE}={LOCAL.session}"}
ENDS = (("127.0.0.1", 50_000), ("127.0.0.1", 8_787))


def visit(method: str, target: str, headers: dict[str, str], *, client: str = "127.0.0.1", base: str = "") -> Visitor:
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 50_000), "server": ("127.0.0.1", 8_787),
    }  # fmt: skip
    return visitor_of(scope, base, PROXY)


def judged(method: str, target: str, headers: dict[str, str], rules: Rules = LOCAL, **more: Any) -> Judgement:
    return judge(visit(method, target, headers, **more), rules, COOKIE)


def status(judgement: Judgement) -> int:
    assert isinstance(judgement, TurnedAway), judgement
    return judgement.status


@pytest.mark.parametrize("path", ["/", "/metrics", "/job/1", "/healthz", "/events"])
def test_anybody_on_this_machine_may_look_where_no_token_was_chosen(path: str) -> None:
    assert judged("GET", path, AT_HOME) == Passed()


def test_a_button_is_for_whoever_has_the_token_or_is_the_daemons_user() -> None:
    assert judged("POST", "/do/pause", FROM_HERE) == OwnerMay(ENDS)
    assert judged("POST", "/do/pause", FROM_HERE | BEARER) == Passed()
    assert judged("POST", "/do/pause", FROM_HERE | SESSION) == Passed()


@pytest.mark.parametrize("known", [
    {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"cookie": f"{COOKIE}={TOKEN}"},
    {"cookie": f"watchd-1={LOCAL.session}"}, {"cookie": f"{COOKIE}="}, {"authorization": "Bearer \xff"},
])  # fmt: skip
def test_what_is_not_quite_the_token_is_none(known: dict[str, str]) -> None:
    assert judged("POST", "/do/pause", FROM_HERE | known) == OwnerMay(ENDS)
    assert status(judged("POST", "/do/pause", FROM_HERE | known, CHOSEN)) == 401


def test_a_chosen_token_is_needed_to_look_and_by_everybody() -> None:
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("POST", "/do/pause")):
        assert status(judged(method, path, FROM_HERE, CHOSEN)) == 401
        assert judged(method, path, FROM_HERE | BEARER, CHOSEN) == Passed()
        assert judged(method, path, FROM_HERE | SESSION, CHOSEN) == Passed()
    assert judged("GET", "/healthz", AT_HOME, CHOSEN) == Passed()


def test_the_link_is_followed_by_whoever_has_it() -> None:
    assert judged("GET", f"/?token={TOKEN}&q=a", AT_HOME) == LinkFollowed()
    assert judged("GET", f"/?token={TOKEN}", AT_HOME, CHOSEN) == LinkFollowed()
    assert judged("GET", "/?token=of-before", AT_HOME | SESSION) == LinkFollowed()
    assert status(judged("GET", "/?token=of-before", AT_HOME)) == 403
    assert status(judged("POST", f"/do/pause?token={TOKEN}", FROM_HERE, CHOSEN)) == 401
    assert visit("GET", f"/?q=a%26b&token={TOKEN}&state=done", AT_HOME).rest == "q=a%26b&state=done"


def test_a_session_is_not_the_token() -> None:
    assert TOKEN not in LOCAL.session
    assert judged("POST", "/do/pause", FROM_HERE | {"authorization": f"Bearer {LOCAL.session}"}) == OwnerMay(ENDS)
    assert TOKEN not in repr(LOCAL)


BETWEEN = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via", "x-real-ip"]


@pytest.mark.parametrize("header", BETWEEN)
def test_whoever_comes_through_a_proxy_is_not_the_proxys_user(header: str) -> None:
    assert status(judged("POST", "/do/pause", FROM_HERE | {header: "127.0.0.1"})) == 403


def test_a_trusted_proxy_is_not_the_owner_though_it_says_nothing() -> None:
    assert status(judged("POST", "/do/pause", FROM_HERE, client="127.0.0.9")) == 403


THROUGH = {
    "host": "localhost:8787", "x-forwarded-host": "NAS.fritz.box", "x-forwarded-proto": "https",
    "origin": "https://nas.fritz.box",
}  # fmt: skip


@pytest.mark.parametrize("client", ["172.17.0.2", "::ffff:172.17.0.2", "127.0.0.9"])
def test_a_trusted_proxy_is_believed(client: str) -> None:
    assert judged("POST", "/do/pause", THROUGH | BEARER, client=client) == Passed()
    assert visit("GET", "/", THROUGH, client=client).secure


@pytest.mark.parametrize("client", ["127.0.0.1", "172.32.0.1", "::1", "::ffff:127.0.0.1"])
def test_others_are_not(client: str) -> None:
    assert status(judged("POST", "/do/pause", THROUGH | BEARER, client=client)) == 403
    assert not visit("GET", "/", THROUGH, client=client).secure


def test_of_several_words_of_a_proxy_the_last_is_its_own() -> None:
    said = THROUGH | BEARER | {"x-forwarded-host": "nas.fritz.box, evil.example"}
    assert status(judged("GET", "/", said, client="172.17.0.2")) == 421
    said = THROUGH | BEARER | {"x-forwarded-host": "evil.example, nas.fritz.box"}
    assert judged("GET", "/", said, client="172.17.0.2") == Passed()


@pytest.mark.parametrize("headers", [
    {"host": "evil.example"}, {"host": "nas.fritz.box.evil.example"}, {"host": ""}, {"host": "fritz.box"},
    {"host": "evil.example", "x-forwarded-host": "nas.fritz.box"},
])  # fmt: skip
@pytest.mark.parametrize("client", ["127.0.0.1", "172.17.0.2"])
def test_a_name_that_is_not_ours_is_no_name_of_ours_by_any_way(headers: dict[str, str], client: str) -> None:
    assert status(judged("GET", "/", headers | BEARER, client=client)) == 421


@pytest.mark.parametrize("host", ["nas.fritz.box", "NAS.Fritz.Box:8443", "192.168.1.5:8787", "[::1]:8787", "localhost"])
def test_our_names_and_all_addresses_are_ours(host: str) -> None:
    assert judged("GET", "/", {"host": host}) == Passed()


@pytest.mark.parametrize(("path", "below"), [
    ("/watchd", "/"), ("/watchd/", "/"), ("/watchd/job/1", "/job/1"), ("/job/1", "/job/1"), ("/watchdog", "/watchdog"),
    ("/watchd/watchd/x", "/watchd/x"),
])  # fmt: skip
def test_the_base_path_may_have_been_taken_away_or_not(path: str, below: str) -> None:
    assert visit("GET", path, AT_HOME, base="/watchd").path == below
