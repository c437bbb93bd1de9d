"""Nothing is decided by a sentence for people: with every one of them reworded, everything ends the same."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import watchd
from tests.fakes.endpoint import CutAfterwards, CutWhileUploading, Says, Unreachable
from tests.fakes.pictures import picture
from tests.unit.journey.workshop import ROOT
from watchd.core.calls.retrying import Conclusion
from watchd.core.request.endpoint import Answer
from watchd.model import Delay, DelayKind, Failure, FailureKind, Gate, JobState, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.journey.workshop import Workshop

SPOKEN: list[tuple[type, tuple[str, ...]]] = [
    (Failure, ("words",)), (Delay, ("words",)), (Gate, ("detail",)), (Conclusion, ("error",)),
]  # fmt: skip
"""Where sentences for people are put into values, and how they are called there."""


@pytest.fixture
def reworded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Every sentence is another from now on, each time it is said; answers how many were reworded."""
    number = count(1)

    def reword(kind: type, names: tuple[str, ...]) -> None:
        plain, order = vars(kind)["__init__"], [field.name for field in fields(kind)]

        def said(self: Any, *given: Any, **named: Any) -> None:
            values = dict(zip(order, given, strict=False)) | named
            plain(self, **{name: f"~{next(number)}~" if name in names else value for name, value in values.items()})

        monkeypatch.setattr(kind, "__init__", said)

    for kind, names in SPOKEN:
        reword(kind, names)
    return lambda: next(number)


@dataclass(frozen=True)
class Ended:
    """How a job stands, without a word of prose."""

    path: str
    state: JobState
    failure: FailureKind | None
    attempts: int
    booked: int
    reused_from: int | None
    output: str | None
    due: bool


def story(shop: Workshop) -> list[object]:
    """All kinds of ends and waits, one after the other; what became of each."""
    told: list[object] = []
    shop.restart(shop.folder(failed=str(shop.place / "moved")))
    shop.endpoint.script = [
        CutWhileUploading(), Answer(500, "no"), Unreachable(), Answer(400, "no"), CutAfterwards(), Answer(402, "empty"),
        Says(b"<html>"), Answer(429, "slow", 1.0), Answer(504, "late"), Answer(401, "who"), Answer(503, "busy"),
    ]  # fmt: skip
    for number in range(12):
        shop.put(f"{number}.png", picture(number))
    shop.put("twin-of-3.png", picture(3))
    shop.put("no-picture.png", b"%PDF-1.7 for long enough to be named by its first bytes and by nothing else")
    shop.put("cut.png", picture(50)[:-12])
    shop.put("locked.png", picture(51))
    shop.tree.unreadable.add("locked.png")
    shop.settle()
    (hot,) = shop.intake.folders()
    told.append(("unreadable", hot.making.unreadable(), "pending", hot.pending(shop.clock.steady())))
    shop.tree.drop(ROOT, "11.png")
    shop.put("10.png", picture(99))
    for minute in range(40):
        shop.work()
        told.append(sorted(shop.keeper.gates()))
        shop.clock.advance(60)
        shop.key = f"key {minute // 20}"
        shop.look_at_key()
        shop.look()
    shop.run("back.png", picture(11))
    shop.put("11.png", picture(11))
    shop.settle()
    shop.work()
    told.append(shop.ledger.needed())
    shop.ledger.retry(shop.ledger.chosen(None, JobState.FAILED, None))
    shop.ledger.dismiss(shop.ledger.chosen(None, JobState.UNKNOWN, None)[:1])
    shop.restart(shop.folder(profile=Profile("four", scale=4.0)))
    for _ in range(5):
        shop.look(after=60)
        shop.work()
    (shop.place / "out/7.png").unlink()
    shop.run("copy-of-7.png", picture(7))
    told += [
        Ended(job.path, job.state, job.failure, job.attempts, job.booked, job.reused_from, job.output, job.due)
        for job in shop.jobs()
    ]
    return [*told, shop.endpoint.calls, shop.endpoint.charged, shop.published()]


