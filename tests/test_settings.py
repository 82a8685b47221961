"""Settings: one place, secrets hidden, mistakes named."""

from __future__ import annotations

from pathlib import Path

import pytest

from payments_lab.settings import Settings, SettingsError, SettingsWarning

KEY = "sk_test_" + "a" * 24


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "STRIPE_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "PUBLIC_URL",
        "MONGO_URL",
        "MONGO_URI",
        "REDIS_URL",
        "BUS_URL",
        "JWT_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def test_without_any_setting_every_engine_is_embedded() -> None:
    settings = Settings.load()

    assert settings.stripe_key is None
    assert (settings.mongo_url, settings.redis_url, settings.bus_url) == (None, None, None)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379")

    assert Settings.load().redis_url == "redis://127.0.0.1:6379"


def test_the_name_that_the_course_uses_for_mongo_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://127.0.0.1:27017")

    assert Settings.load().mongo_url == "mongodb://127.0.0.1:27017"


def test_a_secret_shows_in_no_repr() -> None:
    settings = Settings.load(stripe_key=KEY)

    assert settings.stripe_key is not None
    assert settings.stripe_key.get_secret_value() == KEY
    assert KEY not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_"])
def test_a_live_key_is_refused_and_not_repeated(prefix: str) -> None:
    live = prefix + "b" * 24

    with pytest.raises(SettingsError, match="never touches live money") as refused:
        Settings.load(stripe_key=live)

    assert live not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_that_is_no_stripe_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="STRIPE_KEY: a Stripe test key starts with sk_test_"):
        Settings.load(stripe_key="hunter2")


def test_a_webhook_secret_is_hidden_too_and_begins_as_stripes_do() -> None:
    settings = Settings.load(stripe_webhook_secret="whsec_of_these_tests")

    assert settings.secrets() == ["whsec_of_these_tests"]
    assert "whsec_of_these_tests" not in repr(settings)
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRET: .* starts with whsec_") as refused:
        Settings.load(stripe_webhook_secret="hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example", "javascript:alert(1)"])
def test_buyers_reach_the_shop_by_http(url: str) -> None:
    assert Settings.load(public_url="https://shop.example/").public_url == "https://shop.example"

    with pytest.raises(SettingsError, match="PUBLIC_URL: buyers reach the shop at an address"):
        Settings.load(public_url=url)


def test_a_misspelt_setting_names_the_right_one() -> None:
    with pytest.raises(SettingsError, match="STRIPE_KEYS is not a setting; did you mean STRIPE_KEY"):
        Settings.load(stripe_keys=KEY)


def test_a_misspelt_line_in_the_env_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_ULR=redis://127.0.0.1\n")

    with pytest.raises(SettingsError, match="REDIS_ULR is not a setting; did you mean REDIS_URL"):
        Settings.load()


def test_a_misspelt_variable_of_the_environment_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEEY", KEY)

    with pytest.warns(SettingsWarning, match="did you mean STRIPE_KEY"):
        Settings.load()


def test_a_setting_that_resembles_nothing_lists_what_is_known() -> None:
    with pytest.raises(SettingsError, match="known are STRIPE_KEY"):
        Settings.load(zebra=1)


def test_an_engine_without_a_url_is_refused() -> None:
    with pytest.raises(SettingsError, match="MONGO_URL: an engine is named by a URL"):
        Settings.load(mongo_url="localhost")


def test_a_short_session_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 32 characters"):
        Settings.load(jwt_key="secret")


def test_a_variable_that_is_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEY", "")
    monkeypatch.setenv("BUS_URL", "")

    settings = Settings.load()
    assert (settings.stripe_key, settings.bus_url) == (None, None)


def test_how_long_an_event_may_wait_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOX_LAG_LIMIT", "2.5")
    assert Settings.load().outbox_lag_limit == 2.5

    monkeypatch.setenv("OUTBOX_LAG_LIMIT", "0")
    with pytest.raises(SettingsError, match="OUTBOX_LAG_LIMIT"):
        Settings.load()


def test_the_secrets_are_what_must_not_be_written_down() -> None:
    assert Settings.load(stripe_key=KEY, jwt_key="j" * 32).secrets() == [KEY, "j" * 32]
