"""What moves while davy works: on a terminal alone, and gone in the end."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from streams.cli import waiting

BUSY = "from streams.cli.waiting import busy\nwith busy('reading digits-v2'):\n    pass\n"
MEASURED = """\
from streams.cli.waiting import measured
with measured("simulating") as step:
    step(3, 8)
"""


def on_terminal(code: str) -> str:
    """What a terminal is sent on stderr."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, env=env, check=True
    )
    os.close(theirs)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.stdout == b""
    return told


class TestWaiting:
    def test_says_what_takes_so_long(self) -> None:
        assert "reading digits-v2" in on_terminal(BUSY)

    def test_how_far_it_has_come(self) -> None:
        told = on_terminal(MEASURED)
        assert "simulating" in told
        assert "3/8" in told

    def test_a_program_is_told_nothing(self, capfd) -> None:
        with waiting.measured("simulating") as step:
            step(1, 2)
        with waiting.busy("reading"):
            pass
        assert capfd.readouterr() == ("", "")
