"""Do the recorded decisions follow from the log? Judge again along the cuts that they name.

Each decision names in `steps` every cut since the one before at which more than the pane changed;
between two of them only the pane counts up. So the judge reads exactly what it read then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from streams.judge.chain import decision_body
from streams.judge.facts import CommandFact, Cut, Decision, PaneInput, RoutingFact
from streams.judge.rollout import RolloutJudge
from streams.spec.model import RolloutSpec

Fact = TypeVar("Fact", RoutingFact, CommandFact)


def recorded_cuts(decisions: Iterable[Decision]) -> Iterator[Cut]:
    """The cut of every step that led to these consecutive decisions, in order."""
    for decision in decisions:
        ends = [*(cut.pane for cut in decision.steps[1:]), decision.cut.pane + 1]
        for cut, end in zip(decision.steps, ends, strict=True):
            yield from (replace(cut, pane=pane) for pane in range(cut.pane, end))


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
    judge = RolloutJudge(spec, pane_ms)
    before = Cut(pane=-1)
    replayed = []
    for cut in recorded_cuts(decisions):
        pane = panes.get(cut.pane) or PaneInput(pane=cut.pane, pane_ms=pane_ms)
        fresh_routing = _between(routing, before.routing_offset, cut.routing_offset)
        fresh_commands = _between(commands, before.commands_offset, cut.commands_offset)
        decision = judge.step(pane, cut, fresh_routing, fresh_commands)
        before = cut
        if decision is not None:
            replayed.append(decision)
    return replayed


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
