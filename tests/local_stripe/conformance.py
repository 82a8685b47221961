"""Holds JSON against the installed library's typed classes, whose every declared field is what Stripe sends."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from stripe._error_object import ErrorObject
from stripe._object_classes import OBJECT_CLASSES

from payments_lab.local_stripe.tables import StripeObject

SCALARS = {"str": str, "int": int, "bool": bool}
ERROR_TYPES = ("api_error", "card_error", "idempotency_error", "invalid_request_error")


class Unreadable(Exception):
    """An annotation that this checker doesn't know."""


def problems(body: StripeObject) -> list[str]:
    """What is wrong with an answer: missing fields, wrong types, values outside a Literal, fields of our own making."""
    if "error" in body:
        return list(_error(body["error"]))
    return list(_object(body, body.get("object", "?")))


def _error(error: StripeObject) -> Iterator[str]:
    if error.get("type") not in ERROR_TYPES:
        yield f"error.type: {error.get('type')!r}"
    if not error.get("message"):
        yield "error.message: missing"
    yield from _members(error, ErrorObject, (ErrorObject,), "error")


def _object(value: Any, path: str) -> Iterator[str]:
    """A value that says itself what kind of object it is."""
    kind = value.get("object") if isinstance(value, dict) else None
    if kind in ("list", "search_result"):
        for index, item in enumerate(value["data"]):
            yield from _object(item, f"{path}.data[{index}]")
        for name, wanted in {"has_more": bool, "url": str, "data": list}.items():
            if not isinstance(value.get(name), wanted):
                yield f"{path}.{name}: {value.get(name)!r}"
        return
    if kind not in OBJECT_CLASSES:
        yield f"{path}: {kind!r} is no object of Stripe's"
        return
    if value.get("deleted"):
        if set(value) != {"id", "object", "deleted"}:
            yield f"{path}: a deleted object shows {sorted(value)}"
        return
    found = library_class(kind)
    yield from _members(value, found, (found,), path)


def _members(value: dict[str, Any], shape: type, scope: tuple[type, ...], path: str) -> Iterator[str]:
    declared = _declared(shape)
    for name, annotation in declared.items():
        if name in value:
            yield from _check(value[name], annotation, scope, f"{path}.{name}")
        elif not _is_optional(annotation):
            yield f"{path}.{name}: missing"
    for name in value:
        if name not in declared:
            yield f"{path}.{name}: {shape.__qualname__} declares no such field"


def _check(value: Any, annotation: ast.expr, scope: tuple[type, ...], path: str) -> Iterator[str]:
    match annotation:
        case ast.Constant(value=None):
            wrong = value is not None
        case ast.Constant(value=str(quoted)):
            yield from _check(value, ast.parse(quoted, mode="eval").body, scope, path)
            return
        case ast.Name(id=name):
            yield from _named(value, name, scope, path)
            return
        case ast.Subscript(value=ast.Name(id=outer), slice=inner):
            yield from _subscripted(value, outer, inner, scope, path)
            return
        case _:
            raise Unreadable(ast.unparse(annotation))
    if wrong:
        yield f"{path}: {value!r} is not null"


def _named(value: Any, name: str, scope: tuple[type, ...], path: str) -> Iterator[str]:
    if name == "Any":
        return
    if name == "float":
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield f"{path}: {value!r} is no number"
        return
    if name in SCALARS:
        if type(value) is not SCALARS[name]:
            yield f"{path}: {value!r} is not {name}"
        return
    nested = next(
        (getattr(each, name) for each in reversed(scope) if isinstance(getattr(each, name, None), type)), None
    )
    if nested is not None:
        if isinstance(value, dict):
            yield from _members(value, nested, (*scope, nested), path)
        else:
            yield f"{path}: {value!r} is no {name}"
        return
    kind = _kind(name, scope[0].__module__)
    if not isinstance(value, dict) or value.get("object") != kind:
        yield f"{path}: {value!r} is no {kind}"
        return
    yield from _object(value, path)


def _subscripted(value: Any, outer: str, inner: ast.expr, scope: tuple[type, ...], path: str) -> Iterator[str]:
    if outer == "Optional":
        if value is not None:
            yield from _check(value, inner, scope, path)
    elif outer == "Union":
        yield from _union(value, inner, scope, path)
    elif outer == "Literal":
        allowed = ast.literal_eval(inner)
        if value not in (allowed if isinstance(allowed, tuple) else (allowed,)):
            yield f"{path}: {value!r} is none of {allowed}"
    elif outer == "List":
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for index, item in enumerate(value):
            yield from _check(item, inner, scope, f"{path}[{index}]")
    elif outer == "ExpandableField":
        if not isinstance(value, str):
            yield from _check(value, inner, scope, path)
    elif outer in ("ListObject", "SearchResultObject"):
        yield from _object(value, path)
    elif outer in ("UntypedStripeObject", "Dict"):
        yield from _mapping(value, inner, scope, path)
    else:
        raise Unreadable(outer)


def _union(value: Any, inner: ast.expr, scope: tuple[type, ...], path: str) -> Iterator[str]:
    """One of several; where a Literal stands beside str, only its words count: others are for years to come."""
    assert isinstance(inner, ast.Tuple)
    choices = [part for part in inner.elts if not (isinstance(part, ast.Name) and part.id == "str")]
    if not any(isinstance(part, ast.Subscript) for part in choices):
        choices = inner.elts
    found = [list(_check(value, part, scope, path)) for part in choices]
    if all(found):
        nearest = [each for each in found if " is no " not in each[0]]
        yield (nearest or found)[0][0]


def _mapping(value: Any, inner: ast.expr, scope: tuple[type, ...], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no hash"
        return
    held = inner.elts[1] if isinstance(inner, ast.Tuple) else inner
    for name, item in value.items():
        yield from _check(item, held, scope, f"{path}[{name}]")


def _is_optional(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _is_optional(ast.parse(annotation.value, mode="eval").body)
    return isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Optional"


def library_class(kind: str) -> type:
    """The library's class for an object."""
    module, name = OBJECT_CLASSES[kind]
    return getattr(import_module(module), name)


@cache
def _declared(shape: type) -> dict[str, ast.expr]:
    """The fields that a class declares, with what it says of each."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(shape)))
    assert isinstance(tree.body[0], ast.ClassDef)
    return {
        line.target.id: line.annotation
        for line in tree.body[0].body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and not line.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(line.annotation)
    }


@cache
def _kind(name: str, module: str) -> str:
    """The ``object`` of a class by the name that it has in a module of the library, which may be an alias."""
    imports = (line for line in ast.walk(_parsed(module)) if isinstance(line, ast.ImportFrom))
    known = {alias.asname or alias.name: (line.module, alias.name) for line in imports for alias in line.names}
    sought = known.get(name, (module, name))
    for kind, home in OBJECT_CLASSES.items():
        if tuple(home) == sought:
            return kind
    raise Unreadable(name)


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(import_module(module)))


def expandable_fields(kind: str) -> set[str]:
    """The fields of an object that may hold an id or an object; a dot leads into a hash."""
    return set(_expandable(library_class(kind), ""))


def _expandable(shape: type, prefix: str) -> Iterator[str]:
    for name, annotation in _declared(shape).items():
        said = ast.unparse(annotation)
        if "ExpandableField" in said:
            yield prefix + name
            continue
        nested = next((part for part in vars(shape) if isinstance(getattr(shape, part), type) and part in said), None)
        if nested is not None and not prefix:
            yield from _expandable(getattr(shape, nested), f"{name}.")
