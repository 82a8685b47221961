"""The checkout page in a real browser: a payment, a decline, the bank's page, and the keyboard alone."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE, Watched
from tests.servers import HOST, free_port, program, running

# A browser counts every answer that is no success as an error of the page.
ANSWERS = re.compile(r"Failed to load resource: the server responded with a status of 40[1249]")


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that the shop prints at its start, which makes whoever opens it Ada."""
    folder = tmp_path_factory.mktemp("shop")
    port = free_port()
    command = [program("payments-lab"), "serve", "--port", str(port), "--json"]
    environment = {name: value for name, value in os.environ.items() if name not in ("JWT_KEY", "STRIPE_KEY")}
    with running(command, port, folder / "log", environment):
        yield json.loads((folder / "log").read_text().splitlines()[0])["sign_in"]


@pytest.fixture
def checkout(watched: Watched, sign_in: str) -> Iterator[Page]:
    """The page as Ada sees it, watched for errors."""
    page = watched.page
    page.goto(sign_in)
    expect(page.locator("#who")).to_have_text("Signed in as ada")
    yield page
    assert [problem for problem in watched.problems if not ANSWERS.match(problem)] == []


def choose(page: Page, card: str, way: str = "Payment intent") -> None:
    page.get_by_label("Test card").select_option(label=card)
    page.get_by_label(way).check()


