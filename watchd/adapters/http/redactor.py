"""What is secret shows in no word that comes back: services and proxies repeat what they were sent."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

LEAST_IN_A_BODY = 16
"""Bytes. In 128 MB of a picture's bytes so many stand by chance once in 10^30 pictures."""


class Redactor:
    """Called with a text, answers it without the secrets."""

    def __init__(self, *secrets: str) -> None:
        """Longer ones first, as one may hold another."""
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text, fit to be told."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


class BodyVeil:
    """The same for a body that comes piece by piece; a secret cut in two by the pieces is found too."""

    def __init__(self, secret: str) -> None:
        """A secret so short that a picture may hold it by chance is let be."""
        self._secret = secret.encode() if len(secret) >= LEAST_IN_A_BODY else b""
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be passed on by now."""
        if not self._secret:
            return piece
        told = (self._held + piece).replace(self._secret, b"*" * len(self._secret))
        begun = min(len(told), len(self._secret) - 1)
        while not self._secret.startswith(told[len(told) - begun :]):
            begun -= 1
        passed, self._held = told[: len(told) - begun], told[len(told) - begun :]
        return passed

    def finish(self) -> bytes:
        """The rest: what looked like the beginning of the secret, and was none."""
        return self._held


def of_proxy(url: str | None) -> tuple[str, ...]:
    """What of a proxy's address is nobody's business, as it stands there and as it goes over the wire."""
    parts = urlsplit(url or "")
    if not parts.password:
        return ()
    user, password = unquote(parts.username or ""), unquote(parts.password)
    return parts.password, password, base64.b64encode(f"{user}:{password}".encode()).decode()
