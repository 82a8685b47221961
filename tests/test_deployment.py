"""The files that deploy the shop, held against the shop itself and against what Kubernetes takes; no cluster needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement

from payments_lab import Lab, Settings, cli
from payments_lab.web.app import create_app
from payments_lab.web.sessions import Sessions

ROOT = Path(__file__).parents[1]
IMAGE = "payments-lab"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))
SECRETS = {
    "STRIPE_KEY": ("stripe-secret", "STRIPE_KEY"),
    "STRIPE_WEBHOOK_SECRET": ("stripe-secret", "STRIPE_WEBHOOK_SECRET"),
    "JWT_KEY": ("jwt-secret", "JWT_KEY"),
}
LOCAL = "sk_test_local"
FILES = ("Dockerfile", "compose.yaml", "deploy/kubernetes.yaml")

# https://github.com/compose-spec/compose-spec/blob/main/spec.md
COMPOSE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "init", "ports",
    "read_only", "restart", "security_opt", "volumes",
}  # fmt: skip
HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period"}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] in kinds]


def named(each: dict[str, Any]) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


def containers() -> list[dict[str, Any]]:
    return [container for each in of_kind("Deployment", "StatefulSet") for container in pod(each)["containers"]]


def our_containers() -> list[dict[str, Any]]:
    return [container for container in containers() if container["image"] == IMAGE]


def our_services() -> dict[str, dict[str, Any]]:
    return {name: each for name, each in COMPOSE["services"].items() if each["image"] == IMAGE}


def parsed(words: list[str]) -> Any:
    """The words as the command line takes them; SystemExit where it does not."""
    return cli._parser(words[0], cli.load(words[0])).parse_args(words)  # pyright: ignore[reportPrivateUsage]


def known_settings() -> set[str]:
    fields = Settings.model_fields.items()
    aliases = (getattr(field.validation_alias, "choices", [name]) for name, field in fields)
    return {alias.upper() for each in aliases for alias in each}


def routes() -> set[str]:
    lab = Lab()
    app = create_app(Sessions(lab.clock), payments=lab.payments, orders=lab.orders)
    return set(app.openapi()["paths"])


# Kubernetes


@pytest.mark.parametrize("each", OBJECTS, ids=named)
def test_kubernetes_takes_the_object(each: dict[str, Any]) -> None:
    kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("service", ["orders", "payments", "expiration"])
def test_each_service_has_a_deployment_and_a_cluster_ip_service(service: str) -> None:
    (deployment,) = [each for each in of_kind("Deployment") if each["metadata"]["name"] == f"{service}-depl"]
    (address,) = [each for each in of_kind("Service") if each["metadata"]["name"] == f"{service}-srv"]
    (container,) = pod(deployment)["containers"]

    assert address["spec"]["type"] == "ClusterIP"
    assert parsed(container["args"]).service == service


@pytest.mark.parametrize("address", of_kind("Service"), ids=named)
def test_a_service_leads_to_a_port_of_the_pods_that_it_selects(address: dict[str, Any]) -> None:
    (workload,) = [
        each
        for each in of_kind("Deployment", "StatefulSet")
        if each["spec"]["template"]["metadata"]["labels"] == address["spec"]["selector"]
    ]
    offered = {port["name"]: port["containerPort"] for each in pod(workload)["containers"] for port in each["ports"]}

    assert {port["targetPort"] for port in address["spec"]["ports"]} <= set(offered)
    assert workload["spec"]["selector"]["matchLabels"] == address["spec"]["selector"]


@pytest.mark.parametrize("container", our_containers(), ids=lambda each: each["name"])
def test_a_container_listens_where_its_port_and_its_probes_say(container: dict[str, Any]) -> None:
    arguments = parsed(container["args"])
    (port,) = container["ports"]
    probes = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]

    assert (arguments.host, arguments.port) == ("0.0.0.0", port["containerPort"])
    assert [probe["path"] for probe in probes] == ["/healthz", "/readyz"]
    assert {probe["path"] for probe in probes} <= routes()
    assert {probe["port"] for probe in probes} == {port["name"]}


@pytest.mark.parametrize("container", our_containers(), ids=lambda each: each["name"])
def test_what_a_container_is_told_are_settings_that_load(
    container: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {each["name"]: each.get("value", "sk_test_" + "x" * 32) for each in container["env"]}
    if "STRIPE_WEBHOOK_SECRET" in told:
        told["STRIPE_WEBHOOK_SECRET"] = "whsec_" + "x" * 32
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    assert set(told) <= known_settings()
    Settings.load(env_file=None)


@pytest.mark.parametrize("container", our_containers(), ids=lambda each: each["name"])
def test_secrets_come_from_secrets(container: dict[str, Any]) -> None:
    for each in container["env"]:
        if each["name"] in SECRETS:
            reference = each["valueFrom"]["secretKeyRef"]
            assert (reference["name"], reference["key"]) == SECRETS[each["name"]]
            assert "value" not in each


def test_payments_alone_hold_the_key_of_stripe() -> None:
    holders = [each["name"] for each in our_containers() if any(env["name"] == "STRIPE_KEY" for env in each["env"])]

    assert holders == ["payments"]
    assert of_kind("Secret") == []


def test_every_address_that_a_container_is_told_is_a_service_of_the_cluster() -> None:
    addresses = {each["metadata"]["name"]: each["spec"]["ports"][0]["port"] for each in of_kind("Service")}
    for url in (urlsplit(env["value"]) for each in our_containers() for env in each["env"] if "value" in env):
        assert addresses[str(url.hostname).rpartition(".")[2]] == url.port


@pytest.mark.parametrize("workload", of_kind("Deployment", "StatefulSet"), ids=named)
def test_nothing_runs_as_root_or_without_limits(workload: dict[str, Any]) -> None:
    context = pod(workload)["securityContext"]

    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    for container in pod(workload)["containers"]:
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("workload", of_kind("StatefulSet"), ids=named)
def test_an_engine_keeps_its_data(workload: dict[str, Any]) -> None:
    claims = [each["metadata"]["name"] for each in workload["spec"]["volumeClaimTemplates"]]
    mounts = [each["name"] for container in pod(workload)["containers"] for each in container["volumeMounts"]]

    assert claims == mounts == ["data"]
    assert workload["spec"]["serviceName"] in {each["metadata"]["name"] for each in of_kind("Service")}


# Compose


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_composed_service_says_what_compose_knows(name: str) -> None:
    service = COMPOSE["services"][name]

    assert set(service) <= COMPOSE_KEYS
    assert set(service["healthcheck"]) <= HEALTHCHECK_KEYS
    assert service["healthcheck"]["test"][0] == "CMD"
    assert all(isinstance(word, str) for word in service["command"])
    assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    for other, needed in service.get("depends_on", {}).items():
        assert needed == {"condition": "service_healthy"}
        assert "healthcheck" in COMPOSE["services"][other]


@pytest.mark.parametrize("name", our_services())
def test_a_composed_command_parses_and_listens_where_its_ports_and_its_check_say(name: str) -> None:
    service = our_services()[name]
    arguments = parsed(service["command"])
    (asked,) = re.findall(r"http://[^']+", service["healthcheck"]["test"][-1])

    assert arguments.host == "0.0.0.0"
    assert {int(each.rpartition(":")[2]) for each in service.get("ports", ())} <= {arguments.port}
    assert all(each.startswith("127.0.0.1:") for each in service.get("ports", ()))
    assert urlsplit(asked).port == arguments.port
    assert urlsplit(asked).path in routes() | {"/_local"}


def interpolated(text: str, environment: dict[str, str]) -> str:
    """``${NAME:-default}``, ``${NAME-default}`` and ``${NAME:?why}`` as Compose fills them in."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found.groups()
        if operator == ":?":
            return environment[name]
        given = environment.get(name)
        return word if given is None or (operator == ":-" and not given) else given

    return re.sub(r"\$\{(\w+)(:?[-?])([^}]*)\}", value, text)


