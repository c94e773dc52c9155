"""How does a person at a terminal see that davy works? By what moves on stderr, and is gone then.

Nothing is shown where stderr is no terminal. Print results after the `with`, not within; what
prints as it goes takes `busy_until_said`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

SAYS = "{task.description}"


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Something turns, with the time that it has taken, until the block ends."""
    with _shown(SpinnerColumn(), TextColumn(SAYS), TimeElapsedColumn()) as shown:
        shown.add_task(what, total=None)
        yield


@contextmanager
def busy_until_said(what: str) -> Iterator[Callable[[], None]]:
    """The same, for what prints as it goes: call what comes out of `with` before each line.

    From the first line on nothing turns, wherever lines go: behind a pipe may be a program that
    prints at the same terminal.
    """
    with ExitStack() as turning:
        turning.enter_context(busy(what))
        yield turning.close


@contextmanager
def measured(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; tell what comes out of `with` how many are done, of how many."""
    columns = (TextColumn(SAYS), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _shown(*columns) as shown:
        task = shown.add_task(what, total=None)

        def step(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield step


def _shown(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
