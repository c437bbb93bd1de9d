"""`watchd check`: what is well and what is not."""

import os

import click


@click.command("check")
@click.option("--offline", is_flag=True, help="Do not ask the service anything.")
@click.pass_obj
def check(config: str | None, *, offline: bool) -> int:
    """Look at configuration, key, folders, ledger, disk and API; the paid endpoint is not called."""
    from watchd.cli.common import load  # noqa: PLC0415 -- `watchd --help` pays for no command's imports
    from watchd.inspection import Grade, findings  # noqa: PLC0415 -- as above

    wrong = untrusted = 0
    colours = {Grade.WELL: "green", Grade.WARNING: "yellow", Grade.WRONG: "red"}
    for finding in findings(load(config), os.environ, offline=offline):
        wrong += finding.grade is Grade.WRONG
        untrusted += finding.grade is Grade.WRONG and finding.subject == "ledger"
        click.echo(f"{click.style(f'{finding.grade:<8}', colours[finding.grade])}{finding.subject}: {finding.text}")
    if wrong:
        click.echo(f"{wrong} wrong; what waits for them waits, and goes on when they are mended.", err=True)
    return 4 if untrusted else 0
