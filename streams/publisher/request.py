"""How long did a request take, and how did it end?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol

from streams.publisher.facts import Status


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a handler says about its answer; a misspelt name is an AttributeError at once."""

    request_id: object = None
    predicted_class: object = None
    score: float | None = None
    confidence: float | None = None
    unit: object = None
    segments: Mapping[str, object] | None = field(default_factory=dict)
    llm: Mapping[str, object] | None = None
    model_version: str | None = None
    status: Status | str | None = None
    """None: measured. A handler that knows better (a fallback answer) says so here."""


class Sink(Protocol):
    """Who takes measured answers."""

    def answered(
        self, answer: Answer, *, latency_ms: float, status: Status, completed_at_ms: int
    ) -> bool:
        """Publish it; never raises, never waits."""
        ...


def status_of(error: BaseException | None) -> Status:
    """OK without an error; TIMEOUT for a timeout and for a cancellation, which is somebody's
    deadline; ERROR for everything else.

    >>> status_of(TimeoutError())
    <Status.TIMEOUT: 'TIMEOUT'>
    """  # noqa: D205
    if error is None:
        return Status.OK
    late = isinstance(error, TimeoutError | asyncio.CancelledError)
    return Status.TIMEOUT if late else Status.ERROR


class Stopwatch:
    """Time since it was made, on the monotonic clock."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def elapsed_ms(self) -> float:
        """Milliseconds so far."""
        return (time.perf_counter() - self._began) * 1000


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Request:
    """Context manager around one request; an exception is published and passed on."""

    __slots__ = ("_answer", "_sink", "_watch")

    def __init__(self, sink: Sink, answer: Answer) -> None:
        self._sink = sink
        self._answer = answer
        self._watch = Stopwatch()

    def __enter__(self) -> Answer:
        self._watch = Stopwatch()
        return self._answer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        self._sink.answered(
            self._answer,
            latency_ms=self._watch.elapsed_ms(),
            status=status_of(error),
            completed_at_ms=now_ms(),
        )
        return False
