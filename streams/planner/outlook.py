"""How soon will a rollout find harm, what does that cost, and when is a good one promoted?"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from streams.errors import SpecError
from streams.evidence.fixed import Floats
from streams.judge.budget import alpha_shares
from streams.planner.advice import advise
from streams.planner.facts import (
    Behaviour,
    Course,
    Detection,
    Harm,
    HarmKind,
    Leg,
    Outlook,
    Promotion,
    Shown,
    Spread,
    Traffic,
)
from streams.planner.harms import breaks_by_itself, check_harm, check_traffic, sees
from streams.planner.lanes import Question, foreseen
from streams.planner.simulate import Canaries, Proof, Race, run_clean, run_good, run_harm
from streams.spec.metric_facts import Metric, Role
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec

T = TypeVar("T")
CASES = 400
"""Streams: a median is then within about 4 % of the truth, a chance within 5 points."""


def foresee(
    spec: RolloutSpec,
    traffic: Traffic,
    harms: Sequence[Harm],
    rng: np.random.Generator,
    *,
    cases: int = CASES,
    stepped: Callable[[int, int], object] = lambda _done, _total: None,
) -> Outlook:
    """The outlook of one candidate of a rollout, from `cases` simulated streams.

    `stepped` hears after each simulation how many are done, of how many.

    Raises:
        SettingsError: a number that no service has, or a harm that is none by this spec.
        SpecError: no stage before 100 %, so nothing could ever be shown.
    """
    check_traffic(traffic)
    for harm in harms:
        check_harm(spec, traffic, harm)
    legs = legs_of(spec, traffic)
    runs = _Runs(spec, traffic, legs, rng, cases)
    told = _Told(total=(len(legs) + 1) * len(harms) + 1, stepped=stepped)
    detections = [told.of(runs.detection(harm, leg)) for leg in legs for harm in harms]
    courses = [told.of(runs.course(harm)) for harm in harms]
    promotion = told.of(runs.promotion())
    outlook = Outlook(
        rollout=spec.rollout,
        candidates=len(spec.candidates),
        traffic=traffic,
        harms=tuple(harms),
        legs=legs,
        detections=tuple(detections),
        courses=tuple(courses),
        promotion=promotion,
        advice=(),
        unforeseen=tuple(m.name for m in spec.metrics if not foreseen(m)),
        cases=cases,
    )
    return advise(spec, outlook)


class _Told:
    """Tells how many simulations are done."""

    def __init__(self, *, total: int, stepped: Callable[[int, int], object]) -> None:
        self._done, self._total, self._stepped = 0, total, stepped

    def of(self, found: T) -> T:
        """One more is done; gives it back."""
        self._done += 1
        self._stepped(self._done, self._total)
        return found


def legs_of(spec: RolloutSpec, traffic: Traffic) -> tuple[Leg, ...]:
    """The stages before 100 %; each lasts until its least time and its requests are there.

    Raises:
        SpecError: there is none.
    """
    legs = []
    for index, stage in enumerate(spec.stages):
        if stage.weight_bp >= FULL_BP:
            break
        weights = spec.weights_at(index)
        candidate_bp = weights[spec.candidates[0].name]
        per_s = traffic.rps * candidate_bp / FULL_BP
        counted_s = spec.guard_s + stage.min_exposures / per_s if stage.min_exposures else 0.0
        legs.append(
            Leg(
                index=index,
                baseline_bp=weights[BASELINE],
                candidate_bp=candidate_bp,
                lasts_s=max(stage.min_time_s, counted_s, traffic.pane_s),
                max_time_s=stage.max_time_s,
            )
        )
    if not legs:
        raise SpecError(
            "stages: 100% is the first stage, so nothing is ever compared and nothing promoted — "
            "write a stage before it, e.g. `stages: [10% for 12h, 100%]`"
        )
    return tuple(legs)


def spread(seconds: Floats) -> Spread:
    """Median and 90 % quantile of times of which some may be inf."""
    ordered = np.sort(seconds)
    half, most = (ordered[math.ceil(q * ordered.size) - 1] for q in (0.5, 0.9))
    return Spread(half_s=float(half), most_s=float(most))


class _Runs:
    """Simulations of one spec under one traffic."""

    def __init__(
        self,
        spec: RolloutSpec,
        traffic: Traffic,
        legs: tuple[Leg, ...],
        rng: np.random.Generator,
        cases: int,
    ) -> None:
        self._spec, self._traffic, self._legs = spec, traffic, legs
        self._rng, self._cases = rng, cases
        self._good = Behaviour(p_error=traffic.p_error)
        shares, one = alpha_shares(spec), spec.candidates[0].name
        self._shares = {m.name: shares[ALL_SEGMENT, one, m.name] for m in spec.metrics}
        self._alpha_promote = spec.alpha_promote / len(spec.candidates)
        self._clean: dict[HarmKind, Canaries] = {}

    def detection(self, harm: Harm, leg: Leg) -> Detection:
        """Stages before `leg` pass with a good candidate; then the harm begins."""
        watching = sees(self._spec, self._traffic, harm)
        canaries = self._at(harm, leg, watching)
        race = self._race(copy.deepcopy(canaries), harm, [leg], watching)
        found = race.found_s
        return Detection(
            harm=harm,
            leg=leg,
            spread=spread(found),
            by_end=float((found <= leg.lasts_s).mean()),
            first=race.first,
            bad_requests=float(self._bad_requests(harm, found, [leg]).mean()),
            found_s=tuple(np.sort(found).tolist()),
        )

    def _at(self, harm: Harm, leg: Leg, watching: Sequence[Metric]) -> Canaries:
        """Canaries at the begin of a stage; asked for stage by stage."""
        if leg.index == 0:
            self._clean[harm.kind] = self._open(watching, Question.HARM)
        else:
            before = self._legs[leg.index - 1]
            run_clean(self._clean[harm.kind], before, before.lasts_s, self._good, self._rng)
        return self._clean[harm.kind]

    def _open(self, metrics: Sequence[Metric], question: Question) -> Canaries:
        """One pane with the baseline alone comes before the first stage."""
        canaries = Canaries(metrics, question, self._traffic, self._cases, self._alpha_promote)
        alone = Leg(index=-1, baseline_bp=FULL_BP, candidate_bp=0, lasts_s=0.0, max_time_s=None)
        canaries.advance(alone, 1, self._good, self._rng)
        canaries.enter()
        return canaries

    def _race(
        self, canaries: Canaries, harm: Harm, legs: Sequence[Leg], watching: Sequence[Metric]
    ) -> Race:
        shares = {metric.name: self._shares[metric.name] for metric in watching}
        return run_harm(canaries, legs, self._good.with_harm(harm), shares, self._rng)

    def course(self, harm: Harm) -> Course:
        """Bad from the first request, through all stages."""
        watching = sees(self._spec, self._traffic, harm)
        race = self._race(self._open(watching, Question.HARM), harm, self._legs, watching)
        found = race.found_s
        bad = self._bad_requests(harm, found, self._legs)
        ends = np.cumsum([0.0, *(leg.lasts_s for leg in self._legs[:-1]), math.inf])
        inside = [(found > a) & (found <= b) for a, b in pairwise(ends)]
        inside[-1] &= np.isfinite(found)
        return Course(
            harm=harm,
            spread=spread(found),
            bad_requests=float(bad.mean()),
            bad_requests_most=spread(bad).most_s,
            found_in=tuple(float(part.mean()) for part in inside),
        )

    def _bad_requests(self, harm: Harm, found: Floats, legs: Sequence[Leg]) -> Floats:
        """Expected number until each stream's harm is found, beyond the baseline's."""
        served: Floats = np.zeros(found.shape)
        left = found.copy()
        for leg in legs:
            spent = left if leg is legs[-1] else np.minimum(left, leg.lasts_s)
            served += spent * self._traffic.rps * leg.candidate_bp / FULL_BP
            left = left - np.where(np.isfinite(spent), spent, 0.0)
        worse = self._traffic.p_error * (harm.factor - 1)
        return served * (worse if harm.kind is HarmKind.ERRORS else 1.0)

    def promotion(self) -> Promotion:
        """A candidate like the baseline, in the last stage before 100 %."""
        guards = [m for m in self._spec.metrics if m.role is Role.GUARDRAIL and foreseen(m)]
        doomed = [metric for metric in guards if breaks_by_itself(metric, self._traffic)]
        hopeful = [metric for metric in guards if metric not in doomed]
        proof, leg = self._proof(hopeful), self._legs[-1]
        never = np.full(self._cases, np.inf)
        told = [(m, proof.shown_s[m.name]) for m in hopeful] + [(m, never) for m in doomed]
        shown = [Shown(metric=metric, spread=spread(seconds)) for metric, seconds in told]
        shown.sort(key=lambda one: (-one.spread.half_s, -one.spread.most_s))
        together = never if doomed else proof.all_s
        return Promotion(
            leg=leg,
            shown=tuple(shown),
            spread=spread(together),
            in_time=float((together <= (leg.max_time_s or math.inf)).mean()),
            earlier_s=math.fsum(before.lasts_s for before in self._legs[:-1]),
        )

    def _proof(self, metrics: Sequence[Metric]) -> Proof:
        canaries = self._open(metrics, Question.SAFE)
        for leg in self._legs[:-1]:
            canaries.advance(
                leg, math.ceil(leg.lasts_s / self._traffic.pane_s), self._good, self._rng
            )
        canaries.enter()
        stage = self._spec.stages[self._legs[-1].index]
        least = self._spec.guard_s, stage.min_time_s, max(1, stage.min_exposures)
        proof = Proof.of(canaries, self._alpha_promote)
        run_good(canaries, self._legs[-1], proof, least, self._good, self._rng)
        return proof
