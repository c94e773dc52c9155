"""How long does the page stay once all is told? As long as somebody reads it at a terminal.

The browser needs the processes behind the page; without a reader they end with the story.
"""

from __future__ import annotations

import signal
import sys
import termios
from typing import TextIO


def wanted(*, said: bool | None) -> bool:
    """Whether the page stays: as it was said, else where somebody can press Enter."""
    return somebody_reads() if said is None else said


def somebody_reads() -> bool:
    """Whether lines go to a terminal, and what is typed there comes here."""
    return all(_is_terminal(stream) for stream in (sys.stdin, sys.stdout))


def until_enter(source: TextIO | None) -> None:
    """Wait for Enter or the end of input; where nobody can type, for a signal's handler to raise.

    What was typed before was meant for the story, and does not count.
    """
    if source is not None:
        at_a_terminal = _is_terminal(source)
        if at_a_terminal:
            termios.tcflush(source, termios.TCIFLUSH)
        if source.readline() or at_a_terminal:
            return
    while True:
        signal.pause()


def _is_terminal(stream: TextIO | None) -> bool:
    """Python has no stream where the system gave none."""
    return stream is not None and stream.isatty()
