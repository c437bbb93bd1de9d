"""A package that gathers names from its modules and loads each module when one of its names is first asked for.

Commands that answer at once ask for a few nouns of many. What a type checker is to know of the names stands in the
package beside, below `if TYPE_CHECKING`.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """What to call `__getattr__` in `package`.

    `modules`: name of a module within it → the names that it has, with spaces between.
    """
    where = {name: module for module, held in modules.items() for name in held.split()}

    def load(name: str) -> Any:
        module = where.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{module}"), name)
        setattr(sys.modules[package], name, value)  # the next time it is found without asking here
        return value

    return load
