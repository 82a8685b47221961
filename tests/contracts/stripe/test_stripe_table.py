"""The table of docs/local-stripe.md and the contract suite tell the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contracts.stripe import doubles, table
from tests.contracts.stripe.doubles import HTTP, IN_PROCESS, LOCALSTRIPE

HERE = Path(__file__).parent


def contract() -> list[tuple[str, str]]:
    """Area and name of every test of the contract, in order."""
    return [(area, name) for area in table.AREAS for name in contract_of(HERE / f"test_{area}.py")]


def contract_of(file: Path) -> list[str]:
    functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if node.name.startswith("test_") and "client" in arguments(node)]


def arguments(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in function.args.args]


def test_the_table_has_every_test_and_says_what_is_held_against_each_double() -> None:
    theirs = doubles.passes()
    outcomes = {
        (area, name): {IN_PROCESS: "passed", HTTP: "passed", LOCALSTRIPE: "passed" if name in theirs else "failed"}
        for area, name in contract()
    }

    _, written, _ = table.cut(table.DOCS.read_text())

    assert written.strip() == table.table(outcomes, (IN_PROCESS, HTTP, LOCALSTRIPE)).strip()


def test_every_test_of_the_contract_belongs_to_an_area_and_has_a_name_of_its_own() -> None:
    files = {file for file in HERE.glob("test_*.py") if contract_of(file)}
    names = [name for _, name in contract()]

    assert files == {HERE / f"test_{area}.py" for area in table.AREAS}
    assert len(set(names)) == len(names)


def test_what_localstripe_is_held_to_is_in_the_contract() -> None:
    assert doubles.passes() <= {name for _, name in contract()}
    assert doubles.passes()


def test_a_test_of_several_cases_passes_when_all_of_them_do(tmp_path: Path) -> None:
    cases = "".join(
        f'<testcase classname="tests.test_errors" name="test_a_thing[{double}-{case}]">{outcome}</testcase>'
        for double, case, outcome in (
            (HTTP, "one", "<failure/>"),
            (HTTP, "two", ""),
            (IN_PROCESS, "one", ""),
            (IN_PROCESS, "two", ""),
            (LOCALSTRIPE, "one", "<skipped/>"),
        )
    )
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuite>{cases}</testsuite>")

    outcomes = table.read_report(report)

    assert outcomes == {("errors", "test_a_thing"): {HTTP: "failed", IN_PROCESS: "passed", LOCALSTRIPE: "skipped"}}
    assert table.passing(outcomes, IN_PROCESS) == ["test_a_thing"]


@pytest.mark.parametrize(
    ("name", "told"), [("test_what_is_not_there_is_a_404", "what is not there is a 404"), ("test_a_b", "a b")]
)
def test_a_row_is_the_sentence_that_its_test_proves(name: str, told: str) -> None:
    assert table.sentence(name) == told
