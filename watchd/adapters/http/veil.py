"""What is secret shows in no word that comes back: services and proxies repeat what they were sent."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit


class Veil:
    """Called with a text, answers it without the secrets."""

    def __init__(self, *secrets: str) -> None:
        """Longer ones first, as one may hold another."""
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text, fit to be told."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def of_proxy(url: str | None) -> tuple[str, ...]:
    """What of a proxy's address is nobody's business, as it stands there and as it goes over the wire."""
    parts = urlsplit(url or "")
    if not parts.password:
        return ()
    user, password = unquote(parts.username or ""), unquote(parts.password)
    return parts.password, password, base64.b64encode(f"{user}:{password}".encode()).decode()
