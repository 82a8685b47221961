"""The checkout, in a notebook: choose one of Stripe's test cards, pay, see what the service answers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from payments_lab.diagrams import Table
from payments_lab.local_stripe.cards import TOKENS
from payments_lab.ports.immediate import immediately
from payments_lab.shop.errors import Declined, ShopError
from payments_lab.views.controls import Deed, Told, button, choice, column, page, row
from payments_lab.views.view import View

if TYPE_CHECKING:
    from payments_lab.lab import Lab
    from payments_lab.shop.payments import Payment

CARDS = (
    "tok_visa",
    "tok_mastercard",
    "tok_amex",
    "tok_chargeDeclined",
    "tok_chargeDeclinedInsufficientFunds",
    "tok_chargeDeclinedLostCard",
    "tok_chargeDeclinedExpiredCard",
    "tok_chargeDeclinedIncorrectCvc",
    "tok_chargeDeclinedProcessingError",
    "tok_chargeDeclinedFraudulent",
    "tok_threeDSecureRequired",
)


class CheckoutForm(View):
    """Pay an order as its buyer would. The order and the user are those of ``create_charge``.

    Without a kernel it is the table of the cards that can be chosen, and of what each does.
    """

    def __init__(self, lab: Lab, order_id: str, user_id: str) -> None:
        super().__init__(lab)
        self.lab = lab
        self.order_id = order_id
        self.user_id = user_id

    def picture(self) -> dict[str, str]:
        table = Table(
            ("card", "token", "what becomes of it"),
            [(_number(token), token, _fate(token)) for token in CARDS],
            title=f"pay order {self.order_id} as {self.user_id}",
        )
        return {"text/plain": table.text(), "text/html": table.html()}

    def build(self) -> Any:
        self.cards = choice("27em")
        self.cards.options = [(f"{_number(token)}  {_fate(token)}", token) for token in CARDS]
        self.cards.value = CARDS[0]
        self.pay = button("Pay", "charge this card", self._pay, style="primary")
        self.told, self.answer = Told("choose a card, then pay"), page()
        return column(
            page(f"<b>Order {escape(self.order_id)}</b>, paid by {escape(self.user_id)}"),
            self.cards,
            row(self.pay),
            self.told.line,
            self.answer,
        )

    def refresh(self) -> None:
        """Nothing here goes out of date."""

    def _pay(self) -> None:
        token = self.cards.value
        asked = f'order_id="{self.order_id}", token="{token}", user_id="{self.user_id}"'
        self.told.perform(Deed(f"await lab.payments.create_charge({asked})", lambda: self._charge(token)))
        self.happened()

    def _charge(self, token: str) -> None:
        self.answer.value = ""
        try:
            payment = immediately(
                self.lab.payments.create_charge(order_id=self.order_id, token=token, user_id=self.user_id)
            )
        except ShopError as error:
            self.answer.value = _refused(error)
        else:
            self.answer.value = _paid(payment)


def _number(token: str) -> str:
    number = TOKENS[token].number
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def _fate(token: str) -> str:
    """What a charge of this card meets; the decline code where there is one."""
    card = TOKENS[token]
    if card.authentication == "always":
        return "asks for 3-D Secure"
    if card.refusal is None:
        return "pays"
    return f"declined: {card.refusal.decline_code or card.refusal.code}"


def _paid(payment: Payment) -> str:
    facts = Table(
        ("payment", "charge", "amount", "status"),
        [(payment.id, payment.stripe_id, f"{payment.amount} {payment.currency}", payment.status.value)],
    )
    return _line("Paid", "success", f"{payment.amount} {payment.currency} (minor units)") + facts.html()


def _refused(error: ShopError) -> str:
    code = f", decline code {error.decline_code}" if isinstance(error, Declined) else ""
    return _line(f"{error.status}{code}", "warn", str(error))


def _line(word: str, tone: str, more: str) -> str:
    return f'<p role="status"><b style="color:var(--jp-{tone}-color1,inherit)">{escape(word)}</b> {escape(more)}</p>'
