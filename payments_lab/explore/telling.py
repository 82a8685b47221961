"""A schedule told as a story: who asked what, which service saw what, and where it broke."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Story
from payments_lab.diagrams import Step as Line
from payments_lab.explore.answers import Answer
from payments_lab.explore.machine import Kind, Machine, Move
from payments_lab.explore.places import innermost
from payments_lab.explore.ports import Message
from payments_lab.explore.scenario import Pay
from payments_lab.explore.schedule import Step
from payments_lab.explore.strands import CHOICE
from payments_lab.explore.tasks import Node
from payments_lab.explore.threads import Fate, Role, Source
from payments_lab.ports import Operation

_BOOKS = {
    "orders.orders": "orders",
    "payments.orders": "replica",
    "payments.payments": "payments",
    "payments.outbox": "outbox",
    "expiration.redis": "jobs",
}
_JOBS = {"zadd": "schedule", "zrangebyscore": "what is due?", "zrem": "done with it"}
_UPDATES = {"update_one", "update_many", "replace_one", "find_one_and_update", "find_one_and_replace"}
_CIRCLED = "①②③④⑤⑥⑦⑧⑨"
_MADE_UP = "key_"  # keys that the stripe library makes up, where a call names none
_BEGUN = (Fate.RUNS, Fate.REPLIED)


def tell(machine: Machine, steps: Sequence[Step], *, title: str, broken: str = "", conclusion: str = "") -> Story:
    """The story of ``steps``; ``broken`` is what is wrong after the last one."""
    return tell_by_steps(machine, steps, title=title, broken=broken, conclusion=conclusion)[0]


def tell_by_steps(
    machine: Machine, steps: Sequence[Step], *, title: str, broken: str = "", conclusion: str = ""
) -> tuple[Story, list[int]]:
    """The story, and for each of ``steps`` how many of the story's lines have been told after it."""
    teller = _Teller(machine)
    teller.begin()
    told: list[int] = []
    for step in steps:
        teller.tell(step)
        told.append(len(teller.lines))
    if broken:
        teller.lines.append(Mark(broken))
    return Story(title, teller.lanes(), teller.lines, conclusion), told


