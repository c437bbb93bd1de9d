"""An outcome and its history: every row of the vendor notes' table, as the ledger will write it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.calls import retrying
from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Traffic, Trouble
from watchd.core.calls.retrying import CallContext, Conclusion, Policy, backoff, conclude
from watchd.core.calls.streaks import Streaks
from watchd.core.request.endpoint import Answer
from watchd.model import BalanceProbe, Gate, GateReason, Job, JobState, Outcome, Steady

NOW = Steady(1_800_000_000.0)
POLICY = Policy(max_attempts=5, resend_lost=0, balance_probe=BalanceProbe(60.0, 1800.0))
CALM = CallContext(POLICY, Streaks(), {}, probe=False, now=NOW, jitter=0.5)
JOB = Job(7, "hot", "a.png", "00" * 32, 0, "{}", "gold", JobState.ARMED)
WIRE = Traffic(1000, 80, "ray-1")
EMPTY = "Insufficient USD or Diem balance to complete request"


def answered(
    status: int,
    message: str = "words",
    *,
    job: Job = JOB,
    context: CallContext = CALM,
    retry_after: float | None = None,
) -> Conclusion:
    return conclude(Answered(Answer(status, message, retry_after), WIRE), job, context)


def closed(reason: GateReason, interval: float = 60.0, since: float = NOW - 100) -> Gate:
    return Gate(reason, Steady(since), "closed before", Steady(since + interval), interval)


def context(
    *gates: Gate, probe: bool = False, jitter: float = 0.5, server: int = 0, refusal: int = 0, network: int = 0,
    rate: int = 0, doubts: int = 0, **further: Any,
) -> CallContext:  # fmt: skip
    """`server` calls of as many jobs, `doubts` of as many, and so on, met the same trouble in a row."""
    streaks = Streaks(frozenset(range(server)), server, refusal, network, rate, frozenset(range(doubts)))
    closed_now = {gate.reason: gate for gate in gates}
    return CallContext(POLICY, streaks, closed_now, probe=probe, now=NOW, jitter=jitter, **further)


def gate_of(conclusion: Conclusion) -> Gate:
    assert conclusion.gate is not None
    return conclusion.gate


# --- what every row of the table has in common ----------------------------------------------------------------------

ROWS: dict[str, tuple[Trouble, Outcome, JobState, bool, bool]] = {
    # trouble → outcome, state, whether the file answers for it, whether it is unbooked
    **{f"{status}": (Answered(Answer(status, "no"), WIRE), Outcome.REFUSED, JobState.FAILED, True, True)
       for status in (400, 413, 415, 422, 301, 307, 404, 409, 418)},
    **{f"{status}": (Answered(Answer(status, "no"), WIRE), Outcome.KEY, JobState.QUEUED, False, True)
       for status in (401, 403)},
    "402": (Answered(Answer(402, EMPTY), WIRE), Outcome.BALANCE, JobState.QUEUED, False, True),
    "429": (Answered(Answer(429, "slow"), WIRE), Outcome.RATE, JobState.QUEUED, False, True),
    **{f"{status}": (Answered(Answer(status, "no"), WIRE), Outcome.SERVER, JobState.QUEUED, True, True)
       for status in (500, 502, 503)},
    **{f"{status}": (Answered(Answer(status, "no"), WIRE), Outcome.LOST, JobState.UNKNOWN, True, False)
       for status in (501, 504, 520, 524, 599)},
    "unreachable": (NotSent("refused", uploading=False, traffic=WIRE), Outcome.NETWORK, JobState.QUEUED, False, True),
    "stopped uploading": (
        NotSent("watchd stops", uploading=True, traffic=WIRE, ours=True), Outcome.NETWORK, JobState.QUEUED, False, True,
    ),
    "cut uploading": (NotSent("reset", uploading=True, traffic=WIRE), Outcome.NETWORK, JobState.QUEUED, False, True),
    "no picture": (BadAnswer("a page", WIRE), Outcome.BAD_ANSWER, JobState.UNKNOWN, True, False),
    "cut afterwards": (Lost("reset", WIRE), Outcome.LOST, JobState.UNKNOWN, True, False),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_table_ends_as_it_says(row: str) -> None:
    trouble, outcome, state, counts, unbook = ROWS[row]
    found = conclude(trouble, JOB, CALM)
    assert (found.outcome, found.state, found.counts, found.unbook) == (outcome, state, counts, unbook)


@pytest.mark.parametrize("row", ROWS)
def test_every_conclusion_keeps_what_went_over_the_wire_and_says_why(row: str) -> None:
    found = conclude(ROWS[row][0], JOB, CALM)
    assert found.traffic == WIRE
    assert said_of(ROWS[row][0]) in found.error


def said_of(trouble: Trouble) -> str:
    """The service's own words with its status, or what we saw."""
    if isinstance(trouble, Answered):
        return f"{trouble.answer.status}: {trouble.answer.message}"
    return trouble.reason


