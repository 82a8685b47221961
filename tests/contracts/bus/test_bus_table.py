"""The table of docs/bus.md and the contract suite tell the same."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "bus.md"


def test_every_test_of_the_contract_is_a_row_of_the_table_and_the_other_way_round() -> None:
    tree = ast.parse((HERE / "test_bus_contract.py").read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    tested = [name.removeprefix("test_").replace("_", " ") for name in functions if name.startswith("test_")]

    table = DOCUMENT.read_text().partition("## What holds on which bus")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]

    assert rows == tested
