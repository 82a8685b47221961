"""Where a suspended coroutine stands: what decides everything that it will do.

That is, for each function in the chain of awaits, the instruction it is at, the variables that it may still read, and
the temporary values that it has in hand. Two coroutines that stand alike behave alike from here on, whatever they have
been through, so the explorer need not tell them apart.
"""

from __future__ import annotations

import decimal
import enum
import gc
import types
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import date, timedelta
from functools import cache, partial
from itertools import count
from typing import Any, Generic, NamedTuple, cast

from payments_lab.explore.liveness import live_variables
from payments_lab.explore.strand import Strand
from payments_lab.explore.timers import Sleep, Timeout

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), date, timedelta)
_NAMED = (
    types.ModuleType,
    types.CodeType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    type,
)
_FROM_C = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)
_PLAIN = frozenset({object, OrderedDict, Generic})
_NOTHING: list[object] = []
_EMPTY: list[object] = [iter(_NOTHING), iter(()), reversed(_NOTHING), iter(range(0)), iter("")]
_ITERATORS: frozenset[type[object]] = frozenset([*(type(each) for each in _EMPTY), enumerate, zip])

# What a library keeps beside its work: the moment at which the stripe library sent a request, for its telemetry.
_IRRELEVANT = frozenset({("_request_with_retries_internal_async", "request_start")})


class Standing:
    """Makes keys of suspended coroutines. ``shared`` are the objects of the world, which all of them may hold.

    An object that cannot be looked into makes its coroutine unlike any other.
    """

    def __init__(self, shared: Iterable[object]) -> None:
        self._shared = {id(each): (number, each) for number, each in enumerate(shared)}
        self._strangers = count()
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []

    def key(self, coroutine: object, *more: object) -> Hashable:
        """Equal for two coroutines only if they stand alike; ``more`` is anything else that must be alike."""
        self._seen.clear()
        self._kept.clear()
        try:
            return (self._chain(coroutine), *(self._value(each) for each in more))
        except RecursionError:
            return ("stranger", next(self._strangers))

    def _chain(self, coroutine: Any) -> Hashable:
        links: list[Hashable] = []
        while coroutine is not None:
            links.append(self._link(coroutine))
            coroutine = _awaited(coroutine)
        return tuple(links)

    def _link(self, coroutine: Any) -> Hashable:
        found = _frame(coroutine)
        if found is None:
            return type(coroutine).__name__ if _is_wrapper(coroutine) else ("stranger", next(self._strangers))
        frame, code = found
        referents = gc.get_referents(coroutine)
        last = len(referents) - 1
        while referents[last] is not code:
            last -= 1
        held = iter(referents[last + 1 :])
        live = live_variables(code, frame.f_lasti)
        names, cells = _variables(code)
        bound = frame.f_locals
        variables: list[Hashable] = []
        for name in names:
            if name in cells:
                variables.append((name, self._value(next(held))))
            elif name in bound:
                value = next(held)
                if name in live and (code.co_name, name) not in _IRRELEVANT:
                    variables.append((name, self._value(value)))
        temporaries = tuple(map(self._value, _in_hand(held, _awaited(coroutine))))
        return (code, frame.f_lasti, tuple(variables), temporaries)

    def _value(self, value: Any) -> Hashable:
        kind = cast("type[Any]", type(value))
        if kind is str:
            return value
        if _is_atom(kind):
            return (kind, value)
        shared = self._shared.get(id(value))
        if shared is not None:
            return ("shared", shared[0])
        if _is_named(kind):
            return ("named", value)
        before = self._seen.get(id(value))
        if before is not None:
            return ("before", before)
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        return self._structure(value, kind)

    def _structure(self, value: Any, kind: type[Any]) -> Hashable:
        look = _LOOKS.get(kind)
        if look is not None:
            return (kind, self._all(look(value)))
        if kind in _ITERATORS:
            return (kind, self._all(value.__reduce__()))
        if _frame(value) is not None or _is_wrapper(value):
            return ("coroutine", self._chain(value))
        if isinstance(value, types.TracebackType | types.FrameType):
            return "traceback"
        return self._instance(value, kind)

    def _instance(self, value: Any, kind: type[Any]) -> Hashable:
        parts = _parts(value, kind)
        if parts is None:
            return ("stranger", next(self._strangers))
        return (kind, self._all(parts))

    def _all(self, values: Iterable[Any]) -> Hashable:
        return tuple(self._value(each) for each in values)


