"""What does an exit code of davy mean? For scripts; the README of this room shows the table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from streams.serving.pulse import HUNG


class Code(IntEnum):
    """How a command has ended."""

    DONE = 0
    NO = 1
    FAILED = 2
    UNDECIDED = 3
    UNKNOWN = 4
    STALLED = HUNG
    INTERRUPTED = 130


RECORDS = "`replay`, `audit verify`, `report`"
MEANS: Mapping[Code, tuple[str, str]] = {
    Code.DONE: ("it is done, and where something was asked: yes", "all"),
    Code.NO: (
        "it ran, and the answer is no; or nobody answered a question",
        f"`verdict`, {RECORDS}, `topics check`, `schemas check`, `hooks test`, `kayenta judge`",
    ),
    Code.FAILED: (
        "it could not run: wrong flags or settings, no broker; stderr says what to do",
        "all",
    ),
    Code.UNDECIDED: ("neither yes nor no; with `--wait` until the time was over", "`verdict`"),
    Code.UNKNOWN: ("there is no such rollout, or it is about another revision", "`verdict`"),
    Code.STALLED: (
        "something stood still that must move: start it again",
        "`worker`, `actuator`, `notify`, `verdicts`, `dashboard`, `resources export`",
    ),
    Code.INTERRUPTED: ("Ctrl-C", "all that do not end on it by themselves"),
}
"""What each means, and of which commands."""


def rows() -> list[tuple[str, str, str]]:
    """Code, meaning and commands, as the README shows them."""
    return [(str(code.value), *MEANS[code]) for code in Code]
