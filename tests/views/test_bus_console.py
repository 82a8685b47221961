"""The bus console, its buttons pressed in Python."""

from __future__ import annotations

import pytest

from payments_lab import Lab
from payments_lab.ports.immediate import immediately
from payments_lab.views import BusConsole

TO_PAYMENTS, TO_EXPIRATION = "#1 payments-service", "#1 expiration-service"


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    immediately(lab.orders.create(user_id="ada", price=2000))
    return lab


@pytest.fixture
def console(lab: Lab) -> BusConsole:
    console = BusConsole(lab)
    assert console.widget is console.widget
    return console


def press(console: BusConsole, name: str) -> str:
    """Press a button; what the line under it says."""
    assert not console.buttons[name].disabled
    console.buttons[name].click()
    return console.told.line.value


def places(console: BusConsole) -> dict[str, str]:
    return {each.handle: each.place for each in console.choices()}


def enabled(console: BusConsole) -> set[str]:
    return {name for name, button in console.buttons.items() if not button.disabled}


ALWAYS = {"settle", "ack wait", "expire", "recover"}


def test_without_a_kernel_it_is_the_table_of_the_bus(lab: Lab) -> None:
    console = BusConsole(lab)

    assert console._repr_mimebundle_() == lab.bus._repr_mimebundle_()
    assert "order:created #1" in str(console)


def test_a_delivery_takes_the_chosen_event_and_says_the_code(console: BusConsole, lab: Lab) -> None:
    console.events.value = TO_EXPIRATION

    told = press(console, "deliver")

    assert "await lab.bus.deliver(&quot;#1 expiration-service&quot;)" in told
    assert places(console) == {TO_PAYMENTS: "pending", TO_EXPIRATION: "done"}
    assert "order:created v0" in console.diagram.value


def test_the_documents_follow(console: BusConsole) -> None:
    assert "payments.orders" not in console.documents.value

    press(console, "deliver")

    assert "payments.orders" in console.documents.value


def test_a_duplicate_is_delivered_again(console: BusConsole, lab: Lab) -> None:
    press(console, "duplicate")
    press(console, "settle")

    assert lab.bus.pending() == []
    assert "(attempt 2)" in console.diagram.value


def test_what_is_done_can_be_duplicated_and_nothing_else(console: BusConsole) -> None:
    press(console, "settle")

    assert set(places(console).values()) == {"done"}
    assert enabled(console) == {"duplicate"} | ALWAYS
    press(console, "duplicate")
    assert "pending" in places(console).values()


def test_what_is_held_back_can_be_released(console: BusConsole) -> None:
    press(console, "hold")
    console.events.value = TO_PAYMENTS
    assert places(console)[TO_PAYMENTS] == "held"
    assert "release" in enabled(console)
    assert "hold" not in enabled(console)

    press(console, "release")

    assert places(console)[TO_PAYMENTS] == "pending"


def test_a_lost_ack_brings_the_event_again_after_its_ack_wait(console: BusConsole) -> None:
    press(console, "lose ack")
    assert "waiting" in places(console).values()

    told = press(console, "ack wait")

    assert "lab.clock.advance(30)" in told
    assert f"{TO_PAYMENTS} ×2" in places(console)


def test_what_waits_can_be_let_come_at_once(console: BusConsole) -> None:
    press(console, "lose ack")
    console.events.value = next(handle for handle, place in places(console).items() if place == "waiting")

    press(console, "redeliver")

    assert f"{TO_PAYMENTS} ×2" in places(console)


@pytest.mark.parametrize(("name", "replicas"), [("crash before", 0), ("crash after", 1)])
def test_a_crash_comes_before_or_after_the_effect(name: str, replicas: int, console: BusConsole, lab: Lab) -> None:
    told = press(console, name)

    assert f"crash=&quot;{name.removeprefix('crash ')}&quot;" in told
    assert len(lab.documents("payments.orders").rows) == replicas
    press(console, "recover")


def test_a_quarter_of_an_hour_cancels_the_order(console: BusConsole, lab: Lab) -> None:
    press(console, "settle")

    press(console, "expire")

    assert any("expiration:complete" in each.subject for each in console.choices() if each.place == "pending")


def test_an_error_is_shown_and_not_lost(console: BusConsole, lab: Lab) -> None:
    immediately(lab.bus.deliver(TO_PAYMENTS))
    assert console.events.value == TO_PAYMENTS

    told = press(console, "deliver")

    assert "BusError" in told
    assert 'role="alert"' in told


def test_an_empty_bus_has_nothing_to_choose() -> None:
    console = BusConsole(Lab())
    assert console.widget.children

    console.buttons["deliver"].click()

    assert enabled(console) == ALWAYS
    assert "nothing under way" in console.head.value
    assert console.diagram.value == ""
