"""Subjects: names whose tokens are parted by dots; in a filter ``*`` stands for one token and ``>`` for the rest.

Source: https://docs.nats.io/nats-concepts/subjects
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from payments_lab.bus.protocol import BusError

WILDCARDS = ("*", ">")


def has_wildcard(pattern: str) -> bool:
    """Whether ``pattern`` stands for more than one subject."""
    return any(token in WILDCARDS for token in pattern.split("."))


def matches(pattern: str) -> Callable[[str], bool]:
    """A test of whether a subject falls under ``pattern``."""
    if not has_wildcard(pattern):
        return pattern.__eq__
    tokens = pattern.split(".")
    parts = ["[^.]+" if token == "*" else ".+" if token == ">" else re.escape(token) for token in tokens]
    compiled = re.compile(r"\.".join(parts))
    return lambda subject: compiled.fullmatch(subject) is not None


def overlap(one: str, other: str) -> bool:
    """Whether some subject falls under both patterns."""
    left, right = one.split("."), other.split(".")
    for mine, theirs in zip(left, right, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(left) == len(right)


def check_pattern(pattern: str) -> None:
    """BusError unless ``pattern`` is a subject that one may listen on."""
    tokens = pattern.split(".")
    if any(not token or re.search(r"\s", token) for token in tokens):
        raise BusError(
            f"{pattern!r} is no subject: its tokens are parted by single dots, and none is empty or has white space"
        )
    if ">" in tokens[:-1]:
        raise BusError(f"{pattern!r} is no subject: '>' stands for the rest, so it comes last")


def check_listenable(pattern: str, known: Iterable[str]) -> None:
    """BusError unless some of the stream's subjects fall under ``pattern``."""
    check_pattern(pattern)
    known = tuple(known)
    if not any(overlap(pattern, each) for each in known):
        raise BusError(f"nothing can ever arrive on {pattern!r}: the stream keeps {', '.join(known)}")


def check_publishable(subject: str, known: Iterable[str]) -> None:
    """BusError unless ``subject`` is one that somebody may publish on."""
    check_pattern(subject)
    if has_wildcard(subject):
        raise BusError(f"cannot publish on {subject!r}: a wildcard is for listening; name one subject")
    known = tuple(known)
    if not any(matches(pattern)(subject) for pattern in known):
        raise BusError(f"no stream keeps the subject {subject!r}; known are {', '.join(known)}")


def durable_name(queue: str, subject: str) -> str:
    """The durable consumer of a queue group on a subject.

    One durable has one subject, so both make its name, in which dots, colons, stars and white space are underscores.
    BusError for an empty queue.
    """
    if not queue.strip():
        raise BusError("a queue group needs a name, such as 'payments-service'")
    return "-".join(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in (queue, subject))
