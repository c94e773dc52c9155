"""How does a rollout get an actor, its router and a thread? From its spec and what the log told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from streams.actuator.actor import RolloutActor
from streams.actuator.audience import Audience, audience_of, inabilities
from streams.actuator.desk import History
from streams.actuator.leash import Leash, LeashedJournal, LeashedRouter
from streams.actuator.meters import Meters
from streams.actuator.ports import Clock, Router
from streams.actuator.routers.unusable import UnusableRouter
from streams.actuator.runner import Runner
from streams.actuator.teller import Journal
from streams.actuator.tenure import Tenure
from streams.errors import RouterError, TargetRejected
from streams.spec.model import RolloutSpec, Target
from streams.tracing.opening import Traces, trail_of

OpenRouter = Callable[[Target, Sequence[str], Audience], Router]


class Beginning:
    """Begins runners, also in the place of one that is stuck."""

    def __init__(
        self,
        open_target: OpenRouter,
        clock: Clock,
        tenure: Callable[[], Tenure],
        *,
        reconcile_s: float,
        meters: Meters,
        traces: Traces | None = None,
    ) -> None:
        self._open_target = open_target
        self._clock = clock
        self._tenure = tenure
        self._reconcile_s = reconcile_s
        self._meters, self._traces = meters, traces

    def begin(self, spec: RolloutSpec, history: History, journal: Journal) -> Runner | None:
        """A runner that stands where the log says; None where nothing is left to do."""
        actor, leash = self._actor(spec, journal)
        actor.restore(history.routing, history.commands, ended=history.ended)
        for decision in history.decisions.values():
            actor.decide(decision, replayed=True)
        if actor.is_over():
            return None
        return Runner(actor, journal, self._clock, leash, partial(self._again, journal))

    def _actor(self, spec: RolloutSpec, journal: Journal) -> tuple[RolloutActor, Leash]:
        leash, pause_s, tenure = Leash(), self._reconcile_s, self._tenure()
        router = LeashedRouter(self._router(spec), leash, tenure, self._clock)
        leashed = LeashedJournal(journal, leash)
        told = (self._meters, trail_of(self._traces))
        actor = RolloutActor(spec, router, leashed, self._clock, tenure, pause_s, *told)
        return actor, leash

    def _again(self, journal: Journal, stuck: RolloutActor) -> tuple[RolloutActor, Leash]:
        """A fresh actor in the place of one whose target does not return."""
        actor, leash = self._actor(stuck.spec, journal)
        actor.succeed(stuck)
        return actor, leash

    def _router(self, spec: RolloutSpec) -> Router:
        """The spec's router, if it can do all that the spec asks for."""
        try:
            router = self._open_target(spec.target, spec.arms, audience_of(spec))
        except RouterError as error:
            return UnusableRouter(error)
        unable = next(inabilities(spec, router.capabilities), None)
        if unable is None:
            return router
        return UnusableRouter(TargetRejected(f"{unable.path}: {unable.sentence}"))
