"""The sandbox's own OpenAPI document, so that a tool can hold the running server to it."""

from typing import Any

from watchd.sandbox.contract import ENHANCE_FIELDS, LONGEST_PROMPT, MOST_CREATIVITY
from watchd.sandbox.options import AMPLE_BALANCE, Dialect

Schema = dict[str, Any]

_UPSCALE_ERRORS = {
    "400": "Invalid request parameters",
    "401": "Authentication failed",
    "402": "Insufficient USD or Diem balance to complete request",
    "413": "The image or the body is too large",
    "415": "Invalid request content-type",
    "429": "Rate limit exceeded",
    "500": "Inference processing failed",
    "503": "The model is at capacity. Please try again later.",
}


def upscale_model(dialect: Dialect) -> Schema:
    """The entry of ``GET models``: its constraints tell which dialect is spoken here."""
    constraints: Schema = {
        "scale": {"min": 1 if dialect == "enhance" else 2, "max": 4, "default": 2},
        **{
            name: {"min": schema["minimum"], "max": schema["maximum"], "default": schema["default"]}
            for name, schema in _own_fields(dialect).items()
            if "maximum" in schema
        },
    }
    return {
        "id": "upscaler",
        "object": "model",
        "type": "upscale",
        "owned_by": "watchd sandbox",
        "model_spec": {
            "name": "Sandbox upscaler",
            "constraints": constraints,
            "pricing": {"upscale": {"2x": {"usd": 0.02, "diem": 0.02}, "4x": {"usd": 0.08, "diem": 0.08}}},
        },
    }