def plain(told: list[object], shop: Workshop) -> str:
    return repr(told).replace(str(shop.place), "PLACE")


def test_with_every_sentence_reworded_everything_is_decided_the_same(
    tmp_path: Path, reworded: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.journey.workshop import Workshop  # noqa: PLC0415 -- two of them, where the fixture builds one

    monkeypatch.setattr("random.Random.random", lambda _self: 0.5)  # two runs have to be equal
    shops = []
    for name in ("reworded", "plain"):
        (tmp_path / name).mkdir()
        shops.append(Workshop(tmp_path / name))
        if name == "reworded":
            first = plain(story(shops[-1]), shops[-1])
            assert reworded() > 60, "nothing was reworded"
            monkeypatch.undo()
            monkeypatch.setattr("random.Random.random", lambda _self: 0.5)
    second = plain(story(shops[-1]), shops[-1])
    words = {job.id: job.error for job in shops[-1].jobs()}
    for shop in shops:
        shop.ledger.close()
    assert first == second
    assert not any("~" in (said or "") for said in words.values())
    met = {kind for kind in FailureKind if f"FailureKind.{kind.name}:" in second}
    assert {"GONE", "UNFIT", "RESULT_GONE", "LOST", "DISMISSED"} <= {kind.name for kind in met}, met


# --- nothing in the house asks a sentence -----------------------------------------------------------------------------

PROSE = frozenset({"error", "words", "detail", "reason"})
"""How sentences for people are called, wherever a value carries one."""
ASKED = frozenset({"startswith", "endswith", "find", "index", "count", "removeprefix", "partition", "split", "match"})
ENUMS = frozenset({"reason"})
"""`gate.reason` and its like are enums: they may be compared, with a member alone."""


def _is_prose(node: ast.expr) -> bool:
    while isinstance(node, ast.BoolOp):
        node = node.values[0]
    return isinstance(node, ast.Attribute) and node.attr in PROSE


def _asks(tree: ast.AST) -> list[int]:
    """Lines on which something is decided by a sentence."""
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in ASKED and _is_prose(value):
                lines.append(node.lineno)
            case ast.Compare(left=left, comparators=others):
                texts = [one for one in (left, *others) if isinstance(one, ast.Constant | ast.JoinedStr)]
                said = [one for one in texts if not isinstance(one, ast.Constant) or isinstance(one.value, str)]
                if said and any(_is_prose(one) for one in (left, *others)):
                    lines.append(node.lineno)
            case _:
                pass
    return lines


def test_the_house_never_looks_into_a_sentence_for_people() -> None:
    root = Path(watchd.__file__).parent
    asks = {
        f"{path.relative_to(root)}:{line}"
        for path in root.rglob("*.py")
        for line in _asks(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert asks == set()


@pytest.mark.parametrize(
    "code",
    [
        "job.error.startswith('gone: ')",
        "(job.error or '').startswith(GONE)",
        "'paid on' in job.error",
        "hot.delay.words == 'it is empty so far'",
        "gate.detail.find('empty')",
    ],
)
def test_a_look_into_a_sentence_would_be_found(code: str) -> None:
    assert _asks(ast.parse(code)) == [1]


def test_no_statement_of_the_ledger_looks_into_a_sentence() -> None:
    root = Path(watchd.__file__).parent
    for path in root.rglob("*.sql"):
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert not [line for line in text.splitlines() if "LIKE '" in line], path


def test_every_kind_of_failure_and_of_delay_has_a_use() -> None:
    root = Path(watchd.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    sql = "\n".join(path.read_text(encoding="utf-8") for path in root.rglob("queries.sql"))
    for kind in FailureKind:
        assert text.count(f"FailureKind.{kind.name}") or f"'{kind.value}'" in sql, kind
    for delay in DelayKind:
        assert f"DelayKind.{delay.name}" in text, delay
