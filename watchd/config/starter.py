"""The commented file that `watchd init` writes: short enough to read, complete enough to start."""

from __future__ import annotations

import json

from watchd.errors import UsageError

_TEXT = """\
# Configuration of watchd. `watchd check` tells what is well and what is not; `watchd schema` prints a JSON Schema
# for editors. Every key that is left out has a sensible default.

# The API key never stands in this file. It is looked for in this file (mode 600, the key alone), then in the systemd
# credential "venice-api-key", then in $VENICE_API_KEY.
# api:
#   key_file: /etc/watchd/venice.key
#   workers: 4                # most calls in flight at once
#   requests_per_minute: 20   # shared by all folders; 0 = no limit of our own

# What may be spent; a day and a month are the host's own. No limit where it is left out.
# budget: {{day: 10.00, month: 100.00}}

# What is asked of the service. A call costs about $0.02 up to twice the size, $0.08 above.
profiles:
  plain-2x: {{scale: 2}}
  # gold: {{scale: 2, enhance: true, enhance_prompt: gold}}
  # retouch: {{scale: 1, enhance: true}}   # enhancer only

# Drop pictures into `path`; results appear in `output`. A backlog that would cost more than $20 waits for
# `watchd approve`.
folders:
  - path: {path}
    profile: plain-2x
    output: {output}
    # settle: 2s              # quiet time before a file counts as written
    # recursive: true         # sub-folders are mirrored in output
    # exclude: ["*-draft.*"]  # patterns to leave alone
"""


def render(hot: str) -> str:
    """The starter file for the hot folder `hot`, which is absolute or relative to the folder of the file.

    Raises:
        UsageError: for a path that no text file can hold.
    """
    return _TEXT.format(path=_quoted(hot), output=_quoted(hot.rstrip("/") + "-out"))


def _quoted(path: str) -> str:
    """The path as YAML text that means just this path: `$` doubled, a leading `~` made harmless."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the folder's name is not valid UTF-8 and cannot stand in a text file; rename it") from error
    plain = path.replace("$", "$$")
    return json.dumps(f"./{plain}" if plain.startswith("~") else plain)