@pytest.mark.parametrize("row", [row for row in ROWS if row.isdigit()])
def test_the_status_is_kept_and_the_words_of_the_service_are_told(row: str) -> None:
    trouble = ROWS[row][0]
    assert isinstance(trouble, Answered)
    found = conclude(trouble, JOB, CALM)
    assert found.status == int(row)
    assert trouble.answer.message in found.error


@pytest.mark.parametrize("row", ["402", "401", "403", "429", "unreachable", "cut uploading"])
def test_what_is_the_operators_or_nobodys_uses_up_no_attempt_however_many_there_were(row: str) -> None:
    last = replace(JOB, attempts=4)
    found = conclude(ROWS[row][0], last, CALM)
    assert (found.state, found.counts) == (JobState.QUEUED, False)


@pytest.mark.parametrize("row", [row for row in ROWS if row not in {"402", "401", "403", "429"}])
def test_the_trouble_of_one_file_closes_nothing_for_the_others(row: str) -> None:
    assert conclude(ROWS[row][0], JOB, CALM).gate is None


# --- 402 ------------------------------------------------------------------------------------------------------------


def test_a_402_closes_the_gate_for_the_first_interval_and_asks_for_a_row_of_its_own() -> None:
    found = answered(402, EMPTY)
    gate = gate_of(found)
    assert (gate.reason, gate.since, gate.retry_at, gate.interval) == (GateReason.BALANCE, NOW, NOW + 60, 60.0)
    assert "balance is empty" in gate.detail
    assert EMPTY in gate.detail
    assert found.balance == Answer(402, EMPTY)


def test_a_402_that_was_in_flight_when_the_gate_closed_does_not_put_the_probe_off() -> None:
    gate = closed(GateReason.BALANCE)
    assert answered(402, context=context(gate)).gate == gate


def test_only_the_probe_doubles_the_interval_up_to_the_longest() -> None:
    gate, intervals = closed(GateReason.BALANCE), []
    for _ in range(7):
        gate = gate_of(answered(402, context=context(gate, probe=True)))
        assert gate.retry_at == NOW + gate.interval
        assert gate.since == NOW - 100
        intervals.append(gate.interval)
    assert intervals == [120, 240, 480, 960, 1800, 1800, 1800]


def test_a_probe_of_another_gate_that_meets_a_402_closes_this_one_for_its_first_interval() -> None:
    gate = gate_of(answered(402, context=context(closed(GateReason.SERVICE), probe=True)))
    assert (gate.reason, gate.interval) == (GateReason.BALANCE, 60.0)


def test_a_probe_that_the_free_query_refused_is_put_off_twice_as_far() -> None:
    gate = closed(GateReason.BALANCE, interval=60)
    longer = retrying.refused_probe(gate, context(gate, probe=True), 1800.0)
    assert (longer.interval, longer.retry_at, longer.detail) == (120, NOW + 120, gate.detail)


# --- 401, 403 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_closes_a_gate_that_no_time_opens(status: int) -> None:
    gate = gate_of(answered(status, "Authentication failed"))
    assert (gate.reason, gate.retry_at) == (GateReason.KEY, None)
    assert "Authentication failed" in gate.detail


def test_a_second_refusal_of_the_key_changes_nothing() -> None:
    gate = Gate(GateReason.KEY, Steady(NOW - 50), "refused", mark="abc")
    assert answered(401, context=context(gate)).gate == gate


# --- 429 ------------------------------------------------------------------------------------------------------------


@given(st.floats(min_value=0.1, max_value=3600))
def test_a_429_holds_for_as_long_as_the_service_asks(seconds: float) -> None:
    gate = gate_of(answered(429, retry_after=seconds))
    assert (gate.reason, gate.retry_at) == (GateReason.RATE, NOW + seconds)


def test_an_absurd_wait_is_cut_to_an_hour_and_none_at_all_is_a_short_one() -> None:
    assert gate_of(answered(429, retry_after=10**9)).retry_at == NOW + 3600
    assert gate_of(answered(429, retry_after=0)).retry_at == NOW + 0.1


@pytest.mark.parametrize("retry_after", [None, 0.0, 5.0])
def test_a_ban_on_the_key_is_waited_out_for_30_seconds_at_least(retry_after: float | None) -> None:
    found = answered(429, "Too many failed attempts", context=context(jitter=0.0, rate=1), retry_after=retry_after)
    assert gate_of(found).retry_at == NOW + 30


