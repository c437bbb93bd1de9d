"""A question that costs nothing, bounded in bytes and in time as a whole: who answers may be anybody."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from watchd.adapters.http.deadline import Deadline, Timekeeper

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 4_000_000
"""The vendor's list of its models, the longest answer there is, is far below this."""


@dataclass(frozen=True, slots=True)
class FreeAnswer:
    """An answer as it came; its body is not inflated, as nothing compressed was asked for."""

    status: int
    body: bytes
    content_type: str
    date: str = ""

    def document(self) -> Any:
        """The JSON of a 200; None for anything else."""
        if self.status != httpx.codes.OK:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # nested deeper than anyone means it
            return None


def ask(
    client: httpx.Client,
    url: str,
    seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> FreeAnswer:
    """GET `url` within so many seconds, and take what it says.

    Raises:
        httpx.HTTPError: nobody answered, or not in time.
    """
    with (
        closing(Timekeeper()) as timekeeper,
        Deadline(seconds, timekeeper) as tether,
        client.stream("GET", url, headers=headers, params=params, extensions={"trace": tether.trace}) as response,
    ):
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > MOST_BYTES:
                return FreeAnswer(response.status_code, b"", "")
        came = response.headers
        return FreeAnswer(response.status_code, bytes(body), came.get("content-type", ""), came.get("date", ""))
