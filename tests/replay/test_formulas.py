"""From any figure of a decision to its formula and its source: every link leads somewhere."""

from __future__ import annotations

import inspect
import pkgutil
import re
from dataclasses import fields
from pathlib import Path

import pytest

import streams.evidence
from streams.judge.decision_facts import Decision, Drift, Figure, HealthCheck, Shadow, Verdict
from streams.judge.rollout import RolloutJudge
from streams.replay import formulas
from streams.replay.formulas import OF_FIGURE, OF_HEALTH, OF_KIND, PAGE, ROOT, Formula, also_used
from streams.replay.legend import (
    OF_DECISION,
    OF_DRIFT,
    OF_SHADOW,
    of_check,
    of_figure,
    of_verdict,
)
from streams.spec.metric_facts import MetricKind
from tests.judge import world
from tests.judge.mirror import MirrorWorld, shadow_spec
from tests.judge.outcomes.world import (
    ACCURACY,
    BRIER,
    CONVERSION,
    FLOOR,
    RECALL,
    REVENUE,
    OutcomeWorld,
    outcome_spec,
    run,
)
from tests.judge.world import ALL_METRICS, PANE_MS
from tests.replay.trails import decisions_of, trail

OF_OUTCOMES = (ACCURACY, FLOOR, RECALL, BRIER, CONVERSION, REVENUE)
PAGE_FILE = ROOT / PAGE
TEXT = PAGE_FILE.read_text(encoding="utf-8")
TITLES = re.findall(r"^##? (.+)$", TEXT, re.MULTILINE)
SECTIONS = {
    re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): body
    for title, body in re.findall(r"^## (.+)\n((?:(?!##? ).*\n?)*)", TEXT, re.MULTILINE)
}
NAMED = {name: value for name, value in vars(formulas).items() if isinstance(value, Formula)}
LATER = TEXT.partition("# Further tests, not yet in a decision")[2]
FUNCTION = re.compile(r"\[`(streams\.[\w.]+)`\]\(([\w./]+)\)")
PAPER = re.compile(r"\[(doi:|arXiv:|numdam|github)[^\]]*\]\((https?://[^)\s]+)\)")
WORDS = {
    Verdict: {"metric", "kind", "role", "segment", "candidate", "reason", "unit", "counted"},
    HealthCheck: {"name", "reason"},
    Shadow: {"judge", "candidate"},
    Drift: {"metric", "unit"},
    Figure: {"name", "outcome", "segment", "arm"},
    Decision: {
        *("rollout", "decision_id", "seq", "spec_hash", "pane_ms"),  # names and numbers of order
        *("cut", "steps"),  # where the judge stood in the log
        *("verdicts", "health", "shadows", "drifts", "figures"),  # parts with fields of their own
    },
}
"""Fields that are no figures: whoever adds a field says here, or in the legend, what it is."""
FACTS = [(Decision, OF_DECISION), (Shadow, OF_SHADOW), (Drift, OF_DRIFT)]
TOOLS = {"asymptotic", "fixed", "grids", "margins", "mean_sums", "roots"}
"""Modules of streams/evidence that answer no question of a decision by themselves."""


def line_of(anchor: str, what: str) -> str:
    """The one line of a section that names its functions or its source."""
    (line,) = re.findall(rf"^- {what}: (.+)$", SECTIONS[anchor], re.MULTILINE)
    return line


