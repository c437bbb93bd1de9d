"""Where the API key comes from; it is wrapped at once, so that no log, traceback or dump can show it."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.model import Api

CREDENTIAL = "venice-api-key"
VARIABLE = "VENICE_API_KEY"
_MASK = "********"
_MOST_BYTES = 4096


class Secret:
    """A text that shows itself only where `reveal` is called: in the header of a call."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __deepcopy__(self, _memo: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class KeyFound:
    """The key, where it came from in words, and what should be put right about it without delay."""

    key: Secret
    source: str
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """No key can be had, and why; nothing is called until that changes."""

    problem: str


def api_key(api: Api, environ: Mapping[str, str]) -> KeyFound | KeyTrouble:
    """The key from `key_file`, else the systemd credential, else the environment.

    A file that does not exist falls through to the next place. One that exists and cannot be used does not: whoever
    wrote it meant it to be used, and another key might belong to another account.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY")
    credential = posixpath.join(directory, CREDENTIAL) if directory else None
    if api.key_file is not None:
        answer = _from_file(api.key_file, f"key_file {api.key_file}", shared_is_news=True)
        if answer is not None:
            return answer
    if credential is not None:
        answer = _from_file(credential, f"the systemd credential {CREDENTIAL}", shared_is_news=False)
        if answer is not None:
            return answer
    if environ.get(VARIABLE):
        return _checked(environ[VARIABLE], f"${VARIABLE}")
    places = [f"key_file {api.key_file} (no such file)" if api.key_file is not None else "key_file (null)"]
    places.append(f"the systemd credential {CREDENTIAL} ({'no such credential' if directory else 'not run with any'})")
    places.append(f"${VARIABLE} ({'empty' if VARIABLE in environ else 'not set'})")
    return KeyTrouble(f"no API key; looked at {', '.join(places)}. Put the key alone into the key file, with mode 600")


def credential_key(path: str) -> KeyFound | KeyTrouble | None:
    """The key in the file that systemd would hand to a service, None where there is none."""
    return _from_file(path, f"the systemd credential in {path}", shared_is_news=True)


def mark_of_key(api: Api, environ: Mapping[str, str]) -> tuple[object, ...]:
    """Other than before wherever `api_key` may have another answer, and cheaper to ask."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    places = (api.key_file, posixpath.join(directory, CREDENTIAL) if directory else None)
    return (*(_mark_of(place) for place in places if place is not None), environ.get(VARIABLE))


def _mark_of(path: str) -> object:
    try:
        about = os.stat(path)  # noqa: PTH116 -- asked every few seconds for months
    except OSError as error:
        return error.errno
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _from_file(path: str, source: str, *, shared_is_news: bool) -> KeyFound | KeyTrouble | None:
    """The key in a file, None where there is none. A FIFO in its place must not hold up the daemon."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return KeyTrouble(f"{source} cannot be read: {error.strerror}")
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return KeyTrouble(f"{source} is no regular file, expected a file that holds the API key")
        content = os.read(descriptor, _MOST_BYTES + 1)
    except OSError as error:
        return KeyTrouble(f"{source} cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)
    if len(content) > _MOST_BYTES:
        return KeyTrouble(f"{source} holds more than {_MOST_BYTES:,} bytes, expected the API key alone")
    warning = None
    if shared_is_news and about.st_mode & stat.S_IROTH:
        warning = f"{source} can be read by every user of this machine; do `chmod 600` on it"
    return _checked(content.decode("latin-1").removeprefix("\xef\xbb\xbf"), source, warning)


def _checked(text: str, source: str, warning: str | None = None) -> KeyFound | KeyTrouble:
    key = text.strip()
    if not key:
        return KeyTrouble(f"{source} is empty, expected the API key")
    if any(char.isspace() for char in key):
        return KeyTrouble(f"{source} holds blanks or several lines, expected the API key alone on one line")
    if not all("!" <= char <= "~" for char in key):
        return KeyTrouble(f"{source} holds characters that no API key has, expected printable ASCII")
    return KeyFound(Secret(key), source, warning)


def read_token(path: str) -> Secret:
    """The token that visitors are asked for; it is hidden from the log like the key.

    Raises:
        ConfigurationError: there is none to be had.
    """
    found = _from_file(path, "web.token_file", shared_is_news=False)
    if isinstance(found, KeyFound):
        return found.key
    raise ConfigurationError([f"{path} is not there" if found is None else found.problem.replace("API key", "token")])


def read_addresses(path: str) -> list[str]:
    """Addresses in a file, one a line; blank lines and those that begin with # are none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"notify.urls_file: {path} cannot be read ({type(error).__name__})"]) from error
    return [line for line in lines if line and not line.startswith("#")]
