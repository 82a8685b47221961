"""Payment intents: a webhook's effect comes once, and before its mark."""

from __future__ import annotations

from typing import Any

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.prediction import prediction
from payments_lab.stores.documents import Document
from payments_lab.stores.embedded import EmbeddedDatabase

OPEN = ("payment_intent.created", "payment_intent.processing", "payment_intent.payment_failed")


class Books:
    """What an inbox works for: ``book`` writes down that an intent is paid; it may ``fail`` a number of times first."""

    def __init__(self, inbox: type[Any], fail: int = 0) -> None:
        self.booked: list[str] = []
        self.fail = fail
        self._inbox = inbox(EmbeddedDatabase("payments")["inbox"], self.book)

    async def book(self, intent: Document) -> None:
        if self.fail:
            self.fail -= 1
            raise ConnectionError("the database is not there")
        self.booked.append(intent["id"])

    async def post(self, event: str, intent: str, type: str = "payment_intent.succeeded") -> bool:
        """Whether the post was answered; Stripe sends again what was not."""
        try:
            await self._inbox.receive({"id": event, "type": type, "data": {"object": {"id": intent}}})
        except ConnectionError:
            return False
        return True


async def _in_time(inbox: type[Any]) -> str:
    books = Books(inbox)
    await books.post("evt_1", "pi_1")
    expect(books.booked, ["pi_1"], "what is booked after a payment that succeeded")
    return "a payment that succeeded is booked"


async def _twice(inbox: type[Any]) -> str:
    books = Books(inbox)
    for _ in range(2):
        await books.post("evt_1", "pi_1")
    expect(books.booked, ["pi_1"], "what is booked when the same event comes twice")
    return "the same event twice is booked once"


async def _two_payments(inbox: type[Any]) -> str:
    books = Books(inbox)
    await books.post("evt_1", "pi_1")
    await books.post("evt_2", "pi_2")
    expect(books.booked, ["pi_1", "pi_2"], "what is booked when two payments succeed")
    return "two payments are booked, both"


async def _other_events(inbox: type[Any]) -> str:
    books = Books(inbox)
    for number, kind in enumerate(OPEN):
        await books.post(f"evt_{number}", "pi_1", kind)
    expect(books.booked, [], "what is booked of an intent that is created, processing and failed")
    return "nothing is booked before a payment has succeeded"


async def _down_at_first(inbox: type[Any]) -> str:
    books = Books(inbox, fail=1)
    if await books.post("evt_1", "pi_1"):
        raise Wrong("booking failed, and Stripe was answered with success all the same: it will not send this again")
    await books.post("evt_1", "pi_1")
    expect(books.booked, ["pi_1"], "what is booked when the first try failed and Stripe sent the event again")
    return "a booking that failed is made up for when Stripe sends again"


def _inbox(body: str) -> str:
    lines = "".join(f"        {line}\n" for line in body.strip().splitlines())
    return (
        "class Inbox:\n    def __init__(self, done, book):\n        self.done, self.book = done, book\n\n"
        f"    async def receive(self, event):\n{lines}"
    )


_SUCCEEDED = 'if event["type"] != "payment_intent.succeeded":\n    return\n'
_KNOWN = 'if await self.done.find_one({"_id": event["id"]}):\n    return\n'
_BOOK = 'await self.book(event["data"]["object"])\n'
_MARK = 'await self.done.insert_one({"_id": event["id"]})\n'

webhooks = WriteCode(
    id="12.2-webhooks",
    task="Write `receive`: a payment that succeeded is booked once, however often and whenever its event comes.",
    name="Inbox",
    starter=_inbox(_BOOK),
    solution=_inbox(_SUCCEEDED + _KNOWN + _BOOK + _MARK),
    hints=(
        "What makes two posts the same event? And which events say that money has come?",
        'Look for `event["id"]` in `done` before, and insert it after; leave every type but one alone.',
        "evt_1 comes, booking fails, you raise: Stripe sends evt_1 again. It is not in `done`, so you book, and mark. "
        "evt_1 comes once more: it is in `done`, and nothing happens.",
    ),
    parts=(
        Part("in time", _in_time),
        Part("twice", _twice),
        Part("two payments", _two_payments),
        Part("other events", _other_events),
        Part("down at first", _down_at_first),
    ),
    misconceptions=(
        Misconception(
            "no memory",
            _inbox(_SUCCEEDED + _BOOK),
            "Stripe sends an event at least once. Remember in `done` which ones had their effect.",
            fails="twice",
        ),
        Misconception(
            "any event will do",
            _inbox(_KNOWN + _BOOK + _MARK),
            "An intent has a life before it is paid, and tells of each turn. Only one type says that money has come.",
            fails="other events",
        ),
        Misconception(
            "marks first",
            _inbox(_SUCCEEDED + _KNOWN + _MARK + _BOOK),
            "Your mark survives what your effect did not. When the event comes again, it counts as done: effect first, "
            "then the mark.",
            fails="down at first",
        ),
        Misconception(
            "remembers the type",
            _inbox(_SUCCEEDED + (_KNOWN + _BOOK + _MARK).replace('event["id"]', 'event["type"]')),
            "Every payment that succeeds sends an event of that type. What tells two events apart is their id.",
            fails="two payments",
        ),
        Misconception(
            "swallows the failure",
            _inbox(
                _SUCCEEDED + _KNOWN + 'try:\n    await self.book(event["data"]["object"])\n'
                "except ConnectionError:\n    return\n" + _MARK
            ),
            "An exception is your only way to say 'not yet' to Stripe: let it through, and the event comes again.",
            fails="down at first",
        ),
    ),
)

still_waiting = prediction(
    "12.1-an-old-story",
    "The order is paid. Then an older event arrives: its intent is still processing. What does the payment say?",
    "paid",
    because="An event tells what was so when it was made. What is final stays; for the rest Stripe is asked again.",
    wrong={
        "waiting": "That would believe an old story over a newer one: events come in any order.",
        "processing": "The event's word is not the payment's: `processing` is an intent's status, and an old one.",
        "refunded": "Nothing gives money back here: no order was cancelled.",
        "failed": "Late is not failed; nobody said no.",
    },
    actual='(await lab.payments.payments.find_one({}))["status"]',
    hints=(
        "In which order do webhooks arrive?",
        "What could payments do with an event whose state may have passed?",
        "It asks Stripe what the intent is now: `succeeded`. The payment is paid already, so nothing is to be done.",
    ),
)

EXERCISES = (still_waiting, webhooks)
