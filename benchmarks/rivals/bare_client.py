"""What a call costs when nothing is remembered: every picture of a folder by an asynchronous client, eight at once.

No ledger, no hash, no sync, no proof of what comes; whole pictures in memory both ways. `bare_client.py CLIENT HOT OUT
URL`, CLIENT being httpx or aiohttp: it says that it is ready, waits for a line, says that it is done, waits for more.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AT_ONCE = 8
KEY = {"Authorization": "Bearer benchmark"}


async def send_all(hot: Path, out: Path, call: Callable[[str, bytes], Awaitable[bytes]]) -> None:
    """Every picture that lies there now."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with places:
            answer = await call(name, read(hot / name))
            write(out / name, answer)

    await asyncio.gather(*map(one, sorted(os.listdir(hot))))  # noqa: PTH208 -- names are what is needed


def read(path: Path) -> bytes:
    """In the one thread there is, as such scripts do: small files are there at once."""
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    """As above."""
    path.write_bytes(data)


async def by_httpx(hot: Path, out: Path, url: str) -> None:
    """With the connections kept, as it does by itself."""
    import httpx  # noqa: PLC0415 -- one of the two

    async with httpx.AsyncClient(timeout=60, trust_env=False, headers=KEY) as client:

        async def call(name: str, picture: bytes) -> bytes:
            answer = await client.post(url, data={"scale": "2"}, files={"image": (name, picture, "image/png")})
            return answer.raise_for_status().content

        await ready()
        await send_all(hot, out, call)


async def by_aiohttp(hot: Path, out: Path, url: str) -> None:
    """The same with the other."""
    import aiohttp  # noqa: PLC0415 -- as said

    async with aiohttp.ClientSession(headers=KEY, connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def call(name: str, picture: bytes) -> bytes:
            form = aiohttp.FormData({"scale": "2"})
            form.add_field("image", picture, filename=name, content_type="image/png")
            async with session.post(url, data=form) as answer:
                answer.raise_for_status()
                return bytes(await answer.read())

        await ready()
        await send_all(hot, out, call)


async def ready() -> None:
    """Loaded and set up: what follows is what is measured."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """One run."""
    client, hot, out, url = sys.argv[1:]
    by = {"httpx": by_httpx, "aiohttp": by_aiohttp}[client]
    asyncio.run(by(Path(hot), Path(out), url))
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
