"""What is worth telling the owner: two looks at the daemon compared, and what has happened between them in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from watchd.core.money import usd
from watchd.model import GateReason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

SOON: Final = 80
"""Percent of a budget at which the owner hears of it for the first time."""
_WHOLE: Final = 100
_PASSING: Final = frozenset({GateReason.RATE})
"""Gates that open by themselves within a minute or so: nobody wants to hear of them."""


class NoticeKind(StrEnum):
    """What a notice is about, as `notify.on` names it."""

    PAUSED = "paused"
    RESUMED = "resumed"
    FAILED = "failed"
    BUDGET = "budget"
    OFFLINE = "offline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Look:
    """The daemon at one moment. `gates`: reason → detail; `offline`: folder → why; money in micro-dollars."""

    day: str
    gates: Mapping[str, str] = field(default_factory=dict)
    offline: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    unknown: int = 0
    spent_today: int = 0
    spent_month: int = 0
    budget_day: int | None = None
    budget_month: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One message; `also`: another kind that it is as well."""

    kind: NoticeKind
    title: str
    text: str
    also: NoticeKind | None = None

    def is_wanted(self, kinds: Collection[str]) -> bool:
        """Whether somebody who asked for these kinds wants to hear of it."""
        return self.kind in kinds or self.also in kinds


def between(before: Look, after: Look) -> Iterator[Notice]:
    """What is to be told of the way from one look to the next; a restart begins with the look it finds."""
    yield from _gates(before, after)
    yield from _failures(before, after)
    for period, spent, earlier, most, renewed in (
        ("day", after.spent_today, before.spent_today, after.budget_day, before.day != after.day),
        ("month", after.spent_month, before.spent_month, after.budget_month, before.day[:7] != after.day[:7]),
    ):
        yield from _budget(period, spent, 0 if renewed else earlier, most)
    for name, why in after.offline.items():
        if name not in before.offline:
            text = f"{why}. Its files wait, nothing about them is forgotten; it comes back by itself."
            yield Notice(NoticeKind.OFFLINE, f"watchd: folder {name} is offline", text)
    if before.day != after.day:
        yield _summary(before, after)


def _gates(before: Look, after: Look) -> Iterator[Notice]:
    closed = {reason: why for reason, why in after.gates.items() if reason not in _PASSING}
    for reason, why in closed.items():
        if reason not in before.gates:
            text = f"{why}. Files wait and lose no attempt; `watchd status` says more."
            # A budget is used up when what is left is less than a call: mostly a little before its 100 %.
            kinds = (NoticeKind.BUDGET, NoticeKind.PAUSED) if reason == GateReason.BUDGET else (NoticeKind.PAUSED, None)
            yield Notice(kinds[0], f"watchd makes no calls: {reason}", text, kinds[1])
    opened = [reason for reason in before.gates if reason not in after.gates and reason not in _PASSING]
    if opened and not closed:
        yield Notice(NoticeKind.RESUMED, "watchd makes calls again", f"No longer closed: {', '.join(opened)}.")


def _failures(before: Look, after: Look) -> Iterator[Notice]:
    """All of them at once, however many they are."""
    failed, unknown = after.failed - before.failed, after.unknown - before.unknown
    if failed > 0 or unknown > 0:
        said = [f"{failed} files failed"] * (failed > 0) + [f"{unknown} calls are in doubt"] * (unknown > 0)
        text = (
            f"In all {after.failed} failed and {after.unknown} unknown; `watchd jobs --state failed` has the reasons."
        )
        yield Notice(NoticeKind.FAILED, f"watchd: {' and '.join(said)}", text)


def _budget(period: str, spent: int, earlier: int, most: int | None) -> Iterator[Notice]:
    if not most:
        return
    for percent in (_WHOLE, SOON):
        if earlier * _WHOLE < percent * most <= spent * _WHOLE:
            text = f"{usd(spent)} of {usd(most)} for this {period}."
            yield Notice(NoticeKind.BUDGET, f"watchd: {percent} % of the {period}'s budget are booked", text)
            return


def _summary(before: Look, after: Look) -> Notice:
    text = (
        f"{before.day}: {usd(before.spent_today)} booked. In all {after.done} done, {after.failed} failed,"
        f" {after.unknown} unknown."
    )
    return Notice(NoticeKind.SUMMARY, f"watchd: the day of {before.day}", text)
