"""watchd as a process that meets a real fault at one durable point: `$WATCHD_FAULT` is `CLASS.METHOD:WHEN:COUNT`.

The COUNT-th call of the method ends the process by SIGKILL, `before` it does anything or `after` it returned, or it
`raises` what nobody foresaw; what this file is given as arguments is the command line of watchd.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import signal
from typing import Any

MODULES = {
    "SqliteLedger": "watchd.adapters.ledgers.sqlite.sqlite_ledger",
    "Examiner": "watchd.journey.examining",
    "FileOutputs": "watchd.adapters.filesystem.outputs",
    "HttpEndpoint": "watchd.adapters.http.client",
    "SpoolWriter": "watchd.adapters.filesystem.spool",
    "FileOriginals": "watchd.adapters.filesystem.originals",
    "Darkroom": "watchd.adapters.darkroom.darkroom",
}


def wrap(owner: type, method: str, when: str, count: int) -> None:
    """Let the `count`-th call of a method, wherever in the class's ancestry it is defined, meet the fault."""
    original = getattr(owner, method)
    calls = itertools.count(1)

    @functools.wraps(original)
    def deadly(*arguments: Any, **named: Any) -> Any:
        mine = next(calls) == count
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if mine and when == "raises":
            raise RuntimeError("a fault that nobody foresaw")
        answer = original(*arguments, **named)
        if mine and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, method, deadly)


def main() -> None:
    """Set the fault and become watchd."""
    point, when, count = os.environ["WATCHD_FAULT"].split(":")
    owner, _, method = point.partition(".")
    wrap(getattr(importlib.import_module(MODULES[owner]), owner), method, when, int(count))
    importlib.import_module("watchd.cli.main").main()


if __name__ == "__main__":
    main()
