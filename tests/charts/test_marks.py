"""Marks are well-formed, and words in them are escaped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from streams.charts.frame import Frame
from streams.charts.marks import band, bar, dot, label, path, rule, steps, svg

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")))
POINTS = [(0.0, 0.0), (10.0, 5.0), (20.0, 2.0)]


class TestMarks:
    @given(words=WORDS)
    def test_a_drawing_is_well_formed_whatever_it_says(self, words: str) -> None:
        parts = [
            label((1, 2), words, kind="name", colour="var(--line-0)"),
            *(rule((0, 0), (1, 1)), path(POINTS, "red"), dot((1, 1), "red")),
            *(band(POINTS, POINTS, "red"), bar((0, 0), 3, 4, "red")),
        ]
        drawn = ET.fromstring(svg(Frame(), parts, words))
        assert drawn.get("aria-label") == words
        assert (drawn[0].text or "") == words
        assert [each.tag for each in drawn] == [
            *("text", "line", "path", "circle"),
            *("polygon", "rect"),
        ]

    def test_steps_keep_their_height_until_the_next(self) -> None:
        drawn = ET.fromstring(steps(POINTS, 30.0, "red", dash="6 4"))
        assert drawn.get("d") == "M0.0,0.0L10.0,0.0L10.0,5.0L20.0,5.0L20.0,2.0L30.0,2.0"
        assert drawn.get("stroke-dasharray") == "6 4"

    def test_a_bar_is_never_turned_inside_out(self) -> None:
        drawn = ET.fromstring(bar((0, 0), -3, 4, "red"))
        assert (drawn.get("width"), drawn.get("height")) == ("0.0", "4.0")
