"""A picture too large for one call: paid for tile by tile, no tile twice, and joined when all are there."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.fakes.endpoint import CutAfterwards
from tests.fakes.pictures import png
from tests.unit.journey.test_job_runner import cut_power, rows
from watchd.core.request import endpoint
from watchd.core.request.endpoint import Answer
from watchd.journey.work import finishing
from watchd.model import JobState, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.journey.workshop import Workshop

TILES = 6
PRICE = 20_000


def noise(seed: int = 1) -> bytes:
    """A picture of which no two parts are the same."""
    target = io.BytesIO()
    Image.frombytes("L", (800, 600), random.Random(seed).randbytes(800 * 600)).save(target, "PNG", compress_level=0)
    return target.getvalue()


LARGE = noise()


@pytest.fixture
def tiled(build: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Its service takes results of up to 400,000 pixels, so that a picture of 800x600 comes to six calls."""
    monkeypatch.setattr(endpoint, "MAX_PIXELS", 400_000)
    shop = build()
    shop.restart(shop.folder(oversize="tile"))
    return shop


def admitted(shop: Workshop, path: str = "a.png", data: bytes = LARGE) -> None:
    shop.put(path, data)
    shop.settle()


def sent(shop: Workshop) -> list[str]:
    return [seen.sha256 for seen in shop.endpoint.seen]


def test_it_comes_out_whole_and_each_tile_is_one_call(tiled: Workshop) -> None:
    job = tiled.run("a.png", LARGE)
    assert (job.state, job.attempts, job.booked, job.tiles) == (JobState.DONE, TILES, TILES * PRICE, TILES)
    assert tiled.endpoint.charged == TILES * PRICE
    with Image.open(tiled.place / "out" / "a.png") as output:
        output.load()
        assert output.size == (1600, 1200)


def test_the_price_of_all_tiles_is_known_before_the_first_is_paid(tiled: Workshop) -> None:
    admitted(tiled)
    assert tiled.job("a.png").price == TILES * PRICE
    assert tiled.ledger.backlog().cost == TILES * PRICE


def test_what_is_left_costs_less_with_every_tile_that_is_safe(tiled: Workshop) -> None:
    admitted(tiled)
    for left in range(TILES - 1, 0, -1):
        claim = tiled.dispatcher.next_claim()
        assert claim is not None
        tiled.runner.run(claim)
        assert (tiled.job("a.png").state, tiled.job("a.png").price) == (JobState.QUEUED, left * PRICE)


def test_each_call_names_its_tile_in_the_ledger(tiled: Workshop) -> None:
    tiled.run("a.png", LARGE)
    assert rows(tiled, "SELECT tile, outcome FROM attempt ORDER BY id") == [(n + 1, "ok") for n in range(TILES)]
    assert rows(tiled, "SELECT number, safe FROM tile ORDER BY number") == [(n + 1, 1) for n in range(TILES)]


def test_nothing_is_left_in_the_spool(tiled: Workshop) -> None:
    tiled.run("a.png", LARGE)
    assert list(tiled.spool.names()) == []


@pytest.mark.parametrize("method", ["begin_sending", "arm", "receive_tile"])
@pytest.mark.parametrize("calls_before", [0, 2, TILES - 1])
def test_a_power_cut_pays_for_no_tile_twice(tiled: Workshop, method: str, calls_before: int) -> None:
    admitted(tiled)
    for _ in range(calls_before):
        claim = tiled.dispatcher.next_claim()
        assert claim is not None
        tiled.runner.run(claim)
    cut_power(tiled, tiled.ledger, method)
    tiled.work()
    assert (tiled.job("a.png").state, tiled.job("a.png").booked) == (JobState.DONE, TILES * PRICE)
    assert tiled.endpoint.charged == TILES * PRICE
    assert len(set(sent(tiled))) == len(sent(tiled)) == TILES


def test_a_power_cut_while_the_tiles_are_joined_pays_nothing_more(tiled: Workshop) -> None:
    admitted(tiled)
    cut_power(tiled, tiled.publisher, "_render")
    tiled.work()
    assert tiled.job("a.png").state is JobState.DONE
    assert tiled.endpoint.calls == TILES


def test_a_lost_tile_is_unknown_and_a_retry_pays_for_that_one_alone(tiled: Workshop) -> None:
    admitted(tiled)
    for _ in range(2):
        claim = tiled.dispatcher.next_claim()
        assert claim is not None
        tiled.runner.run(claim)
    tiled.endpoint.script = [CutAfterwards()]
    tiled.work()
    job = tiled.job("a.png")
    assert (job.state, job.tiles) == (JobState.UNKNOWN, 2)
    assert "tile 3 of 6" in str(job.error)
    tiled.restart()
    tiled.ledger.retry([job])
    tiled.look()
    tiled.work()
    assert tiled.job("a.png").state is JobState.DONE
    assert tiled.endpoint.calls == TILES + 1