class _Teller:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.lines: list[Line] = []
        self._busy: dict[tuple[int, Any], list[str]] = {}
        self._used: list[str] = []
        self._sent: set[str] = set()

    def lanes(self) -> list[Lane]:
        users = sorted({order.user for order in self.machine.world.scenario.orders} | set(self._users()))
        parties = [*users, "orders", "expiration", "payments", "stripe"]
        named = {"stripe": "Stripe"}
        lanes: list[Lane] = []
        for party in parties:
            copies = sorted(key for key in set(self._used) if key.split("/")[0] == party)
            for key in copies:
                number = int(key.split("/")[1]) if "/" in key else 0
                title = named.get(party, party) + (f" {_CIRCLED[number]}" if len(copies) > 1 else "")
                lanes.append(Lane(key, title))
        return lanes

    def begin(self) -> None:
        """What happened before the first step: the orders were placed."""
        machine = self.machine
        kept = machine.stream.kept(machine.states[machine.bus].of(machine.root))
        for order in machine.world.scenario.orders:
            self._arrow(order.user, "orders/0", f"places {order.id}: {order.price} {order.currency}", "call")
        if machine.world.scenario.known:
            self._note("orders/0", "everybody has heard of it")
            self._sent = {message.message_id for message in kept}
            return
        for message in kept:
            self._send("orders/0", message)

    def tell(self, step: Step) -> None:
        move = step.move
        if move.kind is Kind.TIME:
            self.lines.append(Gap("the time to pay runs out"))
            return
        if move.kind is Kind.CRASH:
            self._crash(move.service)
            return
        assert move.slot is not None
        assert move.before is not None
        source = self.machine.source_of(move.before)
        if source.service == "expiration" and not self.machine.world.scenario.expires:
            return
        if move.kind is Kind.GIVE_UP:
            self._note(self._user(source), "does not ask again")
            return
        lane = self._lane(move, source)
        if move.before.fate is Fate.FIRST:
            self._start(lane, source, move)
        if move.node is not None and move.node.operation >= 0 and move.before.fate is not Fate.REPLIED:
            self._operate(lane, step, move.node)
        if move.after is not None and move.after.fate in _BEGUN:
            self._busy.setdefault((move.slot.shift, move.after), []).append(lane)
            return
        if move.next is not None and move.next.finished is not None:
            self._finish(lane, source, move.next)

    # lanes

    def _users(self) -> list[str]:
        return [action.user for action in self.machine.world.scenario.actions if isinstance(action, Pay)]

    def _lane(self, move: Move, source: Source) -> str:
        """The lane of a task: its own from its start to its end, so that two at once stand side by side."""
        assert move.slot is not None
        waiting = self._busy.get((move.slot.shift, move.before))
        if move.before is not None and move.before.fate is not Fate.FIRST and waiting:
            return waiting.pop(0)
        taken = {lane for lanes in self._busy.values() for lane in lanes}
        return next(lane for number in range(9) if (lane := f"{source.service}/{number}") not in taken)

    def _use(self, *lanes: str) -> None:
        self._used += lanes

    def _user(self, source: Source) -> str:
        scenario = self.machine.world.scenario
        action = scenario.actions[source.what]
        if isinstance(action, Pay):
            return action.user
        return next(order.user for order in scenario.orders if order.id == action.order)

    # lines

    def _arrow(self, source: str, target: str, label: str, kind: Any, detail: str = "") -> None:
        self._use(source, target)
        self.lines.append(Arrow(source, target, label, detail, kind))

    def _note(self, lane: str, text: str, tone: Any = "plain") -> None:
        self._use(lane)
        self.lines.append(Note(lane, text, tone))

    def _send(self, lane: str, message: Message) -> None:
        self._use(lane)
        self._sent.add(message.message_id)
        self.lines.append(Send(message.message_id, lane, _event(message)))

    def _crash(self, service: str) -> None:
        lanes = sorted({lane for lanes in self._busy.values() for lane in lanes if lane.startswith(f"{service}/")})
        for lane in lanes or [f"{service}/0"]:
            self._use(lane)
            self.lines.append(Crash(lane))
        asked = [self.machine.source_of(thread) for (_, thread), lanes in self._busy.items() for _ in lanes]
        for source in asked:
            if source.service == service and source.role is Role.REQUEST:
                self._note(self._user(source), "gets no answer", "warn")
        self._busy = {
            key: kept
            for key, lanes in self._busy.items()
            if (kept := [lane for lane in lanes if not lane.startswith(f"{service}/")])
        }

    def _start(self, lane: str, source: Source, move: Move) -> None:
        assert move.before is not None
        match source.role:
            case Role.REQUEST:
                action = self.machine.world.scenario.actions[source.what]
                wish = (
                    f"pays {action.order} with {action.token}" if isinstance(action, Pay) else f"cancels {action.order}"
                )
                again = " once more" if move.before.run else ""
                self._arrow(self._user(source), lane, wish + again, "redelivery" if again else "call")
            case Role.DELIVERY:
                assert source.message is not None
                self._use(lane)
                if source.message.message_id not in self._sent:
                    self._send("orders/0", source.message)
                detail = "it will come twice" if move.copied else ""
                self.lines.append(Receive(source.message.message_id, lane, detail=detail))
            case Role.RECOVERY:
                looks = move.node is not None and move.node.finished is None
                self._note(lane, "starts anew and looks for unfinished work" if looks else "starts anew")
            case Role.TICK | Role.SETUP:
                self._note(lane, "looks for what is due")

    def _finish(self, lane: str, source: Source, node: Node) -> None:
        if source.role is Role.REQUEST:
            label, kind = _reply(node)
            self._arrow(lane, self._user(source), label, kind)
        elif source.role is Role.DELIVERY and node.outcome == "ack":
            self._note(lane, "acknowledges", "good")
        elif source.role is Role.DELIVERY and node.outcome == "again":
            assert node.finished is not None
            self._note(lane, f"no ack, comes again{_because(node.finished.error)}", "warn")
        elif source.role is Role.DELIVERY:
            self._note(lane, node.outcome, "bad")

    def _operate(self, lane: str, step: Step, node: Node) -> None:
        machine = self.machine
        wish = machine.tasks.wishes[node.operation]
        if wish.operation.resource == CHOICE:
            self._choose(lane, wish.operation.arguments[machine.tasks.answers[step.move.answer].value])
            return
        number = machine.engine_of(node)
        if number < 0:
            self._note(lane, "waits")
            return
        before = machine.states[number].of(step.before)
        answer = machine.tasks.answers[machine.engines[number].effect(before, node.operation, wish).answer]
        lost = {Kind.LOST_REPLY: "reply", Kind.LOST_REQUEST: "request"}.get(step.move.kind, "")
        operation = wish.operation
        if operation.resource == "stripe":
            self._ask_stripe(lane, operation, answer, lost)
        elif operation.resource == "bus":
            self._publish(lane, operation.arguments, answer, lost)
        else:
            done = f"{_BOOKS.get(operation.resource, operation.resource)}: {_done(operation, answer)}"
            self._note(
                lane, {"": done, "reply": f"{done}, but no reply", "request": f"{done} is lost"}[lost], _tone(lost)
            )

    def _choose(self, lane: str, way: object) -> None:
        """Which of several tasks goes on is seen by what it does; that one waits no longer is not."""
        if isinstance(way, str):
            self._note(lane, way, "warn")

    def _ask_stripe(self, lane: str, operation: Operation, answer: Answer, lost: str) -> None:
        label, kind = _answered(answer)
        self._arrow(lane, "stripe", _asked(operation), "lost" if lost == "request" else "call")
        if not lost:
            self._arrow("stripe", lane, label, kind)
        elif lost == "reply":
            self._arrow("stripe", lane, label, "lost")

    def _publish(self, lane: str, message: Message, answer: Answer, lost: str) -> None:
        if lost == "request":
            self._note(lane, f"{_event(message)} is lost on its way to the bus", "warn")
            return
        if answer.error is not None:
            self._note(lane, f"cannot publish {message.subject}: {_error(answer.error)}", "bad")
        elif answer.value.duplicate or message.message_id in self._sent:
            self._note(lane, f"{_event(message)} once more: the bus has it")
        else:
            self._send(lane, message)
        if lost:
            self._note(lane, "hears no answer from the bus", "warn")


