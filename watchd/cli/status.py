"""`watchd status`: daemon, gate, folders, counts, money. Answers at once: nothing heavy is imported on its way."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchd.adapters.host import control
from watchd.adapters.ledgers import choosing
from watchd.cli.common import find, load, state_dir, table
from watchd.config import glance
from watchd.core.incoming import unread
from watchd.core.money import of_usd
from watchd.core.outgoing import spool_names
from watchd.errors import LaterError
from watchd.reports import shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

RESUME = "`watchd resume` lets it go on"
WAYS_ON = {"approval": "`watchd approve` lets it go on", "ledger": "it goes on by itself when there is room"}


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, stable and documented.")
@click.pass_obj
def status(config: str | None, *, as_json: bool) -> None:
    """Daemon, gate, folders, counts, money."""
    state = state_dir(config)
    told = _ask(state) or _without_daemon(config, state)
    answer = _collect(state, told)
    if as_json:
        click.echo(json.dumps(answer, indent=2))  # without the page's link: such output is kept and sent around
    else:
        _show(answer, told.get("page"))
        _tell_of_tiles(state)
        long = choosing.long_log(state)
        if long is not None:
            click.echo(f"\nNote: {long}.")


def _collect(state: Path, told: dict[str, Any]) -> dict[str, Any]:
    """The promised object, from what the running daemon has `told`, if there is one, and from the ledger."""
    with choosing.view(state) as view:
        gate = told.get("gate") or shapes.gate(view.gates())
        counts, spent = view.counts(), view.spent(datetime.now().astimezone())
    return {"daemon": told["daemon"], "gate": gate, "folders": told["folders"], "counts": counts, "spent": spent}


def _ask(state: Path) -> dict[str, Any] | None:
    """What a daemon says; one that does not answer runs all the same, and the rest is read from the ledger."""
    try:
        return control.ask(state, {"command": "status"})
    except LaterError as error:
        click.echo(str(error), err=True)
        return {"daemon": {"running": True, "pid": None, "since": None}, "folders": []}


def _without_daemon(config: str | None, state: Path) -> dict[str, Any]:
    from watchd.adapters.filesystem import mounts  # noqa: PLC0415 -- only where no daemon answers

    folders, now = [], datetime.now().astimezone()
    for folder in _folders(config, state):
        there = Path(folder.path).is_dir()
        marked = folder.mount_marker is None or Path(folder.path, folder.mount_marker).exists()
        offline = None if there and marked else "it is not there" if not there else f"it has no {folder.mount_marker}"
        silent = folder.watch == "auto" and mounts.gives_no_events(mounts.type_of(folder.path))
        polled = "its file system tells of no change" if silent else "`watch: poll`" if folder.watch == "poll" else None
        waits = None
        if folder.hours is not None:
            from watchd.core.calls import scheduling  # noqa: PLC0415 -- few folders have hours
            from watchd.model import Hours  # noqa: PLC0415 -- as said

            waits = scheduling.wait_of(Hours(*folder.hours), now)
        folders.append(
            shapes.folder(folder.name, folder.path, folder.profile, offline=offline, polled=polled, waits=waits)
        )
    return {"daemon": {"running": False, "pid": None, "since": None}, "folders": folders}


def _folders(config: str | None, state: Path) -> Sequence[glance.Glance]:
    return glance.recall(find(config), state, os.environ) or glance.of(load(config))


def _tell_of_tiles(state: Path) -> None:
    """Paid parts of pictures that failed take room, and are money."""
    with choosing.view(state) as view:
        kept = view.kept_tiles()
    size = 0
    for job, number in kept:
        with suppress(FileNotFoundError):
            size += (state / "spool" / spool_names.tile(job, number)).stat().st_size
    if kept:
        pictures = len({job for job, _ in kept})
        click.echo(
            f"\nNote: {len(kept)} paid tiles of {pictures} unfinished pictures are kept ({size:,} bytes);"
            " `watchd retry` goes on with them and pays for what is missing."
        )


def _show(answer: dict[str, Any], page: str | None) -> None:
    daemon, gate, counts, spent = answer["daemon"], answer["gate"], answer["counts"], answer["spent"]
    running = f"runs, process {daemon['pid']}, since {daemon['since']}" if daemon["running"] else "does not run"
    click.echo(f"Daemon  {running}")
    if page is not None:
        click.echo(f"Page    {page}")
    if gate["open"]:
        click.echo("Gate    open")
    else:
        again = f"tried again at {gate['retry_at']}" if gate["retry_at"] else WAYS_ON.get(gate["reason"], RESUME)
        click.echo(f"Gate    closed since {gate['since']} ({gate['reason']}): {gate['detail']}; {again}")
    click.echo("Files   " + ", ".join(f"{number} {name}" for name, number in counts.items()))
    doubt = f" ({of_usd(spent['in_doubt'])} of it in doubt)" if spent["in_doubt"] else ""
    click.echo(
        f"Spent   {of_usd(spent['today'])} today, {of_usd(spent['month'])} this month,"
        f" {of_usd(spent['total'])} in all{doubt}"
    )
    click.echo()
    rows = [(f["name"], f["state"], f["watch"], f["profile"], f["path"], f["reason"] or "") for f in answer["folders"]]
    table(("FOLDER", "STATE", "WATCH", "PROFILE", "PATH", ""), rows)
    for one in answer["folders"]:
        if one.get("unread"):
            click.echo(f"\nNote: in {one['name']} lie files that are not read: {unread.in_words(one['unread'])}.")
