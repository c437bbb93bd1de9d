"""A claimed job and what is known of the same picture: the next step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchd.core.calls.planning import AskService, EndWith, Reuse, next_step
from watchd.model import FailureKind, Job, JobState

JOB = Job(2, "hot", "a.png", "00" * 32, 0, "{}", "gold", JobState.QUEUED)
PAID = replace(JOB, id=1, state=JobState.DONE, output="/out/a.png")
FAILED = replace(JOB, id=1, state=JobState.FAILED, error="400: no picture")


def test_a_picture_nobody_knows_is_asked_for() -> None:
    assert next_step(JOB, None, []) == AskService()


def test_a_picture_that_was_paid_for_is_served_from_it() -> None:
    assert next_step(JOB, None, [PAID]) == Reuse((PAID,))


def test_every_earlier_result_is_offered_the_best_first() -> None:
    assert next_step(JOB, None, [PAID, replace(PAID, id=7)]) == Reuse((PAID, replace(PAID, id=7)))


def test_a_twin_goes_on_where_the_other_only_lost_its_own_file() -> None:
    gone = replace(FAILED, failure=FailureKind.GONE)
    assert next_step(JOB, gone, []) == AskService()


def test_a_twin_goes_on_where_the_other_failed_at_another_request() -> None:
    assert next_step(JOB, replace(FAILED, parameters="other", folder="elsewhere"), []) == AskService()


def test_a_twin_fails_with_the_job_it_waited_behind_and_names_it() -> None:
    step = next_step(JOB, FAILED, [])
    assert isinstance(step, EndWith)
    assert "job 1" in step.failure.words
    assert "400: no picture" in step.failure.words


def test_a_twin_of_a_job_that_failed_is_served_where_another_was_paid() -> None:
    assert next_step(JOB, FAILED, [PAID]) == Reuse((PAID,))


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.FAILED])
def test_a_twin_goes_on_by_itself_after_any_other_end(state: JobState) -> None:
    assert next_step(JOB, replace(FAILED, state=state), []) == AskService()