def test_tiles_of_a_failed_picture_outlive_a_restart_until_the_owner_tries_it_again(tiled: Workshop) -> None:
    admitted(tiled)
    claim = tiled.dispatcher.next_claim()
    assert claim is not None
    tiled.runner.run(claim)
    tiled.endpoint.script = [Answer(400, "no")]
    tiled.work()
    assert tiled.job("a.png").state is JobState.FAILED
    tiled.restart()
    assert tiled.ledger.needed() == {1}
    tiled.ledger.retry([tiled.job("a.png")])
    tiled.look()
    tiled.work()
    assert tiled.job("a.png").state is JobState.DONE
    assert tiled.endpoint.charged == TILES * PRICE


def test_trouble_with_one_tile_is_not_counted_against_the_next(tiled: Workshop) -> None:
    admitted(tiled)
    for _ in range(TILES):
        tiled.endpoint.script = [Answer(500, "busy"), Answer(500, "busy")]
        for _ in range(3):
            tiled.clock.advance(600.0)
            claim = tiled.dispatcher.next_claim()
            if claim is not None:
                tiled.runner.run(claim)
    assert tiled.job("a.png").state is not JobState.FAILED


def test_a_copy_waits_while_the_picture_is_between_two_tiles(tiled: Workshop) -> None:
    admitted(tiled, "z.png")
    claim = tiled.dispatcher.next_claim()
    assert claim is not None
    tiled.runner.run(claim)
    admitted(tiled, "a.png")
    tiled.work()
    assert [job.state for job in tiled.jobs()] == [JobState.DONE, JobState.DONE]
    assert tiled.endpoint.calls == TILES
    assert tiled.job("a.png").reused_from == tiled.job("z.png").id


def test_a_picture_that_has_begun_is_finished_under_the_profile_that_it_began_with(tiled: Workshop) -> None:
    admitted(tiled)
    claim = tiled.dispatcher.next_claim()
    assert claim is not None
    tiled.runner.run(claim)
    tiled.restart(tiled.folder(oversize="tile", profile=Profile("soft", scale=2.0, replication=0.1)))
    tiled.look()
    tiled.work()
    assert tiled.job("a.png").state is JobState.DONE
    assert tiled.job("a.png").profile != "soft"
    assert tiled.endpoint.calls == TILES
    assert list(tiled.spool.names()) == []


@pytest.mark.parametrize("lost", [[1], [2, 3]])
def test_of_tiles_that_are_no_longer_there_those_alone_are_paid_again(tiled: Workshop, lost: list[int]) -> None:
    admitted(tiled)
    for _ in range(4):
        claim = tiled.dispatcher.next_claim()
        assert claim is not None
        tiled.runner.run(claim)
    tiled.spool.remove(*(f"1.{number}.png" for number in lost))
    tiled.restart()
    tiled.look()
    tiled.work()
    job = tiled.job("a.png")
    assert (job.state, job.tiles) == (JobState.DONE, TILES)
    assert job.booked == (TILES + len(lost)) * PRICE == tiled.endpoint.charged


def test_a_tile_that_goes_before_they_are_joined_is_paid_again_alone(
    tiled: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(tiled)
    publish, spool = tiled.publisher.publish, tiled.spool

    def meanwhile(*given: Any) -> Any:
        monkeypatch.undo()
        spool.remove("1.2.png")
        return publish(*given)

    monkeypatch.setattr(tiled.publisher, "publish", meanwhile)
    tiled.work()
    tiled.work()
    assert tiled.job("a.png").state is JobState.DONE
    assert tiled.endpoint.calls == TILES + 1


def test_tiles_of_failed_pictures_are_kept_up_to_a_bound(tiled: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("a.png", 1), ("b.png", 2)):
        admitted(tiled, name, noise(seed))
        claim = tiled.dispatcher.next_claim()
        assert claim is not None
        tiled.runner.run(claim)
        kept = tiled.spool.size(f"{tiled.job(name).id}.1.png")
        monkeypatch.setattr(finishing, "MOST_KEPT_BYTES", kept * 3 // 2)
        tiled.endpoint.script = [Answer(400, "no")]
        tiled.work()
        assert tiled.job(name).state is JobState.FAILED
        tiled.clock.advance(60)
    assert (tiled.job("a.png").tiles, tiled.job("b.png").tiles) == (0, 1)
    assert list(tiled.spool.names()) == ["2.1.png"]
    tiled.ledger.retry([tiled.job("a.png"), tiled.job("b.png")])
    tiled.look()
    tiled.work()
    assert {job.state for job in tiled.jobs()} == {JobState.DONE}
    assert [job.booked for job in tiled.jobs()] == [(TILES + 1) * PRICE, TILES * PRICE]


def test_a_picture_that_fits_is_one_call_as_ever(tiled: Workshop) -> None:
    job = tiled.run("small.png", png(300, 300))
    assert (job.state, job.attempts, job.tiles) == (JobState.DONE, 1, 0)


def test_of_a_tile_that_brought_no_picture_nothing_is_left_in_the_spool(tiled: Workshop) -> None:
    admitted(tiled)
    claim = tiled.dispatcher.next_claim()
    assert claim is not None
    tiled.runner.run(claim)
    tiled.endpoint.script = [Answer(400, "no")]
    tiled.work()
    assert list(tiled.spool.names()) == ["1.1.png"]
