"""Taking secrets out of what is written down: keys, sessions, passwords, cards and whatever stands for one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

GONE = "[redacted]"
LONGEST_TEXT = 8_000
DEEPEST = 6

_NAMES = r"authorization|(?:set-)?cookie|session|password|passwd|secret|client_secret|token|api[-_]?key|jwt[-_]?key"
_SECRET_NAME = re.compile(rf"(?i)(?:.*[-_.])?(?:{_NAMES}|stripe[-_]?signature|card|number|cvc)")
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:sk|rk|pk)_[A-Za-z0-9_]+"), GONE),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), GONE),
    (re.compile(r"\b(?:tok|pm|card|src|btok)_[A-Za-z0-9_]+"), GONE),
    (re.compile(r"\b((?:pi|seti)_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+"), rf"\1_secret_{GONE}"),
    (re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*"), GONE),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=:-]+"), rf"\1 {GONE}"),
    (re.compile(rf"(?i)\b({_NAMES})(\"|')?(\s*[:=]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s,;&}}]+)"), rf"\1\2\3{GONE}"),
    (re.compile(r"://[^/\s@:]*:[^/\s@]*@"), f"://{GONE}@"),
)
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){11,18}(?![\w.])")


class Redactor:
    """Knows what a secret looks like, and ``secrets`` by heart. The same for every text: it keeps nothing."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def text(self, text: str) -> str:
        """``text`` without secrets, and not longer than anybody reads."""
        if len(text) > LONGEST_TEXT:
            text = f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"
        for secret in self._known:
            text = text.replace(secret, GONE)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        return _DIGITS.sub(_without_card, text)

    def value(self, value: object, depth: int = 0) -> Any:
        """Plain data without secrets: a field with a secret's name loses its value, whatever that is."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return GONE if _is_card(str(value)) else value
        if depth > DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[object, object]", value), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each, depth + 1) for each in cast("Iterable[object]", value)]
        return self.text(value if isinstance(value, str) else str(value))

    def _mapping(self, mapping: Mapping[object, object], depth: int) -> dict[str, Any]:
        return {
            self.text(str(name)): GONE if _SECRET_NAME.fullmatch(str(name)) else self.value(value, depth + 1)
            for name, value in mapping.items()
        }


def _without_card(found: re.Match[str]) -> str:
    return GONE if _is_card(re.sub(r"\D", "", found[0])) else found[0]


def _is_card(digits: str) -> bool:
    """Whether the last digit is right for a card's number (https://en.wikipedia.org/wiki/Luhn_algorithm)."""
    if not (12 <= len(digits) <= 19 and digits.isdecimal()):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
