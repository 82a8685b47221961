"""Write tests: they must pass on the right services and fail on each of the wrong ones."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from payments_lab.course.exercise import Exercise, not_yet
from payments_lab.course.outcome import Outcome, Part, Picture, Wrong, at_once, one_by_one, told, where
from payments_lab.course.watch import Stuck

RIGHT = "right services pass"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong service that tests should catch; ``sentence`` says what it does wrong."""

    name: str
    service: type[Any]
    sentence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class WriteTests(Exercise):
    """The student writes a class of pytest-style tests.

    ``fixtures`` makes what tests may ask for by the names of their parameters, anew for each test, from a service.
    ``show`` draws what a wrong service does.
    """

    kind: ClassVar[str] = "write tests"

    right: Sequence[type[Any]]
    mutants: Sequence[Mutant]
    fixtures: Callable[[type[Any]], Awaitable[Mapping[str, Any]]]
    show: Callable[[type[Any]], Awaitable[Picture]]

    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        tests = collect(answer)
        catches = [Part(f"catches: {each.name}", self._catch(each)) for each in self.mutants]
        return one_by_one([Part(RIGHT, self._accept), *catches], tests)

    def telling(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        accepted, *_ = outcomes
        return outcomes if accepted.passed else [accepted]

    def summary(self, outcomes: Sequence[Outcome]) -> str:
        accepted, *catches = outcomes
        if not accepted.passed or not catches:
            return not_yet(accepted)
        caught = sum(each.passed for each in catches)
        said = f"your tests caught {caught} of {len(catches)} wrong services"
        survivor = next((mutant for mutant, each in zip(self.mutants, catches, strict=True) if not each.passed), None)
        return (
            f"{said}; this one survived: it {survivor.sentence}" if survivor else f"{said}, and pass on the right ones"
        )

    def _accept(self, tests: Mapping[str, Callable[..., Any]]) -> str:
        for service in self.right:
            for name, test in tests.items():
                failed = self._play(test, service)
                if failed is not None:
                    said = told(failed)
                    at = where(failed)
                    alike = f"{said} {spelled(at)}" if isinstance(failed, AssertionError) else said
                    raise Wrong(f"{name} fails on a service that is right: {said}", alike=alike, where=at)
        return f"{_count(len(tests), 'test')}, {_count(len(self.right), 'right service')}"

    def _catch(self, mutant: Mutant) -> Callable[[Any], str]:
        def trial(tests: Mapping[str, Callable[..., Any]]) -> str:
            for name, test in tests.items():
                if self._play(test, mutant.service) is not None:
                    return f"{name} fails on it, as it should"
            raise Wrong(
                f"no test notices that it {mutant.sentence}", Later(lambda: at_once(self._show(mutant.service)))
            )

        return trial

    async def _show(self, service: type[Any]) -> Picture:
        return await self.show(service)

    def _play(self, test: Callable[..., Any], service: type[Any]) -> BaseException | None:
        return at_once(self._failure(test, service))

    async def _failure(self, test: Callable[..., Any], service: type[Any]) -> BaseException | None:
        if next(iter(inspect.signature(getattr(test, "__func__", test)).parameters), "self") != "self":
            raise Wrong(f"{test.__name__} lacks its first parameter, self")
        offered = await self.fixtures(service)
        asked = list(inspect.signature(test).parameters)
        unknown = [name for name in asked if name not in offered]
        if unknown:
            raise Wrong(f"{test.__name__} asks for {unknown[0]}; a test may ask for {', '.join(offered)}")
        try:
            result = test(**{name: offered[name] for name in asked})
            if inspect.isawaitable(result):
                await result
        except (KeyboardInterrupt, SystemExit, Stuck):
            raise
        except BaseException as error:  # pytest.fail raises one that is no Exception
            return error
        return None


class Later:
    """A picture that is drawn when somebody looks at it: of many survivors one is shown."""

    def __init__(self, draw: Callable[[], Picture]) -> None:
        self._draw = draw

    def text(self, width: int | None = None) -> str:
        return self._draw().text(width)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return self._draw()._repr_mimebundle_(**options)  # pyright: ignore[reportPrivateUsage]


def spelled(line: str) -> str:
    """A statement without the freedom that there is in writing it."""
    try:
        return ast.unparse(compile(line, "line", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
    except SyntaxError:
        return line


def collect(answer: Any) -> dict[str, Callable[..., Any]]:
    """The tests of a class by their names, as pytest would find them. Wrong where there is none."""
    if not inspect.isclass(answer):
        raise Wrong("give the class of your tests to check, without parentheses")
    tests = {name: getattr(answer(), name) for name in vars(answer) if name.startswith("test")}
    if not tests:
        raise Wrong("there is no test yet: a test is a method whose name begins with test_")
    return tests


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"
