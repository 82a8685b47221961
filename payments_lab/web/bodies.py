"""Reading a JSON body that may be hostile."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from payments_lab.shop.errors import InvalidRequest

LARGEST_BODY = 16 * 1024
DEEPEST = 8
LONGEST_INTEGER = 16

M = TypeVar("M", bound=BaseModel)


class Body(BaseModel):
    """A request's body: camelCase names, no others."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True)


class TooLarge(InvalidRequest):
    status = 413


def takes(*models: type[Body]) -> dict[str, Any]:
    """What OpenAPI says of a body that is one of ``models``."""
    schemas = [model.model_json_schema() for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def read(request: Request, model: type[M]) -> M:
    """The body as ``model``; InvalidRequest names the first field that is wrong."""
    return validate(parse(await read_bytes(request)), model)


def validate(document: Any, model: type[M]) -> M:
    """A parsed body as ``model``; InvalidRequest names the first field that is wrong."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
    field = str(problem["loc"][0]) if problem["loc"] else None
    raise InvalidRequest(f"{field or 'the body'}: {problem['msg']}", field=field)


async def read_bytes(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The body as it came; TooLarge as soon as it is."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > largest:
            raise TooLarge(f"a body has at most {largest} bytes")
    return bytes(received)


def parse(body: bytes, deepest: int = DEEPEST) -> Any:
    """The JSON document that a body is; InvalidRequest says why it is none, or none that anybody means well by."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8") from None
    if _depth(text) > deepest:
        raise InvalidRequest(f"the body is nested more than {deepest} deep")
    try:
        return json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constants, parse_float=_number
        )
    except ValueError:
        raise InvalidRequest("the body is not JSON") from None


def _depth(text: str) -> int:
    """An upper bound of the nesting, found without parsing."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise InvalidRequest("the body names a field twice")
    return document


def _number(text: str) -> int | float:
    """A whole number is an integer however it is written: ``2000.0`` too, as JSON Schema has it."""
    exact = Decimal(text)
    whole = exact.adjusted() < LONGEST_INTEGER and exact == exact.to_integral_value()
    return int(exact) if whole else float(text)


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
