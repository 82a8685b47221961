"""The stories that the tests draw: three to be looked at, and any that Hypothesis can think of."""

from __future__ import annotations

from hypothesis import strategies as st

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story

HAPPY = Story(
    "A payment, end to end",
    [
        Lane("orders", "orders"),
        Lane("expiration", "expiration"),
        Lane("payments", "payments"),
        Lane("stripe", "Stripe"),
    ],
    [
        Note("orders", "ord_1 created, 20.00 usd"),
        Send("1", "orders", "order:created v0"),
        Receive("1", "payments"),
        Receive("1", "expiration"),
        Note("payments", "replica: ord_1, version 0"),
        Arrow("payments", "stripe", "charge 2000 usd to tok_visa", detail="idempotency key att_1", kind="call"),
        Arrow("stripe", "payments", "ch_1 succeeded", kind="reply"),
        Note("payments", "payment pay_1 saved", "good"),
        Send("2", "payments", "payment:created"),
        Receive("2", "orders"),
        Note("orders", "ord_1 complete", "good"),
        Send("3", "orders", "order:completed v1"),
        Gap("15 minutes pass"),
        Arrow("expiration", "expiration", "timer of ord_1 fires"),
        Receive("3", "payments"),
        Send("4", "expiration", "expiration:complete"),
        Receive("4", "orders"),
        Note("orders", "ord_1 is paid: nothing to do", "good"),
    ],
    "The order is complete and was charged once.",
)

DOUBLE_CHARGE = Story(
    "Ada clicks twice and is charged twice",
    [
        Lane("ada", "Ada's browser"),
        Lane("first", "payments, request 1"),
        Lane("second", "payments, request 2"),
        Lane("stripe", "Stripe"),
    ],
    [
        Arrow("ada", "first", "POST /api/payments", kind="call"),
        Arrow("ada", "second", "POST /api/payments", detail="the second click", kind="call"),
        Note("first", "no payment for ord_1 yet"),
        Note("second", "no payment for ord_1 yet", "warn"),
        Arrow("first", "stripe", "charge 2000 usd", kind="call"),
        Arrow("stripe", "first", "ch_1 succeeded", kind="reply"),
        Arrow("second", "stripe", "charge 2000 usd", kind="call"),
        Arrow("stripe", "second", "ch_2 succeeded", kind="reply"),
        Mark("charged-at-most-once: ord_1 has two charges, ch_1 and ch_2", ["second", "stripe"]),
        Arrow("first", "ada", "201 pay_1", kind="reply"),
        Arrow("second", "ada", "500 duplicate key", kind="error"),
    ],
    "Both requests looked before either of them had paid. Ada's card is charged 40.00 usd for an order of 20.00 usd, "
    "and only one of the two charges has a payment.",
)

CRASH = Story(
    "A crash between the charge and the payment",
    [Lane("orders", "orders"), Lane("payments", "payments"), Lane("stripe", "Stripe")],
    [
        Send("created", "orders", "order:created v0", at="12:00:00"),
        Send("cancelled", "orders", "order:cancelled v1", at="12:00:01"),
        Receive("cancelled", "payments", at="12:00:01"),
        Note("payments", "version 1 before version 0: not yet", "warn", at="12:00:01"),
        Receive("created", "payments", at="12:00:02"),
        Arrow("payments", "stripe", "charge 2000 usd", kind="call", at="12:00:02"),
        Arrow("stripe", "payments", "ch_1 succeeded", kind="lost", at="12:00:02"),
        Crash("payments", "crashes before it saves the payment", at="12:00:03"),
        Gap("5 seconds pass; nobody has acknowledged order:cancelled v1"),
        Receive("cancelled", "payments", at="12:00:08"),
        Note("payments", "ord_1 cancelled", "good", at="12:00:08"),
        Send("mail", "payments", "order:refunded", toward="orders", fate="lost", at="12:00:08"),
        Send("late", "orders", "order:archived v2", at="12:00:09"),
        Mark("cancelled-order-keeps-no-money: ord_1 is cancelled and ch_1 keeps 20.00 usd", ["payments"]),
    ],
    "The payment was never saved, so nobody knows that there is something to give back.",
)

EXAMPLES = {"happy": HAPPY, "double-charge": DOUBLE_CHARGE, "crash": CRASH}

HOSTILE = (
    "</text></svg><script>alert(1)</script>",
    "quotes \" and ' & ampersands &amp; <b>tags</b> ]]>",
    "#35; ; semicolons %% comments -->> x: y",
    "style a:b#1; classDef",
    "wrap: nowrap:",
    "🎉 👩‍👩‍👧 🇩🇪 ☎️ é",
    "日本語のとても長いラベルがここにあります。改行できますか。",
    "العربية و English",
    "a_very_long_identifier_without_any_blank_in_it_" * 4,
    "W" * 120,
    "line one\nline two\r\ttabbed \x00 \x1b[31m \u202e turned \ud800 \ufffe",
    "│ ─ ┼ ► ╳ ═",
    "",
)
words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="abcdefghij :_-/.", max_size=80),
)
kinds = st.sampled_from(["event", "call", "reply", "error", "redelivery", "lost"])
tones = st.sampled_from(["plain", "good", "warn", "bad"])


@st.composite
def stories(draw: st.DrawFn, max_lanes: int = 12, max_steps: int = 200) -> Story:
    """Any story that makes sense."""
    lanes = [Lane(str(number), draw(words)) for number in range(draw(st.integers(1, max_lanes)))]
    lane = st.sampled_from([each.key for each in lanes])
    sent: list[str] = []
    steps: list[Step] = []
    for number in range(draw(st.integers(0, max_steps))):
        steps.append(draw(_step(lane, number, sent)))
    return Story(draw(words), lanes, steps, draw(words))


@st.composite
def _step(draw: st.DrawFn, lane: st.SearchStrategy[str], number: int, sent: list[str]) -> Step:
    at = draw(st.sampled_from(["", "", f"step {number}"]))
    match draw(st.integers(0, 7 if sent else 5)):
        case 0:
            return Arrow(draw(lane), draw(lane), draw(words), draw(words), draw(kinds), at)
        case 1:
            fate = draw(st.sampled_from(["pending", "lost"]))
            sent.append(f"message {number}")
            return Send(sent[-1], draw(lane), draw(words), draw(words), fate, draw(st.just("") | lane), at)
        case 2:
            return Note(draw(lane), draw(words), draw(tones), at)
        case 3:
            return Crash(draw(lane), draw(words), at)
        case 4:
            return Mark(draw(words), draw(st.lists(lane, max_size=3)), at)
        case 5:
            return Gap(draw(words))
        case _:
            return Receive(draw(st.sampled_from(sent)), draw(lane), kind=draw(st.none() | kinds), at=at)


def texts_of(story: Story) -> list[str]:
    """Everything that the author of a story wrote, but for the titles of lanes."""
    found = [story.title, story.conclusion]
    for step in story.steps:
        match step:
            case Arrow() | Send():
                found += [step.label, step.detail, step.at]
            case Receive():
                found += [step.detail, step.at]
            case Note() | Crash() | Mark():
                found += [step.text, step.at]
            case Gap():
                found.append(step.text)
    return found
