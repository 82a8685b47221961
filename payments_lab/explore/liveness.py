"""Which local variables of a suspended function may still be read.

A variable that is always written before it is read again, or never read again, cannot influence what the function will
do. The analysis is the textbook one, backwards over CPython's bytecode: https://docs.python.org/3/library/dis.html
"""

from __future__ import annotations

import dis
from functools import cache
from types import CodeType

_ENDS = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
_WRITES = ("STORE_FAST", "DELETE_FAST")
_LOOKS_AT_ITSELF = frozenset({"locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe"})
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


@cache
def live_variables(code: CodeType, offset: int) -> frozenset[str]:
    """The local variables that ``code`` may read once it goes on from the instruction at ``offset``."""
    if _LOOKS_AT_ITSELF.intersection(code.co_names):
        return frozenset(code.co_varnames)
    return _analysis(code).get(offset, frozenset(code.co_varnames))


@cache
def _analysis(code: CodeType) -> dict[int, frozenset[str]]:
    """For every instruction's offset, what may be read from there on before it is written."""
    instructions = list(dis.get_instructions(code))
    successors = _successors(code, instructions)
    live: list[frozenset[str]] = [frozenset()] * len(instructions)
    changed = True
    while changed:
        changed = False
        for number in reversed(range(len(instructions))):
            after = frozenset[str]().union(*(live[following] for following in successors[number]))
            before = _before(instructions[number], after)
            if before != live[number]:
                live[number] = before
                changed = True
    return {instruction.offset: live[number] for number, instruction in enumerate(instructions)}


def _before(instruction: dis.Instruction, after: frozenset[str]) -> frozenset[str]:
    if "_FAST" not in instruction.opname:
        return after
    name = instruction.argval
    if instruction.opname in _WRITES:
        return after - {name}
    return after | ({name} if isinstance(name, str) else set(name))


def _successors(code: CodeType, instructions: list[dis.Instruction]) -> list[set[int]]:
    number_at = {instruction.offset: number for number, instruction in enumerate(instructions)}
    successors: list[set[int]] = [set() for _ in instructions]
    for number, instruction in enumerate(instructions):
        name = instruction.opname
        if name in _ENDS:
            continue
        if instruction.opcode in _JUMPS:
            successors[number].add(number_at[instruction.argval])
        if not name.startswith(("JUMP_FORWARD", "JUMP_BACKWARD")) and number + 1 < len(instructions):
            successors[number].add(number + 1)
    for start, end, target in _handlers(code):
        for number, instruction in enumerate(instructions):
            if start <= instruction.offset < end:
                successors[number].add(number_at[target])
    return successors


def _handlers(code: CodeType) -> list[tuple[int, int, int]]:
    """The exception table: from offset, to offset, offset of the handler.

    Format: https://github.com/python/cpython/blob/3.11/Objects/exception_handling_notes.txt
    """
    numbers = _varints(code.co_exceptiontable)
    return [
        (start * 2, (start + length) * 2, target * 2)
        for start, length, target, _ in zip(numbers[::4], numbers[1::4], numbers[2::4], numbers[3::4], strict=True)
    ]


def _varints(table: bytes) -> list[int]:
    """Numbers in six-bit groups, the highest first; bit 6 says that the number goes on."""
    numbers: list[int] = []
    value = 0
    for byte in table:
        value = (value << 6) | (byte & 63)
        if not byte & 64:
            numbers.append(value)
            value = 0
    return numbers
