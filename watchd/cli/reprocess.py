"""`watchd reprocess`: finished files once more, under the profile as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchd.adapters.ledgers import choosing
from watchd.cli.common import load
from watchd.core.money import usd
from watchd.core.text import on_one_line
from watchd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watchd.interfaces import LedgerView
    from watchd.model import Folder, Settings


@click.command("reprocess")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--folder", help="Every finished file of this folder.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever it costs.")
@click.pass_obj
def reprocess(config: str | None, paths: tuple[str, ...], folder: str | None, *, yes: bool) -> None:
    """Run finished files again under the profile as it is now, after showing the cost."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    if bool(paths) == (folder is not None):
        raise UsageError("say which: either PATH..., or --folder F")
    settings = load(config)
    with choosing.view(settings.state_dir) as view:
        chosen = list(_chosen(settings, view, paths, folder))
        cost, refused = _cost(settings, view, chosen)
    for job, place, path in chosen:
        if job in refused:
            told = f"{place.name}/{on_one_line(path)}: {refused[job]}"
            click.echo(f"Cannot be processed again: {told}", err=True)
    jobs = [job for job, _, _ in chosen if job not in refused]
    if not jobs:
        raise UsageError("nothing to process again: only files that are done can be")
    click.echo(f"{len(jobs)} files would be sent and paid again: {usd(cost)}.")
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    meant = {"ids": jobs} if refused or folder is None else {"folder": folder}
    made = operate(config, {"command": "reprocess", **meant})["jobs"]
    click.echo(f"{len(made)} in the queue.")


def _chosen(
    settings: Settings, view: LedgerView, paths: Sequence[str], name: str | None
) -> Iterator[tuple[int, Folder, str]]:
    """(job, folder, path) of every finished file that is meant."""
    from watchd.cli.explain import place_of  # noqa: PLC0415 -- used by this step alone

    if name is not None:
        folder = settings.folder(name)
        if folder is None:
            raise UsageError(
                f"there is no folder {name!r}; there is {', '.join(each.name for each in settings.folders)}"
            )
        yield from ((job, folder, path) for job, path in view.finished(folder.name, None))
        return
    for path in paths:
        place = place_of(settings, path)
        if place is None:
            raise UsageError(f"{on_one_line(path)} lies in none of the configured folders")
        found = view.finished(place[0].name, place[1])
        if not found:
            raise UsageError(f"{on_one_line(path)} was not finished yet; `watchd explain` tells how it stands")
        yield found[0][0], *place


def _cost(
    settings: Settings, view: LedgerView, chosen: Sequence[tuple[int, Folder, str]]
) -> tuple[int, dict[int, str]]:
    """Micro-dollars of all calls, and the jobs whose files could not be sent, with the reason."""
    from watchd.reports.estimating import Estimator, Measured  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    estimator = Estimator(settings, view)
    cost = 0
    refused: dict[int, str] = {}
    counted: set[tuple[str, str]] = set()  # copies in a folder are served by one call
    for job, folder, path in chosen:
        moved = view.moved(job)  # it is brought back before it is read
        root, below = (Path(folder.path).resolve(), path) if moved is None else (Path(moved).parent, Path(moved).name)
        match estimator.measure(folder, str(root), below):
            case str() as reason:
                refused[job] = reason
            case Measured(_, picture, parameters):
                cost += 0 if (picture, parameters.identity) in counted else parameters.price
                counted.add((picture, parameters.identity))
    return cost, refused
