"""How the outlook is drawn: text curves and the page."""

import re
from html.parser import HTMLParser

import pytest

from streams.planner.curve import axis_of, chance, text_curves
from streams.planner.facts import Outlook
from streams.planner.page import page
from tests.planner.specs import ERRORS, latency, make_spec, more_errors, outlook, slower, traffic


@pytest.fixture(scope="module")
def foreseen() -> Outlook:
    spec = make_spec(ERRORS, latency(0.95), weights=(100, 5000), lasts_s=120.0)
    return outlook(spec, traffic(100), more_errors(3.0), slower(1.5), cases=100)


class Reader(HTMLParser):
    """Checks that tags close in order, and gathers text and what is loaded."""

    void = frozenset({"meta", "line", "path", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.void, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class TestTextCurves:
    def test_a_row_per_stage_with_its_end_and_an_axis(self, foreseen: Outlook) -> None:
        rows = text_curves([found for found in foreseen.detections if found.harm.factor == 3.0])
        assert [row.split()[0] for row in rows[:2]] == ["1%", "50%"]
        assert [row.count("│") for row in rows] == [1, 0, 0]
        assert rows[0].endswith("█")
        assert rows[1].index("█") < rows[0].index("█")
        assert "2m" in rows[2] or "3m" in rows[2]

    def test_chance_never_falls(self, foreseen: Outlook) -> None:
        found = foreseen.detections[0]
        axis = axis_of([found])
        chances = [chance(found, axis.time(place / 20)) for place in range(21)]
        assert chances == sorted(chances)
        assert (chances[0], chances[-1]) == (0.0, 1.0)


class TestPage:
    def test_is_whole_and_loads_nothing(self, foreseen: Outlook) -> None:
        reader = Reader()
        reader.feed(page(foreseen))
        assert (reader.open, reader.loads) == ([], [])
        told = " ".join(reader.words)
        assert "Bad candidate: 3x failures (2% -> 6% of requests)" in told
        assert "Bad candidate: latency +50%" in told
        assert "What to change" in told

    def test_draws_every_stage(self, foreseen: Outlook) -> None:
        text = page(foreseen)
        assert text.count("<svg") == 2
        # The first stage ends: a line, a dashed one beyond, a dot; the last has one line.
        assert (text.count("<path"), text.count("<circle")) == (6, 2)

    def test_wide_parts_scroll_by_themselves(self, foreseen: Outlook) -> None:
        """On a telephone neither a table nor a drawing is cut off, or made unreadably small."""
        text = page(foreseen)
        assert text.count("<table") + text.count("<svg") == text.count('<div class="wide">')

    def test_colours_are_told_for_dark_screens_too(self, foreseen: Outlook) -> None:
        light, _, dark = page(foreseen).partition("prefers-color-scheme: dark")
        used = set(re.findall(r"var\((--line-\d)\)", dark))
        assert len(used) == 2
        assert all(f"{name}: #" in part for name in used for part in (light, dark))

    def test_explains_only_what_is_drawn(self) -> None:
        alone = outlook(
            make_spec(ERRORS, weights=(5000,)), traffic(100), more_errors(3.0), cases=50
        )
        assert ("dot: the stage ends" in page(alone), page(alone).count("<circle")) == (False, 0)
