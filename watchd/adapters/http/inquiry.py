"""What the service tells of itself free of charge: whether it is there, which dialect it speaks, what it permits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx

from watchd import __version__
from watchd.adapters.http import answers

if TYPE_CHECKING:
    from watchd.model import Api


@dataclass(frozen=True, slots=True)
class Inquiry:
    """`dialect` and `permitted` are None where the service does not tell."""

    dialect: Literal["enhance", "creativity"] | None
    permitted: bool | None


def inquire(api: Api, key: str | None) -> Inquiry | str:
    """Ask; a text says in what way the service cannot be reached."""
    headers = {"User-Agent": f"watchd/{__version__}"}
    with httpx.Client(
        trust_env=False, proxy=api.proxy, follow_redirects=False, timeout=api.connect_timeout, headers=headers
    ) as client:
        try:
            models = client.get(f"{api.base_url}/models", params={"type": "upscale"})
            permitted = None
            if key is not None:
                asked = client.get(f"{api.base_url}/api_keys/rate_limits", headers={"Authorization": f"Bearer {key}"})
                if asked.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                    words = answers.words(answers.masked(asked.content, key), asked.headers.get("content-type", ""))
                    return f"the service refuses the key ({asked.status_code}: {words})"
                permitted = answers.permitted(asked)
        except httpx.HTTPError as error:
            return f"it cannot be reached: {error or type(error).__name__}"
    return Inquiry(_dialect(models), permitted)


def _dialect(models: httpx.Response) -> Literal["enhance", "creativity"] | None:
    """The dialect as the list of models shows it: by the names of the fields it speaks of."""
    if models.status_code != httpx.codes.OK:
        return None
    try:
        names = set(_names(models.json()))
    except (ValueError, RecursionError):
        return None
    if any(name.lower().startswith("enhance") or name == "replication" for name in names):
        return "enhance"
    return "creativity" if "creativity" in names else None


def _names(value: Any) -> list[str]:
    """Every key anywhere in a JSON value; the vendor's list nests its constraints several levels deep."""
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _names(inner))]
    if isinstance(value, list):
        return [name for inner in value for name in _names(inner)]
    return []
