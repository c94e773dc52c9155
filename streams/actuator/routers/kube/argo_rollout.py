"""Where does a Rollout of Argo's stand? Facts read from the object, without asking anybody.

A Rollout has no weight that could be set: its own steps say where it goes, and `pause` steps are
the gates at which somebody may let it go on. Source: Argo Rollouts v1.10, its specification and the
code of its canary controller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from streams.actuator.routers.kube.patches import Json
from streams.errors import TargetRejected
from streams.spec.model import FULL_BP

AT_A_STEP = "CanaryPauseStep"
"""Why a Rollout waits at a pause step, in Argo's words; other reasons are other people's."""
LARGEST = 100

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Rollout stands on its way."""

    candidate: str
    """Pod hash of what is being rolled out."""
    stable: str
    """Pod hash of what was rolled out before; empty before the first time."""
    steps: tuple[Step, ...]
    index: int
    """The step that it is at; the number of steps once it has passed all."""
    weight_bp: int
    """What the candidate has now."""
    whole: int
    """What Argo's weights are parts of."""
    reasons: tuple[str, ...] = ()
    """Why its controller waits."""
    freed: bool = False
    """It was let go from the pause at which it stands, and has not moved yet."""
    paused: bool = False
    """Somebody, davy perhaps, has paused it as a whole."""
    aborted: bool = False
    full: bool = False
    """Somebody lets it go all the way, past every step."""
    current: bool = True
    """Whether its controller has seen the newest specification."""

    @classmethod
    def parse(cls, found: Json) -> Self:
        """Read a Rollout.

        Raises:
            TargetRejected: it has no steps to be let through, or no router of traffic.
        """
        name, spec, status = found["metadata"]["name"], found["spec"], found.get("status") or {}
        canary = (spec.get("strategy") or {}).get("canary")
        if canary is None or not canary.get("steps"):
            raise TargetRejected(
                f"Rollout {name}: needs strategy.canary with steps; davy lets it go on from one to "
                "the next and sets no weights of its own"
            )
        routing = canary.get("trafficRouting")
        if not routing:
            raise TargetRejected(
                f"Rollout {name}: needs strategy.canary.trafficRouting; without it Argo "
                "approximates weights by numbers of pods, and no share could be relied on"
            )
        whole = int(routing.get("maxTrafficWeight") or LARGEST)
        steps, index = tuple(canary["steps"]), int(status.get("currentStepIndex") or 0)
        reasons = tuple(str(one["reason"]) for one in status.get("pauseConditions") or ())
        return cls(
            candidate=str(status.get("currentPodHash", "")),
            stable=str(status.get("stableRS", "")),
            steps=steps,
            index=index,
            weight_bp=_weight(status, steps, index, whole) * FULL_BP // whole,
            whole=whole,
            reasons=reasons,
            freed=bool(status.get("controllerPause")) and not reasons,
            paused=bool(spec.get("paused")),
            aborted=bool(status.get("abort")),
            full=bool(status.get("promoteFull")),
            current=str(status.get("observedGeneration")) == str(found["metadata"]["generation"]),
        )

    @property
    def underway(self) -> bool:
        """Whether there is something to be compared with what was there before."""
        return bool(self.stable) and bool(self.candidate) and self.candidate != self.stable

    @property
    def waits(self) -> bool:
        """Whether it stands at a gate, until somebody lets it go on or the gate's time is over."""
        return self.reasons == (AT_A_STEP,) and self._pause() is not None

    @property
    def holds(self) -> bool:
        """Whether it stays where it is for as long as nobody lets it go on."""
        endless = self.waits and "duration" not in (self._pause() or {})
        return self.paused or self.aborted or endless or not self.underway

    def next_bp(self) -> int:
        """What the candidate will have at the next gate at which it has more than now."""
        return next((bp for bp in self._gates() if bp > self.weight_bp), FULL_BP)

    def upcoming_bp(self) -> int:
        """What the candidate gets by itself: what it has where it holds, else up to a gate."""
        if self.full and not self.aborted:
            return FULL_BP
        return self.weight_bp if self.holds else next(self._gates())

    def last_gate(self) -> bool:
        """Whether no other gate comes after the one at which it stands."""
        return not any("pause" in step for step in self.steps[self.index + 1 :])

    def _gates(self) -> Iterator[int]:
        """What the candidate has had at most when it comes to each gate ahead, and at the end."""
        most, passed = self.weight_bp, self._pause() is not None and (self.waits or self.freed)
        for step in self.steps[self.index + passed :]:
            most = max(most, int(step.get("setWeight") or 0) * FULL_BP // self.whole)
            if "pause" in step:
                yield most
        yield FULL_BP

    def _pause(self) -> Mapping[str, Any] | None:
        """The pause at which it stands; None at a step of another kind."""
        step = self.steps[self.index] if self.index < len(self.steps) else {}
        return dict(step["pause"] or {}) if "pause" in step else None


def _weight(status: Json, steps: Sequence[Step], index: int, whole: int) -> int:
    """The candidate's weight as Argo tells it; where it has not told yet, as the steps say."""
    weights = (status.get("canary") or {}).get("weights")
    if weights is not None:
        return int(weights["canary"]["weight"])
    if status.get("abort") or status.get("currentPodHash") == status.get("stableRS"):
        return 0
    if index >= len(steps):
        return whole
    said = [step["setWeight"] for step in steps[: index + 1] if step.get("setWeight") is not None]
    return int(said[-1]) if said else 0
