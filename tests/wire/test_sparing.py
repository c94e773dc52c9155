"""What libraries repeat is told once, then counted; what is new is told at once."""

import logging
from collections.abc import Iterator

import pytest

from streams.wire.sparing import EVERY_S, SparingHandler


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Program(logging.Handler):
    """The log that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.levelno, record.getMessage()))

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.lines]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def program() -> Iterator[Program]:
    handler = Program()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def library(clock) -> Iterator[logging.Logger]:
    logger = logging.getLogger("a_library")
    logger.handlers, logger.propagate = [SparingHandler(clock)], False
    yield logger.getChild("within")
    logger.handlers, logger.propagate = [], True


class TestSparingHandler:
    def test_numbers_and_ids_make_no_difference(self, library, program):
        for node in range(100):
            library.error("node %d: connection %s failed", node, f"7f2c-{node:04x}")
        assert program.texts == ["node 0: connection 7f2c-0000 failed"]

    def test_another_cause_is_another_line(self, library, program):
        for why in ("refused", "reset", "refused"):
            library.error("node %d: %s", 1, why)
        assert program.texts == ["node 1: refused", "node 1: reset"]

    def test_what_was_counted_comes_with_the_next_line(self, library, program, clock):
        for _ in range(10):
            library.error("refused")
        clock.now = EVERY_S
        library.error("refused")
        assert program.texts == ["refused", "refused (10 like it since the last line)"]

    def test_a_line_keeps_its_place_and_level(self, library, program):
        library.warning("reset")
        assert program.lines == [("a_library.within", logging.WARNING, "reset")]
