"""One gate before all workers: what one call learns holds for all, across restarts."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.endpoint import Unreachable
from tests.fakes.pictures import picture
from watchd.core.calls.outcomes import Answered, Quota, Received, Sent, Traffic
from watchd.core.calls.pacing import Wait
from watchd.core.calls.state import OwnerSpoke, Shut
from watchd.core.request.endpoint import Answer
from watchd.model import Api, Call, Gate, GateReason, JobState, Permit, Steady
from watchd.process.keys import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.journey.workshop import Workshop

EMPTY = Answer(402, "Insufficient USD or Diem balance to complete request", balance_usd=0.01, balance_diem=0.0)
EMPTY_FOR_EVER = [EMPTY] * 50
BUSY = Answer(503, "The model is at capacity")


def admit(shop: Workshop, count: int) -> None:
    for number in range(count):
        shop.put(f"{number}.png", picture(number))
    shop.settle()


def wait_for_the_gate(shop: Workshop) -> None:
    """Let the time pass until something may be tried."""
    shop.clock.advance(shop.dispatcher.next_due() or 0.0)


def rows(shop: Workshop, question: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(shop.place / "ledger.db")
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def gate(shop: Workshop, reason: GateReason) -> Gate:
    return shop.keeper.gates()[reason]


def begun(shop: Workshop) -> tuple[Permit, Call]:
    """A call of the next job that was let in and armed."""
    claim = shop.dispatcher.next_claim()
    permit = shop.keeper.ask(again=False, probe=False)
    assert claim is not None
    assert isinstance(permit, Permit)
    attempt = shop.ledger.begin_sending(claim.job, claim.job.price, ())
    assert isinstance(attempt, int)
    call = Call(claim.job, attempt, claim.job.price, "answer.png")
    assert shop.ledger.arm(call) is None
    return permit, call


def another_passes(shop: Workshop) -> None:
    permit = shop.keeper.ask(again=False, probe=False)
    assert isinstance(permit, Permit)
    job = replace(shop.job("0.png"), id=999)
    shop.keeper.tell(permit, Sent(Call(job, 0, 0, "answer.png"), Received(1, 1, 1, Traffic())))


class PowerCut(BaseException):
    """The process ends here, without another word."""


# --- balance --------------------------------------------------------------------------------------------------------


def test_one_402_stops_every_file_costs_no_attempt_and_has_a_row(shop: Workshop) -> None:
    shop.endpoint.script = [EMPTY]
    admit(shop, 5)
    shop.work()
    assert shop.endpoint.calls == 1
    assert {(job.state, job.attempts, job.booked) for job in shop.jobs()} == {(JobState.QUEUED, 0, 0)}
    assert rows(shop, "SELECT job_id, folder, path, message, balance_usd, balance_diem FROM balance_failures") == [
        (1, "portraits", "0.png", EMPTY.message, 0.01, 0.0)
    ]


def test_the_probes_after_a_402_are_single_calls_ever_further_apart(shop: Workshop) -> None:
    shop.endpoint.script = list(EMPTY_FOR_EVER)
    admit(shop, 5)
    shop.work()
    pauses = []
    for calls in range(2, 10):
        pauses.append(shop.dispatcher.next_due())
        shop.clock.advance((shop.dispatcher.next_due() or 0.0) - 1)
        assert shop.work() == 0
        shop.clock.advance(1)
        shop.work()
        assert shop.endpoint.calls == calls
    assert pauses == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert {job.attempts for job in shop.jobs()} == {0}


def test_restarts_make_no_more_probes(shop: Workshop) -> None:
    shop.endpoint.script = list(EMPTY_FOR_EVER)
    admit(shop, 3)
    shop.work()
    for _ in range(10):
        shop.restart()
        shop.look(after=5)
        shop.work()
    assert shop.endpoint.calls == 1
    shop.clock.advance(15)
    shop.work()
    assert (shop.endpoint.calls, gate(shop, GateReason.BALANCE).interval) == (2, 120)


def test_after_a_top_up_the_probe_opens_the_gate_and_every_file_goes_on(shop: Workshop) -> None:
    shop.endpoint.script = [EMPTY, EMPTY]
    admit(shop, 4)
    shop.work()
    for _ in range(2):
        wait_for_the_gate(shop)
        shop.work()
    assert shop.keeper.gates() == {}
    assert {(job.state, job.attempts) for job in shop.jobs()} == {(JobState.DONE, 1)}


def test_while_the_free_query_says_no_no_call_is_made_for_a_probe(shop: Workshop) -> None:
    shop.endpoint.script = [EMPTY]
    shop.endpoint.answers_query = False
    admit(shop, 2)
    shop.work()
    for _ in range(3):
        wait_for_the_gate(shop)
        shop.work()
    assert (shop.endpoint.calls, shop.endpoint.queries) == (1, 3)
    assert gate(shop, GateReason.BALANCE).interval == 480
    shop.endpoint.answers_query = True
    wait_for_the_gate(shop)
    shop.work()
    assert {job.state for job in shop.jobs()} == {JobState.DONE}


def test_a_picture_that_is_paid_for_already_needs_no_open_gate(shop: Workshop) -> None:
    shop.run("a.png", picture(1))
    shop.endpoint.script = [EMPTY]
    shop.run("b.png", picture(2))
    twin = shop.run("c.png", picture(1))
    assert (twin.state, twin.booked, shop.job("b.png").state) == (JobState.DONE, 0, JobState.QUEUED)
    assert shop.endpoint.calls == 2


def test_while_it_is_paused_nothing_is_sent_and_time_opens_nothing(shop: Workshop) -> None:
    shop.keeper.close(Gate(GateReason.PAUSED, shop.clock.steady(), "asked for"))
    admit(shop, 1)
    shop.clock.advance(86_400)
    assert (shop.work(), shop.endpoint.calls, shop.dispatcher.next_due()) == (0, 0, None)


def test_a_wall_clock_that_jumps_neither_opens_a_gate_nor_holds_it_longer(shop: Workshop) -> None:
    shop.endpoint.script = [EMPTY]
    admit(shop, 1)
    shop.work()
    shop.clock.jump_wall(+10 * 86_400)
    assert shop.work() == 0
    shop.clock.jump_wall(-20 * 86_400)
    shop.clock.advance(60)
    shop.work()
    assert shop.job("0.png").state is JobState.DONE


def test_a_deadline_from_a_clock_that_was_wrong_holds_no_longer_than_its_interval(shop: Workshop) -> None:
    far = shop.clock.steady() + 10**8
    shop.ledger.write_gates([Shut(Gate(GateReason.BALANCE, Steady(far - 60), "empty", Steady(far), 60.0), None, None)])
    shop.restart()
    assert gate(shop, GateReason.BALANCE).retry_at == shop.clock.steady() + 60


def test_a_probe_doubles_the_interval_of_the_gate_it_was_made_for_whichever_others_are_closed(shop: Workshop) -> None:
    now = shop.clock.steady()
    shop.keeper.close(Gate(GateReason.SERVICE, now, "unreachable", Steady(now + 1), 5.0))
    shop.keeper.close(Gate(GateReason.BALANCE, now, "empty", Steady(now + 60), 60.0))
    shop.endpoint.script = list(EMPTY_FOR_EVER)
    admit(shop, 1)
    shop.clock.advance(60)
    shop.work()
    assert gate(shop, GateReason.BALANCE).interval == 120


# --- key ------------------------------------------------------------------------------------------------------------


def test_a_refused_key_holds_everything_until_the_key_is_another(shop: Workshop) -> None:
    shop.endpoint.script = [Answer(401, "Authentication failed")]
    admit(shop, 3)
    shop.work()
    shop.clock.advance(86_400)
    shop.look_at_key()
    assert (shop.work(), shop.endpoint.calls) == (0, 1)
    shop.restart()
    shop.look()
    shop.look_at_key()
    assert (shop.work(), shop.endpoint.calls) == (0, 1)
    shop.key = "second key"
    shop.look_at_key()
    shop.work()
    assert {(job.state, job.attempts) for job in shop.jobs()} == {(JobState.DONE, 1)}


def test_a_key_that_changed_while_the_old_one_was_being_refused_opens_the_gate(shop: Workshop) -> None:
    admit(shop, 1)
    send = shop.endpoint.call

    def meanwhile(*arguments: Any) -> object:
        shop.key = "second key"
        return send(*arguments)

    shop.endpoint.call = meanwhile  # type: ignore[assignment,method-assign]  # the moment is what is under test
    shop.endpoint.script = [Answer(401, "Authentication failed")]
    shop.work()
    shop.look_at_key()
    assert shop.keeper.gates() == {}


def test_a_key_that_was_seen_to_be_another_before_the_one_before_was_refused_opens_the_gate(
    shop: Workshop, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("first-key")
    file.chmod(0o600)
    ring = KeyRing(Api(key_file=str(file)), {}, shop.keeper, shop.clock)
    of_the_call = ring.fingerprint()
    ring.tend()
    file.write_text("second-key")
    ring.tend()
    shop.keeper.close(Gate(GateReason.KEY, shop.clock.steady(), "refused", mark=of_the_call))
    ring.tend()
    assert shop.keeper.gates() == {}
    shop.keeper.close(Gate(GateReason.KEY, shop.clock.steady(), "refused", mark=ring.fingerprint()))
    ring.tend()
    assert set(shop.keeper.gates()) == {GateReason.KEY}


def test_a_restart_right_after_a_refused_key_was_recorded_does_not_lose_what_opens_the_gate(shop: Workshop) -> None:
    admit(shop, 1)
    shop.endpoint.script = [Answer(401, "Authentication failed")]
    conclude = shop.ledger.conclude

    def then_the_power_goes(*given: Any, **named: Any) -> None:
        conclude(*given, **named)
        raise PowerCut

    shop.ledger.conclude = then_the_power_goes  # type: ignore[method-assign]  # right after it was recorded
    with pytest.raises(PowerCut):
        shop.work()
    shop.restart()
    shop.key = "second key"
    shop.look_at_key()
    assert shop.keeper.gates() == {}


# --- rate and service -----------------------------------------------------------------------------------------------


def test_a_429_holds_everybody_for_as_long_as_it_says_and_opens_by_itself(shop: Workshop) -> None:
    shop.endpoint.script = [Answer(429, "Rate limit exceeded", retry_after=7.0)]
    admit(shop, 3)
    shop.work()
    assert (shop.endpoint.calls, shop.dispatcher.next_due()) == (1, 7.0)
    shop.clock.advance(7)
    shop.work()
    assert {(job.state, job.attempts) for job in shop.jobs()} == {(JobState.DONE, 1)}


def test_five_files_that_meet_trouble_of_the_services_own_close_the_gate_for_all(shop: Workshop) -> None:
    shop.endpoint.script = [BUSY] * 7
    admit(shop, 10)
    shop.work()
    assert shop.endpoint.calls == 5
    assert gate(shop, GateReason.SERVICE).interval == 5
    attempts = [job.attempts for job in shop.jobs()]
    assert attempts == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    while shop.keeper.gates():
        wait_for_the_gate(shop)
        shop.work()
    assert shop.endpoint.calls >= 8
    assert max(job.attempts for job in shop.jobs()) <= 2


def test_one_file_that_meets_it_again_and_again_while_others_pass_fails_and_closes_nothing(shop: Workshop) -> None:
    shop.endpoint.script = [BUSY] * 5
    admit(shop, 1)
    for _ in range(5):
        shop.work()
        wait_for_the_gate(shop)
        another_passes(shop)
    assert shop.keeper.gates() == {}
    assert (shop.job("0.png").state, shop.job("0.png").attempts) == (JobState.FAILED, 5)


def test_one_file_alone_that_meets_it_again_and_again_waits_for_the_service_and_fails_after_an_hour(
    shop: Workshop,
) -> None:
    shop.endpoint.script = [BUSY] * 1000
    admit(shop, 1)
    began = shop.clock.steady()
    for _ in range(5):
        shop.work()
        wait_for_the_gate(shop)
    assert set(shop.keeper.gates()) == {GateReason.SERVICE}
    assert (shop.job("0.png").state, shop.job("0.png").attempts) == (JobState.QUEUED, 4)
    while shop.job("0.png").state is JobState.QUEUED:
        shop.clock.advance(35)
        shop.work()
        assert shop.clock.steady() < began + 4000
    assert shop.clock.steady() >= began + 3600
    assert shop.job("0.png").state is JobState.FAILED


def test_a_file_that_alone_meets_it_does_not_keep_the_gate_closed_for_others(shop: Workshop) -> None:
    shop.endpoint.script = [BUSY] * 6
    admit(shop, 1)
    for _ in range(6):
        shop.work()
        wait_for_the_gate(shop)
    shop.put("other.png", picture(90))
    shop.settle()
    wait_for_the_gate(shop)
    shop.endpoint.calls = 0
    shop.work()
    assert shop.job("other.png").state is JobState.DONE
    assert shop.keeper.gates() == {}


def test_a_success_between_them_ends_the_row(shop: Workshop) -> None:
    shop.endpoint.script = [BUSY] * 4
    admit(shop, 4)
    shop.work()
    shop.run("good.png", picture(99))
    shop.endpoint.script = [BUSY] * 4
    shop.clock.advance(300)
    shop.work()
    assert shop.keeper.gates() == {}


def test_a_service_that_cannot_be_reached_is_probed_for_as_long_as_it_takes(shop: Workshop) -> None:
    shop.endpoint.script = [Unreachable()] * 20
    admit(shop, 5)
    shop.work()
    waits = []
    while shop.endpoint.script:
        waits.append(round(shop.dispatcher.next_due() or 0.0))
        wait_for_the_gate(shop)
        shop.work()
    assert waits[-3:] == [300, 300, 300]
    assert {(job.state, job.attempts) for job in shop.jobs()} == {(JobState.QUEUED, 0)}
    wait_for_the_gate(shop)
    shop.work()
    assert {job.state for job in shop.jobs()} == {JobState.DONE}


def test_a_file_whose_upload_is_cut_while_others_pass_is_given_up(shop: Workshop) -> None:
    admit(shop, 1)
    shop.endpoint.always_cut = {shop.job("0.png").sha256}
    for number in range(5):
        shop.work()
        shop.run(f"good-{number}.png", picture(100 + number))
        shop.clock.advance(300)
    job = shop.job("0.png")
    assert (job.state, job.attempts, job.upload_cuts) == (JobState.FAILED, 0, 5)


def test_refusals_of_single_files_are_no_beginning_of_a_row(shop: Workshop) -> None:
    shop.endpoint.script = [Answer(400, "no"), Answer(415, "no"), Answer(404, "no such thing")]
    admit(shop, 3)
    shop.work()
    assert shop.keeper.gates() == {}


# --- places and pace ------------------------------------------------------------------------------------------------


def test_no_more_calls_fly_at_once_than_there_are_workers(shop: Workshop) -> None:
    permits = [shop.keeper.enter(again=False, probe=False) for _ in range(4)]
    assert all(isinstance(permit, Permit) for permit in permits)
    entered = threading.Event()

    def fifth() -> None:
        if shop.keeper.enter(again=False, probe=False):
            entered.set()

    thread = threading.Thread(target=fifth)
    thread.start()
    assert (entered.is_set(), shop.keeper.in_flight()) == (False, 4)
    assert isinstance(permits[0], Permit)
    shop.keeper.tell(permits[0], None)
    thread.join(10)
    assert (entered.is_set(), shop.keeper.in_flight()) == (True, 4)


def test_who_waits_for_a_place_is_sent_back_when_the_gate_closes(shop: Workshop) -> None:
    for _ in range(4):
        shop.keeper.enter(again=False, probe=False)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(shop.keeper.enter(again=False, probe=False)))
    thread.start()
    shop.keeper.close(Gate(GateReason.PAUSED, shop.clock.steady(), "asked for"))
    thread.join(10)
    assert answers == [None]


def test_when_all_stops_nobody_enters_any_more(shop: Workshop) -> None:
    shop.keeper.stop()
    assert not shop.keeper.enter(again=False, probe=False)
    assert not shop.keeper.enter(again=False, probe=True)


def test_only_one_of_many_becomes_the_probe(shop: Workshop) -> None:
    now = shop.clock.steady()
    shop.keeper.close(Gate(GateReason.SERVICE, Steady(now - 10), "unreachable", now, 5.0))
    barrier, taken = threading.Barrier(8), []

    def try_it() -> None:
        barrier.wait(10)
        taken.append(shop.keeper.take_probe())

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(taken) == [False] * 7 + [True]


def test_calls_of_the_last_minute_count_after_a_restart(build: Callable[..., Workshop]) -> None:
    shop = build(api=Api(requests_per_minute=3))
    admit(shop, 1)
    shop.work()
    shop.clock.advance(5)
    shop.restart()
    assert shop.keeper.ask(again=False, probe=False) == Wait(15.0)
    shop.clock.advance(15)
    assert isinstance(shop.keeper.ask(again=False, probe=False), Permit)


# --- several gates at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [GateReason.PAUSED, GateReason.KEY, GateReason.APPROVAL])
@pytest.mark.parametrize("probed", [GateReason.BALANCE, GateReason.SERVICE])
def test_behind_an_operators_gate_nobody_keeps_looking_at_a_probe_that_is_due(
    shop: Workshop, held: GateReason, probed: GateReason
) -> None:
    admit(shop, 1)
    now = shop.clock.steady()
    shop.keeper.close(Gate(probed, Steady(now - 60), "because", Steady(now - 1), 5.0))
    shop.keeper.close(Gate(held, now, "because"))
    assert (shop.work(), shop.dispatcher.next_due()) == (0, None)


def test_a_probe_whose_file_has_gone_is_not_spent(shop: Workshop) -> None:
    shop.endpoint.script = [EMPTY]
    admit(shop, 4)
    shop.put("last.png", picture(9))
    shop.settle()
    shop.work()
    for number in range(4):
        shop.tree.drop(shop.settings[0].path, f"{number}.png")
    wait_for_the_gate(shop)
    shop.work()
    assert shop.keeper.gates() == {}
    assert shop.job("last.png").state is JobState.DONE


def test_of_two_429_the_longer_wait_holds_whichever_is_concluded_last(shop: Workshop) -> None:
    admit(shop, 2)
    now = shop.clock.steady()
    for permit, call, seconds in [(*begun(shop), 60.0), (*begun(shop), 2.0)]:
        shop.keeper.tell(permit, Sent(call, Answered(Answer(429, "slow down", retry_after=seconds), Traffic())))
    assert gate(shop, GateReason.RATE).retry_at == now + 60
    shop.restart()
    assert gate(shop, GateReason.RATE).retry_at == now + 60


def test_resume_makes_nobody_wait_for_what_a_header_said(shop: Workshop) -> None:
    admit(shop, 1)
    permit, call = begun(shop)
    came = Received(100, 512, 512, Traffic(quota=Quota(remaining=0, resets_in=86_400.0)))
    shop.keeper.tell(permit, Sent(call, came))
    assert isinstance(shop.keeper.ask(again=False, probe=False), Wait)
    shop.keeper.apply(OwnerSpoke())
    assert isinstance(shop.keeper.ask(again=False, probe=False), Permit)
