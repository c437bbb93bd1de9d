"""`watchd retry`: failed and unknown jobs once more."""

from typing import Any

import click

from watchd.cli.common import load
from watchd.errors import UsageError
from watchd.model import JobState


@click.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--failed", is_flag=True, help="All failed jobs.")
@click.option("--unknown", is_flag=True, help="All unknown jobs; what was charged before may be charged again.")
@click.option("--folder", help="Of --failed or --unknown only those of this folder.")
@click.pass_obj
def retry(config: str | None, ids: tuple[int, ...], folder: str | None, *, failed: bool, unknown: bool) -> None:
    """Put failed or unknown jobs back into the queue."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    if bool(ids) == (failed or unknown):
        raise UsageError("say which: either ID..., or --failed, --unknown or both")
    if folder is not None and ids:
        raise UsageError("--folder goes with --failed and --unknown, not with ID...")
    if folder is not None and load(config).folder(folder) is None:
        raise UsageError(f"there is no folder {folder!r} in the configuration")
    requests: list[dict[str, Any]] = [{"ids": list(ids)}] if ids else []
    requests += [{"state": JobState.FAILED, "folder": folder}] if failed else []
    requests += [{"state": JobState.UNKNOWN, "folder": folder}] if unknown else []
    jobs = [job for request in requests for job in operate(config, {"command": "retry", **request})["jobs"]]
    click.echo(f"{len(jobs)} back in the queue.")
