"""Reading form parameters as Stripe does: brackets nest, unknown names are refused, numbers are whole.

Source: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

from payments_lab.local_stripe.errors import invalid_request

Reader = Callable[[Any, str], Any]
Schema = Mapping[str, Reader]

DEEPEST = 8
LONGEST_TEXT = 5000
MOST_METADATA = 50


def parse_form(body: str) -> dict[str, Any]:
    """``a[b]=1&c[]=2&d[0][e]=3`` as nested dicts and lists; a refusal for brackets that make no sense."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        path = _path(name)
        if len(path) > DEEPEST:
            raise invalid_request(f"Invalid request: {path[0]} is nested too deeply", param=path[0])
        _plant(tree, path, value, name)
    return {name: _lists(value) for name, value in tree.items()}


def read(schema: Schema, params: Mapping[str, Any], required: Iterable[str] = (), at: str = "") -> dict[str, Any]:
    """The parameters that were given, read by their readers; refusals name the parameter as Stripe does."""
    for name in params:
        if name not in schema:
            raise invalid_request(
                f"Received unknown parameter: {_full(at, name)}", code="parameter_unknown", param=_full(at, name)
            )
    for name in required:
        if name not in params:
            raise invalid_request(
                f"Missing required param: {_full(at, name)}.", code="parameter_missing", param=_full(at, name)
            )
    return {name: schema[name](value, _full(at, name)) for name, value in params.items()}


def text(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise invalid_request(f"Invalid string: {value}", param=param)
    if not value:
        raise invalid_request(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
            "non-empty value.",
            code="parameter_invalid_empty",
            param=param,
        )
    if len(value) > LONGEST_TEXT:
        raise invalid_request(
            f"Invalid string: {value[:20]}...{value[-5:]}; must be at most {LONGEST_TEXT} characters", param=param
        )
    return value


def integer(value: Any, param: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[+-]?[0-9]{1,15}", value):
        raise invalid_request(f"Invalid integer: {value}", code="parameter_invalid_integer", param=param)
    return int(value)


def positive(value: Any, param: str) -> int:
    number = integer(value, param)
    if number < 1:
        raise invalid_request(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param=param
        )
    return number


def boolean(value: Any, param: str) -> bool:
    if value not in ("true", "false"):
        raise invalid_request(f"Invalid boolean: {value}", param=param)
    return value == "true"


def one_of(*choices: str) -> Reader:
    def choice(value: Any, param: str) -> str:
        if value not in choices:
            allowed = " or ".join(", ".join(choices).rsplit(", ", 1))
            raise invalid_request(f"Invalid {param}: must be one of {allowed}", param=param)
        return value

    return choice


def nested(schema: Schema, required: Iterable[str] = ()) -> Reader:
    def table(value: Any, param: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid_request("Invalid object", param=param)
        return read(schema, value, required, at=param)  # pyright: ignore[reportUnknownArgumentType]

    return table


def texts(value: Any, param: str) -> list[str]:
    if not isinstance(value, list):
        raise invalid_request("Invalid array", param=param)
    return [text(item, f"{param}[{index}]") for index, item in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def metadata(value: Any, param: str) -> dict[str, str]:
    """Up to 50 pairs, names to 40 characters, values to 500; an empty value unsets its name."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid_request("Metadata must be a hash", param=param)
    pairs = cast("dict[str, Any]", value)
    if len(pairs) > MOST_METADATA:
        raise invalid_request(f"You cannot set more than {MOST_METADATA} metadata keys", param=param)
    for name, item in pairs.items():
        if len(name) > 40:
            raise invalid_request(f"Metadata keys can be up to 40 characters; '{name[:40]}' is longer", param=param)
        if not isinstance(item, str) or len(item) > 500:
            raise invalid_request(
                f"Metadata value under '{name}' must be a string of up to 500 characters", param=param
            )
    return pairs


def moments(value: Any, param: str) -> dict[str, int]:
    """``created=1`` or ``created[gte]=1``: bounds in Unix seconds."""
    if isinstance(value, str):
        moment = integer(value, param)
        return {"gte": moment, "lte": moment}
    return nested(dict.fromkeys(("gt", "gte", "lt", "lte"), integer))(value, param)


def _full(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def _path(name: str) -> list[str]:
    head, bracket, _ = name.partition("[")
    if not bracket:
        return [name]
    rest = name[len(head) :]
    if not re.fullmatch(r"(\[[^\[\]]*\])+", rest) or not head:
        raise invalid_request(f"Invalid parameter name: {name}", param=name)
    return [head, *re.findall(r"\[([^\[\]]*)\]", rest)]


def _plant(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for step in path[:-1]:
        key = step or str(len(tree))
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise invalid_request(f"Invalid parameter: {name}", param=path[0])
        tree = branch  # pyright: ignore[reportUnknownVariableType]
    tree[path[-1] or str(len(tree))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items: dict[str, Any] = {name: _lists(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if items and all(name.isdigit() for name in items):
        return [items[name] for name in sorted(items, key=int)]
    return items
