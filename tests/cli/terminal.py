"""What is a terminal sent while a program runs? All of it, however long that takes."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a program went."""

    code: int
    printed: str
    """What it wrote on stdout; empty where that was the terminal."""
    shown: str
    """What the terminal was sent, with what moves the cursor."""


def at_terminal(command: Sequence[str], *, printed_there: bool = False) -> Seen:
    """Run it with stderr at a terminal, and stdout too where results are printed there."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    stdout = theirs if printed_there else subprocess.PIPE
    with subprocess.Popen(command, stdout=stdout, stderr=theirs, env=env, text=True) as child:
        os.close(theirs)
        shown = _all(ours)
        printed = child.stdout.read() if child.stdout is not None else ""
    os.close(ours)
    return Seen(code=child.returncode, printed=printed, shown=shown.decode())


def _all(terminal: int) -> bytes:
    """Until no program holds it any more, which Linux tells as an error."""
    sent = b""
    with suppress(OSError):
        while chunk := os.read(terminal, 65536):
            sent += chunk
    return sent
