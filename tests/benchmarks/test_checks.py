"""What is asked of everybody in the contest cannot be had by doing less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from streams.panes.facts import cells_to_states
from streams.sketches.cell import Cell
from tests.benchmarks.checks import asked_of, check_panes, check_verdicts
from tests.benchmarks.events import Facts

FACTS = Facts(
    pane=np.array([7, 7, 8, 8]),
    candidate=np.array([False, True, False, True]),
    failed=np.array([False, False, True, False]),
    latency_ms=np.array([10.5, 20.5, 30.5, 40.5]),
    label=np.array([1, 2, 3, 3]),
)


def bodies(wrong: dict[tuple[int, str], Cell] | None = None) -> Iterator[dict[str, Any]]:
    for (pane, arm), cell in (FACTS.cells() | (wrong or {})).items():
        yield {"pane": pane, "cells": cells_to_states({("all", arm): cell})}


class TestPanes:
    def test_what_was_published_passes(self) -> None:
        check_panes(FACTS, bodies())

    def test_an_event_too_many_is_found(self) -> None:
        twice = Cell(exposures=2)
        twice.latency.update(np.array([40.5, 40.5]))
        with pytest.raises(AssertionError, match=r"\(8, 'candidate'\).* 1 panes in all"):
            check_panes(FACTS, bodies({(8, "candidate"): twice}))

    def test_a_pane_too_many_is_found(self) -> None:
        with pytest.raises(AssertionError, match="1 panes in all"):
            check_panes(FACTS, bodies({(9, "candidate"): Cell(exposures=1)}))

    def test_another_bucket_is_found(self) -> None:
        """As many requests and errors, another latency."""
        other = FACTS.cells()[8, "candidate"]
        other.latency.update(np.array([1.0]))
        with pytest.raises(AssertionError, match="1 panes in all"):
            check_panes(FACTS, bodies({(8, "candidate"): other}))


class TestTallies:
    def test_what_a_peer_lacks_is_not_asked_of_it(self) -> None:
        asked = asked_of(FACTS, frozenset({"latency"}))
        assert asked["baseline"] == {"exposures": 2, "errors": 1, "classes": {"1": 1}}
        assert "latency" in asked_of(FACTS, frozenset())["baseline"]


class TestVerdicts:
    def test_one_each_second_passes(self) -> None:
        check_verdicts(map(float, range(100, 140)), 110.0, 130.0)

    def test_too_few_are_found(self) -> None:
        with pytest.raises(AssertionError, match="5 verdicts in 20 s"):
            check_verdicts([112.0, 116.0, 120.0, 124.0, 128.0], 110.0, 130.0)

    def test_those_of_before_and_after_do_not_count(self) -> None:
        with pytest.raises(AssertionError, match="0 verdicts in 20 s"):
            check_verdicts(
                [*map(float, range(90, 110)), *map(float, range(131, 150))], 110.0, 130.0
            )

    def test_all_at_once_are_found(self) -> None:
        with pytest.raises(AssertionError, match=r"no verdict for 19\.0 s of 20"):
            check_verdicts([129.0] * 40, 110.0, 130.0)
