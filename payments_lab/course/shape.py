"""Whether an answer is the kind of thing that its starter is, before it is tried."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any, cast

from payments_lab.course.outcome import Wrong


def look(answer: Any, starter: str, name: str) -> None:
    """Wrong where a check was given something else than what ``starter`` defines as ``name``: a class for a function,
    an instance for a class, a method that is no coroutine.
    """
    wanted = next((node for node in ast.parse(starter).body if getattr(node, "name", None) == name), None)
    if isinstance(wanted, ast.ClassDef):
        _look_at_class(answer, wanted)
    elif isinstance(wanted, ast.FunctionDef | ast.AsyncFunctionDef):
        _look_at_function(answer, wanted)


def _look_at_class(answer: Any, wanted: ast.ClassDef) -> None:
    if not inspect.isclass(answer):
        _refuse(answer, wanted.name, "class")
    for method in wanted.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            found = getattr(cast("object", answer), method.name, None)
            if found is None:
                raise Wrong(f"{answer.__name__} has no method `{method.name}`; is it the class that you mean?")
            _look_at_await(found, method)


def _look_at_function(answer: Any, wanted: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if inspect.isclass(answer) or not callable(answer):
        _refuse(answer, wanted.name, "function")
    _look_at_await(answer, wanted)


def _look_at_await(found: Callable[..., Any], wanted: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if not inspect.isfunction(found):
        return
    waits = inspect.iscoroutinefunction(found)
    if isinstance(wanted, ast.AsyncFunctionDef) and not waits:
        raise Wrong(f"`{wanted.name}` must be a coroutine: write `async def {wanted.name}`")
    if isinstance(wanted, ast.FunctionDef) and waits:
        raise Wrong(f"`{wanted.name}` must be a plain function: write `def {wanted.name}`, without async")


def _refuse(answer: Any, name: str, kind: str) -> None:
    if inspect.iscoroutine(answer):
        answer.close()
    given = "None" if answer is None else "a text" if isinstance(answer, str) else _an(type(answer).__name__)
    given = _an("class") if inspect.isclass(answer) else given
    raise Wrong(f"`check` was given {given}; give it your {kind} itself, {name}, without quotes or parentheses")


def _an(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"
