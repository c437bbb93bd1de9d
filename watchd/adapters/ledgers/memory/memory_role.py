"""What the roles of a ledger in memory share: the store, whose it is, and one lock round each method."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.adapters.ledgers.memory.memory_store import MemoryStore
    from watchd.interfaces import Clock

Given = ParamSpec("Given")
Told = TypeVar("Told")
Self_ = TypeVar("Self_", bound="MemoryRole")


class MemoryRole:
    """One owner of the store; any number of them may live."""

    def __init__(self, store: MemoryStore, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        self.store = store
        self.clock = clock
        self.owner = owner
        self.lease = lease


def locked(method: Callable[Concatenate[Self_, Given], Told]) -> Callable[Concatenate[Self_, Given], Told]:
    """Nobody sees the half of it. Each method looks first whether it may, so what is raised has changed nothing."""

    @functools.wraps(method)
    def run(self: Self_, *given: Given.args, **named: Given.kwargs) -> Told:
        with self.store.lock:
            answer = method(self, *given, **named)
            self.store.commits += 1
            return answer

    return cast("Callable[Concatenate[Self_, Given], Told]", run)
