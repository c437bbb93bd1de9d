"""What the service tells of itself free of charge: its dialect, whether calls are permitted, what is left, how fast.

None of it is promised by the contract, so each answer may be missing or strange; then that one thing stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

import httpx

from watchd.adapters.http import answers, connecting, redactor
from watchd.adapters.http.free_query import FreeAnswer, ask
from watchd.adapters.http.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.model import Api

MODEL = "upscal"
"""What the name of the model begins with that upscales: the vendor calls it `upscaler`."""


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """The service does not take this key."""

    words: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was learnt; None, or nothing, where the service does not tell.

    `balances`: what is left, by currency. `refilled_at`: when the daily allowance begins anew (ISO 8601).
    `per_minute`: the most requests a minute. `moment`: what time it is there, in Unix seconds.
    """

    dialect: Literal["enhance", "creativity"] | None = None
    permitted: bool | None = None
    balances: Mapping[str, float] = field(default_factory=dict)
    refilled_at: str | None = None
    per_minute: int | None = None
    refused: KeyRefused | None = None
    moment: float | None = None


def inquire(api: Api, key: str | None) -> Inquiry | str:
    """Ask what may be asked; a text says in what way the service cannot be reached at all."""
    hidden = Redactor(key or "", *redactor.of_proxy(api.proxy))
    with connecting.connect(api, api.connect_timeout) as client:
        try:
            models = ask(client, f"{api.base_url}/models", api.connect_timeout, params={"type": "upscale"})
            limits = _limits(client, api, key)
        except httpx.HTTPError as error:
            return f"it cannot be reached: {hidden(str(error)) or type(error).__name__}"
    dialect, moment = _dialect(models.document()), _moment(models.date)
    if limits is None:
        return Inquiry(dialect, moment=moment)
    if limits.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        said = answers.words(limits.body, limits.content_type, hidden)
        return Inquiry(dialect, refused=KeyRefused(f"{limits.status}: {said}"), moment=moment)
    data = _mapping(_mapping(limits.document()).get("data"))
    refilled = data.get("nextEpochBegins")
    return Inquiry(
        dialect,
        answers.permitted(limits.document()),
        {name: left for name, said in _mapping(data.get("balances")).items() if (left := _number(said)) is not None},
        refilled if isinstance(refilled, str) else None,
        _per_minute(data.get("rateLimits")),
        moment=moment,
    )


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _limits(client: httpx.Client, api: Api, key: str | None) -> FreeAnswer | None:
    if key is None:
        return None
    url, headers = f"{api.base_url}/api_keys/rate_limits", {"Authorization": f"Bearer {key}"}
    return ask(client, url, api.connect_timeout, headers=headers)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dialect(models: Any) -> Literal["enhance", "creativity"] | None:
    """The dialect as the list of models shows it: by the names of the fields it speaks of."""
    names = set(_names(models))
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


def _per_minute(limits: Any) -> int | None:
    """The limit of the model that upscales, from a list of `{"apiModelId", "rateLimits": [{"type", "amount"}]}`."""
    for entry in limits if isinstance(limits, list) else []:
        if not str(_mapping(entry).get("apiModelId", "")).startswith(MODEL):
            continue
        rates = _mapping(entry).get("rateLimits")
        for rate in rates if isinstance(rates, list) else []:
            amount = _number(_mapping(rate).get("amount"))
            if _mapping(rate).get("type") == "RPM" and amount is not None and amount >= 1:
                return int(amount)
    return None
