"""Reading form parameters as Stripe does: brackets nest, unknown names are refused, numbers are whole.

Sources: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl

from payments_lab.local_stripe.errors import invalid_request

Reader = Callable[[Any, str], Any]

DEEPEST = 8
MOST_FIELDS = 2000
LONGEST_TEXT = 5000
MOST_METADATA = 50
WHOLE = re.compile(r"[+-]?[0-9]{1,15}", re.ASCII)
INDEX = re.compile(r"[0-9]{1,6}", re.ASCII)
BRACKETS = re.compile(r"\[([^\[\]]*)\]")
ALL_BRACKETS = re.compile(r"(\[[^\[\]]*\])+")


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of an endpoint: readers by name, the required ones, and those of Stripe that are not here."""

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = ()
    elsewhere: frozenset[str] = field(default_factory=frozenset[str])


def form(fields: Mapping[str, Reader], *, required: Iterable[str] = (), elsewhere: str = "") -> Form:
    """A form; ``elsewhere`` names, with blanks between, what Stripe takes and this one does not."""
    return Form(fields, tuple(required), frozenset(elsewhere.split()))


NOTHING = form({})


def parse_form(body: str) -> dict[str, Any]:
    """``a[b]=1&c[]=2&d[0][e]=3`` as nested dicts, lists with their indexes as names.

    A refusal for brackets that make no sense, too many parameters or too deep ones.
    """
    if not body:
        return {}
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise invalid_request(f"Invalid request: more than {MOST_FIELDS} parameters") from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if "[" in name or "]" in name:
            _plant(tree, _path(name), value, name)
        else:
            tree[name] = value
    return tree


def read(form: Form, params: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """The parameters that were given, read by their readers; refusals name the parameter as Stripe does."""
    fields = form.fields
    unknown = [name for name in params if name not in fields]
    if unknown:
        _refuse_unknown(form, [_full(at, name) for name in unknown], unknown)
    for name in form.required:
        if name not in params:
            raise invalid_request(
                f"Missing required param: {_full(at, name)}.", code="parameter_missing", param=_full(at, name)
            )
    return {name: fields[name](value, _full(at, name)) for name, value in params.items()}


def text(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise invalid_request(f"Invalid string: {_shown(value)}", param=param)
    if not value:
        raise invalid_request(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
            "non-empty value.",
            code="parameter_invalid_empty",
            param=param,
        )
    return _short(value, param)


def optional_text(value: Any, param: str) -> str | None:
    """A text, or None for the empty one, which unsets."""
    return None if value == "" else text(value, param)


def integer(value: Any, param: str) -> int:
    if not isinstance(value, str) or not WHOLE.fullmatch(value):
        if value == "":
            return int(text(value, param))
        raise invalid_request(f"Invalid integer: {_shown(value)}", code="parameter_invalid_integer", param=param)
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
        raise invalid_request(f"Invalid boolean: {_shown(value)}", param=param)
    return value == "true"


def one_of(*choices: str) -> Reader:
    """One of the given words."""

    def choice(value: Any, param: str) -> str:
        if value not in choices:
            allowed = " or ".join(", ".join(choices).rsplit(", ", 1))
            raise invalid_request(f"Invalid {param}: must be one of {allowed}", param=param)
        return value

    return choice


def optional_one_of(*choices: str) -> Reader:
    """One of the given words, or None for the empty text, which unsets."""
    required = one_of(*choices)
    return lambda value, param: None if value == "" else required(value, param)


def either(first: Reader, second: Reader) -> Reader:
    """What ``first`` reads from a text and ``second`` from anything else."""
    return lambda value, param: (first if isinstance(value, str) else second)(value, param)


def nested(fields: Mapping[str, Reader], *, required: Iterable[str] = (), elsewhere: str = "") -> Reader:
    """A hash with parameters of its own."""
    inner = form(fields, required=required, elsewhere=elsewhere)

    def table(value: Any, param: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid_request("Invalid object", param=param)
        return read(inner, cast("dict[str, Any]", value), param)

    return table


def unset_or(reader: Reader) -> Reader:
    """None for the empty text, else what ``reader`` reads."""
    return lambda value, param: None if value == "" else reader(value, param)


def list_of(reader: Reader) -> Reader:
    """A list, each of whose items ``reader`` reads. On the way it is a hash whose names are whole numbers."""

    def items(value: Any, param: str) -> list[Any]:
        if not isinstance(value, dict):
            raise invalid_request("Invalid array", param=param)
        table = cast("dict[str, Any]", value)
        if not all(INDEX.fullmatch(name) for name in table):
            raise invalid_request("Invalid array", param=param)
        return [reader(table[name], f"{param}[{name}]") for name in sorted(table, key=int)]

    return items


texts = list_of(text)


def anything(value: Any, param: str) -> Any:
    """Taken and not looked at."""
    return value


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
        _check_pair(name, item, param)
    return pairs


def merged(pairs: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Metadata after a change, by name: an empty value takes its name away."""
    together = {**pairs, **changes}
    return {name: together[name] for name in sorted(together) if together[name]}


def moments(value: Any, param: str) -> dict[str, int]:
    """``created=1`` or ``created[gte]=1``: bounds in Unix seconds."""
    if isinstance(value, str):
        moment = integer(value, param)
        return {"gte": moment, "lte": moment}
    return _BOUNDS(value, param)


_BOUNDS = nested(dict.fromkeys(("gt", "gte", "lt", "lte"), integer))


def _check_pair(name: str, item: Any, param: str) -> None:
    if not name or len(name) > 40:
        raise invalid_request(
            f"Metadata keys can be 1 to 40 characters long; '{name[:40]}' is {len(name)} long", param=param
        )
    if not isinstance(item, str) or len(item) > 500:
        raise invalid_request(f"Metadata value under '{name}' must be a string of up to 500 characters", param=param)


def _refuse_unknown(form: Form, full: list[str], names: list[str]) -> None:
    strange = [whole for whole, name in zip(full, names, strict=True) if name not in form.elsewhere]
    if strange:
        plural = "s" if len(strange) > 1 else ""
        raise invalid_request(
            f"Received unknown parameter{plural}: {_shown(', '.join(strange))}",
            code="parameter_unknown",
            param=strange[0][:200],
        )
    raise invalid_request(
        f"The local Stripe has no {full[0]}, though Stripe itself has; leave it out, or test this against Stripe.",
        param=full[0],
    )


def _short(value: str, param: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise invalid_request(
            f"Invalid string: {value[:20]}...{value[-5:]}; must be at most {LONGEST_TEXT} characters", param=param
        )
    return value


def _shown(value: Any) -> str:
    return str(value)[:200]


def _full(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def _path(name: str) -> list[str]:
    head = name.partition("[")[0]
    rest = name[len(head) :]
    if not head or "]" in head or not ALL_BRACKETS.fullmatch(rest):
        raise invalid_request(f"Invalid parameter name: {name[:200]}", param=name[:200])
    path = [head, *BRACKETS.findall(rest)]
    if len(path) > DEEPEST:
        raise invalid_request(f"Invalid request: {head[:200]} is nested too deeply", param=head[:200])
    return path


def _plant(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for step in path[:-1]:
        branch = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(branch, dict):
            raise invalid_request(f"Invalid parameter: {name[:200]}", param=path[0][:200])
        tree = cast("dict[str, Any]", branch)
    tree[path[-1] or str(len(tree))] = value
