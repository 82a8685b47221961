"""Taking out of a schedule every choice that its bad end does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Choices = tuple[int, ...]


def shrink(choices: Sequence[int], fails: Callable[[Choices], bool]) -> Choices:
    """A schedule that still ``fails``, and passes once any one of its choices is taken out or made uneventful."""
    best = _trimmed(choices)
    better: Choices | None = best
    while better is not None:
        best = better
        better = next((smaller for smaller in _smaller(best) if fails(smaller)), None)
    return best


def _smaller(choices: Choices) -> Iterator[Choices]:
    """Schedules with less in them: chunks made uneventful or left out, then single choices, then lower numbers."""
    size = len(choices)
    length = size
    while length:
        for start in range(0, size, length):
            chunk = choices[start : start + length]
            if any(chunk):
                yield _trimmed((*choices[:start], *(0 for _ in chunk), *choices[start + length :]))
        length //= 2
    for number in range(size):
        yield _trimmed((*choices[:number], *choices[number + 1 :]))
    yield from _put_first(choices)
    for number, choice in enumerate(choices):
        for lower in range(1, choice):
            yield (*choices[:number], lower, *choices[number + 1 :])


def _put_first(choices: Choices) -> Iterator[Choices]:
    """Schedules in which something uneventful that was put off is done first, so that less is out of order then."""
    departures = sum(map(bool, choices))
    for start in range(len(choices)):
        for end in range(start + 1, len(choices) + 1):
            sooner = (max(choice - 1, 0) for choice in choices[start:end])
            tried = _trimmed((*choices[:start], 0, *sooner, *choices[end:]))
            if sum(map(bool, tried)) < departures:
                yield tried


def _trimmed(choices: Sequence[int]) -> Choices:
    kept = list(choices)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)
