"""How long did the machine not let this process run? A wait of that length is no fault of davy."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

TICK_S = 0.1


class Stillness:
    """The longest time for which a thread that wants to run every 0.1 s did not. A context."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stillness", daemon=True)

    def _watch(self) -> None:
        last, ended = time.monotonic(), False
        while not ended:
            ended = self._ended.wait(TICK_S)
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - last - TICK_S)
            last = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
