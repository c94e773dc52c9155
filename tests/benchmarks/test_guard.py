"""Decoding and folding takes no more instructions than it did: what got slower shows here."""

import shutil

import pytest

from tests.benchmarks import guard

MOST = 11_700
"""Of one event, some percent more than it took, for machines differ a little all the same. Lower it
with what was won: `python -m tests.benchmarks.guard` tells the figure."""


def test_all_of_the_batches_are_folded():
    """What is counted is the whole of it: every event is accepted."""
    assert guard.fold(2) == 2 * guard.EVENTS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_event_takes_no_more_instructions_than_before(absent):
    if shutil.which("valgrind") is None:
        absent("valgrind", "not on PATH: valgrind; install it to count instructions")
    assert guard.instructions() <= MOST
