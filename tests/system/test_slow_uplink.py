"""A line so slow that no upload is done within `api.timeout`, shared by all workers: none is cut, none paid twice."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.fakes.pictures import picture
from tests.fakes.uplink import Uplink
from tests.system.house import House, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 4.0
WORKERS = 8
SIDE = 700
"""Pixels of a picture's side, and so half a megabyte."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as opened:
        yield opened
        opened.assert_books_balance()


@pytest.fixture
def uplink(house: House) -> Iterator[Uplink]:
    """8 uploads at once take twice as long as a whole answer may."""
    port = urlsplit(house.sandbox.base_url).port
    assert port is not None
    with Uplink(port, rate=WORKERS * SIDE * SIDE / (2 * TIMEOUT)) as line:
        house.configure(api={
            "base_url": line.base_url, "workers": WORKERS, "timeout": f"{TIMEOUT:g}s", "connect_timeout": "1s",
        })  # fmt: skip
        yield line


def test_uploads_that_share_a_slow_line_all_end_in_pictures_and_each_is_paid_once(house: House, uplink: Uplink) -> None:
    for number in range(WORKERS + 2):
        house.drop(f"{number}.png", picture(number, SIDE, SIDE))
    house.start()
    house.wait_for_all(WORKERS + 2, timeout=60.0)
    assert {attempt["outcome"] for attempt in house.attempts()} == {"ok"}
    assert len(house.attempts()) == len(set(house.sent())) == len(house.sent()) == WORKERS + 2
    longest = max(attempt["finished_at"] - attempt["started_at"] for attempt in _times(house))
    assert longest > 1.5 * TIMEOUT, "with one deadline for the whole call they had cut each other"
    assert uplink.most_at_once >= WORKERS  # the line hears of an end in its turn, when the next may have begun


def test_an_upload_that_stalls_is_given_up_unpaid_and_goes_up_again(house: House, uplink: Uplink) -> None:
    uplink.rate = 0
    house.drop("a.png", picture(1, SIDE, SIDE))
    house.start()
    until(lambda: [attempt["outcome"] for attempt in house.attempts()][:1] == ["network"], "it is given up", 30.0)
    (given_up, *_) = house.attempts()
    assert "nothing of the upload arrived any more for 4 s" in given_up["error"]
    assert given_up["cost"] == 0
    uplink.rate = 10_000_000
    house.wait_for_all(1, timeout=60.0)
    assert len(house.sent()) == 1


def test_a_stop_waits_for_no_upload_that_is_far_from_done_and_the_next_start_sends_it(
    house: House, uplink: Uplink
) -> None:
    uplink.rate = 20_000  # 25 seconds for the one picture
    house.drop("a.png", picture(1, SIDE, SIDE))
    daemon = house.start()
    until(lambda: uplink.most_at_once == 1, "it goes up")
    assert daemon.stop() == 0
    (given_up,) = house.attempts()
    assert (given_up["outcome"], given_up["cost"]) == ("network", 0)
    assert "watchd stops" in given_up["error"]
    (job,) = house.read("SELECT state, upload_cuts FROM job")
    assert (job["state"], job["upload_cuts"]) == ("queued", 0), "the file answers for none of it"
    uplink.rate = 10_000_000
    house.start()
    house.wait_for_all(1)
    assert len(house.sent()) == 1


def _times(house: House) -> list[dict[str, float]]:
    return house.read("SELECT started_at, finished_at FROM attempt")
