"""The service on the wire: its routes, and one call to ``image/upscale`` from its first byte to its answer."""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any, assert_never

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from watchd.sandbox.account import Insufficient, VendorAccount
from watchd.sandbox.contract import ContractRefusal, Parameters, read_parameters
from watchd.sandbox.enlarging import Enlarger
from watchd.sandbox.journal import Journal, JournalEntry, Outcome, now
from watchd.sandbox.limits import Limits
from watchd.sandbox.options import Dialect, seconds, usd_of
from watchd.sandbox.pictures import UploadedPicture, examine, fingerprint
from watchd.sandbox.replies import (
    TOO_MANY_FAILED,
    CutResponse,
    NoResponse,
    error,
    lie,
    picture,
    refusal_of,
    sentence_of,
)
from watchd.sandbox.scripting import Cut, Lie, Script, ScriptedAnswer, Stall
from watchd.sandbox.uploads import ReceivedUpload, read_upload
from watchd.sandbox.waifu2x import StoppingError

logger = logging.getLogger("watchd.sandbox")


@dataclass(frozen=True, slots=True)
class Throttle:
    """How slowly calls are answered (seconds) and how many at once (0: any number)."""

    latency_s: float
    concurrency: int


@dataclass(slots=True)
class _Seen:
    """What is known of a call so far; it becomes the call's entry in the journal. ``complete_at`` is monotonic."""

    cf_ray: str
    headers: dict[str, str]
    content_type: str | None
    user_agent: str | None
    upload: ReceivedUpload | None = None
    sha256: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    complete_at: float = 0.0
    charged_micro: int = 0


