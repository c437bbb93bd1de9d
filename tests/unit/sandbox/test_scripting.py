"""Which call fails, and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.sandbox.scripting import LIES, Cut, Lie, Script, ScriptedAnswer, Stall, read_rule


def fates(script: Script, calls: int) -> list[object]:
    return [script.next_failure() for _ in range(calls)]


@pytest.mark.parametrize(
    "text", ["", "200", "399", "600", "503:", "503:x", "503:-1", "cut:101%", "lies", "lie-x", "503:1.5"]
)
def test_what_spells_no_rule_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|names no failure") as refused:
        read_rule(text)
    assert repr(text) in str(refused.value)


def test_a_rule_without_a_count_holds_for_every_call() -> None:
    assert fates(Script(("402",), 0), 3) == [ScriptedAnswer(402)] * 3


@given(st.integers(min_value=0, max_value=20), st.integers(min_value=0, max_value=20))
def test_a_rule_with_a_count_holds_for_so_many_calls_and_never_again(count: int, more: int) -> None:
    assert fates(Script((f"503:{count}",), 0), count + more) == [ScriptedAnswer(503)] * count + [None] * more


def test_rules_are_used_up_in_their_order() -> None:
    assert fates(Script(("503:1", "cut:1", "stall:1"), 0), 4) == [ScriptedAnswer(503), Cut(), Stall(), None]


@given(st.integers())
def test_a_chance_of_all_always_fires_and_of_none_never(seed: int) -> None:
    assert fates(Script(("cut:100%",), seed), 20) == [Cut()] * 20
    assert fates(Script(("cut:0%",), seed), 20) == [None] * 20


@given(st.integers())
def test_the_same_seed_makes_the_same_failures(seed: int) -> None:
    assert fates(Script(("cut:30%", "lie:50%"), seed), 50) == fates(Script(("cut:30%", "lie:50%"), seed), 50)


def test_a_chance_fires_about_as_often_as_it_says() -> None:
    fired = sum(fate is not None for fate in fates(Script(("cut:10%",), 1), 2000))
    assert 140 < fired < 260


@given(st.integers())
def test_unnamed_lies_take_turns(seed: int) -> None:
    assert {fate.name for fate in fates(Script(("lie",), seed), len(LIES)) if isinstance(fate, Lie)} == set(LIES)


def test_a_named_lie_stays_that_lie() -> None:
    assert fates(Script(("lie-size",), 3), 3) == [Lie("size")] * 3


def test_a_bad_new_script_leaves_the_old_one_in_force() -> None:
    script = Script(("402",), 0)
    with pytest.raises(ValueError, match="nonsense"):
        script.replace(("503:1", "nonsense"))
    assert script.next_failure() == ScriptedAnswer(402)


def test_only_a_402_without_a_count_plays_an_empty_account() -> None:
    assert Script(("503:1", "402"), 0).always_answers(402)
    assert not Script(("402:3",), 0).always_answers(402)