def pay(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Pay ")).click()


def result(page: Page) -> str:
    return page.locator("#result").inner_text()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"


@pytest.mark.parametrize("way", ["Payment intent", "Charge"])
def test_a_payment_is_told_in_words_and_completes_the_order(checkout: Page, screenshots: Path, way: str) -> None:
    choose(checkout, "Visa, succeeds", way)
    pay(checkout)

    expect(checkout.locator("#words")).to_have_text("$20.00 has been taken once, and the order is complete.")
    checkout.screenshot(path=screenshots / "checkout-paid.png", full_page=True)


def test_a_decline_shows_its_code_and_another_card_pays_the_same_order(checkout: Page, screenshots: Path) -> None:
    choose(checkout, "Declined: insufficient funds")
    pay(checkout)
    expect(checkout.locator("#verdict")).to_have_text("Declined")
    assert "Your card has insufficient funds." in result(checkout)
    assert "insufficient_funds" in result(checkout)
    order = checkout.locator("#facts dd").first.inner_text()
    checkout.screenshot(path=screenshots / "checkout-declined.png", full_page=True)

    choose(checkout, "Mastercard, succeeds")
    pay(checkout)

    expect(checkout.locator("#verdict")).to_have_text("Paid")
    assert order in result(checkout)


@pytest.mark.parametrize(
    ("answer", "verdict"), [("Complete authentication", "Paid"), ("Fail authentication", "Declined")]
)
def test_a_card_with_3d_secure_leads_to_the_bank_and_back(
    checkout: Page, screenshots: Path, answer: str, verdict: str
) -> None:
    choose(checkout, "3-D Secure required, succeeds")
    pay(checkout)
    expect(checkout.locator("#verdict")).to_have_text("Your bank asks")
    expect(checkout.get_by_role("link", name="Go to the bank’s page")).to_be_focused()
    checkout.screenshot(path=screenshots / "checkout-bank.png", full_page=True)

    checkout.get_by_role("link", name="Go to the bank’s page").click()
    expect(checkout.get_by_role("heading", name="Your bank asks")).to_be_visible()
    checkout.get_by_role("button", name=answer).click()

    expect(checkout.locator("#verdict")).to_have_text(verdict)
    assert "client_secret" not in checkout.url


def test_a_challenge_that_somebody_else_answers_completes_the_order_by_webhook(checkout: Page) -> None:
    choose(checkout, "3-D Secure required, succeeds")
    pay(checkout)
    bank = checkout.get_by_role("link", name="Go to the bank’s page").get_attribute("href") or ""
    order = checkout.locator("#facts dd").first.inner_text()

    checkout.request.post(bank, form={"outcome": "succeed"}, max_redirects=0)

    expect(checkout.locator("#verdict")).to_have_text("Your bank asks")
    eventually(lambda: checkout.request.get(f"{checkout.url}api/orders/{order}").json()["status"] == "complete")


def test_an_order_that_is_cancelled_at_the_bank_takes_no_money(checkout: Page) -> None:
    choose(checkout, "3-D Secure required, succeeds")
    pay(checkout)
    bank = checkout.get_by_role("link", name="Go to the bank’s page").get_attribute("href") or ""

    checkout.get_by_role("button", name="Cancel the order").click()

    expect(checkout.locator("#words")).to_have_text("The order is off; it takes no money.")
    expect(checkout.get_by_role("button", name="Another ticket")).to_be_focused()
    eventually(lambda: checkout.request.get(bank).status == 404)


def test_a_reload_at_the_wrong_moment_asks_again_under_the_same_key(checkout: Page) -> None:
    choose(checkout, "3-D Secure required, succeeds")
    pay(checkout)
    expect(checkout.locator("#verdict")).to_have_text("Your bank asks")
    before = checkout.get_by_role("link", name="Go to the bank’s page").get_attribute("href")

    checkout.reload()

    expect(checkout.locator("#verdict")).to_have_text("Your bank asks")
    assert checkout.get_by_role("link", name="Go to the bank’s page").get_attribute("href") == before


def test_the_keyboard_is_enough(checkout: Page) -> None:
    checkout.get_by_label("Balcony").focus()
    checkout.keyboard.press("ArrowRight")
    checkout.keyboard.press("Tab")
    checkout.keyboard.type("American")
    checkout.keyboard.press("Tab")
    checkout.keyboard.press("Tab")
    expect(checkout.get_by_role("button", name="Pay $45.00")).to_be_focused()
    checkout.keyboard.press("Enter")

    expect(checkout.locator("#words")).to_have_text("$45.00 has been taken once, and the order is complete.")
    expect(checkout.locator("#result")).to_be_focused()


def test_a_currency_without_cents_is_shown_and_charged_as_it_is(checkout: Page) -> None:
    checkout.get_by_label("Kyoto").check()
    pay(checkout)

    expect(checkout.locator("#words")).to_have_text("¥3,000 has been taken once, and the order is complete.")


def test_a_stranger_is_asked_for_a_session_and_a_forged_one_is_refused(watched: Watched, sign_in: str) -> None:
    page = watched.page
    page.goto(sign_in.partition("#")[0])
    page.get_by_label("Session").fill("session=eyJhbGciOiJub25lIn0.e30.")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("did not sign that")

    page.get_by_label("Session").fill("session=" + sign_in.partition("#session=")[2])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#who")).to_have_text("Signed in as ada")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_label("Session")).to_be_focused()
    assert page.context.cookies() == []


def test_no_script_reads_the_session_and_nothing_comes_from_elsewhere(checkout: Page) -> None:
    (cookie,) = checkout.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert checkout.evaluate("document.cookie") == ""
    assert "#" not in checkout.url
    loaded = checkout.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(address.startswith(f"http://{HOST}:") for address in loaded)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_everything_fits_and_can_be_read(
    browser: Browser, sign_in: str, screenshots: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(sign_in)
    expect(page.locator("#who")).to_have_text("Signed in as ada")
    choose(page, "Declined: expired card")
    pay(page)
    expect(page.locator("#verdict")).to_have_text("Declined")
    page.screenshot(path=screenshots / f"checkout-{scheme}-{width}.png", full_page=True)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    context.close()


# Texts whose contrast with what is behind them is below 4.5 (https://www.w3.org/TR/WCAG22/#contrast-minimum).
CONTRASTS = """() => {
    const numbers = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (color) => {
        const [r, g, b] = numbers(color).slice(0, 3).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const color = getComputedStyle(each).backgroundColor;
            if (numbers(color)[3] !== 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    return [...document.querySelectorAll('main *, header *, footer *')]
        .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
        .filter(e => !e.closest('fieldset:disabled') && e.tagName !== 'OPTION')
        .map(e => [e.textContent.trim(), light(getComputedStyle(e).color), light(ground(e))])
        .filter(([, a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
        .map(([text]) => text);
}"""
