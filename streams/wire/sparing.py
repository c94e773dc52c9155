"""How is the same thing told to operators without a flood?

`Sparing`, for what runs on: at once the first time, then with its number at most every minute.
`SparingHandler` does the same for libraries that log by themselves.
`FirstFew`, for a command that ends: the first few, then one line with the number of the others.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

EVERY_S = 60.0
FEW = 3
NUMBERS = re.compile(r"[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*")


@dataclass(slots=True, kw_only=True)
class _Told:
    at: float
    text: str = ""
    more: int = 0


class Sparing:
    """Tells what is alike once, then counts it.

    >>> said = []
    >>> sparing = Sparing(said.append, clock=iter([0.0, 1.0, 2.0, 70.0]).__next__)
    >>> for number in range(3):
    ...     sparing.say("alike", f"record {number}")
    >>> sparing.remind()
    >>> said
    ['record 0', 'record 2 (2 like it since the last line)']
    """

    def __init__(
        self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._told: dict[Hashable, _Told] = {}

    def say(self, alike: Hashable, text: str) -> None:
        """Tell a line, or count it where one of the same `alike` was told lately."""
        now, told = self._clock(), self._told.get(alike)
        if told is None:
            self._told[alike] = _Told(at=now)
            self._tell(text)
            return
        told.text, told.more = text, told.more + 1
        self._tell_if_due(told, now)

    def remind(self) -> None:
        """Tell what was counted and is due; call it now and then."""
        now = self._clock()
        for told in self._told.values():
            self._tell_if_due(told, now)

    def _tell_if_due(self, told: _Told, now: float) -> None:
        if told.more and now - told.at >= EVERY_S:
            self._tell(f"{told.text} ({told.more} like it since the last line)")
            told.at, told.more = now, 0


class FirstFew:
    """Tells the first few lines within a `with`, and at its end how many there were besides.

    >>> said = []
    >>> with FirstFew(said.append, few=2) as first:
    ...     for number in range(5):
    ...         first.say(f"record {number}")
    >>> said
    ['record 0', 'record 1', '3 more like these, the last: record 4']
    """

    def __init__(self, tell: Callable[[str], object], few: int = FEW) -> None:
        self._tell, self._few = tell, few
        self._count, self._last = 0, ""

    def say(self, text: str) -> None:
        """Tell a line, or count it where enough were told."""
        self._count, self._last = self._count + 1, text
        if self._count <= self._few:
            self._tell(text)

    def __enter__(self) -> Self:
        self._count = 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell how many were not told."""
        more = self._count - self._few
        if more > 0:
            self._tell(f"{more} more like these, the last: {self._last}")


class SparingHandler(logging.Handler):
    """Hands a library's lines on to the program's log, alike ones sparingly.

    For libraries that tell of every vain try: Kafka's clients write hundreds of lines a second
    while a broker is away. Lines are alike where they differ in numbers and ids only.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._record = logging.LogRecord("", 0, "", 0, "", None, None)
        self._sparing = Sparing(self._hand_on, clock)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line on or count it; logging holds this handler's lock meanwhile."""
        self._record = record
        text = record.getMessage()
        self._sparing.say((record.name, NUMBERS.sub("#", text)), text)

    def _hand_on(self, text: str) -> None:
        told = {**self._record.__dict__, "msg": text, "args": None}
        logging.getLogger().handle(logging.makeLogRecord(told))


def tell_sparingly(*names: str) -> None:
    """Let these loggers, and those below them, say what is alike sparingly."""
    handler = SparingHandler()
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
