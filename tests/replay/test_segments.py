"""A rollout from which a slice went back: replayed, and explained, from its records alone."""

from __future__ import annotations

from functools import cache

from streams.cli.explained import lines
from streams.replay.check import Outcome, check
from streams.replay.explanation import Basis, Explanation, explain_again
from streams.replay.records import Trail
from streams.spec.model import FULL_BP, Stage
from tests.judge.sliced import SlicedWorld, sliced_spec
from tests.judge.world import ERRORS, Model
from tests.replay.trails import decisions_of, trail_in

SG = "country=SG"
STAGES = (Stage(weight_bp=5000, min_time_s=10), Stage(weight_bp=FULL_BP))


@cache
def trail() -> Trail:
    spec = sliced_spec(metrics=(ERRORS,), stages=STAGES)
    harm = {SG: Model(errors=0.4)}
    return trail_in(SlicedWorld(spec=spec, rate=1000, slices=harm), 40)


def explained(reason: str) -> Explanation:
    found = trail()
    place = next(n for n, d in enumerate(decisions_of(found)) if d.reason.startswith(reason))
    return explain_again(found.decisions[place], found)


def test_every_decision_comes_out_again() -> None:
    assert any(SG in decision.weights_bp for decision in decisions_of(trail()))
    assert {checked.outcome for checked in check(trail())} == {Outcome.OK}


def test_what_would_have_changed_the_slice_is_told() -> None:
    explanation = explained("slice_dropped")
    assert explanation.remark == ""
    told = next(t for t in explanation.told if t.verdict.segment == SG)
    assert (told.basis, told.safe) == (Basis.REJUDGED, None)
    assert told.harm is not None
    assert told.harm.crossed
    assert told.harm.events is not None
    assert told.harm.events < 0


def test_the_sentence_names_the_slice() -> None:
    text = "\n".join(line for line, _ in lines(explained("slice_dropped")))
    assert f"errors of candidate in {SG}: harm (e_harm_crossed), guardrail" in text
    assert f"with {SG} all at the baseline" in text
    assert "country=SG: baseline 100%, candidate 0%" in text
