"""Slices in print: those with harm, and that the others are quiet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.cli import show
from streams.judge.decision_facts import Decision, Finding
from streams.judge.rollout import RolloutJudge
from tests.judge.sliced import SlicedWorld, sliced_spec
from tests.judge.world import ERRORS, PANE_MS, run


@pytest.fixture(scope="module")
def decision() -> Decision:
    spec = sliced_spec(metrics=(ERRORS,))
    return run(RolloutJudge(spec, PANE_MS), SlicedWorld(spec=spec), 3)[-1]


def test_slices_without_harm_take_one_line(decision: Decision, capsys) -> None:
    show.evidence(decision)
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told[1:2]] == [["errors", "candidate"]]
    quiet = "country=DE, country=SG, country=other, tier=free, tier=other, tier=pro"
    assert f"harm is not shown in {quiet}" in told


def test_a_slice_with_harm_is_named(decision: Decision, capsys) -> None:
    whole, *slices = decision.verdicts
    harmed = replace(slices[1], finding=Finding.HARM)
    show.evidence(replace(decision, verdicts=(whole, slices[0], harmed)))
    told = capsys.readouterr().out
    assert "candidate in country=SG  harm" in told
    assert "harm is not shown in country=DE\n" in told


def test_weights_of_slices_stand_behind_those_of_all() -> None:
    home, half = {"baseline": 10_000, "candidate": 0}, {"baseline": 5000, "candidate": 5000}
    assert show.by_segment({"country=SG": home, "all": half}) == (
        "baseline 50%, candidate 50%; country=SG: baseline 100%, candidate 0%"
    )
