"""The tree of `davy`: told without being imported, each command with an example that parses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from streams.cli import main, rollout
from streams.cli.lazy import Told, modules

HEAVY = frozenset({"numpy", "scipy", "confluent_kafka", "fastavro", "httpx", "pydantic_settings"})
"""What commands need and a list of them does not; each takes tenths of a second."""
OURS = modules(main.TOLD.values()) | modules(rollout.TOLD.values())
LOOK = """\
import sys
from streams.cli.main import run
try:
    run(sys.argv[1:])
finally:
    sys.stderr.write(" ".join(sys.modules))
"""
EXAMPLE = re.compile(r"^Example: (davy .*)$", re.MULTILINE)
NO_FACTS = {
    **dict.fromkeys(("worker", "actuator", "notify", "verdicts", "dashboard"), "runs on"),
    "resources export": "runs on",
    "password": "prints one line, a hash",
    "rollout init": "writes a file",
}
"""Commands without `--json`, and why."""


def commands() -> dict[str, Any]:
    """Every command by its words, imported."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if not isinstance(command, TyperGroup):
            yield " ".join(path), command
            return
        for word in command.commands:
            yield from walk(command.commands[word], (*path, word))

    return dict(walk(get_command(main.app), ()))


COMMANDS = commands()


def looked(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What `davy` prints, and all modules that it has imported for it."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.split())


def parsed(words: list[str]) -> Any:
    """The context of the command that these words call; it is not run."""
    command, name, rest, above = get_command(main.app), words[0], words[1:], None
    with CliRunner().isolation(input="lamp\n"):
        while True:
            context = command.make_context(name, list(rest), parent=above)
            if not isinstance(context.command, TyperGroup):
                return context
            left = [*context._protected_args, *context.args]
            name, command, rest = context.command.resolve_command(context, left)
            above = context


class TestTold:
    @pytest.mark.parametrize(
        ("group", "told"),
        [((), main.TOLD), (("rollout",), rollout.TOLD)],
        ids=["davy", "davy rollout"],
    )
    def test_as_the_commands_say_themselves(
        self, group: tuple[str, ...], told: dict[str, Told]
    ) -> None:
        command: Any = get_command(main.app)
        for word in group:
            command = command.commands[word]
        said = {
            name: " ".join(command.commands[name].help.split("\n\n")[0].split()) for name in told
        }
        assert said == {name: each.says for name, each in told.items()}

    def test_davy_help_imports_no_command(self) -> None:
        """A command that is added must be told in `streams.cli.main.TOLD`, not imported there."""
        shown, imported = looked("--help")
        assert [name for name in main.TOLD if f" {name} " not in shown] == []
        assert imported & (HEAVY | OURS) == set()

    def test_rollout_help_imports_none_of_its_commands(self) -> None:
        shown, imported = looked("rollout", "--help")
        assert [name for name in rollout.TOLD if f" {name} " not in shown] == []
        assert imported & (HEAVY | modules(rollout.TOLD.values())) == set()

    def test_completion_imports_no_command(self) -> None:
        told = {"_DAVY_COMPLETE": "complete_bash", "COMP_WORDS": "davy ro", "COMP_CWORD": "1"}
        shown, imported = looked(**told)
        assert shown.split() == ["rollout", "routers"]
        assert imported & (HEAVY | OURS) == set()

    def test_a_command_imports_no_other(self) -> None:
        """`davy rollout init` needs no Kafka, and no command of another module."""
        _, imported = looked("rollout", "init", "--help")
        assert imported & OURS == {"streams.cli.rollout", "streams.cli.init"}
        assert "confluent_kafka" not in imported

    @pytest.mark.parametrize("command", ["apply", "list", "status"])
    def test_who_reads_decisions_needs_no_numpy(self, command: str) -> None:
        assert looked("rollout", command, "--help")[1] & {"numpy", "scipy"} == set()

    def test_a_slip_of_the_pen_gets_the_nearest_name(self) -> None:
        ran = CliRunner().invoke(main.app, ["rollouts"])
        assert ran.exit_code == 2
        assert "Did you mean 'rollout'" in ran.output


@pytest.mark.parametrize("words", COMMANDS)
class TestEach:
    def test_has_an_example_that_parses(self, words: str) -> None:
        """The flags, arguments and values of examples are ones that there are."""
        examples = EXAMPLE.findall(COMMANDS[words].help)
        assert examples
        for example in examples:
            context = parsed(shlex.split(example))
            assert context.command_path.removeprefix("davy ") == words

    def test_speaks_json_where_it_prints_facts(self, words: str) -> None:
        speaks = "--json" in {name for each in COMMANDS[words].params for name in each.opts}
        assert speaks is (words not in NO_FACTS)

    def test_says_what_each_flag_is_for(self, words: str) -> None:
        silent = [each.name for each in COMMANDS[words].params if not each.help]
        assert silent in ([], ["password"])
