"""The plan that a page shows is what `davy plan` says; its figures are those of the last time."""

from __future__ import annotations

import re
from itertools import groupby

from infra.docs import plan_sample
from infra.docs.figures import BLOCK
from tests.docs.pages import ROOT

PAGE = ROOT / "streams" / "planner" / "README.md"
CURVE = re.compile(r"[▁-█]")
FIGURE = "#"


def words(text: str) -> set[str]:
    """Lines without curves, with a sign in the place of figures that stand together.

    Processors differ in the last bit, and then a figure may, or the order of two rows.

    >>> words("found after 2h 40m\\n")
    {'found after #'}
    """
    lines = (line.split() for line in text.splitlines() if not CURVE.search(line))
    return {" ".join(masked(line)) for line in lines}


def masked(line: list[str]) -> list[str]:
    """Words of a line; those with a digit, and neighbours of such, as one."""
    signs = (FIGURE if re.search(r"\d", word) else word for word in line)
    return [word for word, _ in groupby(signs)]


def test_it_is_said_in_the_words_that_are_shown() -> None:
    """Question, headings, columns, advice and notes."""
    (shown,) = [found[0] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    said = words(plan_sample.said())
    assert f"\n{plan_sample.SHOWN}\n" in shown
    assert said - words(shown) == set()
    assert len(said) > 10
