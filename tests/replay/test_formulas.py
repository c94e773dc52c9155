"""From any figure of a decision to its formula and its source: every link leads somewhere."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

from streams.replay import formulas
from streams.replay.formulas import OF_HEALTH, OF_KIND, PAGE, Formula, also_used
from streams.spec.model import MetricKind
from tests.judge.world import ALL_METRICS
from tests.replay.trails import decisions_of, trail

TEXT = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
SECTIONS = {
    re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): body
    for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", TEXT, re.MULTILINE)
}
NAMED = {name: value for name, value in vars(formulas).items() if isinstance(value, Formula)}


def resolved(dotted: str) -> object:
    """What a dotted name stands for."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            module = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[cut:], module)
    raise AssertionError(dotted)


class TestLinks:
    @pytest.mark.parametrize("kind", MetricKind)
    def test_every_kind_of_metric_has_its_formulas(self, kind: MetricKind) -> None:
        used = OF_KIND[kind]
        assert {used.test.anchor, used.estimate.anchor, used.interval.anchor} <= set(SECTIONS)

    def test_every_health_check_of_a_decision_has_one(self) -> None:
        names = {check.name for decision in decisions_of(trail()) for check in decision.health}
        assert names == set(OF_HEALTH)

    @pytest.mark.parametrize("metric", ALL_METRICS, ids=lambda metric: metric.name)
    def test_what_a_test_rests_on(self, metric) -> None:
        assert {formula.anchor for formula in also_used(metric)} <= set(SECTIONS)

    @pytest.mark.parametrize("name", NAMED)
    def test_every_formula_has_its_section_and_names_its_function_there(self, name: str) -> None:
        formula = NAMED[name]
        assert f"- Function: `{formula.function}`" in SECTIONS[formula.anchor]

    def test_every_section_is_linked(self) -> None:
        assert set(SECTIONS) == {formula.anchor for formula in NAMED.values()}


@pytest.mark.parametrize("anchor", SECTIONS)
class TestSections:
    def test_names_public_functions_that_exist(self, anchor: str) -> None:
        (line,) = re.findall(r"^- Function: (.+)$", SECTIONS[anchor], re.MULTILINE)
        names = re.findall(r"`([^`]+)`", line)
        assert names
        for name in names:
            assert not name.rpartition(".")[2].startswith("_")
            function = resolved(name)
            assert callable(function)
            assert function.__doc__

    def test_names_a_source(self, anchor: str) -> None:
        (source,) = re.findall(r"^- Source: (.+)$", SECTIONS[anchor], re.MULTILINE)
        assert len(source) > 10
