"""Payment intents: a webhook's effect comes once, and before its mark; tests of a payment that waits for a bank."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.prediction import prediction
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.diagrams import Story
from payments_lab.lab import Lab
from payments_lab.shop.errors import BeingPaid, Declined, Definite
from payments_lab.shop.intents import IntentAttempt, Standing, Taken, Waiting
from payments_lab.shop.payments import Payment, PaymentsService, WaitingPayment
from payments_lab.stores.documents import Document
from payments_lab.stores.embedded import EmbeddedDatabase

OPEN = ("payment_intent.created", "payment_intent.processing", "payment_intent.payment_failed")


class Books:
    """What an inbox works for: ``book`` writes down that an intent is paid; it may ``fail`` a number of times first."""

    def __init__(self, inbox: type[Any], fail: int = 0) -> None:
        self.booked: list[str] = []
        self.fail = fail
        self._begin, self._done = inbox, EmbeddedDatabase("payments")["inbox"]
        self.restart()

    def restart(self) -> None:
        """A new process, with the same database."""
        self._inbox = self._begin(self._done, self.book)

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


async def _restarted(inbox: type[Any]) -> str:
    books = Books(inbox)
    await books.post("evt_1", "pi_1")
    books.restart()
    await books.post("evt_1", "pi_1")
    expect(books.booked, ["pi_1"], "what is booked when the same event comes again after a restart")
    return "what was done before a restart is known after it"


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
_KNOWN_HERE = 'seen = self.__dict__.setdefault("seen", set())\nif event["id"] in seen:\n    return\n'
_MARK_HERE = 'seen.add(event["id"])\n'

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
        Part("after a restart", _restarted),
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
            "remembers in memory",
            _inbox(_SUCCEEDED + _KNOWN_HERE + _BOOK + _MARK_HERE),
            "A set in the process forgets when it restarts, and the other copy never knew. `done` is in the database.",
            fails="after a restart",
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

# 12.3: tests of a payment that waits

ASKS_BACK = "pm_card_threeDSecure2Required"


class _WithAReturnUrl(PaymentsService):
    async def create_intent(self, **asked: Any) -> Payment | WaitingPayment:
        return await super().create_intent(**asked, return_url="https://shop.test/paid")


class _BooksWhatWaits(PaymentsService):
    async def _standing(self, payment: Document, attempt: IntentAttempt, *, call_off: bool) -> Standing | None:
        standing = await super()._standing(payment, attempt, call_off=call_off)
        return Taken(standing.intent_id, standing.intent_id) if isinstance(standing, Waiting) else standing


class _TakesNoForYes(PaymentsService):
    async def _standing(self, payment: Document, attempt: IntentAttempt, *, call_off: bool) -> Standing | None:
        try:
            return await super()._standing(payment, attempt, call_off=call_off)
        except Declined:
            if "intentId" not in payment:
                raise
        return Taken(payment["intentId"], payment["intentId"])


class _LocksOut(PaymentsService):
    async def _claim(self, known: Document | None, attempt: Any, user_id: str) -> Document:
        if known is not None and "declineCode" in known:
            raise BeingPaid(f"order {attempt.order_id} has a payment")
        return await super()._claim(known, attempt, user_id)


class _LeavesItOpen(PaymentsService):
    async def _given_up(self, payment: Document) -> Document:
        return await self._record(payment, {"status": "failed", "error": "given up"})


class _BeginsAnew(PaymentsService):
    async def create_intent(self, **asked: Any) -> Payment | WaitingPayment:
        asked["idempotency_key"] = None
        return await super().create_intent(**asked)


async def _counter(service: type[Any]) -> Mapping[str, Any]:
    lab = await _open(service)

    async def ask(method: str, key: str = "click-1") -> Payment | WaitingPayment:
        return await lab.payments.create_intent(
            order_id="ord_1", payment_method=method, user_id="ada", idempotency_key=key
        )

    def bank(succeed: bool, place: int = -1) -> None:
        with suppress(ValueError):
            lab.stripe.authenticate(lab.stripe.payment_intents()[place]["id"], succeed=succeed)

    async def order() -> str:
        await lab.settle()
        return (await lab.orders.get("ord_1")).status.value

    def received() -> int:
        return sum(intent["amount_received"] for intent in lab.stripe.payment_intents())

    return {"ask": ask, "bank": bank, "order": order, "received": received}


async def _open(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    return lab


async def _a_no_and_a_forgotten_tab(service: type[Any]) -> Story:
    lab = await _open(service)
    clicks = (
        (ASKS_BACK, "click-1"),
        (ASKS_BACK, "click-1"),
        (ASKS_BACK, "click-2"),
        ("pm_card_visa", "click-3"),
    )
    for method, key in clicks:
        with suppress(Definite):
            await lab.payments.create_intent(
                order_id="ord_1", payment_method=method, user_id="ada", idempotency_key=key
            )
        with suppress(ValueError):
            lab.stripe.authenticate(lab.stripe.payment_intents()[0]["id"], succeed=False)
        await lab.settle()
    return lab.timeline("A no, a second try, another card")


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, ask, bank, order, received):\n"
        + "".join(f"        {line}\n" for line in body.splitlines() if line)
        for name, body in methods.items()
    )
    return "class TestsOfIntents:\n" + "\n".join(written)


_WAITS = f"""
await ask("{ASKS_BACK}")
assert (await order(), received()) == ("created", 0)
"""
_COMES_BACK = f"""
bank(True)
await ask("{ASKS_BACK}")
assert (await order(), received()) == ("complete", 2000)
"""
_NO = f"""
await ask("{ASKS_BACK}")
bank(False)
"""
_ASKED_AGAIN = f"""
with pytest.raises(Declined):
    await ask("{ASKS_BACK}")
