"""How a command that changes something reaches the ledger: through the daemon, or alone where none runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchd.adapters.host import control
from watchd.cli.common import load, state_dir
from watchd.errors import UsageError

if TYPE_CHECKING:
    from watchd.model import Settings


def operate(config: str | None, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to an owner's request. Raises UsageError with what was wrong about it."""
    state = state_dir(config)
    answer = control.ask(state, request, timeout=None)
    if answer is None:
        answer = _alone(load(config), request)
    if "error" in answer:
        raise UsageError(str(answer["error"]))
    return answer


def _alone(settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
    from watchd.journey.commands import Operator  # noqa: PLC0415 -- only where no daemon answers
    from watchd.process.host import Host  # noqa: PLC0415 -- as above

    host = Host(settings)
    try:
        return Operator(host.ledger, host.clock, host.keeper.apply, settings.names).answer(request)
    finally:
        host.close()