def test_a_ban_that_asks_for_longer_gets_longer() -> None:
    assert gate_of(answered(429, "Too many failed attempts", retry_after=90)).retry_at == NOW + 90


@given(st.integers(min_value=1, max_value=40), st.floats(min_value=0, max_value=1))
def test_without_a_time_the_wait_grows_with_jitter_and_has_a_bottom_and_a_top(streak: int, jitter: float) -> None:
    gate = gate_of(answered(429, context=context(jitter=jitter, rate=streak)))
    assert gate.retry_at is not None
    assert NOW + 2.5 <= gate.retry_at <= NOW + 2.5 + min(30.0, 5.0 * 2**streak)
    unlucky = gate_of(answered(429, context=context(jitter=1.0, rate=streak)))
    assert unlucky.retry_at == pytest.approx(NOW + 2.5 + min(30.0, 5.0 * 2**streak))


def test_a_shorter_wait_told_later_does_not_shorten_a_longer_one() -> None:
    gate = Gate(GateReason.RATE, Steady(NOW - 5), "slow", Steady(NOW + 50), 55)
    found = gate_of(answered(429, context=context(gate), retry_after=1))
    assert (found.since, found.retry_at) == (NOW - 5, NOW + 50)


# --- 500, 502, 503 --------------------------------------------------------------------------------------------------


def life_of(job: Job, statuses: list[int]) -> list[Conclusion]:
    """What one file goes through alone, its streak being one file."""
    ended = []
    for status in statuses:
        found = answered(status, job=job, context=context(server=1))
        ended.append(found)
        job = replace(job, attempts=job.attempts + found.counts)
    return ended


def test_an_answered_failure_is_tried_again_up_to_max_attempts() -> None:
    ended = life_of(JOB, [503, 500, 502, 503, 500])
    assert [found.state for found in ended] == [JobState.QUEUED] * 4 + [JobState.FAILED]
    assert "after 5 attempts" in ended[-1].error


def test_attempts_before_the_owners_retry_are_forgiven() -> None:
    forgiven = replace(JOB, attempts=5, forgiven=5)
    assert [found.state for found in life_of(forgiven, [503] * 5)] == [JobState.QUEUED] * 4 + [JobState.FAILED]


@given(st.integers(min_value=0, max_value=3), st.floats(min_value=0, max_value=1))
def test_the_wait_between_tries_is_anywhere_up_to_a_doubling_bound(tries: int, jitter: float) -> None:
    found = answered(503, job=replace(JOB, attempts=tries), context=context(jitter=jitter, server=1))
    assert found.not_before == pytest.approx(NOW + jitter * 2.0 * 2**tries)


