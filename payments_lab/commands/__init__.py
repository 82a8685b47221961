"""The commands: one module each, with ``HELP``, ``configure(parser)`` and ``run(arguments) -> int``.

A module is imported when its command is asked for, and only then. Every command is given ``--json`` by the front
door (`payments_lab.cli`), and answers with one of the four exit statuses below.
"""

from __future__ import annotations

GOOD = 0
BAD = 1
WRONG_USE = 2
UNPROVEN = 3


class WrongUse(Exception):
    """The command can't do what it was asked; the message says why and what to try. Exit status 2."""
