"""Three stories as they looked when somebody last looked at them.

After a change that is meant to be seen: ``PAYMENTS_LAB_RENEW_GOLDEN=1 pytest tests/diagrams/test_golden.py``, then look
at what git says has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from payments_lab.diagrams import Story, to_mermaid, to_prose, to_svg, to_text
from tests.diagrams.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
FORMS: dict[str, Callable[[Story], str]] = {
    "txt": to_text,
    "ascii.txt": lambda story: to_text(story, 80, ascii=True),
    "svg": to_svg,
    "mmd": to_mermaid,
    "prose.txt": to_prose,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_story_looks_as_it_did(name: str, form: str) -> None:
    path = GOLDEN / f"{name}.{form}"
    drawn = FORMS[form](EXAMPLES[name]) + "\n"
    if os.environ.get("PAYMENTS_LAB_RENEW_GOLDEN") == "1":
        path.write_text(drawn)

    assert drawn == path.read_text()