@cache
def _variables(code: types.CodeType) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of all variables in the order in which a frame holds them, and those that are cells."""
    cells = (*code.co_cellvars, *code.co_freevars)
    return tuple(dict.fromkeys((*code.co_varnames, *cells))), frozenset(cells)


def _frame(value: Any) -> tuple[types.FrameType, types.CodeType] | None:
    """The frame and the code of a suspended coroutine or generator of any kind."""
    if isinstance(value, types.CoroutineType):
        frame = value.cr_frame
    elif isinstance(value, types.GeneratorType):
        frame = value.gi_frame
    elif isinstance(value, types.AsyncGeneratorType):
        frame = value.ag_frame
    else:
        return None
    return (frame, frame.f_code) if frame is not None else None


def _awaited(value: Any) -> Any:
    """What a coroutine of any kind waits for, or what a wrapper stands for."""
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(value, name):
            return getattr(value, name)
    if _is_wrapper(value):
        return next((each for each in gc.get_referents(value) if _frame(each) is not None), None)
    return None


def _in_hand(held: Iterable[Any], follows: object) -> list[Any]:
    """The temporary values of a frame, without what it waits for.

    That one lies on top of them; beyond it is the exception that is being handled. None stands there once any function
    called from here has handled one, be it while something was loaded for the first time, and means as much as nothing.
    """
    values = list(held)
    places = [number for number, each in enumerate(values) if each is follows]
    if not places:
        return values
    top = places[-1]
    return values[:top] + [each for each in values[top + 1 :] if each is not None]


def _is_wrapper(value: object) -> bool:
    return type(value).__name__ in ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper")


def _parts(value: Any, kind: type[Any]) -> list[Any] | None:
    """Everything that an instance of a Python class holds; None for an object from C that hides what it holds."""
    shape = _shape(kind)
    if shape is None:
        return None
    parts: list[Any] = [(name, getattr(value, name)) for name in shape.slots if hasattr(value, name)]
    parts.append(getattr(value, "__dict__", None))
    if shape.is_error:
        return [value.args, value.__cause__, value.__context__, *parts]
    return parts + [part for look in shape.looks for part in look(value)]


@cache
def _is_atom(kind: type[Any]) -> bool:
    return kind in _ATOMS or issubclass(kind, (date, enum.Enum))


@cache
def _is_named(kind: type[Any]) -> bool:
    return issubclass(kind, _NAMED)


class _Shape(NamedTuple):
    """Where the instances of a Python class keep what they hold."""

    slots: tuple[str, ...]
    looks: tuple[Callable[[Any], Iterable[Any]], ...]
    is_error: bool


@cache
def _shape(kind: type[Any]) -> _Shape | None:
    if not all(each in _LOOKS or each in _PLAIN or _is_written_in_python(each) for each in kind.__mro__):
        return None
    slots = tuple(name for each in kind.__mro__ for name in _slots(each))
    looks = tuple(look for base, look in _LOOKS.items() if issubclass(kind, base))
    return _Shape(slots, looks, issubclass(kind, BaseException))


@cache
def _is_written_in_python(kind: type[Any]) -> bool:
    """A class from C may hold what nobody can see; it is known by methods that are no Python functions."""
    if issubclass(kind, BaseException) and kind.__module__ == "builtins":
        return True
    return not any(isinstance(each, _FROM_C) for each in vars(kind).values())


def _slots(kind: type[Any]) -> list[str]:
    slots: str | Iterable[str] = kind.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else slots
    return [_mangled(name, kind) for name in names if name not in ("__dict__", "__weakref__")]


def _mangled(name: str, kind: type[Any]) -> str:
    if not name.startswith("__") or name.endswith("__"):
        return name
    return f"_{kind.__name__.lstrip('_')}{name}"


def _mapping(value: Mapping[Any, Any]) -> Iterable[Any]:
    plain: dict[Any, Any] = dict(value)
    return [part for item in plain.items() for part in item]


def _set(value: Iterable[Any]) -> Iterable[Any]:
    return sorted(value, key=repr)


def _method(value: types.MethodType) -> Iterable[Any]:
    return (value.__func__, value.__self__)


def _function(value: types.FunctionType) -> Iterable[Any]:
    return (value.__code__, value.__closure__, value.__defaults__, value.__kwdefaults__)


def _partial(value: partial[Any]) -> Iterable[Any]:
    return (value.func, value.args, value.keywords, vars(value))


def _builtin(value: types.BuiltinFunctionType) -> Iterable[Any]:
    return (value.__name__, value.__self__)


def _repr(value: object) -> Iterable[Any]:
    return (repr(value),)


def _cell(value: types.CellType) -> Iterable[Any]:
    try:
        return (value.cell_contents,)
    except ValueError:
        return ()


_LOOKS: dict[type[Any], Callable[[Any], Iterable[Any]]] = {
    dict: _mapping,
    list: list,
    tuple: tuple,
    set: _set,
    frozenset: _set,
    types.MethodType: _method,
    types.FunctionType: _function,
    types.CellType: _cell,
    partial: _partial,
    types.BuiltinFunctionType: _builtin,
    decimal.Context: _repr,
    Strand: Strand.stands,
    Sleep: Sleep.stands,
    Timeout: Timeout.stands,
}
