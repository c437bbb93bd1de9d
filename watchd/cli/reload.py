"""`watchd reload`: the same as SIGHUP, with an answer."""

from __future__ import annotations

import click

from watchd.adapters.host import control
from watchd.cli.common import state_dir
from watchd.errors import ConfigurationError, UsageError


@click.command("reload")
@click.pass_obj
def reload(config: str | None) -> None:
    """Let the running daemon take over the configuration as it is now."""
    answer = control.ask(state_dir(config), {"command": "reload"}, timeout=None)
    if answer is None:
        raise UsageError("no daemon runs on this ledger; there is nothing to reload")
    if "problems" in answer:
        raise ConfigurationError([str(problem) for problem in answer["problems"]])
    if "error" in answer:
        raise UsageError(str(answer["error"]))
    click.echo(f"Taken over: {answer['reloaded']}")
