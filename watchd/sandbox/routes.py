"""The addresses of the sandbox: the service's own, and those under ``sandbox/`` that only a sandbox has."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchd.sandbox.contract import PRICE_UP_TO_2X_MICRO, ContractRefusal, refuse_request
from watchd.sandbox.openapi import document, upscale_model
from watchd.sandbox.options import microdollars, usd_of
from watchd.sandbox.replies import NoResponse, error, sentence_of
from watchd.sandbox.upscale_service import Service

BASE_PATH = "/api/v1"

Endpoint = Callable[[Request], Awaitable[Response]]


def application(service: Service) -> Starlette:
    """The ASGI application."""
    desk = _Desk(service)
    routes = [
        Route(f"{BASE_PATH}/image/upscale", service.upscale, methods=["POST"]),
        Route(f"{BASE_PATH}/models", desk.models, methods=["GET"]),
        Route(f"{BASE_PATH}/api_keys/rate_limits", desk.rate_limits, methods=["GET"]),
        Route(f"{BASE_PATH}/openapi.json", desk.openapi, methods=["GET"]),
        Route(f"{BASE_PATH}/sandbox/charges", desk.charges, methods=["GET"]),
        Route(f"{BASE_PATH}/sandbox/calls", desk.calls, methods=["GET"]),
        Route(f"{BASE_PATH}/sandbox/balance", desk.top_up, methods=["POST"]),
        Route(f"{BASE_PATH}/sandbox/script", desk.rescript, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


async def _http_error(_request: Request, exc: Exception) -> Response:
    """An unknown address or method, in the contract's words instead of the framework's."""
    if not isinstance(exc, HTTPException):
        raise exc
    return error(ContractRefusal(exc.status_code, sentence_of(exc.status_code)), dict(exc.headers or {}))


class _Desk:
    """Everything that costs nothing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def models(self, request: Request) -> Response:
        wanted = request.query_params.get("type", "upscale")
        data = [upscale_model(self._service.dialect)] if wanted in {"upscale", "all"} else []
        return JSONResponse({"object": "list", "type": wanted, "data": data})

    async def rate_limits(self, request: Request) -> Response:
        headers = self._service.headers()
        if not self._service.permits(request):
            return error(ContractRefusal(401, sentence_of(401)), {"cf-ray": headers["cf-ray"]})
        # A script that always says 402 plays an empty account, and an empty account says so here too.
        balance = 0 if self._service.script.always_answers(402) else self._service.account.balance_micro
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        data = {
            "accessPermitted": balance >= PRICE_UP_TO_2X_MICRO,
            "balances": {"USD": float(usd_of(balance)), "DIEM": 0},
            "nextEpochBegins": midnight.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "rateLimits": self._service.limits.listed(),
        }
        return JSONResponse({"data": data}, headers=headers)

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(self._service.dialect, str(request.base_url).rstrip("/") + BASE_PATH))

    async def charges(self, _request: Request) -> Response:
        charges = self._service.account.charges()
        return JSONResponse({"calls": charges.calls, "usd": float(charges.usd)})

    async def calls(self, _request: Request) -> Response:
        return JSONResponse([call.as_json() for call in self._service.journal.calls()])

    async def top_up(self, request: Request) -> Response:
        return await _told(request, self._top_up)

    async def rescript(self, request: Request) -> Response:
        return await _told(request, self._rescript)

    def _top_up(self, order: dict[str, Any]) -> dict[str, Any]:
        _expect_keys(order, {"usd"})
        usd = order.get("usd")
        if isinstance(usd, bool) or not isinstance(usd, int | float):
            raise ValueError("usd: an amount in USD was expected")  # noqa: TRY004 -- what a caller said, not a bug
        return {"balance": float(usd_of(self._service.account.top_up(microdollars(usd))))}

    def _rescript(self, order: dict[str, Any]) -> dict[str, Any]:
        _expect_keys(order, {"fail", "latency", "concurrency"})
        fail, latency, concurrency = order.get("fail"), order.get("latency"), order.get("concurrency")
        if fail is not None and not (isinstance(fail, list) and all(isinstance(rule, str) for rule in fail)):
            raise ValueError("fail: a list of rules such as 503:2 was expected")
        if isinstance(latency, bool) or not isinstance(latency, int | float | str | None):
            raise ValueError("latency: seconds, or a duration such as 200ms, was expected")  # noqa: TRY004 -- as above
        if isinstance(concurrency, float) and concurrency.is_integer():
            concurrency = int(concurrency)
        if isinstance(concurrency, bool) or not isinstance(concurrency, int | None):
            raise ValueError("concurrency: a whole number was expected")  # noqa: TRY004 -- as above
        self._service.rescript(None if fail is None else tuple(fail), latency, concurrency)
        return {"latency": self._service.pace.latency_s, "concurrency": self._service.pace.concurrency}


def _expect_keys(order: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(order) - known)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")


async def _told(request: Request, act: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """Do what a small JSON object asks for, or say what is wrong with it."""
    try:
        order = json.loads(await request.body())
        if not isinstance(order, dict):
            raise ValueError("a JSON object was expected")  # noqa: TRY004, TRY301 -- what a caller said, not a bug
        return JSONResponse(act(order))
    except ValueError as problem:
        return error(refuse_request(str(problem)), {})
    except ClientDisconnect:
        return NoResponse()
