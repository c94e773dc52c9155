"""Do the recorded decisions follow from the log? Judge again along the cuts that they name.

Each decision names in `steps` every cut since the one before at which more than the pane changed;
between two of them only the pane counts up. So the judge reads exactly what it read then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, Cut, PaneInput, RoutingFact
from streams.judge.rollout import RolloutJudge
from streams.spec.model import RolloutSpec

Fact = TypeVar("Fact", RoutingFact, CommandFact)


def recorded_cuts(decisions: Iterable[Decision]) -> Iterator[Cut]:
    """The cut of every step that led to these consecutive decisions, in order."""
    for decision in decisions:
        ends = [*(cut.pane for cut in decision.steps[1:]), decision.cut.pane + 1]
        for cut, end in zip(decision.steps, ends, strict=True):
            yield from (replace(cut, pane=pane) for pane in range(cut.pane, end))


class Retrial:
    """A fresh judge that is led along recorded cuts, decision by decision."""

    def __init__(
        self,
        judge: RolloutJudge,
        pane_at: Callable[[int], PaneInput],
        routing: Sequence[RoutingFact],
        commands: Sequence[CommandFact],
    ) -> None:
        """`pane_at` gives the merged pane of an index; facts ascend by offset."""
        self.judge = judge
        self._pane_at, self._routing, self._commands = pane_at, routing, commands
        self._before = Cut(pane=-1)

    def follow(self, recorded: Decision) -> list[Decision]:
        """What the judge decides on the way from the decision before to this one.

        Only the cuts of `recorded` are used. Equal input gives just one decision, equal to it.

        Raises:
            StateError: the cuts do not follow on those before, or a pane is missing.
            ValueError: the decision names no cuts.
        """
        told = (self._step(cut) for cut in recorded_cuts([recorded]))
        return [decision for decision in told if decision is not None]

    def _step(self, cut: Cut) -> Decision | None:
        before, self._before = self._before, cut
        return self.judge.step(
            self._pane_at(cut.pane),
            cut,
            _between(self._routing, before.routing_offset, cut.routing_offset),
            _between(self._commands, before.commands_offset, cut.commands_offset),
        )


def replay_decisions(
    spec: RolloutSpec,
    pane_ms: int,
    panes: Mapping[int, PaneInput],
    routing: Sequence[RoutingFact],
    commands: Sequence[CommandFact],
    decisions: Sequence[Decision],
) -> list[Decision]:
    """Judge again from the first pane on; equal input gives equal decisions.

    Args:
        spec: the rollout's spec.
        pane_ms: length of a pane in milliseconds.
        panes: merged panes by index; one that is absent had no events.
        routing: the rollout's routing records, ascending by offset.
        commands: its command records, ascending by offset.
        decisions: all recorded decisions from the first on; only their cuts are used.
    """

    def pane_at(pane: int) -> PaneInput:
        return panes.get(pane) or PaneInput(pane=pane, pane_ms=pane_ms)

    retrial = Retrial(RolloutJudge(spec, pane_ms), pane_at, routing, commands)
    return [told for recorded in decisions for told in retrial.follow(recorded)]


def replay_bodies(
    spec: RolloutSpec,
    pane_ms: int,
    panes: Mapping[int, PaneInput],
    routing: Sequence[RoutingFact],
    commands: Sequence[CommandFact],
    decisions: Sequence[Decision],
) -> list[bytes]:
    """Avro bodies of `replay_decisions`, to compare with the recorded ones byte for byte."""
    replayed = replay_decisions(spec, pane_ms, panes, routing, commands, decisions)
    return [decision_body(decision) for decision in replayed]


def _between(facts: Sequence[Fact], first: int, end: int) -> list[Fact]:
    return [fact for fact in facts if first <= fact.offset < end]
