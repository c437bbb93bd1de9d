"""`watchd estimate`: what waits and what it would cost; nothing is sent."""

from __future__ import annotations

import json

import click

from watchd.adapters.ledgers import choosing
from watchd.cli.common import load, table
from watchd.core.money import usd
from watchd.core.text import display, on_one_line
from watchd.model import MICROS_PER_USD


@click.command("estimate")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def estimate(config: str | None, *, as_json: bool) -> None:
    """What waits, how many calls, what they would cost, what would be refused and why. Sends nothing."""
    from watchd.reports.estimating import Estimator  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    settings = load(config)
    with choosing.view(settings.state_dir) as view:
        estimator = Estimator(settings, view)
        found = [estimator.folder(folder) for folder in settings.folders]
    calls, cost = sum(one.calls for one in found), sum(one.cost for one in found)
    if as_json:
        folders = [
            {
                "name": one.folder, "files": one.files, "calls": one.calls, "twins": one.twins,
                "cost": one.cost / MICROS_PER_USD, "offline": one.offline,
                "refused": [{"path": display(path), "reason": reason} for path, reason in one.refused.items()],
            }
            for one in found
        ]  # fmt: skip
        click.echo(json.dumps({"calls": calls, "cost": cost / MICROS_PER_USD, "folders": folders}, indent=2))
        return
    rows = [
        (
            one.folder,
            one.files,
            one.calls,
            one.twins,
            len(one.refused),
            usd(one.cost),
            one.offline or "",
        )
        for one in found
    ]
    table(("FOLDER", "WAITING", "CALLS", "TWINS", "REFUSED", "COST", ""), rows)
    for one in found:
        for path, reason in one.refused.items():
            click.echo(f"  refused {one.folder}/{on_one_line(path)}: {reason}")
    click.echo(f"{calls} calls would cost {usd(cost)}; nothing was sent.")
