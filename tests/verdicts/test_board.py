"""What the board keeps of ids that nobody applied: little, and nothing that a rollout needs."""

from __future__ import annotations

import pytest

from streams.actuator.desk import SpecRead
from streams.actuator.facts import CommandRead
from streams.judge.facts import CommandKind
from streams.verdicts.board import EARLY_RECORDS, EARLY_ROLLOUTS, Board
from tests.verdicts.world import spec

MANY = [f"r{number}" for number in range(EARLY_ROLLOUTS + 10)]


def say(board: Board, rollout: str, kind: CommandKind, *, live: bool = True) -> None:
    board.take(CommandRead(rollout=rollout, kind=kind, actor="ada", at_ms=1), 0, live=live)


def apply(board: Board, rollout: str, *, live: bool = True) -> None:
    board.take(SpecRead(rollout=rollout, spec=spec(rollout)), 0, live=live)


def delete(board: Board, rollout: str, *, live: bool = True) -> None:
    board.take(SpecRead(rollout=rollout, spec=None), 0, live=live)


def paused(board: Board, rollout: str) -> bool:
    known = board.get(rollout)
    assert known is not None
    return bool(known.standing.paused)


@pytest.fixture
def board() -> Board:
    """One that has read its history."""
    made = Board()
    made.loaded(0)
    return made


class TestStrangers:
    def test_a_command_may_come_before_its_spec(self, board: Board) -> None:
        say(board, "r", CommandKind.PAUSE)
        apply(board, "r")
        assert paused(board, "r")

    def test_of_many_ids_the_last_are_kept(self, board: Board) -> None:
        """Whoever writes commands of what never was fills no memory."""
        for name in MANY:
            say(board, name, CommandKind.PAUSE)
        say(board, MANY[0], CommandKind.PAUSE)  # heard of once more
        for name in MANY:
            apply(board, name)
        kept = [name for name in MANY if paused(board, name)]
        assert kept == [MANY[0], *MANY[-EARLY_ROLLOUTS + 1 :]]

    def test_of_one_id_the_last_are_kept(self, board: Board) -> None:
        say(board, "r", CommandKind.ABORT)
        for _ in range(EARLY_RECORDS):
            say(board, "r", CommandKind.RESUME)
        apply(board, "r")
        known = board.get("r")
        assert known is not None
        assert not known.standing.terminal

    def test_a_spec_that_was_deleted_takes_its_commands_along(self, board: Board) -> None:
        """Another rollout of the same id is another rollout."""
        say(board, "r", CommandKind.ABORT)
        delete(board, "r")
        apply(board, "r")
        known = board.get("r")
        assert known is not None
        assert not known.standing.terminal


class TestHistory:
    def test_nothing_is_lost_before_all_specs_were_read(self) -> None:
        """Topics are read in no order: however many commands come first, theirs may be to come."""
        board = Board()
        for name in MANY:
            say(board, name, CommandKind.PAUSE, live=False)
        for name in MANY:
            apply(board, name, live=False)
        board.loaded(0)
        assert all(paused(board, name) for name in MANY)

    def test_nor_with_a_deletion_between(self) -> None:
        board = Board()
        say(board, "r", CommandKind.PAUSE, live=False)
        apply(board, "r", live=False)
        delete(board, "r", live=False)
        apply(board, "r", live=False)
        board.loaded(0)
        assert paused(board, "r")

    def test_afterwards_strangers_are_forgotten(self) -> None:
        """But the last: a rollout may be applied while its partition is read."""
        board = Board()
        for name in MANY:
            say(board, name, CommandKind.PAUSE, live=False)
        board.loaded(0)
        for name in MANY:
            apply(board, name)
        assert [name for name in MANY if paused(board, name)] == MANY[-EARLY_ROLLOUTS:]
