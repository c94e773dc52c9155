"""The page stays where somebody reads at a terminal, until he presses Enter."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from streams.demo import program, stay
from streams.demo.processes import Part, Parts, wait_until

WAITS = """
import sys
from streams.demo import stay
stay.until_enter(sys.stdin)
print(sys.stdin.readline(), end="")
"""
"""Waits, then says what is typed next."""
HEEDS = """
import signal, sys
from streams.demo import stay
def heed(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, heed)
try:
    print("waits", flush=True)
    stay.until_enter(sys.stdin)
    print("went on by itself", flush=True)
except KeyboardInterrupt:
    print("heeds", flush=True)
"""
"""Waits, and says what ended it."""
READS = "import sys; from streams.demo import stay; sys.exit(stay.somebody_reads())"
WITHOUT_INPUT = ("sh", "-c", 'exec "$@" <&-', "sh")


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def unread(terminal: int) -> int:
    """Bytes that were typed there and nobody has read."""
    return int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The person's end of a terminal, and the programs'."""
    person, programs = os.openpty()
    yield person, programs
    os.close(person)
    os.close(programs)


class TestAtATerminal:
    @pytest.mark.parametrize("pressed", [b"\n", b"\x04"], ids=["Enter", "Ctrl-D"])
    def test_ends_with_a_key_but_not_with_one_pressed_before(
        self, terminal: tuple[int, int], pressed: bytes
    ) -> None:
        """Who pressed Enter while the story went on still finds the page."""
        person, programs = terminal
        os.write(person, b"before\n")
        wait_until(lambda: unread(programs) > 0, what="keys at the terminal", deadline_s=10)
        with subprocess.Popen(
            python(WAITS), stdin=programs, stdout=subprocess.PIPE, text=True
        ) as child:
            wait_until(lambda: unread(programs) == 0, what="keys forgotten", deadline_s=60)
            os.write(person, pressed + b"after\n")
            said, _ = child.communicate(timeout=60)
        assert (said, child.returncode) == ("after\n", 0)


class TestElsewhere:
    def test_a_line_ends_it(self) -> None:
        told = subprocess.run(
            python(WAITS), input="yes\nafter\n", stdout=subprocess.PIPE, text=True, check=True
        )
        assert told.stdout == "after\n"

    def test_without_any_input_a_signal_does(self, parts: Parts) -> None:
        """Started by a script or in the background."""
        part: Part = parts.start("heeds", python(HEEDS))
        part.wait_until(lambda: bool(part.tail()), what="it begins", deadline_s=60)
        assert part.stop() == 0
        assert part.tail() == "waits\nheeds"


class TestWanted:
    @pytest.mark.parametrize(
        ("asks", "says", "reads"),
        [(True, True, True), (True, False, False), (False, True, False)],
        ids=["both", "output elsewhere", "input elsewhere"],
    )
    def test_where_both_are_a_terminal(
        self, terminal: tuple[int, int], *, asks: bool, says: bool, reads: bool
    ) -> None:
        _, programs = terminal
        streams = {
            "stdin": programs if asks else subprocess.DEVNULL,
            "stdout": programs if says else subprocess.DEVNULL,
        }
        assert subprocess.run(python(READS), **streams, check=False).returncode == reads

    def test_not_without_any_input_at_all(self, terminal: tuple[int, int]) -> None:
        command = [*WITHOUT_INPUT, *python(READS)]
        assert subprocess.run(command, stdout=terminal[1], check=False).returncode == 0

    def test_as_it_was_said_whatever_there_is(self) -> None:
        assert [stay.wanted(said=said) for said in (True, False)] == [True, False]

    def test_what_is_not_there_cannot_stay(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["demo", "--stay"])
        with pytest.raises(SystemExit) as end:
            program.run()
        assert end.value.code == 2
        assert "there is no page that could stay; add --dashboard 1" in capsys.readouterr().err
