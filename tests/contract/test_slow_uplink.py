"""Uploads over a line that is slow, shared or dead: what moves is not cut, what does not is given up unpaid."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.contract.test_http_endpoint import RIGHT, Caller, well
from tests.contract.uploads import heavy
from tests.fakes.raw_server import Peer, RawServer
from tests.fakes.uplink import Uplink
from watchd.adapters.http.bodies import HELD_BACK_BYTES
from watchd.core.calls import upload_progress
from watchd.core.calls.outcomes import Lost, NotSent, Received

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 1.0
WORKERS = 8
SLACK = 3.0


def in_threads(callers: list[Caller], size: int) -> list[object]:
    """One call of each at the same time, and what they came to."""
    results: list[object] = []
    threads = [threading.Thread(target=lambda one=one: results.append(one.call(heavy(size)))) for one in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for one in callers:
        one.endpoint.close()
    return results


def test_uploads_that_share_a_slow_line_all_get_through_however_long_they_take() -> None:
    size = 300_000
    with RawServer(well) as server, Uplink(server.port, rate=WORKERS * size / 4) as uplink:
        callers = [Caller(uplink.base_url, timeout=TIMEOUT) for _ in range(WORKERS)]
        results = in_threads(callers, size)
    assert [type(result) for result in results] == [Received] * WORKERS
    assert [caller.armed for caller in callers] == [1] * WORKERS
    took = [result.traffic.upload_s for result in results if isinstance(result, Received)]
    assert max(took) > 2 * TIMEOUT, "one deadline for the whole call would have cut them"


@pytest.fixture
def stalled() -> Iterator[Uplink]:
    with RawServer(well) as server, Uplink(server.port, rate=0) as uplink:
        yield uplink


def test_a_line_that_is_dead_from_the_start_is_given_up_unsent(stalled: Uplink) -> None:
    caller = Caller(stalled.base_url, timeout=TIMEOUT)
    (result,) = in_threads([caller], 1_000_000)
    assert isinstance(result, NotSent)
    assert (result.stalled, result.ours, caller.armed) == (True, False, 0)
    assert result.reason == "nothing of the upload arrived any more for 1 s"


def test_a_line_that_dies_in_the_midst_is_given_up_unsent() -> None:
    with RawServer(well) as server, Uplink(server.port, rate=500_000) as uplink:
        caller = Caller(uplink.base_url, timeout=TIMEOUT)
        threading.Timer(1.0, setattr, (uplink, "rate", 0)).start()
        (result,) = in_threads([caller], 4_000_000)
        peer = server.peer()
    assert isinstance(result, NotSent)
    assert (result.uploading, result.stalled, caller.armed) == (True, True, 0)
    assert not peer.complete


def test_a_peer_that_takes_the_upload_in_by_drops_is_left_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_progress, "FLOOR_S", 3.0)
    with RawServer(well) as server, Uplink(server.port, rate=8192) as uplink:
        caller = Caller(uplink.base_url, timeout=30.0)
        began = time.monotonic()
        (result,) = in_threads([caller], 4_000_000)
        took = time.monotonic() - began
    assert isinstance(result, NotSent)
    assert "bytes of the upload arrived in 3 s" in result.reason or "arrived in 4 s" in result.reason
    assert (result.stalled, caller.armed) == (True, 0)
    assert took < 2 * 3 + SLACK


def test_the_time_for_the_answer_begins_when_the_picture_is_there() -> None:
    def stall(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        server.over.wait(10)

    with RawServer(stall) as server, Uplink(server.port, rate=250_000) as uplink:
        caller = Caller(uplink.base_url, timeout=TIMEOUT)
        began = time.monotonic()
        (result,) = in_threads([caller], 600_000)
        took = time.monotonic() - began
    assert isinstance(result, Lost)
    assert result.reason == "sent, and then: no answer within 1 s"
    assert result.traffic.upload_s > TIMEOUT
    assert result.traffic.upload_s + TIMEOUT <= took < result.traffic.upload_s + TIMEOUT + SLACK


# --- a stop ---------------------------------------------------------------------------------------------------------


def test_a_stop_gives_up_what_is_not_complete_in_time_and_says_that_it_was_us(stalled: Uplink) -> None:
    caller = Caller(stalled.base_url, timeout=30.0, connect_timeout=0.5)
    threading.Timer(0.5, caller.endpoint.hurry).start()
    began = time.monotonic()
    (result,) = in_threads([caller], 1_000_000)
    took = time.monotonic() - began
    assert isinstance(result, NotSent)
    assert (result.ours, result.stalled, caller.armed) == (True, False, 0)
    assert result.reason == "watchd stops, and the picture was not complete"
    assert took < 1.0 + SLACK


def test_a_stop_lets_a_picture_that_is_there_have_its_answer() -> None:
    def slow(peer: Peer) -> None:
        peer.read_head()
        peer.read_body()
        caller.endpoint.hurry()
        server.over.wait(1.5)  # beyond what a stop gives an upload
        peer.answer("200 OK", RIGHT, "Content-Type: image/png")

    with RawServer(slow) as server:
        caller = Caller(server.base_url, timeout=30.0, connect_timeout=0.5)
        assert isinstance(caller.call(), Received)
        caller.endpoint.close()


def test_the_last_bytes_wait_for_the_ledger_however_long_the_line_has_taken() -> None:
    with RawServer(well) as server, Uplink(server.port, rate=400_000) as uplink:
        caller = Caller(uplink.base_url, timeout=TIMEOUT)
        seen: list[tuple[int, int]] = []

        def arm() -> None:
            peer = server.peer()
            assert peer.wait_for_body(peer.length - HELD_BACK_BYTES)
            seen.append((len(peer.body), peer.length))

        assert isinstance(caller.call(heavy(800_000), arm), Received)
        caller.endpoint.close()
    ((arrived, length),) = seen
    assert arrived == length - HELD_BACK_BYTES
