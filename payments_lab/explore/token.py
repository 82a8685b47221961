"""A finding in one line: the choices, and a check of what each did, so that a replay notices changed code."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import SCENARIOS, Action, Cancel, Pay, Placed, Scenario, find_scenario

VERSION = 1
_ACTIONS: dict[str, type[Action]] = {"Pay": Pay, "Cancel": Cancel}
_HEAD = f"story{VERSION}-"


class StaleToken(ValueError):
    """The code under test no longer does what it did when the finding was made: the message names the first step."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a replay needs: the scenario, the faults, the choices, a check of each step (0 to 255), and what was
    known of the code under test: which of its tasks make ids, and which services remember things.
    """

    scenario: Scenario
    faults: Faults
    choices: tuple[int, ...]
    checks: tuple[int, ...]
    names_ids: tuple[tuple[str, str], ...] = ()
    remembers: tuple[str, ...] = ()

    def __str__(self) -> str:
        learned = [self.names_ids, self.remembers]
        body = [_packed(self.scenario), asdict(self.faults), self.choices, bytes(self.checks).hex(), *learned]
        packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 9)
        return _HEAD + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def compare(self, signs: Sequence[str]) -> None:
        """StaleToken when the steps are not those that the token was made from."""
        for number, (before, sign) in enumerate(zip(self.checks, signs, strict=False), 1):
            if before != check(sign):
                raise StaleToken(f"step {number} is another one than when the token was made: now it is {sign}")
        if len(self.checks) > len(signs):
            raise StaleToken(f"the story now ends after step {len(signs)}; it had {len(self.checks)} steps")


def read(text: str) -> Token:
    """The token in a text. ValueError for a text that is none, or one of another version."""
    text = text.strip()
    if not text.startswith(_HEAD):
        raise ValueError(f"{text[:40]!r} is no story's token of this version; one begins with {_HEAD}")
    packed = text.removeprefix(_HEAD)
    try:
        body: list[Any] = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
        scenario, faults, choices, checks, names_ids, remembers = body
        faults["services"] = tuple(faults["services"])
        known = tuple((service, subject) for service, subject in names_ids)
        return Token(
            _unpacked(scenario), Faults(**faults), tuple(choices), tuple(bytes.fromhex(checks)), known, tuple(remembers)
        )
    except (binascii.Error, zlib.error, ValueError, TypeError, KeyError) as error:
        raise ValueError("the token is damaged; copy it whole") from error


def _packed(scenario: Scenario) -> Any:
    """A scenario of the package by its name, any other by all that it says."""
    if SCENARIOS.get(scenario.name) == scenario:
        return scenario.name
    actions = [[type(action).__name__, asdict(action)] for action in scenario.actions]
    return {**asdict(scenario), "actions": actions}


def _unpacked(packed: Any) -> Scenario:
    if isinstance(packed, str):
        return find_scenario(packed)
    actions = tuple(_ACTIONS[kind](**fields) for kind, fields in packed["actions"])
    orders = tuple(Placed(**fields) for fields in packed["orders"])
    fields: dict[str, Any] = {**packed, "actions": actions, "orders": orders}
    return Scenario(**fields)


def check(sign: str) -> int:
    """A byte that nearly always tells two signs apart."""
    return zlib.crc32(sign.encode()) & 0xFF