def document(dialect: Dialect, base_url: str) -> Schema:
    """OpenAPI 3.1 of everything the sandbox serves at ``base_url``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "watchd sandbox",
            "version": "1",
            "description": "The upscale endpoint on loopback, with a local engine.",
        },
        "servers": [{"url": base_url}],
        "paths": {
            "/image/upscale": {"post": _upscale(dialect)},
            "/models": {"get": _models()},
            "/api_keys/rate_limits": {"get": _rate_limits()},
            "/openapi.json": {"get": _get("This document.", "openapi", {"type": "object"})},
            "/sandbox/charges": {"get": _get("What was charged so far.", "charges", _CHARGES)},
            "/sandbox/calls": {"get": _get("The last calls, oldest first.", "calls", _CALLS)},
            "/sandbox/balance": {"post": _order("Add to the balance.", "topUp", _TOP_UP, _BALANCE)},
            "/sandbox/script": {"post": _order("Change failures and pace.", "script", _SCRIPT, _PACE)},
        },
        "components": {
            "securitySchemes": {"BearerAuth": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _own_fields(dialect: Dialect) -> dict[str, Schema]:
    """The fields beside ``image`` and ``scale`` that mean something in this dialect, by name."""
    if dialect == "creativity":
        return {"creativity": {"type": "number", "minimum": 0, "maximum": MOST_CREATIVITY, "default": 0.01}}
    return {
        "enhance": {"enum": [True, False, "true", "false"], "default": "false"},
        "enhanceCreativity": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "default": 0.5},
        "enhancePrompt": {"type": "string", "maxLength": LONGEST_PROMPT},
        "replication": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "default": 0.35},
    }


def _body(dialect: Dialect, image: Schema) -> Schema:
    scale: Schema = {"type": "number", "minimum": 1 if dialect == "enhance" else 2, "maximum": 4, "default": 2}
    # Fields of the older dialect, which the newer one takes and does not look at.
    ignored: Schema = {name: {} for name in sorted(ENHANCE_FIELDS)} if dialect == "creativity" else {}
    schema: Schema = {
        "type": "object",
        "properties": {**ignored, "image": image, "scale": scale, **_own_fields(dialect)},
        "required": ["image"],
        "additionalProperties": False,
    }
    if dialect == "enhance":
        # A scale of 1 runs the enhancer alone, so there must be one.
        schema["anyOf"] = [
            {"properties": {"scale": {"type": "number", "exclusiveMinimum": 1}}},
            {"properties": {"enhance": {"enum": [True, "true"]}}, "required": ["enhance"]},
        ]
    return schema


def _upscale(dialect: Dialect) -> Schema:
    file: Schema = {"type": "string", "format": "binary"}
    text: Schema = {"type": "string", "contentEncoding": "base64"}
    return {
        "operationId": "upscaleImage",
        "summary": "Upscale or enhance an image.",
        "security": [{"BearerAuth": []}],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _body(dialect, file)},
                "application/json": {"schema": _body(dialect, text)},
            },
        },
        "responses": {
            "200": {
                "description": "The result.",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                "headers": _headers(
                    {"CF-RAY": "Identifies the call.", "x-venice-balance-usd": "The balance before the call, in USD."}
                ),
            },
            **{status: _failure(sentence) for status, sentence in _UPSCALE_ERRORS.items()},
        },
    }


def _models() -> Schema:
    schema = {
        "type": "object",
        "properties": {"object": {"const": "list"}, "type": {"type": "string"}, "data": {"type": "array"}},
        "required": ["object", "type", "data"],
    }
    operation = _get("The models served; needs no key.", "models", schema)
    operation["parameters"] = [{"name": "type", "in": "query", "schema": {"type": "string"}, "required": False}]
    return operation


def _rate_limits() -> Schema:
    balances = _object({"USD": {"type": "number"}, "DIEM": {"type": "number"}})
    rate = _object({"type": {"const": "RPM"}, "amount": {"type": "integer", "minimum": 1}})
    rates: Schema = {"type": "array", "items": rate}
    data = _object(
        {
            "accessPermitted": {"type": "boolean"},
            "balances": balances,
            "nextEpochBegins": {"type": "string", "format": "date-time"},
            "rateLimits": {"type": "array", "items": _object({"apiModelId": {"type": "string"}, "rateLimits": rates})},
        }
    )
    operation = _get("Whether the key may call now, and what is left.", "rateLimits", _object({"data": data}))
    operation["security"] = [{"BearerAuth": []}]
    operation["responses"]["401"] = _failure(_UPSCALE_ERRORS["401"])
    return operation


# --- the small shapes -----------------------------------------------------------------------------------------------


def _object(properties: dict[str, Schema], *, required: bool = True) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | {"required": list(properties)} if required else schema


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _headers(described: dict[str, str]) -> Schema:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in described.items()}


def _failure(sentence: str) -> Schema:
    return {"description": sentence, "content": _json({"$ref": "#/components/schemas/Error"})}


def _get(summary: str, name: str, schema: Schema) -> Schema:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": _json(schema)}},
    }


def _order(summary: str, name: str, request: Schema, answer: Schema) -> Schema:
    operation = _get(summary, name, answer)
    operation["requestBody"] = {"required": True, "content": _json(request)}
    operation["responses"]["400"] = _failure("What is wrong with the order")
    return operation


_ERROR: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "details": {"type": "object"}},
    "required": ["error"],
}
_USD: Schema = {"type": "number", "minimum": 0}
_CHARGES = _object({"calls": {"type": "integer", "minimum": 0}, "usd": _USD})
_BALANCE = _object({"balance": _USD})
_PACE = _object({"latency": {"type": "number", "minimum": 0}, "concurrency": {"type": "integer", "minimum": 0}})
_TOP_UP = _object({"usd": {"type": "number", "minimum": 0, "maximum": int(AMPLE_BALANCE)}})
_RULE = (
    r"^([45][0-9]{2}|cut|stall|lie(-(html|json|size|truncated))?)"
    r"(:([0-9]+|(100|[0-9]{1,2}(\.[0-9]+)?)%))?$"
)
# Null, as absence, leaves as it is.
_SCRIPT = _object(
    {
        "fail": {"type": ["array", "null"], "items": {"type": "string", "pattern": _RULE}},
        "latency": {
            "anyOf": [
                {"type": ["number", "null"], "minimum": 0},
                {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"},
            ]
        },
        "concurrency": {"type": ["integer", "null"], "minimum": 0},
    },
    required=False,
)
_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_CALLS: Schema = {
    "type": "array",
    "items": _object(
        {
            "at": {"type": "string", "format": "date-time"},
            "status": {"type": ["integer", "null"]},
            "outcome": {"enum": ["ok", "refused", "scripted", "cut", "stall", "lie", "gone"]},
            "sha256": _NULLABLE_TEXT,
            "sent_bytes": {"type": "integer", "minimum": 0},
            "filename": _NULLABLE_TEXT,
            "content_type": _NULLABLE_TEXT,
            "parameters": {"type": "object"},
            "charged": _USD,
            "user_agent": _NULLABLE_TEXT,
            "cf_ray": {"type": "string"},
        }
    ),
}
