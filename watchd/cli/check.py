"""`watchd check`: what is well and what is not."""

import os
import time

import click


@click.command("check")
@click.option("--offline", is_flag=True, help="Do not ask the service anything.")
@click.pass_obj
def check(config: str | None, *, offline: bool) -> int:
    """Look at configuration, unit, key, folders, ledger, disk, watches and API; the paid endpoint is not called.

    As root it looks with the eyes of the user that the unit runs watchd as.
    """
    from watchd.cli.common import find, load  # noqa: PLC0415 -- `watchd --help` pays for no command's imports
    from watchd.config import loading  # noqa: PLC0415 -- as above
    from watchd.inspection.finding import Grade  # noqa: PLC0415 -- as above
    from watchd.inspection.rounds import elsewhere, findings  # noqa: PLC0415 -- as above
    from watchd.inspection.standpoint import standpoint  # noqa: PLC0415 -- as above

    path = find(config)
    stand = standpoint(path, os.environ)
    settings = loading.load(path, stand.environ)
    wrong = untrusted = 0
    colours = {Grade.WELL: "green", Grade.WARNING: "yellow", Grade.WRONG: "red"}
    round_ = (*elsewhere(settings, load(config)),) if stand.unit else ()
    for finding in (*round_, *findings(settings, stand, time.time(), offline=offline)):
        wrong += finding.grade is Grade.WRONG
        untrusted += finding.untrusted
        click.echo(f"{click.style(f'{finding.grade:<8}', colours[finding.grade])}{finding.subject}: {finding.text}")
    if wrong:
        click.echo(f"{wrong} wrong; what waits for them waits, and goes on when they are mended.", err=True)
    return 4 if untrusted else 0
