"""The README of the room shows the commands and exit codes that there are."""

from __future__ import annotations

from pathlib import Path

from infra.docs.figures import READMES, rewritten
from streams.cli.codes import MEANS, Code
from streams.serving.pulse import HUNG

README = Path(__file__).parents[2] / "streams" / "cli" / "README.md"


def test_its_tables_are_fresh() -> None:
    """`make figures` would change nothing."""
    text = README.read_text(encoding="utf-8")
    assert "| 70 |" in text
    assert "| `davy rollout apply` |" in text
    assert rewritten(text) == text


def test_make_figures_writes_it() -> None:
    assert Path("streams/cli/README.md") in READMES


def test_every_code_means_something() -> None:
    assert set(MEANS) == set(Code)
    assert Code.STALLED == HUNG
