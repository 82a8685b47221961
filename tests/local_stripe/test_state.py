"""The local Stripe as a resource: its whole state can be taken out, put back and compared."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.ports import LabClock, Operation, RandomIds, SequentialIds, scheduled_by
from payments_lab.ports.immediate import immediately
from tests.local_stripe.everything import Tour


class Later(SequentialIds):
    """Ids that differ from those of before."""

    def new(self, prefix: str) -> str:
        return super().new(f"later_{prefix}")


PLAIN: dict[str, Any] = {"amount": 2000, "currency": "usd", "source": "tok_visa"}


def test_a_restored_state_answers_as_the_first_one_did(local_stripe: LocalStripe) -> None:
    tour = Tour(local_stripe)
    tour.charging()
    tour.customers()
    tour.intents()
    copy = LocalStripe(local_stripe.clock)

    copy.restore(local_stripe.snapshot())

    assert copy.snapshot() == local_stripe.snapshot()
    for each in (local_stripe, copy):
        Tour(each, ids=Later()).disputing()
    assert copy.charges() == local_stripe.charges()
    assert copy.balance() == local_stripe.balance()
    assert copy.snapshot() == local_stripe.snapshot()


def test_a_restored_state_meets_no_key_a_second_time(local_stripe: LocalStripe) -> None:
    local_stripe.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    copy = LocalStripe(local_stripe.clock)
    copy.restore(local_stripe.snapshot())

    made = copy.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert made.id == "ch_2"


def test_restoring_undoes_everything(local_stripe: LocalStripe) -> None:
    client = local_stripe.client()
    first = client.v1.charges.create(PLAIN, {"idempotency_key": "k"})  # pyright: ignore[reportArgumentType]
    before = local_stripe.snapshot()
    client.v1.refunds.create({"charge": first.id})

    local_stripe.restore(before)

    assert local_stripe.snapshot() == before
    assert local_stripe.refunds() == []
    assert client.v1.charges.create(PLAIN, {"idempotency_key": "k"}).id == first.id  # pyright: ignore[reportArgumentType]


def test_equal_states_are_equal_bytes_whatever_the_order_of_metadata() -> None:
    snapshots: set[bytes] = set()
    for pairs in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        local = LocalStripe(LabClock())
        local.client().v1.customers.create({"metadata": pairs})
        snapshots.add(local.snapshot().replace(b"key_", b""))

    assert len({snapshot.split(b"\n")[0] for snapshot in snapshots}) == 1
    assert len({line for snapshot in snapshots for line in snapshot.split(b"\n") if line.startswith(b"Ocus")}) == 1


@pytest.mark.parametrize("read", ["charges.retrieve", "charges.list", "charges.search", "balance.retrieve"])
def test_reading_changes_nothing(local_stripe: LocalStripe, read: str) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    before = local_stripe.snapshot()

    calls: dict[str, Any] = {
        "charges.retrieve": lambda: v1.charges.retrieve(made.id, {"expand": ["balance_transaction"]}),
        "charges.list": lambda: v1.charges.list({"limit": 1}),
        "charges.search": lambda: v1.charges.search({"query": 'status:"succeeded"'}),
        "balance.retrieve": v1.balance.retrieve,
    }
    calls[read]()

    assert local_stripe.snapshot() == before


def test_a_refused_parameter_changes_nothing(local_stripe: LocalStripe) -> None:
    before = local_stripe.snapshot()

    for wrong in ({"amount": 1}, {"source": "tok_nobody"}, {"surprise": 1}, {"expand": ["amount"]}):
        with pytest.raises(stripe.InvalidRequestError):
            local_stripe.client().v1.charges.create({**PLAIN, **wrong})  # pyright: ignore[reportArgumentType]

    assert local_stripe.snapshot() == before


def test_ids_are_short_and_counted(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert (made.id, made.last_response.request_id) == ("ch_1", "req_1")
    assert v1.refunds.create({"charge": made.id}).id == "re_1"
    assert v1.payment_intents.create({"amount": 2000, "currency": "usd"}).id == "pi_1"
    assert v1.events.list().data[-1].id == "evt_1"


def test_two_runs_are_the_same() -> None:
    def run() -> bytes:
        local = LocalStripe(LabClock())
        tour = Tour(local)
        for step in (tour.hooks, tour.charging, tour.customers, tour.methods, tour.intents, tour.debits):
            step()
        return local.snapshot()

    assert run() == run()


def test_ids_can_come_from_a_port() -> None:
    local = LocalStripe(ids=RandomIds())

    made = local.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert len(made.id) > 20
    assert local.client().v1.charges.list({"starting_after": made.id}).data == []


def test_keys_that_the_library_makes_up_come_from_the_port_of_the_client(local_stripe: LocalStripe) -> None:
    keys: list[str | None] = []
    local_stripe.observers.append(lambda request, response: keys.append(request.idempotency_key))
    client = local_stripe.client(ids=SequentialIds())

    made = client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    client.v1.charges.create(PLAIN, {"idempotency_key": "mine"})  # pyright: ignore[reportArgumentType]
    client.v1.charges.retrieve(made.id)
    next(iter(client.v1.charges.list().auto_paging_iter()))
    client.v1.refunds.create({"charge": made.id})

    assert keys == ["key_1", "mine", None, None, "key_2"]


def test_a_retry_of_the_library_keeps_its_key_and_a_new_call_has_a_new_one(local_stripe: LocalStripe) -> None:
    keys: list[str | None] = []
    local_stripe.observers.append(lambda request, response: keys.append(request.idempotency_key))
    local_stripe.faults.lose_reply()
    client = local_stripe.client(max_network_retries=2)

    for _ in range(2):
        client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert keys == ["key_1", "key_1", "key_2"]
    assert len(local_stripe.charges()) == 2


def test_views_are_copies(local_stripe: LocalStripe) -> None:
    local_stripe.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    local_stripe.charges()[0]["amount"] = 5

    assert local_stripe.charges()[0]["amount"] == 2000


def test_views_show_every_kind_of_record(local_stripe: LocalStripe) -> None:
    tour = Tour(local_stripe)
    for step in (tour.charging, tour.customers, tour.intents, tour.disputing):
        step()

    assert local_stripe.payment_intents()[0]["client_secret"].startswith("pi_1_secret_")
    assert local_stripe.customers()[0]["email"] == "ada@shop.test"
    assert [dispute["status"] for dispute in local_stripe.disputes()][:2] == ["won", "lost"]
    assert local_stripe.events()[0]["type"] == "charge.succeeded"
    booked = local_stripe.balance_transactions()
    assert local_stripe.balance()["usd"] == sum(each["net"] for each in booked if each["currency"] == "usd")


def test_the_asynchronous_door_passes_one_checkpoint_for_each_request(local_stripe: LocalStripe) -> None:
    seen: list[Operation] = []

    class Watcher:
        def step(self, operation: Operation, perform: Any) -> Any:
            seen.append(operation)
            return answer(perform)

    async def answer(perform: Any) -> Any:
        return perform()

    with scheduled_by(Watcher()):
        made = immediately(local_stripe.client().v1.charges.create_async(PLAIN))  # pyright: ignore[reportArgumentType]
        immediately(local_stripe.client().v1.charges.retrieve_async(made.id))

    assert [(each.resource, each.verb, each.writes) for each in seen] == [
        ("stripe", "POST /v1/charges", True),
        ("stripe", "GET /v1/charges/ch_1", False),
    ]
    assert seen[0].arguments["params"] == {"amount": "2000", "currency": "usd", "source": "tok_visa"}
    assert seen[0].arguments["idempotency_key"] == "key_1"


def test_old_objects_sleep_and_are_still_found(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = [v1.customers.create({"name": f"buyer {n}"}).id for n in range(700)]

    v1.customers.update(made[0], {"name": "the first"})

    assert v1.customers.retrieve(made[0]).name == "the first"
    assert v1.customers.retrieve(made[1]).name == "buyer 1"
    assert [each["name"] for each in local_stripe.customers()][:2] == ["the first", "buyer 1"]


def test_forgetting_everything_starts_anew(local_stripe: LocalStripe) -> None:
    local_stripe.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    local_stripe.faults.rate_limit()

    local_stripe.reset()

    assert local_stripe.snapshot() == LocalStripe(local_stripe.clock).snapshot()