class Service:
    """The endpoint's behaviour. Lives on one event loop; what other threads may touch guards itself."""

    def __init__(
        self, *, key: str | None, dialect: Dialect, account: VendorAccount, script: Script, pace: Throttle,
        limits: Limits, engine: Enlarger,
    ) -> None:  # fmt: skip
        self.dialect = dialect
        self.account = account
        self.script = script
        self.pace = pace
        self.limits = limits
        self.journal = Journal()
        self.leaving = asyncio.Event()
        self._key = key
        self._engine = engine
        self._pool = ThreadPoolExecutor(thread_name_prefix="sandbox-engine")
        self._in_flight = 0
        self._cuts = 0

    def leave(self) -> None:
        """The server is ending: nobody waits for anything any more. To be called on the loop."""
        self._engine.stop()
        self.leaving.set()

    def close(self) -> None:
        """Let the engine's threads end."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    def rescript(self, fail: tuple[str, ...] | None, latency: float | str | None, concurrency: int | None) -> None:
        """Change what is given; all of it, or nothing where one part cannot be understood.

        Raises:
            ValueError: what is wrong with it.
        """
        latency_s = self.pace.latency_s if latency is None else seconds(latency)
        if concurrency is not None and concurrency < 0:
            raise ValueError(f"concurrency: 0 (no limit) or more was expected, not {concurrency}")
        if fail is not None:
            self.script.replace(fail)
        self.pace = Throttle(latency_s, self.pace.concurrency if concurrency is None else concurrency)

    def permits(self, request: Request) -> bool:
        """Whether the request bears a key that is good here."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            return False
        return self._key is None or hmac.compare_digest(key.encode(), self._key.encode())

    def headers(self) -> dict[str, str]:
        """What every answer bears: an id for support, and the balance before this call."""
        return {
            "cf-ray": secrets.token_hex(8),
            "x-venice-balance-usd": f"{usd_of(self.account.balance_micro):f}",
            "x-venice-balance-diem": "0",
        }

    async def upscale(self, request: Request) -> Response:
        """Answer ``POST image/upscale``."""
        headers = self.headers()
        seen = _Seen(
            cf_ray=headers["cf-ray"],
            headers=headers,
            content_type=request.headers.get("content-type"),
            user_agent=request.headers.get("user-agent"),
        )
        if not self.permits(request):
            del headers["x-venice-balance-usd"], headers["x-venice-balance-diem"]
            return self._refuse(seen, ContractRefusal(401, sentence_of(401)))
        try:
            upload = await read_upload(request)
        except ClientDisconnect:
            self._note(seen, None, "gone")
            return NoResponse()
        if isinstance(upload, ContractRefusal):
            return self._refuse(seen, upload)
        seen.upload = upload
        seen.parameters = _excerpt(upload.fields)
        parameters = read_parameters(
            upload.fields, has_image=upload.image is not None, textual=upload.textual, dialect=self.dialect
        )
        if isinstance(parameters, ContractRefusal):
            return self._refuse(seen, parameters)
        seen.parameters = asdict(parameters)
        too_many = self._too_many()
        if too_many is not None:
            return self._refuse(seen, too_many)
        self._in_flight += 1
        try:
            return await self._conduct(request, seen, upload.image or b"", parameters)
        finally:
            # Before the answer leaves: who has read it may send the next call at once.
            self._in_flight -= 1

    def _too_many(self) -> ContractRefusal | None:
        """Whether the key has asked too often, or asks for too much at once."""
        if self.limits.is_banned():
            return ContractRefusal(429, TOO_MANY_FAILED)
        at_once = 0 < self.pace.concurrency <= self._in_flight
        return ContractRefusal(429, sentence_of(429)) if at_once or not self.limits.take() else None

    async def _conduct(self, request: Request, seen: _Seen, image: bytes, parameters: Parameters) -> Response:
        """A complete, well-formed call: judge the picture and decide its fate."""
        seen.complete_at = time.monotonic()
        loop = asyncio.get_running_loop()
        seen.sha256, judged = await loop.run_in_executor(self._pool, _judge, image, parameters)
        if isinstance(judged, ContractRefusal):
            return self._refuse(seen, judged)
        failure = self.script.next_failure()
        if isinstance(failure, ScriptedAnswer):
            await self._until(seen.complete_at + self.pace.latency_s)
            return self._refuse(seen, refusal_of(failure.status), "scripted")
        return await self._pay_and_run(request, seen, judged, parameters, failure)

    async def _pay_and_run(
        self,
        request: Request,
        seen: _Seen,
        sound: UploadedPicture,
        parameters: Parameters,
        failure: Cut | Stall | Lie | None,
    ) -> Response:
        """Charge, then do the work: from here on the money is spent, whatever becomes of the answer."""
        charged = self.account.charge(sound.plan.price_micro)
        if isinstance(charged, Insufficient):
            return self._refuse(seen, ContractRefusal(402, sentence_of(402)))
        seen.charged_micro = charged.price_micro
        if isinstance(failure, Stall):
            self._note(seen, None, "stall")
            await self._until_gone(request)
            return NoResponse()
        work = _spoil_size(sound) if failure == Lie("size") else sound
        loop = asyncio.get_running_loop()
        try:
            png = await loop.run_in_executor(self._pool, self._engine.render, work, parameters)
        except StoppingError:
            return NoResponse()
        except Exception:
            logger.exception("The engine failed on %s; the charge is given back", seen.sha256)
            self.account.refund(charged)
            seen.charged_micro = 0
            return self._refuse(seen, ContractRefusal(500, sentence_of(500)))
        await self._until(seen.complete_at + self.pace.latency_s)
        return self._answer(seen, failure, png)

    def _answer(self, seen: _Seen, failure: Cut | Lie | None, png: bytes) -> Response:
        match failure:
            case None:
                self._note(seen, 200, "ok")
                return picture(png, seen.headers | self.limits.headers())
            case Cut():
                self._cuts += 1
                self._note(seen, 200, "cut")
                return CutResponse(png, seen.headers, reset=self._cuts % 2 == 0)
            case Lie(name):
                self._note(seen, 200, "lie")
                return lie(name or "html", png, seen.headers)
            case _:
                assert_never(failure)

    def _refuse(self, seen: _Seen, refusal: ContractRefusal, outcome: Outcome = "refused") -> Response:
        self._note(seen, refusal.status, outcome)
        headers = dict(seen.headers) | self.limits.headers()
        if 400 <= refusal.status < 500:  # noqa: PLR2004 -- the 4xx of HTTP
            self.limits.refused()
        if refusal.status == 429 and "x-ratelimit-reset-requests" not in headers:  # noqa: PLR2004 -- HTTP
            headers |= {"retry-after": "1", "x-ratelimit-reset-requests": str(int(time.time()) + 1)}
        return error(refusal, headers)

    def _note(self, seen: _Seen, status: int | None, outcome: Outcome) -> None:
        upload = seen.upload
        call = JournalEntry(
            at=now(),
            status=status,
            outcome=outcome,
            sha256=seen.sha256,
            sent_bytes=len(upload.image) if upload and upload.image else 0,
            filename=upload.filename if upload else None,
            content_type=seen.content_type,
            parameters=seen.parameters,
            charged=usd_of(seen.charged_micro),
            user_agent=seen.user_agent,
            cf_ray=seen.cf_ray,
        )
        self.journal.add(call)
        logger.info(
            "%s %s %s bytes, charged $%s, %s", status or "-", outcome, call.sent_bytes, call.charged, call.cf_ray
        )

    async def _until(self, moment: float) -> None:
        """Wait for a monotonic time, or for the server's end."""
        remaining = moment - time.monotonic()
        if remaining > 0:
            try:
                await asyncio.wait_for(self.leaving.wait(), remaining)
            except TimeoutError:
                return

    async def _until_gone(self, request: Request) -> None:
        """Wait until the client leaves, or the server does."""
        leaving = asyncio.ensure_future(self.leaving.wait())
        gone = asyncio.ensure_future(_disconnected(request))
        await asyncio.wait({leaving, gone}, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (leaving, gone):
            waiter.cancel()
        await asyncio.gather(leaving, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _excerpt(fields: Mapping[str, object]) -> dict[str, Any]:
    """Fields not yet judged, cut short: they may be anything, and the journal keeps thousands of calls."""
    return {name[:100]: str(value)[:200] for name, value in islice(fields.items(), 20)}


def _judge(image: bytes, parameters: Parameters) -> tuple[str, UploadedPicture | ContractRefusal]:
    return fingerprint(image), examine(image, parameters)


def _spoil_size(sound: UploadedPicture) -> UploadedPicture:
    """The same picture with a plan of half its size: a sound PNG that nobody asked for."""
    plan = sound.plan
    return replace(sound, plan=replace(plan, width=max(1, plan.width // 2), height=max(1, plan.height // 2)))
