"""What is told between two looks at the daemon, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from watchd.core.notices import Look, NoticeKind, between

QUIET = Look(day="2026-11-25", done=10, budget_day=10_000_000, budget_month=100_000_000)


def told(after: Look, before: Look = QUIET) -> list[NoticeKind]:
    return [notice.kind for notice in between(before, after)]


def changed(**what: Any) -> Look:
    return replace(QUIET, **what)


def test_nothing_new_is_nothing_to_tell() -> None:
    assert told(QUIET) == []
    assert told(changed(done=11, spent_today=20_000, spent_month=20_000)) == []


def test_a_gate_is_told_when_it_closes_with_its_reason_and_not_again() -> None:
    closed = changed(gates={"balance": "the balance is empty: top up the account"})
    (notice,) = between(QUIET, closed)
    assert notice.kind is NoticeKind.PAUSED
    assert "balance" in notice.title
    assert "top up" in notice.text
    assert told(closed, closed) == []
    assert told(QUIET, closed) == [NoticeKind.RESUMED]


def test_while_another_gate_is_closed_nothing_is_resumed() -> None:
    both = changed(gates={"balance": "empty", "paused": "the owner said so"})
    assert told(changed(gates={"paused": "the owner said so"}), both) == []


def test_a_pause_of_the_rate_is_nobodys_business() -> None:
    slow = changed(gates={"rate": "429"})
    assert told(slow) == []
    assert told(QUIET, slow) == []


def test_failures_are_bundled() -> None:
    (notice,) = between(QUIET, changed(failed=500, unknown=3))
    assert notice.kind is NoticeKind.FAILED
    assert "500 files failed and 3 calls are in doubt" in notice.title


def test_fewer_failures_are_no_news() -> None:
    assert told(QUIET, changed(failed=5)) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0, 7_990_000, None), (0, 8_000_000, "80 %"), (7_990_000, 8_010_000, "80 %"), (8_000_000, 9_990_000, None),
        (9_990_000, 10_000_000, "100 %"), (0, 10_000_000, "100 %"), (10_000_000, 12_000_000, None),
    ],
)  # fmt: skip
def test_a_budget_is_told_at_80_and_at_100_percent_once(before: int, after: int, said: str | None) -> None:
    found = [notice.title for notice in between(changed(spent_today=before), changed(spent_today=after))]
    assert [title for title in found if said and said in title] == found
    assert bool(found) == bool(said)


def test_a_new_day_has_a_new_budget_and_the_old_one_a_summary() -> None:
    before = changed(spent_today=9_000_000)
    after = changed(day="2026-11-26", spent_today=8_500_000)
    assert told(after, before) == [NoticeKind.BUDGET, NoticeKind.SUMMARY]
    (summary,) = (notice for notice in between(before, after) if notice.kind is NoticeKind.SUMMARY)
    assert "2026-11-25: $9.00 booked" in summary.text


def test_a_folder_that_goes_is_told_with_its_reason() -> None:
    gone = changed(offline={"hot": "/srv/hot is not there"})
    (notice,) = between(QUIET, gone)
    assert (notice.kind, "hot" in notice.title) == (NoticeKind.OFFLINE, True)
    assert told(gone, gone) == told(QUIET, gone) == []
