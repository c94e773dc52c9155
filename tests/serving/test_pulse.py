"""A main loop that hangs ends its process, with the stacks; one that turns does not."""

import subprocess
import sys
import threading
import time

import pytest

from streams.serving.pulse import HUNG, Pulse, Watchdog

HANGS = """
import logging, sys, time
from streams.serving.pulse import Pulse, Watchdog

def the_fold_that_hangs(how):
    if how == "locked":
        logging.getLogger().handlers[0].acquire()
        time.sleep(600)
    while how == "busy":
        pass
    if how == "native":
        import ctypes
        ctypes.PyDLL(None).sleep(600)

logging.basicConfig()
pulse = Pulse()
with Watchdog(pulse, 0.5):
    pulse.beat()
    the_fold_that_hangs(sys.argv[1])
"""


@pytest.mark.parametrize(("how", "code"), [("busy", HUNG), ("locked", HUNG), ("native", 1)])
def test_a_hung_process_ends_with_its_stacks(how: str, code: int) -> None:
    """Also where it holds the log's lock, or the interpreter itself."""
    ended = subprocess.run(
        [sys.executable, "-c", HANGS, how], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == code
    assert "the_fold_that_hangs" in ended.stderr
    if code == HUNG:
        assert "the main loop has not turned for 0.5 s" in ended.stderr


def test_one_that_turns_goes_on() -> None:
    ends: list[str] = []
    pulse = Pulse()
    with Watchdog(pulse, 0.5, lambda why, _: ends.append(why)):
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            pulse.beat()
            time.sleep(0.01)
    assert ends == []
    assert pulse.age_s < 1.0


def test_it_says_why_once() -> None:
    ended = threading.Event()
    ends: list[tuple[str, int]] = []

    def end(why: str, code: int) -> None:
        ends.append((why, code))
        ended.set()

    with Watchdog(Pulse(), 0.1, end):
        assert ended.wait(20)
    assert ends == [("the main loop has not turned for 0.1 s", HUNG)]


def test_a_process_that_was_told_to_end_ends_with_its_own_code() -> None:
    """Where it does not get there by itself, though its loop turns."""
    ended = threading.Event()
    ends: list[tuple[str, int]] = []

    def end(why: str, code: int) -> None:
        ends.append((why, code))
        ended.set()

    pulse = Pulse()
    with Watchdog(pulse, 1.0, end) as watchdog:
        watchdog.end_within(0.2, "stopping takes too long", 0)
        while not ended.wait(0.01):
            pulse.beat()
    assert ends == [("stopping takes too long", 0)]
