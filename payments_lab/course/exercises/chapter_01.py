"""The payments service: what it hears, and a start that checks."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.prediction import prediction

WHOLE = {"mongo_url": "mongodb://db", "bus_url": "nats://bus", "stripe_key": "sk_test_secret"}


def _refusal(start: Callable[[Any], Any], **changes: str | None) -> str:
    try:
        start(SimpleNamespace(**{**WHOLE, **changes}))
    except RuntimeError as refused:
        return str(refused)
    except (AssertionError, ValueError) as refused:
        name = type(refused).__name__
        raise Wrong(f"it stops with {name}; raise RuntimeError, with the names of what is missing") from refused
    missing = ", ".join(name.upper() for name, value in changes.items() if not value)
    raise Wrong(f"it starts, although {missing} is not set")


def _starts(start: Callable[[Any], Any]) -> str:
    expect(start(SimpleNamespace(**WHOLE)), "payments is listening", "what it says")
    return "with all three it starts"


def _one(start: Callable[[Any], Any]) -> str:
    for name in WHOLE:
        said = _refusal(start, **{name: None})
        if name.upper() not in said and name in said:
            raise Wrong(f"{name.upper()} is missing, and the message says {name}: name it as one sets it, in capitals")
        if name.upper() not in said:
            raise Wrong(f"{name.upper()} is missing, and the message does not name it")
    return "each one is missed, by name"


def _all(start: Callable[[Any], Any]) -> str:
    said = _refusal(start, mongo_url=None, stripe_key=None)
    unnamed = [name for name in ("MONGO_URL", "STRIPE_KEY") if name not in said]
    if unnamed:
        raise Wrong(f"two are missing, and the message does not name {unnamed[0]}")
    if "BUS_URL" in said:
        raise Wrong("BUS_URL is set, and the message names it")
    return "both are named, at once"


def _empty(start: Callable[[Any], Any]) -> str:
    if "STRIPE_KEY" not in _refusal(start, stripe_key=""):
        raise Wrong("STRIPE_KEY is empty, and the message does not name it")
    return "an empty one is missed, too"


def _quiet(start: Callable[[Any], Any]) -> str:
    if "secret" in _refusal(start, mongo_url=None):
        raise Wrong("the message shows the Stripe key")
    return "no message shows the key"


_NEEDED = 'NEEDED = ("mongo_url", "bus_url", "stripe_key")\n\n\n'

checked_start = WriteCode(
    id="01.2-a-checked-start",
    task="Write `start(settings)`: a RuntimeError names all that is missing, or it says that it listens.",
    name="start",
    starter=_NEEDED
    + """def start(settings):
    return "payments is listening"
""",
    solution=_NEEDED
    + """def start(settings):
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    if missing:
        raise RuntimeError(f"payments can't start; not set: {', '.join(missing)}")
    return "payments is listening"
""",
    hints=(
        "How many times must somebody start it who has forgotten two settings?",
        "Collect the names of all that are missing in a list first; raise one RuntimeError afterwards.",
        "For MONGO_URL and STRIPE_KEY missing: the list is ['MONGO_URL', 'STRIPE_KEY'], it is not empty, so raise "
        "RuntimeError('… not set: MONGO_URL, STRIPE_KEY'). An empty text counts as missing.",
    ),
    misconceptions=(
        Misconception(
            "stops at the first",
            _NEEDED
            + """def start(settings):
    for name in NEEDED:
        if not getattr(settings, name):
            raise RuntimeError(f"not set: {name.upper()}")
    return "payments is listening"
""",
            "It stops at the first that is missing, and the next start stops at the second. Collect them, then raise once.",
            "two at once",
        ),
        Misconception(
            "forgets the Stripe key",
            """def start(settings):
    missing = [name.upper() for name in ("mongo_url", "bus_url") if not getattr(settings, name)]
    if missing:
        raise RuntimeError(f"not set: {', '.join(missing)}")
    return "payments is listening"
""",
            "The Stripe key is the one that is most often forgotten here; then the first buyer notices.",
            "each one",
        ),
        Misconception(
            "empty is enough",
            _NEEDED
            + """def start(settings):
    missing = [name.upper() for name in NEEDED if getattr(settings, name) is None]
    if missing:
        raise RuntimeError(f"not set: {', '.join(missing)}")
    return "payments is listening"
""",
            "STRIPE_KEY= in a manifest gives an empty text, which is not None. `not value` covers both.",
            "an empty one",
        ),
        Misconception(
            "shows everything",
            _NEEDED
            + """def start(settings):
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    if missing:
        raise RuntimeError(f"not set: {', '.join(missing)} in {settings}")
    return "payments is listening"
""",
            "The message goes to a log, and the settings have the key in them. Name the settings; show no values.",
            "no secret",
        ),
        Misconception(
            "warns and goes on",
            _NEEDED
            + """def start(settings):
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    return f"payments is listening without {missing}" if missing else "payments is listening"
""",
            "A service that starts without what it needs fails later, in front of a buyer. Raise, and don't start.",
            "each one",
        ),
    ),
    parts=(
        Part("all three are there", _starts),
        Part("each one", _one),
        Part("two at once", _all),
        Part("an empty one", _empty),
        Part("no secret", _quiet),
    ),
)

EXERCISES = (
    prediction(
        "01.1-what-payments-hears",
        "Of the shop's five events, how many does payments hear?",
        3,
        because="order:created, order:cancelled and order:completed: all that changes an order that it has copied.",
        wrong={
            1: "order:created alone gives a copy that never changes again. Who tells payments that an order is off?",
            2: "So it is in the course, and its payments never learns that an order is paid. This shop tells it.",
            4: "expiration:complete is for orders, which decides; payments hears the decision, as order:cancelled.",
            5: "payment:created is what payments itself says, and expiration:complete is for orders alone.",
        },
        actual="len(heard)",
        hints=(
            "It hears what changes its copy of an order.",
            "Go through the five: which of them change an order's status? Who decides that?",
            "order:created makes the copy, order:cancelled and order:completed change it. expiration:complete only asks "
            "orders to decide, payment:created is what payments says itself. Three.",
        ),
    ),
    checked_start,
)
