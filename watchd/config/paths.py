"""Paths as the file writes them, to absolute ones: `~` and variables expanded, `.` and `..` resolved on paper."""

from __future__ import annotations

import os
import posixpath
import pwd
import re
from typing import TYPE_CHECKING

from watchd.config.units import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<braced>[^}]*)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def absolute(text: str, base: str, environ: Mapping[str, str]) -> str:
    """The absolute path that `text` means in a file that lies in the folder `base`; links are not followed.

    Raises:
        RefusedError: for a variable or a user that does not exist, or a text that can be no path.
    """
    expanded = _VARIABLE.sub(lambda matched: _variable(matched, environ), _with_home(text, environ))
    if not expanded or "\0" in expanded:
        raise RefusedError("not a path, expected the path of a file or folder, found an empty one or a NUL character")
    path = posixpath.normpath(posixpath.join(base, expanded))
    return "/" + path.lstrip("/")


def _with_home(text: str, environ: Mapping[str, str]) -> str:
    if not text.startswith("~"):
        return text
    user, slash, rest = text[1:].partition("/")
    return (_home_of(user) if user else home(environ)).replace("$", "$$") + slash + rest


def _home_of(user: str) -> str:
    try:
        return pwd.getpwnam(user).pw_dir
    except (KeyError, ValueError) as error:
        raise RefusedError(f"no user of the name after ~ exists here, found ~{user[:40]!a}") from error


def home(environ: Mapping[str, str]) -> str:
    """The home folder: `$HOME`, else what the user database says.

    Raises:
        RefusedError: if neither knows.
    """
    if environ.get("HOME"):
        return environ["HOME"]
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError as error:
        raise RefusedError("no home folder is known for ~, expected $HOME to be set") from error


def _variable(matched: re.Match[str], environ: Mapping[str, str]) -> str:
    if matched[0] == "$$":
        return "$"
    name = matched["braced"] if matched["braced"] is not None else matched["bare"]
    if name is None or not _NAME.fullmatch(name):
        raise RefusedError("a $ without the name of a variable, expected $NAME or ${NAME}; $$ stands for a $ itself")
    if name not in environ:
        raise RefusedError(
            f"the variable ${name} is not set, expected one of the environment; $$ stands for a $ itself"
        )
    return environ[name]


def default_state_dir(environ: Mapping[str, str]) -> str:
    """Where the ledger lies if the file does not say: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/watchd`.

    systemd may name several state directories, parted by colons: the first is ours. A relative one is no
    directory that anybody meant, and is passed over as the XDG specification asks.

    Raises:
        RefusedError: if no home folder is known.
    """
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if posixpath.isabs(given):
        return posixpath.normpath(given)
    return posixpath.normpath(posixpath.join(xdg(environ, "XDG_STATE_HOME", ".local/state"), "watchd"))


def xdg(environ: Mapping[str, str], variable: str, default: str) -> str:
    """The folder of an XDG variable, else its default below the home folder.

    Raises:
        RefusedError: if no home folder is known.
    """
    given = environ.get(variable, "")
    return given if posixpath.isabs(given) else posixpath.join(home(environ), default)


def is_within(inner: str, outer: str) -> bool:
    """Whether `inner` is `outer` or lies below it, on paper."""
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")
