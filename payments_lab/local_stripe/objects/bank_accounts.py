"""Bank accounts of the United States, whose payments take their time: ``processing`` first, then good or not.

Source: https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SETTLING_SECONDS = 60
ROUTING = "110000000"

FAILURES = {
    "account_closed": "The bank account has been closed.",
    "no_account": "The bank account does not exist.",
    "insufficient_funds": "The bank account has insufficient funds.",
    "debit_not_authorized": "The customer has notified their bank that this debit was unauthorized.",
}


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A test account. ``failure`` is what its payments end with, ``stuck`` that they never end."""

    last4: str
    failure: str | None = None
    stuck: bool = False

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    def charge_details(self) -> dict[str, Any]:
        """The ``us_bank_account`` hash of a charge's ``payment_method_details``."""
        return {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "fingerprint": f"labbank{self.last4}",
            "last4": self.last4,
            "mandate": None,
            "payment_reference": None,
            "routing_number": ROUTING,
        }

    def method_details(self) -> dict[str, Any]:
        """The ``us_bank_account`` hash of a payment method."""
        return {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": f"labbank{self.last4}",
            "last4": self.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": ROUTING,
            "status_details": {},
        }


BANK_ACCOUNTS: dict[str, BankAccount] = {
    "pm_usBankAccount": BankAccount("6789"),
    "pm_usBankAccount_success": BankAccount("6789"),
    "pm_usBankAccount_accountClosed": BankAccount("1113", "account_closed"),
    "pm_usBankAccount_noAccount": BankAccount("1116", "no_account"),
    "pm_usBankAccount_insufficientFunds": BankAccount("2227", "insufficient_funds"),
    "pm_usBankAccount_debitNotAuthorized": BankAccount("3335", "debit_not_authorized"),
    "pm_usBankAccount_processing": BankAccount("0009", stuck=True),
}
