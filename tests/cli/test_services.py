"""Commands that run on start without what the others import."""

from __future__ import annotations

import subprocess
import sys

from typer.main import get_command
from typer.testing import CliRunner

from streams.cli import SERVICES, services
from streams.cli.main import app

HEAVY = ("sklearn", "pandas", "sqlalchemy", "scipy.stats", "scipy.optimize", "river.drift", "httpx")
"""Each takes tenths of a second or more of every restart."""


class TestServices:
    """`davy worker`, `davy actuator` and `davy notify`."""

    def test_are_those_that_are_started_alone(self) -> None:
        names = {command.callback.__name__ for command in services.app.registered_commands}
        assert names == SERVICES

    def test_have_the_same_help_alone_and_in_the_tree(self) -> None:
        alone, tree = get_command(services.app), get_command(app)
        for name in sorted(SERVICES):
            assert alone.commands[name].help == tree.commands[name].help
            told = [
                CliRunner().invoke(each, [name, "--help"]).output for each in (services.app, app)
            ]
            assert told[0].split("Options")[1] == told[1].split("Options")[1]

    def test_a_worker_imports_nothing_heavy(self) -> None:
        names = "streams.cli.services, streams.agents.worker"
        code = f"import sys, {names}; print(*(set({HEAVY!r}) & set(sys.modules)))"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert ran.stdout.split() == []
