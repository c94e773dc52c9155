"""What pages tell people to type is there: `davy` commands with their flags, `make` targets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from streams.cli import main
from tests.docs.pages import ROOT, commands, pages

TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
TARGETS = frozenset(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
DOMAIN = "davy record signature"
"""Begins what is signed; no command."""
PLACE = re.compile(r"[A-Z_]+|\.\.\.|…")
"""Stands for a word of the reader's own."""


def trouble(command: str) -> str:
    """What no davy understands of a command; empty where it does."""
    words = shlex.split(command)
    if words[0] == "make":
        return _no_target(words[1:])
    if command.startswith(DOMAIN):
        return ""
    found: Any = get_command(main.app)
    rest = words[1:]
    while isinstance(found, TyperGroup) and rest and not rest[0].startswith("-"):
        if PLACE.fullmatch(rest[0]):
            return ""
        if rest[0] not in found.commands:
            return f"no command {rest[0]!r}"
        found, rest = found.commands[rest[0]], rest[1:]
    known = {"--help", *(name for each in found.params for name in _names(each))}
    given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    return ", ".join(f"no flag {flag}" for flag in sorted(given - known))


def _names(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _no_target(words: list[str]) -> str:
    """Of the words that are no variables and no options of make."""
    asked = [word for word in words if "=" not in word and not word.startswith("-")]
    return ", ".join(f"no target {word}" for word in asked if word not in TARGETS)


class TestCommands:
    @pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
    def test_all_are_there(self, page: Path) -> None:
        """By the words in which a page writes them."""
        told = {each: trouble(each) for each in commands(page.read_text(encoding="utf-8"))}
        assert {each: why for each, why in told.items() if why} == {}

    def test_there_are_many(self) -> None:
        """So the test above looks at something."""
        found = {each for page in pages() for each in commands(page.read_text(encoding="utf-8"))}
        assert len(found) > 100

    @pytest.mark.parametrize(
        ("command", "why"),
        [
            ("davy rollout begin", "no command 'begin'"),
            ("davy worker --fast", "no flag --fast"),
            ("make tea", "no target tea"),
            ("davy rollout apply FILE --dry-run", ""),
            ("make demo FAULT=slow", ""),
        ],
    )
    def test_what_is_not_there_is_seen(self, command: str, why: str) -> None:
        assert trouble(command) == why
