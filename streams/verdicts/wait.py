"""What is the verdict, asked once or waited for, by a program that ends? For scripts and jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from streams.errors import LogError
from streams.settings import Settings
from streams.verdicts.asking import Answered, Cause, NoVerdict, ask
from streams.verdicts.board import Board
from streams.verdicts.facts import Question, Result
from streams.verdicts.follower import Follower
from streams.verdicts.ruling import may_have

READ_S = 60.0
"""How long the log may take to be read, where nothing is waited for."""


def wait_for_verdict(
    settings: Settings,
    question: Question,
    *,
    timeout_s: float | None,
    told: Callable[[Answered], object] = lambda _: None,
    checked: bool = True,
) -> Answered | NoVerdict:
    """The verdict, as soon as it is pass or fail; else what holds when the time is over.

    Args:
        settings: Where Kafka is.
        question: What is asked.
        timeout_s: How long is waited for pass or fail; None asks once, when the log was read.
        told: Hears of every answer that is another one than before.
        checked: Whether the revision is looked at.

    Raises:
        LogError: no broker answers, or the log could not be read in time.
    """
    stopping = threading.Event()
    follower = Follower(settings, Board())
    follower.open()
    try:
        deadline = time.monotonic() + (READ_S if timeout_s is None else timeout_s)
        last: Answered | NoVerdict | None = None
        while True:
            follower.step(stopping)
            found = _found(follower, question, checked=checked)
            if isinstance(found, Answered) and _is_news(found, last):
                told(found)
            last = found
            late = time.monotonic() >= deadline
            if _is_final(found) or (timeout_s is None and _is_read(found)) or late:
                return _unless_unread(found, settings)
    finally:
        follower.close()


def _found(follower: Follower, question: Question, *, checked: bool) -> Answered | NoVerdict:
    now = time.monotonic()
    try:
        return ask(question, follower.board, follower, may_have, now, any_revision=not checked)
    except NoVerdict as no:
        return no


def _is_final(found: Answered | NoVerdict) -> bool:
    """Whether waiting cannot change it; a rollout that is not there may be begun yet."""
    if isinstance(found, NoVerdict):
        return found.cause in (Cause.WRONG_REVISION, Cause.NOBODY_NAMED, Cause.SEVERAL_MEANT)
    return found.ruling.result is not Result.UNDECIDED


def _is_read(found: Answered | NoVerdict) -> bool:
    return isinstance(found, Answered) or found.cause is not Cause.NOT_READ


def _is_news(found: Answered, last: Answered | NoVerdict | None) -> bool:
    return not isinstance(last, Answered) or last.ruling != found.ruling


def _unless_unread(found: Answered | NoVerdict, settings: Settings) -> Answered | NoVerdict:
    if isinstance(found, NoVerdict) and found.cause is Cause.NOT_READ:
        raise LogError(f"the log at {settings.bootstrap} could not be read: {found.sentence}")
    return found
