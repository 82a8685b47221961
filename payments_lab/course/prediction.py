"""Predict: say what will happen, before it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from payments_lab.course.exercise import Exercise, Misconception
from payments_lab.course.outcome import Outcome, Wrong

PART = "the prediction"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predict(Exercise):
    """``truth`` is what happens, ``question`` what is asked, ``because`` why; ``wrong`` are answers that people give,
    each with its hint.
    """

    kind: ClassVar[str] = "predict"

    question: str
    truth: Any
    because: str
    wrong: Mapping[Any, str]
    actual: str

    @property
    def check_cell(self) -> str:
        return f'check("{self.id}", {self.actual})'

    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        if answer is ...:
            raise Wrong("no prediction yet: put what you expect in the place of the dots of `predict`, and run it")
        if answer == self.truth and type(answer) is type(self.truth):
            return iter([Outcome(PART, True, f"you said {answer!r}, and so it is. {self.because}")])
        return iter([Outcome(PART, False, f"you said {answer!r}, and it is {self.truth!r}")])

    def answer_in(self, source: str) -> Any:
        said: list[Any] = []

        def predict(exercise: str, value: Any) -> None:
            said.append(value)

        exec(compile(source, f"<cell of {self.id}>", "exec"), {"predict": predict})
        return said[0]


def prediction(
    id: str,
    question: str,
    truth: Any,
    *,
    because: str,
    wrong: Mapping[Any, str],
    actual: str,
    hints: tuple[str, str, str],
) -> Predict:
    """A prediction whose cells follow from it: ``predict("00.1-…", ...)``."""
    return Predict(
        id=id,
        task=question,
        question=question,
        starter=f'predict("{id}", ...)',
        solution=f'predict("{id}", {truth!r})',
        hints=hints,
        misconceptions=tuple(
            Misconception(f"says {value!r}", f'predict("{id}", {value!r})', hint, PART) for value, hint in wrong.items()
        ),
        truth=truth,
        because=because,
        wrong=wrong,
        actual=actual,
    )