def _tone(lost: str) -> str:
    return "warn" if lost else "plain"


def _event(message: Message) -> str:
    try:
        version = json.loads(message.data).get("version")
    except (ValueError, AttributeError):
        return message.subject
    return message.subject if version is None else f"{message.subject} v{version}"


def _reply(node: Node) -> tuple[str, str]:
    finished = node.finished
    assert finished is not None
    if finished.error is None:
        return "done", "reply"
    return _error(finished.error), "error"


def _because(error: Exception | None) -> str:
    if error is None:
        return ""
    place = f" at {innermost(error)}" if type(error).__module__ == "builtins" else ""
    return f" ({_error(error)}{place})"


def _error(error: Exception) -> str:
    text = str(error).split("\n")[0]
    name = type(error).__name__
    return f"{name}: {text}" if text and len(text) <= 50 else name


def _asked(operation: Operation) -> str:
    params: Mapping[str, Any] = operation.arguments.get("params") or {}
    what = operation.verb.removeprefix("POST /v1/").removeprefix("GET /v1/")
    if operation.verb == "POST /v1/charges":
        what = f"charge {params.get('amount')} {params.get('currency')} to {params.get('source')}"
    elif operation.verb == "POST /v1/refunds":
        what = f"refund {params.get('charge') or params.get('payment_intent')}"
    key = str(operation.arguments.get("idempotency_key") or "")
    return f"{what}, key {key}" if key and not key.startswith(_MADE_UP) else what


def _answered(answer: Answer) -> tuple[str, str]:
    if answer.error is not None:
        return _error(answer.error), "error"
    text, status, headers = answer.value
    body: dict[str, Any] = json.loads(text)
    if status != 200:
        error = body.get("error", {})
        return f"{status} {error.get('decline_code') or error.get('code') or error.get('type')}", "error"
    again = " (the same answer again)" if "Idempotent-Replayed" in headers else ""
    return f"{body.get('id', body.get('object'))} {body.get('status') or ''}".rstrip() + again, "reply"


def _done(operation: Operation, answer: Answer) -> str:
    """What an operation on documents did, shortly."""
    verb, arguments = operation.verb, operation.arguments
    inserts = verb.startswith("insert")
    subject = _brief(arguments) if inserts else _subject(arguments)
    if answer.error is not None:
        return f"{verb.split('_')[0]} {subject} → {type(answer.error).__name__}"
    if inserts:
        return f"insert {subject}"
    if verb in ("find_one", "find", "distinct"):
        return f"read {subject} → {_brief(answer.value, known=subject)}"
    if verb == "count_documents":
        return f"count {subject} → {answer.value}"
    if verb in ("delete_one", "delete_many", "find_one_and_delete"):
        return f"delete {subject}"
    if verb in _UPDATES:
        missed = answer.value is None or getattr(answer.value, "matched_count", 1) == 0
        change = _change(arguments)
        return f"update {subject} → {'no match' if missed and not change.startswith('insert') else change}"
    return _JOBS.get(verb, verb)


def _change(arguments: Any) -> str:
    """What an update writes, shortly."""
    update: Any = cast("tuple[Any, ...]", arguments)[1]
    if not isinstance(update, Mapping):
        return "done"
    operators = cast("Mapping[str, Any]", update)
    if "$setOnInsert" in operators:
        return f"insert {_brief(operators['$setOnInsert'])}"
    if "$set" in operators:
        return _brief(operators["$set"])
    if "$pull" in operators:
        return "outbox row gone"
    return "done" if any(name.startswith("$") for name in operators) else _brief(operators)


def _subject(arguments: Any) -> str:
    """Which documents are meant: the values of the filter, without operators."""
    chosen: Any = cast("tuple[Any, ...]", arguments)[0] if isinstance(arguments, tuple) else arguments
    if not isinstance(chosen, Mapping):
        return str(chosen)
    items = cast("Mapping[str, Any]", chosen).items()
    return " ".join(_field(name, value) for name, value in items if not isinstance(value, dict)) or "all"


def _field(name: str, value: Any) -> str:
    if name in ("_id", "orderId", "status"):
        return str(value)
    return f"v{value}" if name == "version" else f"{name}={value}"


def _brief(value: Any, known: str = "") -> str:
    """A document in a few words; without its id where that is ``known``."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        found = [_brief(each) for each in cast("list[Any]", value)]
        return ", ".join(found) or "nothing"
    if not isinstance(value, Mapping):
        return str(value)
    document = cast("Mapping[str, Any]", value)
    name = document.get("_id")
    parts = [
        name if name != known else None,
        document.get("status"),
        f"v{document['version']}" if "version" in document else None,
    ]
    return " ".join(str(part) for part in parts if part is not None) or "found"
