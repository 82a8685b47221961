"""One place for configuration and secrets: the environment, then ``.env``, then embedded defaults.

A variable that is set to nothing counts as not set.

| variable | meaning | without it |
|---|---|---|
| ``STRIPE_KEY`` | a Stripe test key, ``sk_test_…`` | the local Stripe, in process |
| ``STRIPE_URL`` | where the local Stripe serves, ``http://127.0.0.1:12111`` | Stripe itself, if there is a key |
| ``STRIPE_WEBHOOK_SECRET`` | the signing secret of our webhook endpoint, ``whsec_…`` | no webhooks from outside |
| ``MONGO_URL`` (or ``MONGO_URI``) | ``mongodb://host:port`` | mongomock |
| ``MONGO_TRANSACTIONS`` | ``1``: a payment and its outbox row are one transaction | two writes in a safe order |
| ``REDIS_URL`` | ``redis://host:port`` | fakeredis |
| ``BUS_URL`` | ``nats://…`` or ``redis://…`` | the simulator |
| ``JWT_KEY`` | signs session cookies, at least 32 characters | a key for this process only |
| ``PUBLIC_URL`` | where buyers see the shop, ``https://shop.example`` | the address that it serves on |
| ``OUTBOX_LAG_LIMIT`` | seconds that an event may wait for the bus while ``/readyz`` says yes | 30 |
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LIVE_KEYS = ("sk_live_", "rk_live_")
TEST_KEYS = ("sk_test_", "rk_test_")
WEBHOOK_SECRETS = "whsec_"
SHORTEST_JWT_KEY = 32


class SettingsError(Exception):
    """The settings can't be used; the message names the setting, what is wrong, and what to try."""


class SettingsWarning(UserWarning):
    """The environment holds a name that looks like a misspelt setting."""


class Settings(BaseSettings):
    """What the lab is told from outside. Secrets show as asterisks wherever they are printed."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="forbid", hide_input_in_errors=True, frozen=True
    )

    stripe_key: SecretStr | None = None
    stripe_url: str | None = None
    stripe_webhook_secret: SecretStr | None = None
    mongo_url: str | None = Field(None, validation_alias=AliasChoices("mongo_url", "mongo_uri"))
    mongo_transactions: bool = False
    redis_url: str | None = None
    bus_url: str | None = None
    jwt_key: SecretStr | None = None
    public_url: str | None = None
    outbox_lag_limit: float = Field(30.0, gt=0)

    @field_validator("stripe_key")
    @classmethod
    def _refuse_live_keys(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        value = key.get_secret_value()
        if value.startswith(LIVE_KEYS):
            raise ValueError(
                "this is a live Stripe key, and the lab never touches live money; use a test key (sk_test_…)"
            )
        if not value.startswith(TEST_KEYS):
            raise ValueError("a Stripe test key starts with sk_test_; unset it to use the local Stripe")
        return key

    @field_validator("stripe_webhook_secret")
    @classmethod
    def _refuse_other_secrets(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().startswith(WEBHOOK_SECRETS):
            raise ValueError("a webhook endpoint's signing secret starts with whsec_; `payments-lab stripe` prints one")
        return secret

    @field_validator("public_url")
    @classmethod
    def _refuse_other_addresses(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("buyers reach the shop at an address such as https://shop.example")
        return None if url is None else url.rstrip("/")

    @field_validator("jwt_key")
    @classmethod
    def _refuse_short_keys(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_JWT_KEY:
            raise ValueError(f"a key that signs sessions has at least {SHORTEST_JWT_KEY} characters")
        return key

    @field_validator("stripe_url", "mongo_url", "redis_url", "bus_url")
    @classmethod
    def _refuse_plain_names(cls, url: str | None) -> str | None:
        if url is not None and "://" not in url:
            raise ValueError("an engine is named by a URL such as redis://127.0.0.1:6379")
        return url

    def secrets(self) -> list[str]:
        """The values that must not be written down anywhere."""
        secrets = (self.stripe_key, self.stripe_webhook_secret, self.jwt_key)
        return [secret.get_secret_value() for secret in secrets if secret is not None]

    @classmethod
    def load(cls, env_file: str | Path | None = ".env", **overrides: Any) -> Settings:
        """Read the environment and ``env_file``; SettingsError says which setting is wrong or misspelt."""
        _warn_of_near_misses(os.environ, cls.model_fields)
        try:
            return cls(_env_file=env_file, **overrides)  # pyright: ignore[reportCallIssue]
        except ValidationError as error:
            problems = [_explain(problem["loc"], problem["msg"], cls.model_fields) for problem in error.errors()]
        raise SettingsError("; ".join(problems))


def _explain(location: tuple[int | str, ...], message: str, names: Iterable[str]) -> str:
    name = str(location[0]) if location else "settings"
    if not message.startswith("Extra inputs"):
        return f"{name.upper()}: {message.removeprefix('Value error, ')}"
    close = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f"; did you mean {close[0].upper()}?" if close else f"; known are {', '.join(n.upper() for n in names)}"
    return f"{name.upper()} is not a setting{hint}"


def _warn_of_near_misses(environment: Iterable[str], names: Iterable[str]) -> None:
    known = [*(name.upper() for name in names), "MONGO_URI"]
    for variable in environment:
        close = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
        if close and variable not in known:
            warnings.warn(f"{variable} is not a setting; did you mean {close[0]}?", SettingsWarning, stacklevel=3)