class TestFigures:
    @pytest.mark.parametrize("kind", MetricKind)
    def test_every_field_of_a_verdict_has_its_formula(self, kind: MetricKind) -> None:
        for field in {field.name for field in fields(Verdict)} - WORDS[Verdict]:
            formula = of_verdict(field, OF_KIND[kind])
            assert formula is not None, field
            assert formula.anchor in SECTIONS

    @pytest.mark.parametrize("name", OF_HEALTH)
    def test_every_field_of_a_health_check(self, name: str) -> None:
        for field in {field.name for field in fields(HealthCheck)} - WORDS[HealthCheck]:
            formula = of_check(name, field)
            assert formula is not None, field
            assert formula.anchor in SECTIONS

    @pytest.mark.parametrize("name", OF_FIGURE)
    def test_every_field_of_a_shown_figure(self, name: str) -> None:
        for field in {field.name for field in fields(Figure)} - WORDS[Figure]:
            formula = of_figure(name, field)
            assert formula is not None, field
            assert formula.anchor in SECTIONS

    @pytest.mark.parametrize(("fact", "legend"), FACTS)
    def test_every_other_field(self, fact: type, legend: dict[str, Formula]) -> None:
        figures = {field.name for field in fields(fact)} - WORDS[fact]
        assert figures - {"reason"} == set(legend) - {"reason"}
        assert {formula.anchor for formula in legend.values()} <= set(SECTIONS)

    def test_words_are_fields(self) -> None:
        """A field that is renamed is looked at again."""
        for fact, words in WORDS.items():
            assert words <= {field.name for field in fields(fact)}

    def test_every_health_check_of_a_decision_has_one(self) -> None:
        names = {check.name for decision in decisions_of(trail()) for check in decision.health}
        labels = outcome_spec(ACCURACY)
        names |= {check.name for check in run(OutcomeWorld(spec=labels), 1)[0].health}
        copies = MirrorWorld(spec=shadow_spec())
        (told,) = world.run(RolloutJudge(copies.spec, PANE_MS), copies, 1)
        names |= {check.name for check in told.health}
        assert {name.partition(":")[0] for name in names} == set(OF_HEALTH) - {"units"}

    @pytest.mark.parametrize("metric", [*ALL_METRICS, *OF_OUTCOMES], ids=lambda metric: metric.name)
    def test_what_a_test_rests_on(self, metric) -> None:
        assert {formula.anchor for formula in also_used(metric)} <= set(SECTIONS)


class TestPage:
    @pytest.mark.parametrize("name", NAMED)
    def test_every_formula_has_its_section_and_names_its_function_there(self, name: str) -> None:
        formula = NAMED[name]
        named = [function for function, _ in FUNCTION.findall(line_of(formula.anchor, "Function"))]
        assert formula.function in named

    @pytest.mark.parametrize("name", NAMED)
    def test_the_place_is_the_line_that_defines_the_function(self, name: str) -> None:
        formula = NAMED[name]
        file, _, line = formula.place.partition(":")
        text = (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1 :][:3]
        last = formula.function.rpartition(".")[2]
        assert re.search(rf"^\s*(@|def {last}\b|class {last}\b)", text[0])
        assert any(re.search(rf"(def|class) {last}\b", found) for found in text)

    def test_every_section_is_linked_or_said_to_be_for_later(self) -> None:
        later = {anchor for anchor, body in SECTIONS.items() if body.strip() in LATER}
        linked = {formula.anchor for formula in NAMED.values()}
        assert set(SECTIONS) - later == linked

    def test_no_two_sections_share_a_name(self) -> None:
        assert len(TITLES) == len(set(TITLES))
        assert len(SECTIONS) == len(re.findall(r"^## ", TEXT, re.MULTILINE))

    def test_every_test_form_has_a_section(self) -> None:
        forms = {module.name for module in pkgutil.iter_modules(streams.evidence.__path__)}
        told = {name.split(".")[2] for name, _ in FUNCTION.findall(TEXT) if ".evidence." in name}
        assert forms - told <= TOOLS


@pytest.mark.parametrize("anchor", SECTIONS)
class TestSections:
    def test_links_public_functions_to_the_files_that_hold_them(self, anchor: str) -> None:
        line = line_of(anchor, "Function")
        named = FUNCTION.findall(line)
        assert len(named) == line.count("`") // 2 > 0
        for name, link in named:
            assert not name.rpartition(".")[2].startswith("_")
            function = pkgutil.resolve_name(name)
            assert callable(function)
            assert function.__doc__
            assert (PAGE_FILE.parent / link).resolve() == Path(inspect.getfile(function)).resolve()

    def test_says_the_formula_before_it(self, anchor: str) -> None:
        assert len(SECTIONS[anchor].partition("- Function:")[0].split()) >= 5

    def test_links_the_paper_or_owns_up(self, anchor: str) -> None:
        """Without a paper it says that the idea is davy's own, or in whose book it stands."""
        source = line_of(anchor, "Source")
        assert PAPER.search(source) or source.startswith("davy's own") or "(ed.)" in source

    def test_links_stand_for_what_they_say(self, anchor: str) -> None:
        for label, link in re.findall(r"\[((?:doi|arXiv):[^\]]+)\]\(([^)]+)\)", SECTIONS[anchor]):
            kind, _, name = label.partition(":")
            where = {"doi": "https://doi.org/", "arXiv": "https://arxiv.org/abs/"}[kind]
            assert link == f"{where}{name}"
