"""Subjects: names whose tokens are parted by dots; in a filter ``*`` stands for one token and ``>`` for the rest.

Source: https://docs.nats.io/nats-concepts/subjects
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from payments_lab.bus.protocol import BusError

WILDCARDS = ("*", ">")


def matches(pattern: str) -> Callable[[str], bool]:
    """A test of whether a subject falls under ``pattern``."""
    tokens = pattern.split(".")
    if not any(token in WILDCARDS for token in tokens):
        return pattern.__eq__
    parts = ["[^.]+" if token == "*" else ".+" if token == ">" else re.escape(token) for token in tokens]
    compiled = re.compile(r"\.".join(parts))
    return lambda subject: compiled.fullmatch(subject) is not None


def check_pattern(pattern: str) -> None:
    """BusError unless ``pattern`` is a subject that one may listen on."""
    tokens = pattern.split(".")
    if any(not token or token != token.strip() for token in tokens):
        raise BusError(f"{pattern!r} is no subject: its tokens are parted by single dots, and none is empty")
    if ">" in tokens[:-1]:
        raise BusError(f"{pattern!r} is no subject: '>' stands for the rest, so it comes last")


def check_publishable(subject: str, known: Iterable[str]) -> None:
    """BusError unless ``subject`` is one that somebody may publish on."""
    check_pattern(subject)
    if any(token in WILDCARDS for token in subject.split(".")):
        raise BusError(f"cannot publish on {subject!r}: a wildcard is for listening; name one subject")
    known = tuple(known)
    if not any(matches(pattern)(subject) for pattern in known):
        raise BusError(f"no stream keeps the subject {subject!r}; known are {', '.join(known)}")


def durable_name(queue: str, subject: str) -> str:
    """The durable consumer of a queue group on a subject; a durable's name has no dots, stars or white space."""
    return f"{queue}-{re.sub(r'[^A-Za-z0-9_-]', '_', subject)}"
