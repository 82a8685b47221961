"""The zoo as a page of the docs: ``python -m payments_lab.explore.zoo > docs/zoo.md``."""

from __future__ import annotations

from collections.abc import Iterator

from payments_lab.explore.zoo import BUGS, CORRECT
from payments_lab.explore.zoo.bug import Bug

_HEAD = """\
# The bug zoo

Small wrong services, each a bug that real teams ship, beside right ones that differ in a few lines. They keep the
explorer honest: it must find every bug, by the invariant that the bug names, and must accuse none of the right ones.

```python
from payments_lab import verify
from payments_lab.explore.zoo import BUGS

bug = next(bug for bug in BUGS if bug.name == "names-no-key")
report = verify(bug.service, scenario=bug.scenario, faults=bug.faults, orders=bug.orders)
report.violations[0]
```

This page is written by `python -m payments_lab.explore.zoo > docs/zoo.md`.
"""


def page() -> str:
    """The page in Markdown: every bug with its story, its invariant and where it comes from; then what is right."""
    return "\n".join([_HEAD, *_bugs(), "", *_correct(), ""])


def _bugs() -> Iterator[str]:
    yield f"## {len(BUGS)} bugs"
    family = ""
    for each in BUGS:
        if _family(each) != family:
            family = _family(each)
            yield from ("", f"### `zoo/{family}.py`", "", "| bug | must break | story | faults | where it comes from |")
            yield "|---|---|---|---|---|"
        words = each.faults.words()
        yield f"| {each.name} | {each.invariant} | {each.scenario.sentence} | {words} | {_cell(each.sentence)} |"


def _correct() -> Iterator[str]:
    yield f"## {len(CORRECT)} right shops, written differently"
    yield ""
    yield "Under crashes, duplicates, lost replies and reordering, with two clicks, cancellation and expiry."
    yield ""
    yield "| shop | the idea |"
    yield "|---|---|"
    for each in CORRECT:
        yield f"| {each.name} | {_cell(each.sentence)} |"


def _family(bug: Bug) -> str:
    """The module that holds a bug's wrong service."""
    return (bug.orders or bug.service).__module__.rpartition(".")[2]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
