"""What moves while davy works: on a terminal alone, and gone in the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from streams.cli import waiting
from streams.judge.decision_facts import Action
from streams.spec.model import Target
from tests.actuator.log import Log, make_spec
from tests.cli.terminal import Seen, at_terminal

BUSY = "from streams.cli.waiting import busy\nwith busy('reading digits-v2'):\n    pass\n"
MEASURED = """\
from streams.cli.waiting import measured
with measured("simulating") as step:
    step(3, 8)
"""
SAYS = """\
from streams.cli.waiting import busy_until_said
with busy_until_said("reading") as stand_back:
    for line in ("first", "second"):
        stand_back()
        print(line)
"""


def program(code: str, *, printed_there: bool = False) -> Seen:
    """How these lines of Python went, which must not fail."""
    seen = at_terminal([sys.executable, "-c", code], printed_there=printed_there)
    assert seen.code == 0, seen.shown
    return seen


class TestWaiting:
    def test_says_what_takes_so_long(self) -> None:
        seen = program(BUSY)
        assert "reading digits-v2" in seen.shown
        assert seen.printed == ""

    def test_how_far_it_has_come(self) -> None:
        seen = program(MEASURED)
        assert "simulating" in seen.shown
        assert "3/8" in seen.shown
        assert seen.printed == ""

    def test_a_program_is_told_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        with waiting.measured("simulating") as step:
            step(1, 2)
        with waiting.busy("reading"):
            pass
        with waiting.busy_until_said("reading") as stand_back:
            stand_back()
        assert capfd.readouterr() == ("", "")


class TestLinesMeanwhile:
    def test_stand_where_nothing_turns_any_more(self) -> None:
        """It is gone before the first of them."""
        before, _, after = program(SAYS, printed_there=True).shown.partition("first")
        assert "reading" in before
        assert "second" in after
        assert "reading" not in after

    def test_go_where_they_were_sent(self) -> None:
        """Into a file or a pipe, and nothing of them to the terminal."""
        seen = program(SAYS)
        assert seen.printed == "first\nsecond\n"
        assert "reading" in seen.shown
        assert "first" not in seen.shown


class TestCommands:
    @pytest.fixture
    def log(self, tansu: str, prefix: str) -> Iterator[Log]:
        """A rollout that is held."""
        opened = Log(tansu, prefix)
        spec = make_spec("digits-v2", Target(router="memory", options={"name": "digits"}))
        opened.apply(spec)
        opened.beat(spec)
        opened.decide(spec, Action.HOLD, 100)
        yield opened
        opened.close()

    @pytest.mark.parametrize(
        ("words", "code", "shown"),
        [
            ("verdict digits-v2", 3, "asking for the verdict on digits-v2"),
            ("decisions tail --all --no-follow", 0, "looking for decisions"),
            ("rollout status digits-v2", 0, "reading digits-v2"),
        ],
        ids=["verdict", "decisions tail", "rollout status"],
    )
    def test_show_that_they_read(self, log: Log, words: str, code: int, shown: str) -> None:
        """And what they print is whole, and in its place."""
        where = ("--bootstrap", log.settings.bootstrap, "--prefix", log.settings.prefix, "--json")
        seen = at_terminal([sys.executable, "-m", "streams.cli", *words.split(), *where])
        assert seen.code == code, seen.shown
        assert json.loads(seen.printed)["rollout"] == "digits-v2"
        assert shown in seen.shown
        assert "{" not in seen.shown
