"""A stateful Stripe for tests and lessons, in this process, behind the real ``stripe`` library."""

from payments_lab.local_stripe.service import LocalStripe

__all__ = ["LocalStripe"]
