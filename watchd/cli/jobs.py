"""`watchd jobs`: the list."""

from __future__ import annotations

import json

import click

from watchd.adapters.ledgers import choosing
from watchd.cli.common import state_dir, table
from watchd.core.money import of_usd
from watchd.model import SHOWN_STATES


@click.command("jobs")
@click.option("--state", type=click.Choice([state.value for state in SHOWN_STATES]), help="Only jobs in this state.")
@click.option("--folder", help="Only jobs of this folder.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, stable and documented.")
@click.pass_obj
def jobs(config: str | None, state: str | None, folder: str | None, limit: int | None, *, as_json: bool) -> None:
    """List the jobs, newest first."""
    with choosing.view(state_dir(config)) as view:
        rows = list(view.jobs(state, folder, limit))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [
        (
            row["id"],
            row["state"],
            row["folder"],
            row["path"],
            row["profile"],
            of_usd(row["cost"]),
            row["error"] or row["output"] or "",
        )
        for row in rows
    ]
    table(("ID", "STATE", "FOLDER", "PATH", "PROFILE", "COST", "OUTPUT, OR WHY NOT"), cells)
