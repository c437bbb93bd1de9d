"""The shapes that `--json` promises, made from the house's nouns: one place, whoever answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from watchd.core.calls import gating
from watchd.core.text import display

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from watchd.model import Gate


def moment(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, milliseconds and `Z`, as the ledger's views have it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def gate(gates: Collection[Gate]) -> dict[str, Any]:
    """The gate of `status`: of several closed ones the foremost."""
    told = gating.foremost(gates)
    if told is None:
        return {"open": True, "reason": None, "since": None, "retry_at": None, "detail": None}
    return {
        "open": False,
        "reason": told.reason.value,
        "since": moment(told.since),
        "retry_at": moment(told.retry_at),
        "detail": told.detail,
    }


def folder(
    name: str, path: str, profile: str, *, offline: str | None, polled: str | None, waits: str | None,
    unread: Mapping[str, int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One folder of `status`.

    `polled`: why it gets no events; `waits`: its own hours or budget, which hold it alone; `unread`: how many files
    look like pictures and are not read, by kind.
    """
    return {
        "name": name,
        "path": display(path),
        "profile": profile,
        "state": "online" if offline is None else "offline",
        "watch": "events" if polled is None else "poll",
        "reason": offline or waits or polled,
        "unread": dict(unread or {}),
    }