@pytest.mark.parametrize("name", [name for name, each in our_services().items() if "environment" in each])
def test_a_composed_environment_are_settings_that_load_and_services_that_exist(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = our_services()[name]["environment"]
    told = {each: interpolated(value, {"JWT_KEY": "j" * 64}) for each, value in environment.items()}
    for each, value in told.items():
        monkeypatch.setenv(each, value)

    settings = Settings.load(env_file=None)
    assert set(told) <= known_settings()
    urls = (settings.mongo_url, settings.bus_url, settings.redis_url, settings.stripe_url)
    hosts = {urlsplit(url).hostname for url in urls if url is not None}
    assert hosts == {"mongo", "nats", "valkey"} | ({"stripe"} if name == "payments" else set())


def test_payments_alone_are_composed_with_the_key_of_stripe() -> None:
    assert [name for name, each in our_services().items() if "STRIPE_KEY" in each.get("environment", {})] == [
        "payments"
    ]


def test_without_a_stripe_url_compose_asks_stripe_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    value = COMPOSE["services"]["payments"]["environment"]["STRIPE_URL"]
    monkeypatch.setenv("STRIPE_URL", interpolated(value, {"STRIPE_URL": ""}))

    assert Settings.load(env_file=None).stripe_url is None


def test_all_three_services_and_all_engines_are_composed() -> None:
    served = {parsed(each["command"]).service for name, each in our_services().items() if name != "stripe"}

    assert served == {"orders", "payments", "expiration"}
    assert set(COMPOSE["services"]) - set(our_services()) == {"mongo", "nats", "valkey"}
    assert "--replSet" in COMPOSE["services"]["mongo"]["command"]
    assert "-js" in COMPOSE["services"]["nats"]["command"]


# the image


def instructions(word: str) -> list[str]:
    return re.findall(rf"(?m)^{word} (.+)$", DOCKERFILE)


def test_the_image_runs_our_command_and_not_as_root() -> None:
    (user,) = instructions("USER")
    (command,) = instructions("CMD")

    assert instructions("ENTRYPOINT") == ['["python", "-m", "payments_lab"]']
    assert int(user.partition(":")[0]) > 0
    assert parsed(yaml.safe_load(command)).host == "0.0.0.0"


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    sources = [each.split()[0] for each in instructions("COPY") if not each.startswith("--from")]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert sources == ["deploy/requirements.lock", "payments_lab"]
    assert [each for each in sources if not (ROOT / each).exists() or f"!{each}" not in ignored] == []


def pins(path: Path) -> Iterator[tuple[str, str]]:
    for line in re.findall(r"(?m)^[a-z0-9][^ ]*==[^ ]+", path.read_text()):
        requirement = Requirement(line)
        yield requirement.name, str(requirement.specifier)


def test_the_images_packages_are_those_of_the_lock() -> None:
    image, everything = dict(pins(ROOT / "deploy" / "requirements.lock")), dict(pins(ROOT / "requirements.lock"))

    assert {"fastapi", "uvicorn", "stripe", "pymongo", "redis", "nats-py"} <= set(image)
    assert {name: everything.get(name) for name in image} == image


# all of them


@pytest.mark.parametrize("name", FILES)
def test_no_file_holds_the_value_of_a_secret(name: str) -> None:
    text = (ROOT / name).read_text().replace(LOCAL, "").replace("sk_test_…", "").replace("whsec_…", "")

    assert not re.search(r"[sr]k_(live|test)_|whsec_", text)
    assert not re.search(r"(?m)^\s*(JWT_KEY|STRIPE_KEY): (?!\$\{)", text)
