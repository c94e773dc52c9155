"""What misses its bar is named where the limits are told, as its table shows it."""

from __future__ import annotations

import pytest

from infra.docs import misses
from infra.docs.figures import TABLES

HEADER = "|  | measured | unit | must | rounds |\n| --- | --- | --- | --- | --- |\n"
NOTHING = dict.fromkeys(TABLES, lambda: None)


class TestMissed:
    @pytest.mark.parametrize(
        ("row", "is_missed"),
        [
            ("| one | 1,001 | events/CPU-s | 1,000 | 5 |", False),
            ("| one | 999 | events/CPU-s | 1,000 | 5 |", True),
            ("| one | 20.1 | us | 20 | 5 |", True),
            ("| one | -16.4 | MiB | 64 | 5 |", False),
            ("| one | 7 | ms of CPU | 1e+01 | 5 |", False),
            ("| one | 1.2 | ratio | ≤ 1.1 | 5 |", True),
            ("| one | 1.2 | ratio | ≥ 1.1 | 5 |", False),
            ("| one | 1.2 | ratio |  | 5 |", False),
            ("| one | 26 of 28 | a scenario | 1.75 of it | ≤ 1.7 |", True),
            ("| one | 28 of 28 | a scenario | 1.69 of it | ≤ 1.7 |", False),
        ],
    )
    def test_which_side_of_its_bar_a_row_must_be(self, row: str, *, is_missed: bool) -> None:
        """By the bar's sign or, where a table has none, by the unit."""
        table = f"{HEADER}{row}\n\nMeasured 2026-01-02, at a1.\n"
        assert bool(misses.missed(table)) == is_missed

    def test_figure_and_bar_are_told(self) -> None:
        rows = "| one | 26 of 28 | a | 1.75 of it | ≤ 1.7 |\n| two | 2 | ratio | ≤ 1.3 | 5 |\n"
        told = ["*one* (26 of 28 hold)", "*two* (2 ratio, must ≤ 1.3)"]
        assert misses.missed(HEADER + rows) == told


class TestListed:
    def test_what_was_measured_anew_counts_before_what_pages_show(self) -> None:
        fresh = {**NOTHING, "load": lambda: f"{HEADER}| slow | 9 | s | ≤ 5 | 1 |\n"}
        last = misses.listed(fresh).splitlines()[-1]
        assert last.endswith("#backlogs-floods-and-restarts): *slow* (9 s, must ≤ 5).")

    def test_pages_are_read_where_nothing_was_measured(self) -> None:
        """Each row that the list names stands in the table of that page."""
        named = misses.listed(NOTHING)
        for name, (page, _, anchor) in misses.PLACES.items():
            rows = misses.missed(misses.shown(page, name))
            assert [row for row in rows if row not in named] == []
            assert (f"(../{page}#{anchor})" in named) == bool(rows)

    def test_a_table_in_which_all_holds_is_left_out(self) -> None:
        holds = dict.fromkeys(TABLES, lambda: HEADER)
        assert misses.listed(holds) == "None of them.\n"
