"""`watchd check` asks the service what it tells free of charge, and says what it learnt, or that it could not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw_server import Peer, RawServer
from tests.system.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOLD = {"profile": {"scale": 2, "enhance": True}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as opened:
        yield opened


def told(house: House) -> dict[str, tuple[str, str]]:
    """Subject → (how it stands, what is said), of the findings about the service."""
    ended = house.watchd("check")
    assert ended.returncode == 0, ended.stderr
    lines = [line.partition(": ") for line in ended.stdout.splitlines()]
    return {head.split(maxsplit=1)[1]: (head.split()[0], text) for head, _, text in lines}


def test_what_the_service_tells_is_explained(house: House) -> None:
    house.open_sandbox(balance="12.5", requests_per_minute=20)
    house.configure(GOLD, api={"requests_per_minute": 20})
    found = told(house)
    assert found["dialect"] == ("ok", "the service speaks enhance, as the configuration says")
    assert found["enhance"] == ("ok", "profile hot: the service enhances")
    grade, balance = found["balance"]
    assert (grade, balance.startswith("calls are permitted: 12.50 USD, 0.00 DIEM; the daily allowance")) == ("ok", True)
    assert found["rate"] == ("ok", "the service takes 20 requests a minute, ours are at most 20")
    assert house.sandbox.charges().calls == 0


def test_another_dialect_a_lower_limit_and_an_empty_balance_are_warned_of(house: House) -> None:
    house.open_sandbox(balance="0", requests_per_minute=10, dialect="creativity")
    house.configure(GOLD)
    found = told(house)
    assert (found["dialect"][0], "`api.dialect: creativity`" in found["dialect"][1]) == ("warning", True)
    assert (found["enhance"][0], "ignores `enhance`" in found["enhance"][1]) == ("warning", True)
    assert (found["balance"][0], "Top up" in found["balance"][1]) == ("wrong", True)
    assert (found["rate"][0], "`api.requests_per_minute: 10`" in found["rate"][1]) == ("warning", True)


def test_a_refused_key_is_told_in_the_services_words_and_the_rest_as_well(house: House) -> None:
    house.open_sandbox()
    house.configure(GOLD)
    house.key.write_text("vk-not-this-one\n")
    found = told(house)
    assert (found["key"][0], found["key"][1].partition(" → ")[0]) == (
        "wrong", "the service refuses the key (401: Authentication failed)"
    )  # fmt: skip
    assert found["enhance"][0] == "ok"
    assert not found.keys() & {"balance", "rate"}


LIMITS: list[object] = [
    "many",
    [None, 3, {"apiModelId": "upscaler", "rateLimits": {"type": "RPM"}}],
    [{"apiModelId": "upscaler", "rateLimits": [{"type": "RPM", "amount": -1}]}],
]
STRANGE = [b"", b"<html>", b"[]", b"null", b'{"data": null}', b"[" * 50_000] + [
    json.dumps({"data": {"accessPermitted": "yes", "balances": [1], "rateLimits": limits}}).encode()
    for limits in LIMITS
]


@pytest.mark.sample(12)
@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oh"])
def test_what_the_service_does_not_tell_could_not_be_learnt_and_nothing_is_wrong(
    house: House, body: bytes, status: str
) -> None:
    def treat(peer: Peer) -> None:
        peer.read_head()
        peer.answer(status, body, "Content-Type: application/json")

    with RawServer(treat) as server:
        house.configure(GOLD, api={"base_url": server.base_url})
        found = told(house)
    for subject in ("dialect", "enhance", "balance", "rate"):
        grade, text = found[subject]
        assert (grade, "could not be learnt" in text) == ("ok", True), (subject, text)


@pytest.mark.parametrize(("seconds", "grade", "words"), [
    (-3600, "warning", "3,600 s ahead of the service's"),
    (3600, "warning", "3,600 s behind the service's"),
    (20, "ok", "agrees"),
])  # fmt: skip
def test_a_clock_that_differs_from_the_services_is_told(house: House, seconds: int, grade: str, words: str) -> None:
    def treat(peer: Peer) -> None:
        peer.read_head()
        peer.answer(
            "200 OK", b"{}", f"Date: {format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}"
        )

    with RawServer(treat) as server:
        house.configure(api={"base_url": server.base_url})
        found = told(house)["clock"]
    # The header tells whole seconds, and the answer takes its time.
    near = [words, *(words.replace("3,600", f"{other:,}") for other in range(3590, 3610))]
    assert (found[0], any(text in found[1] for text in near)) == (grade, True), found


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Nov 2026 10:00:00 GMT"])
def test_a_date_that_is_none_says_nothing_of_the_clock(house: House, date: str) -> None:
    def treat(peer: Peer) -> None:
        peer.read_head()
        peer.answer("200 OK", b"{}", f"Date: {date}")

    with RawServer(treat) as server:
        house.configure(api={"base_url": server.base_url})
        assert "clock" not in told(house)