assert await order() == "created"
"""
_ANOTHER_CARD = """
await ask("pm_card_visa", "click-2")
assert (await order(), received()) == ("complete", 2000)
"""
_FORGOTTEN_TAB = f"""
await ask("{ASKS_BACK}")
await ask("pm_card_visa", "click-2")
bank(True, 0)
assert received() == 2000
"""

tests_of_intents = WriteTests(
    id="12.3-tests-of-intents",
    task="Test a payment that waits for its buyer's bank: yes, no, another card, and a tab that is forgotten.",
    name="TestsOfIntents",
    prelude="import pytest\nfrom payments_lab.shop.errors import Declined\n",
    starter=_tests(a_good_card_pays='await ask("pm_card_visa")\nassert received() == 2000'),
    solution=_tests(
        an_order_waits_for_the_bank=_WAITS + _COMES_BACK,
        after_a_no_another_card_may_pay=_NO + _ASKED_AGAIN + _ANOTHER_CARD,
        what_is_given_up_takes_no_money=_FORGOTTEN_TAB,
    ),
    hints=(
        "Ada's bank may say yes, no, or nothing yet. What is the order after each, and where is the money?",
        "Ask with a card that asks back, let the bank speak, ask again under the same key; and once with another card "
        "while the first still waits.",
        f'ask("{ASKS_BACK}"): created, 0. bank(True), ask again: complete, 2000. Else bank(False): asking again raises '
        'Declined, and ask("pm_card_visa", "click-2") pays. Else the second card at once, then bank(True, 0): still 2000.',
    ),
    misconceptions=(
        Misconception(
            "the happy end alone",
            _tests(a_yes=f'await ask("{ASKS_BACK}")' + _COMES_BACK),
            "In the end all is well, and before? Look at the order before the bank has spoken, and at what comes of a no.",
            "catches: books what waits",
        ),
        Misconception(
            "the bank always says yes",
            _tests(a_yes=_WAITS + _COMES_BACK, a_forgotten_tab=_FORGOTTEN_TAB),
            "In your tests no bank ever says no. Let one: `bank(False)`.",
            "catches: takes a no for a yes",
        ),
        Misconception(
            "no second card",
            _tests(a_yes=_WAITS + _COMES_BACK, a_no=_NO + _ASKED_AGAIN, a_forgotten_tab=_FORGOTTEN_TAB),
            "After the no your story ends. Ada has another card: let her pay, under another key.",
            "catches: locks out",
        ),
        Misconception(
            "no forgotten tab",
            _tests(a_yes=_WAITS + _COMES_BACK, a_no=_NO + _ASKED_AGAIN + _ANOTHER_CARD),
            "Ada pays with another card while the first still waits, and then her bank says yes to the first: `bank(True, 0)`. "
            "How much is received?",
            "catches: leaves the old one open",
        ),
        Misconception(
            "never asks again",
            _tests(a_yes=_WAITS, a_no=_NO + _ANOTHER_CARD, a_forgotten_tab=_FORGOTTEN_TAB),
            "Ada's browser comes back from the bank and asks again under the same key. Let it, after a yes and after a no.",
            "catches: begins anew",
        ),
        Misconception(
            "a wait is a failure",
            _tests(a_wait=f'with pytest.raises(Declined):\n    await ask("{ASKS_BACK}")'),
            "A card that asks back is not declined: a right service answers with a payment that waits.",
            RIGHT,
        ),
    ),
    right=(PaymentsService, _WithAReturnUrl),
    mutants=(
        Mutant("books what waits", _BooksWhatWaits, "completes the order before the bank has said anything"),
        Mutant("takes a no for a yes", _TakesNoForYes, "completes the order although the bank said no"),
        Mutant("locks out", _LocksOut, "lets nobody pay with another card after a no"),
        Mutant("leaves the old one open", _LeavesItOpen, "takes another card and leaves the first intent open"),
        Mutant("begins anew", _BeginsAnew, "forgets the key, and cannot say what became of the first attempt"),
    ),
    fixtures=_counter,
    show=_a_no_and_a_forgotten_tab,
)

EXERCISES = (still_waiting, webhooks, tests_of_intents)
