"""Answers that are no answers yet: each is told in one kind line what it lacks, and none of them hangs."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from payments_lab.course import watch
from payments_lab.course.exercises import UnknownExercise, find
from payments_lab.course.judging import attempt, misconception_behind, outcomes_of
from payments_lab.course.outcome import Outcome

FUNCTION, COROUTINE = "01.2-a-checked-start", "02.1-update-if-current"
CLASS, TESTS = "02.2-copy-an-order", "02.3-tests-of-the-copy"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 0.2)


def said(exercise: str, source: str) -> str:
    return summary_of(exercise, attempt(find(exercise), source))


def summary_of(exercise: str, outcomes: list[Outcome]) -> str:
    assert not all(each.passed for each in outcomes)
    return find(exercise).summary(outcomes)


def listener(body: str, head: str = "    async def on_order_created(self, delivery):\n") -> str:
    return f"class Copying(Service):\n{head}        {body}\n"


def a_test(body: str, parameters: str = "self, payments, delivery") -> str:
    return f"class TestsOfTheCopy:\n    async def test_the_copy({parameters}):\n        {body}\n"


# Something else than was asked for


@pytest.mark.parametrize(
    ("exercise", "given", "called"),
    [
        (FUNCTION, "start", "a text"),
        (FUNCTION, None, "None"),
        (FUNCTION, Path, "a class"),
        (CLASS, print, "a builtin_function_or_method"),
        (CLASS, 7, "an int"),
    ],
)
def test_what_is_no_answer_is_named(exercise: str, given: object, called: str) -> None:
    line = summary_of(exercise, outcomes_of(find(exercise), given))

    assert line.startswith(f"not yet. `check` was given {called}; give it your ")
    assert line.endswith(f" itself, {find(exercise).name}, without quotes or parentheses")


def test_a_coroutine_that_was_called_is_closed_and_named() -> None:
    async def save() -> None: ...

    with warnings.catch_warnings(action="error"):
        line = summary_of(COROUTINE, outcomes_of(find(COROUTINE), save()))

    assert "was given a coroutine; give it your function itself, save_if_current" in line


def test_a_class_without_the_method_is_probably_another_one() -> None:
    assert "`on_order_created`; is it the class that you mean?" in said(CLASS, "class Copying: pass")


def test_a_plain_method_where_a_coroutine_is_wanted_is_told_so() -> None:
    plain = listener("return None", head="    def on_order_created(self, delivery):\n")

    assert said(CLASS, plain) == "not yet. `on_order_created` must be a coroutine: write `async def on_order_created`"
    assert "write `def start`, without async" in said(FUNCTION, "async def start(settings): pass")


# An await that is missing


@pytest.mark.parametrize("source", [listener("self.save(delivery)"), listener("delivery.ack()")], ids=["save", "ack"])
def test_a_missing_await_is_named_and_nothing_is_written_between_the_lines(source: str) -> None:
    with warnings.catch_warnings(action="error"):
        line = said(CLASS, source)

    assert "an await is missing: " in line
    assert "(…) is called, and nobody waits for it" in line


def test_tests_that_await_nothing_do_not_count_as_passing() -> None:
    assert said(TESTS, a_test("payments.on_order_created(delivery)")) == (
        "not yet. An await is missing: on_order_created(…) is called, and nobody waits for it"
    )


def test_other_warnings_come_through() -> None:
    with pytest.warns(DeprecationWarning, match="old"):
        result, unawaited = watch.without_waiting(lambda: warnings.warn("old", DeprecationWarning, stacklevel=1))

    assert (result, unawaited) == (None, [])


# A loop without an end


@pytest.mark.parametrize(
    ("exercise", "source"),
    [
        (FUNCTION, "def start(settings):\n    while True: pass"),
        (CLASS, listener("while True: pass")),
        (CLASS, listener("while True: await self.orders.find_one({})")),
        (TESTS, a_test("while True: pass")),
    ],
    ids=["function", "listener", "awaits", "tests"],
)
def test_an_endless_loop_is_ended_once_and_nothing_else_is_tried(exercise: str, source: str) -> None:
    first, *others = attempt(find(exercise), source)

    assert first.line == "it has not come to an end after 0.2 seconds, as if in an endless loop"
    assert {each.line for each in others} == {"not tried"}


def test_what_catches_everything_does_not_catch_the_end_of_patience() -> None:
    body = "while True:\n            try: await self.save(delivery)\n            except Exception: pass"

    assert attempt(find(CLASS), listener(body))[0].ended is False


def test_a_tool_that_measures_coverage_is_let_finish_and_keeps_no_lock() -> None:
    steps: list[str] = []
    tool = (
        "def measure():\n    steps.append('begun')\n    end = process_time() + 0.2\n"
        "    while process_time() < end: pass\n    steps.append('done')"
    )
    names = {"steps": steps, "process_time": time.process_time}
    exec(compile(tool, os.sep.join(["", "lib", "coverage", "collector.py"]), "exec"), names)
    cell = "while True:\n    measure()\n    for _ in range(5_000_000): pass"

    with pytest.raises(watch.Stuck), watch.an_end():
        exec(compile(cell, watch.cell_name("a", cell), "exec"), names)

    assert steps.count("begun") == steps.count("done") > 0


# Tests of one's own


def test_a_test_without_self_is_told_so() -> None:
    assert said(TESTS, a_test("assert True", "payments, delivery")) == (
        "not yet. test_the_copy lacks its first parameter, self"
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("assert False", "its assertion does not hold"),
        ("assert False, 'no copy'", "its assertion does not hold: no copy"),
        ("with pytest.raises(KeyError): pass", "it expects an error that does not come: KeyError"),
        (
            "with pytest.raises((KeyError, OSError)): pass",
            "it expects an error that does not come: KeyError or OSError",
        ),
        ("delivry.ack()", "it raises NameError: name 'delivry' is not defined"),
    ],
)
def test_a_test_that_fails_on_a_right_service_says_how(body: str, told: str) -> None:
    source = "import pytest\n\n\n" + a_test(body)

    assert said(TESTS, source) == (f"not yet. test_the_copy fails on a service that is right: {told}, at `{body}`")


def test_what_a_student_calls_a_test_does_not_hide_what_is_wrong_with_it() -> None:
    exercise = find(TESTS)
    wrong = next(each for each in exercise.misconceptions if each.name == "one ack for two deliveries")

    renamed = attempt(exercise, wrong.answer.replace("def test_", "def test_that_"))

    assert misconception_behind(exercise, renamed) is wrong


def test_an_assertion_that_fails_for_another_reason_does_not_get_its_hint() -> None:
    exercise = find(TESTS)

    outcomes = attempt(exercise, exercise.solution.replace("2000", "20"))

    assert "its assertion does not hold, at `" in exercise.summary(outcomes)
    assert misconception_behind(exercise, outcomes) is None


# Slips


def test_an_error_in_a_handler_is_told_though_the_bus_would_try_again() -> None:
    line = said(
        "03.1-too-early", "class Cancelling(PaymentsService):\n    async def on_order_cancelled(self, event): evnt"
    )

    assert "the handler of order:cancelled raises NameError: name 'evnt' is not defined" in line


def test_a_handler_that_answers_with_nothing_is_asked_for_its_return() -> None:
    forgets = find("09.2-a-key").solution.replace("return await", "await")

    assert said("09.2-a-key", forgets).endswith("; is a `return` missing?")


def test_what_a_collection_cannot_do_is_told_with_what_it_can() -> None:
    line = said(CLASS, listener("await self.orders.aggregate([])"))

    assert "the embedded collection has no aggregate; of PyMongo's methods it has create_index, insert_one" in line


@pytest.mark.parametrize("returned", ["None", "True", "'re_1 was given back'"])
def test_a_rule_that_returns_no_list_is_told_so(returned: str) -> None:
    line = said("14.1-a-rule-of-your-own", f"def unasked(evidence):\n    return {returned}")

    assert f"the rule returns {returned}; return a list of sentences" in line


@pytest.mark.parametrize("named", ["idempotency key", "An  idempotency Key", ["an idempotency key"]], ids=str)
def test_a_guard_is_known_by_nearly_its_name(named: object) -> None:
    (outcome,) = outcomes_of(find("09.1-what-is-missing"), named)

    assert outcome.passed == (named == "An  idempotency Key")
    assert outcome.passed or "is none of the guards" in outcome.line


# An id that is none


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("01.2", r"did you mean '01\.2-a-checked-start'"),
        ("01.2-checked", r"did you mean '01\.2-a-checked-start'"),
        (print, "the exercise comes first, by its id"),
    ],
    ids=["number", "half", "answer first"],
)
def test_an_exercise_that_there_is_not_is_answered_with_what_to_write(given: Any, advice: str) -> None:
    with pytest.raises(UnknownExercise, match=advice):
        find(given)


def test_a_notebook_shows_that_message_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def mistaken(*_: Callable[..., Any]) -> None:
        find("01.2")

    try:
        mistaken()
    except UnknownExercise:
        InteractiveShell().showtraceback()

    assert capsys.readouterr().out.splitlines() == [
        "UnknownExercise: there is no exercise '01.2'; did you mean '01.2-a-checked-start'?"
    ]
