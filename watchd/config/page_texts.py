"""The texts that say how the page is reached: names of this machine, proxies in front of it, the path it lies under."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Final

from watchd.config.kinds import Kind, Text
from watchd.config.units import RefusedError, found

_NAME: Final = r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
_BASE: Final = r"(/[A-Za-z0-9._~-]+)*"


@dataclass(frozen=True, slots=True)
class HostName(Kind):
    """A name that a browser may know this machine by; small letters, since case means nothing in it."""

    def _parse(self, value: object) -> str:
        text: str = Text(self.words()).parse(value)
        if not re.fullmatch(_NAME, text):
            raise RefusedError(f"not a name, expected one such as nas.fritz.box, without a port, {found(value)}")
        return text.lower()

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_NAME}$"}

    def _words(self) -> str:
        return "the name of a machine"


@dataclass(frozen=True, slots=True)
class Network(Kind):
    """An address, or a network of them."""

    def _parse(self, value: object) -> str:
        text: str = Text(self.words()).parse(value)
        try:
            return str(ipaddress.ip_network(text, strict=False))
        except ValueError:
            expected = "expected one such as 127.0.0.1 or 172.16.0.0/12"
            raise RefusedError(f"not an address or a network, {expected}, {found(value)}") from None

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$"}

    def _words(self) -> str:
        return "an address or a network"


@dataclass(frozen=True, slots=True)
class BasePath(Kind):
    """The path that the page lies under, without a slash at its end; nothing at all is the root."""

    def _parse(self, value: object) -> str:
        text = value.rstrip("/") if isinstance(value, str) else value
        if not isinstance(text, str) or not re.fullmatch(_BASE, text) or {".", ".."} & {*text.split("/")}:
            raise RefusedError(f"not a path of the page, expected one such as /watchd, {found(value)}")
        return text

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_BASE}/?$"}

    def _words(self) -> str:
        return "a path such as /watchd, or nothing"
