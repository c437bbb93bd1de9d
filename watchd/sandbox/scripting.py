"""Failures on demand: which complete call is to end how, decided by rules, their counts and a seeded chance."""

import random
import re
import threading
from dataclasses import dataclass
from typing import Literal

LieName = Literal["html", "json", "size", "truncated"]

LIES: tuple[LieName, ...] = ("html", "json", "size", "truncated")


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """The call is answered with this error status; nothing runs and nothing is charged."""

    status: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The call runs and is charged; its answer is cut in the middle of the body."""


@dataclass(frozen=True, slots=True)
class Stall:
    """The call runs and is charged; it is never answered."""


@dataclass(frozen=True, slots=True)
class Lie:
    """The call runs and is charged; its answer has status 200 and is not the picture asked for."""

    name: LieName | None


Failure = ScriptedAnswer | Cut | Stall | Lie


@dataclass(frozen=True, slots=True)
class Always:
    """The rule fires for each call that reaches it."""


@dataclass(frozen=True, slots=True)
class Times:
    """The rule fires for this many calls, then never again."""

    count: int


@dataclass(frozen=True, slots=True)
class Chance:
    """The rule fires for a call with this probability, 0 to 1."""

    probability: float


Extent = Always | Times | Chance


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``--fail``: what happens, and how often."""

    failure: Failure
    extent: Extent


_RULE = re.compile(r"(?P<what>[a-z0-9-]+)(?::(?P<number>\d+(?:\.\d+)?)(?P<percent>%)?)?", re.ASCII)


def read_rule(text: str) -> Rule:
    """The rule that a ``--fail`` spells: ``STATUS|cut|stall|lie[:COUNT|:PERCENT%]``.

    Raises:
        ValueError: it spells none; the message says what was expected.
    """
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"STATUS|cut|stall|lie with :COUNT or :PERCENT% was expected, such as 503:2, not {text!r}")
    return Rule(_read_failure(match["what"], text), _read_extent(match["number"], match["percent"], text))


def _read_failure(what: str, text: str) -> Failure:
    if what == "cut":
        return Cut()
    if what == "stall":
        return Stall()
    if what == "lie":
        return Lie(None)
    for name in LIES:
        if what == f"lie-{name}":
            return Lie(name)
    if what.isdecimal() and 400 <= int(what) <= 599:  # noqa: PLR2004 -- the error statuses of HTTP
        return ScriptedAnswer(int(what))
    kinds = ", ".join(["a status of 400 to 599", "cut", "stall", "lie", *(f"lie-{name}" for name in LIES)])
    raise ValueError(f"{text!r} names no failure; there are {kinds}")


def _read_extent(number: str | None, percent: str | None, text: str) -> Extent:
    if number is None:
        return Always()
    if percent is not None:
        if float(number) > 100:  # noqa: PLR2004 -- percent
            raise ValueError(f"a percentage of at most 100% was expected, not {text!r}")
        return Chance(float(number) / 100)
    if not number.isdecimal():
        raise ValueError(f"a whole count was expected after the colon, not {text!r}")
    return Times(int(number))


class Script:
    """The rules in force; the first that fires decides a call. Safe to replace while calls arrive."""

    def __init__(self, rules: tuple[str, ...], seed: int) -> None:
        """Read the rules.

        Raises:
            ValueError: one of them spells no rule.
        """
        self._lock = threading.Lock()
        self._chance = random.Random(seed)
        self._next_lie = seed % len(LIES)
        self._rules: list[Rule] = []
        self.replace(rules)

    def replace(self, rules: tuple[str, ...]) -> None:
        """Put new rules, with fresh counts, in the place of the old ones.

        Raises:
            ValueError: one of them spells no rule; then the old ones stay.
        """
        fresh = [read_rule(text) for text in rules]
        with self._lock:
            self._rules = fresh

    def next_failure(self) -> Failure | None:
        """What is to happen to the call that has just become complete; None lets it pass. Uses up the rule's count."""
        with self._lock:
            for position, rule in enumerate(self._rules):
                match rule.extent:
                    case Times(0):
                        continue
                    case Times(count):
                        self._rules[position] = Rule(rule.failure, Times(count - 1))
                    case Chance(probability):
                        if self._chance.random() >= probability:
                            continue
                    case Always():
                        pass
                return self._name_lie(rule.failure)
            return None

    def always_answers(self, status: int) -> bool:
        """Whether a rule without a count answers every call that reaches it with this status."""
        with self._lock:
            return Rule(ScriptedAnswer(status), Always()) in self._rules

    def _name_lie(self, failure: Failure) -> Failure:
        if failure != Lie(None):
            return failure
        named = Lie(LIES[self._next_lie])
        self._next_lie = (self._next_lie + 1) % len(LIES)
        return named
