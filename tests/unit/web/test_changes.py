"""Everybody who has the page open is told of a change, and it is looked for once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from watchd.web.changes import Changes

if TYPE_CHECKING:
    from pathlib import Path

MANY = 50


def test_however_many_listen_it_is_looked_once_and_all_are_told(tmp_path: Path) -> None:
    looks = 0

    def status() -> dict[str, Any]:
        nonlocal looks
        looks += 1
        return {"looks": 0 if looks == 1 else 1}

    async def listen() -> list[str]:
        changes = Changes(str(tmp_path), status)
        listeners = [changes.words() for _ in range(MANY)]
        first = {await anext(one) for one in listeners}
        assert first == {"retry: 1000\n\n"}
        assert looks == 1
        told = await asyncio.gather(*(anext(one) for one in listeners))
        for one in listeners:
            await one.aclose()
        return list(told)

    assert set(asyncio.run(listen())) == {"event: changed\ndata: now\n\n"}
    assert looks < MANY / 2
