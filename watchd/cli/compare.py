"""`watchd compare JOB`: a job before and after, as one HTML file with a slider."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchd.adapters.darkroom.darkroom import Darkroom
from watchd.adapters.ledgers import choosing
from watchd.cli.common import load
from watchd.core.text import on_one_line
from watchd.errors import UsageError
from watchd.model import JobState

if TYPE_CHECKING:
    from watchd.interfaces import LedgerView
    from watchd.model import Job, Settings


@click.command("compare")
@click.argument("job")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.  [compare-ID.html]")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--full", is_flag=True, help="Embed every pixel; else at most 4000 a side.")
@click.pass_obj
def compare(config: str | None, job: str, output: Path | None, *, force: bool, full: bool) -> None:
    """Write an HTML file with JOB (its number, or the path of its original or its output) before and after."""
    from watchd.reports import comparing  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    settings = load(config)
    with choosing.view(settings.state_dir) as view:
        found = _find(settings, view, job)
        calls = view.calls(found.id)
    if found.state is not JobState.DONE or found.output is None:
        why = found.error or f"it is {found.state}"
        raise UsageError(f"job {found.id} has no result to compare: {on_one_line(why)}")
    with closing(Darkroom()) as studio:
        before = comparing.embed(_original(settings, found), studio, full=full)
        after = comparing.embed(Path(found.output), studio, full=full)
    target = output or Path(f"compare-{found.id}.html")
    text = comparing.page(found, calls, before, after)
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{on_one_line(str(target))} is there already; `--force` replaces it") from None
    except OSError as error:
        raise UsageError(f"{on_one_line(str(target))} cannot be written: {error.strerror}") from error
    click.echo(on_one_line(str(target)))


def _find(settings: Settings, view: LedgerView, named: str) -> Job:
    from watchd.cli.explain import place_of  # noqa: PLC0415 -- used where a path is given

    if named.isascii() and named.isdigit():
        found = view.job(int(named))
        if found is None:
            raise UsageError(f"there is no job {named}; `watchd jobs` lists them")
        return found
    place = place_of(settings, named)
    found = view.job_of_output(str(Path(named).absolute()))
    if found is None and place is not None:
        found = view.last_job(place[0].name, place[1])
    if found is None:
        raise UsageError(f"{on_one_line(named)} is neither a job, nor an original or an output that the ledger knows")
    return found


def _original(settings: Settings, job: Job) -> Path:
    if job.moved is not None:
        return Path(job.moved)
    folder = settings.folder(job.folder)
    if folder is None:
        raise UsageError(f"folder {job.folder} is no longer in the configuration, so its originals cannot be found")
    return Path(folder.path, job.path)
