"""`watchd schema`: JSON Schema of the configuration, for editors."""

import json

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from watchd.config.json_schema import json_schema  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
