"""The commands of davy and their exit codes, made of the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from streams.cli import codes
from streams.cli.main import app

COMMANDS = ("command", "does")
CODES = ("code", "means", "of")


def command_rows() -> list[tuple[str, str]]:
    """Each command with the first sentence of its help."""
    return list(_rows(get_command(app), "davy"))


def code_rows() -> list[tuple[str, ...]]:
    """Each exit code, what it means, and who ends with it."""
    return list(codes.rows())


def _rows(command: Any, path: str) -> Iterator[tuple[str, str]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield f"`{path}`", " ".join(command.help.split("\n\n")[0].split())
        return
    for word in below:
        yield from _rows(below[word], f"{path} {word}")