@given(st.integers(min_value=0, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_no_backoff_is_longer_than_five_minutes(tries: int, jitter: float) -> None:
    assert 0 <= backoff(2.0, tries, jitter) <= 300.0


def test_five_files_in_a_row_close_the_gate_and_the_fifth_uses_up_no_attempt() -> None:
    assert answered(503, context=context(server=4)).gate is None
    found = answered(503, context=context(server=5))
    gate = gate_of(found)
    assert (gate.reason, gate.retry_at) == (GateReason.SERVICE, NOW + 5)
    assert (found.state, found.counts, found.not_before) == (JobState.QUEUED, False, 0.0)


def test_behind_a_closed_service_gate_no_file_uses_up_an_attempt_or_fails() -> None:
    gate = closed(GateReason.SERVICE, 5.0)
    found = answered(500, job=replace(JOB, attempts=4), context=context(gate, server=1))
    assert (found.state, found.counts, found.gate) == (JobState.QUEUED, False, gate)


def test_a_failed_probe_doubles_its_wait_up_to_half_a_minute_where_the_service_answers() -> None:
    gate, waits = closed(GateReason.SERVICE, 5.0), []
    for _ in range(5):
        gate = gate_of(answered(503, context=context(gate, probe=True, server=9)))
        waits.append(gate.interval)
    assert waits == [10, 20, 30, 30, 30]


# --- other 3xx and 4xx ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [307, 404, 418])
def test_three_strange_refusals_in_a_row_close_the_gate_as_well(status: int) -> None:
    assert answered(status, context=context(refusal=2)).gate is None
    found = answered(status, context=context(refusal=3))
    assert (found.state, gate_of(found).reason) == (JobState.FAILED, GateReason.SERVICE)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_refusals_that_name_the_file_never_close_anything(status: int) -> None:
    assert answered(status, context=context(refusal=100)).gate is None


# --- never sent -----------------------------------------------------------------------------------------------------


def not_sent(*, uploading: bool, job: Job = JOB, context: CallContext = CALM) -> Conclusion:
    return conclude(NotSent("connection refused", uploading=uploading, traffic=WIRE), job, context)


def test_what_was_never_sent_is_tried_again_for_as_long_as_it_takes() -> None:
    worn = replace(JOB, attempts=4, upload_cuts=4)
    found = not_sent(uploading=False, job=worn, context=context(network=1, jitter=1.0))
    assert (found.state, found.counts, found.not_before) == (JobState.QUEUED, False, NOW + 4.0)


def test_an_upload_that_we_gave_up_ourselves_is_held_against_nobody() -> None:
    stopped = NotSent("watchd stops", uploading=True, traffic=WIRE, ours=True)
    found = conclude(stopped, replace(JOB, upload_cuts=4), context(network=5))
    assert (found.state, found.upload_cut, found.counts, found.gate) == (JobState.QUEUED, False, False, None)
    assert found.not_before == 0.0


def test_several_in_a_row_close_the_gate() -> None:
    assert not_sent(uploading=False, context=context(network=2)).gate is None
    found = not_sent(uploading=False, context=context(network=3))
    assert gate_of(found).reason is GateReason.SERVICE
    assert (found.state, found.not_before) == (JobState.QUEUED, 0.0)


def test_a_file_cut_in_its_upload_five_times_while_others_pass_is_failed() -> None:
    job, ended = JOB, []
    for _ in range(5):
        found = not_sent(uploading=True, job=job, context=context(network=1))
        ended.append(found.state)
        job = replace(job, upload_cuts=job.upload_cuts + found.upload_cut)
    assert ended == [JobState.QUEUED] * 4 + [JobState.FAILED]


def test_cuts_while_nothing_passes_are_not_held_against_the_file() -> None:
    worn = replace(JOB, upload_cuts=4)
    for now in (context(network=3), context(closed(GateReason.SERVICE), network=1)):
        found = not_sent(uploading=True, job=worn, context=now)
        assert (found.state, found.upload_cut) == (JobState.QUEUED, False)


# --- possibly charged -----------------------------------------------------------------------------------------------

IN_DOUBT: dict[str, Trouble] = {
    "cut": Lost("reset", WIRE),
    "504": Answered(Answer(504, "timeout"), WIRE),
    "524": Answered(Answer(524, "timeout"), WIRE),
    "bad": BadAnswer("a page", WIRE),
}


@given(
    st.integers(min_value=0, max_value=3),
    st.lists(st.sampled_from([*IN_DOUBT, "500", "402", "unreachable", "restart", "retry"]), max_size=30),
)
def test_over_a_files_whole_life_a_lost_answer_is_sent_again_at_most_resend_lost_times(
    allowed: int, events: list[str]
) -> None:
    policy = replace(POLICY, resend_lost=allowed, max_attempts=1000)
    now = replace(CALM, policy=policy)
    job, resent = JOB, 0
    for event in events:
        match event:
            case "restart":
                found = retrying.lost(job, Outcome.LOST, "watchd ended", Traffic(), policy=policy)
            case "retry":
                job = replace(job, forgiven=job.attempts)
                continue
            case _:
                found = conclude(IN_DOUBT.get(event) or ROWS[event][0], job, now)
        if event in {"500", "402", "unreachable"}:
            assert (found.unbook, found.resend) == (True, False)
            continue
        assert not found.unbook
        assert found.resend == (found.state is JobState.QUEUED)
        resent += found.resend
        assert resent <= allowed
        assert found.state is (JobState.QUEUED if found.resend else JobState.UNKNOWN)
        job = replace(job, resends=job.resends + found.resend, attempts=job.attempts + found.counts)


@pytest.mark.parametrize("doubt", IN_DOUBT)
def test_without_the_owners_policy_a_doubt_is_never_sent_again(doubt: str) -> None:
    found = conclude(IN_DOUBT[doubt], JOB, CALM)
    assert (found.state, found.resend, found.counts, found.unbook) == (JobState.UNKNOWN, False, True, False)
    assert "possibly charged" in found.error


@pytest.mark.parametrize("doubt", IN_DOUBT)
def test_one_doubt_closes_no_gate(doubt: str) -> None:
    calm = context(server=9, refusal=9, network=9, rate=9, doubts=4)
    assert conclude(IN_DOUBT[doubt], JOB, calm).gate is None


@pytest.mark.parametrize("doubt", IN_DOUBT)
@pytest.mark.parametrize(("workers", "most"), [(1, 5), (4, 5), (5, 5), (8, 8)])
def test_doubts_of_five_files_in_a_row_or_of_as_many_as_workers_close_the_door(
    doubt: str, workers: int, most: int
) -> None:
    assert conclude(IN_DOUBT[doubt], JOB, context(doubts=most - 1, workers=workers)).gate is None
    gate = gate_of(conclude(IN_DOUBT[doubt], JOB, context(doubts=most, workers=workers)))
    assert (gate.reason, gate.retry_at, gate.interval) == (GateReason.SERVICE, NOW + 60, 60.0)


def test_probes_after_doubts_double_to_half_an_hour_as_each_may_cost() -> None:
    gate, waits = closed(GateReason.SERVICE, 60.0), []
    for _ in range(6):
        gate = gate_of(conclude(IN_DOUBT["cut"], JOB, context(gate, probe=True, doubts=9)))
        waits.append(gate.interval)
    assert waits == [120, 240, 480, 960, 1800, 1800]


def test_a_doubt_behind_a_gate_that_was_closed_for_less_puts_the_next_probe_a_minute_away() -> None:
    gate = gate_of(conclude(IN_DOUBT["bad"], JOB, context(closed(GateReason.SERVICE, 5.0), probe=True, doubts=1)))
    assert gate.retry_at == NOW + 60


def test_a_call_that_we_cut_ourselves_says_nothing_of_the_service() -> None:
    ours = Lost("watchd was told to stop at once", WIRE, ours=True)
    assert conclude(ours, JOB, context(doubts=50)).gate is None
    assert Streaks().after(7, ours) == Streaks()


# --- whose trouble 500, 502 and 503 are -----------------------------------------------------------------------------


def test_a_file_fails_for_them_only_where_others_pass_or_after_an_hour() -> None:
    last = replace(JOB, attempts=4)
    assert answered(503, job=last, context=context(server=1)).state is JobState.FAILED
    alone = answered(503, job=last, context=context(server=1, others_passed=False))
    assert (alone.state, alone.gate) == (JobState.QUEUED, None)
    gate = closed(GateReason.SERVICE, 5.0)
    assert answered(503, job=last, context=context(gate, others_passed=False, lasts=True)).state is JobState.FAILED


def test_again_and_again_with_all_that_there_are_is_trouble_of_the_service() -> None:
    same = Streaks(frozenset({7}), server=5)
    assert same.is_trouble_of_all(in_flight=1)
    assert not same.is_trouble_of_all(in_flight=2)  # the other may pass yet
    assert not replace(same, server=4).is_trouble_of_all(in_flight=1)
    assert Streaks(frozenset(range(5)), server=5).is_trouble_of_all(in_flight=16)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_the_service_is_asked_again_when_it_says_and_no_sooner(status: int) -> None:
    assert answered(status, retry_after=120.0).not_before == NOW + 120
    assert answered(status, retry_after=1e9).not_before == NOW + 3600
    gate = gate_of(answered(status, retry_after=120.0, context=context(server=5)))
    assert gate.retry_at == NOW + 120
    probed = gate_of(answered(status, retry_after=120.0, context=context(gate, probe=True, server=9)))
    assert probed.retry_at == NOW + 120


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_of_a_firewalls_closes_the_service_and_not_the_key(status: int) -> None:
    page = Answered(Answer(status, "an HTML page", is_page=True), WIRE)
    found = conclude(page, JOB, context(others_passed=False))
    assert (found.outcome, found.state, gate_of(found).reason) == (Outcome.SERVER, JobState.QUEUED, GateReason.SERVICE)
    worn = conclude(page, replace(JOB, attempts=4), context())
    assert (worn.state, worn.gate) == (JobState.FAILED, None)


def test_the_file_whose_probe_failed_leaves_the_next_one_to_others() -> None:
    gate = closed(GateReason.SERVICE, 5.0)
    found = answered(503, context=context(gate, probe=True, server=9))
    assert gate_of(found).retry_at == NOW + 10
    assert found.not_before == NOW + 11
    assert answered(503, context=context(gate, server=9)).not_before == 0.0


# --- a key that has worked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_has_worked_is_tried_again_by_itself(status: int) -> None:
    gate = gate_of(answered(status, context=context(key="f00d", key_has_worked=True)))
    assert (gate.reason, gate.retry_at, gate.mark) == (GateReason.KEY, NOW + 60, "f00d")
    waits = []
    for _ in range(5):
        gate = gate_of(answered(status, context=context(gate, probe=True, key="f00d", key_has_worked=True)))
        waits.append(gate.interval)
    assert waits == [120, 240, 480, 900, 900]
