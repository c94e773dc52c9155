"""What does one davy rollout see in a Rollout of Argo's? Its own candidate, or somebody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from streams.actuator.routers.files import revision_of
from streams.actuator.routers.kube.argo_rollout import Place
from streams.actuator.routers.kube.argo_turns import HELD
from streams.actuator.routers.kube.marks import Marks
from streams.actuator.routers.kube.patches import Json
from streams.spec.model import FULL_BP


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A Rollout as one davy rollout sees it."""

    found: Json
    place: Place
    noted: str
    """Pod hash of the candidate that the rollout began with; empty if it has not."""
    held: bool
    """davy paused it as a whole."""

    @classmethod
    def of(cls, found: Json, noted: str) -> Self:
        """Read it."""
        notes = found["metadata"].get("annotations") or {}
        return cls(found=found, place=Place.parse(found), noted=noted, held=HELD in notes)

    @property
    def ours(self) -> bool:
        """Whether the candidate that is under way is the rollout's."""
        return self.place.underway and self.noted in {"", self.place.candidate}

    def share_bp(self) -> int:
        """What the rollout's candidate has; all, once it is what later ones are compared with."""
        if self.ours:
            return self.place.weight_bp
        if not self.noted or self.noted != self.place.stable:
            return 0
        return FULL_BP - (self.place.weight_bp if self.place.underway else 0)

    def reach_bp(self, *, skips: bool) -> tuple[int, ...]:
        """Shares to which one turn leads, and the one that it has."""
        if not self.ours:
            return tuple(sorted({0, self.share_bp()}))
        everything = {FULL_BP} if skips else set()
        return tuple(sorted({0, self.share_bp(), self.place.next_bp()} | everything))

    def reason(self) -> str:
        """Why it cannot be let go on now; empty if it can, or if it never will."""
        place = self.place
        if not self.ours:
            return "another candidate is rolled out" if place.underway else "none is rolled out"
        if not place.current:
            return "Argo has not seen the newest specification"
        if place.paused and not self.held:
            return "paused by somebody else"
        if place.aborted or place.waits or place.paused:
            return ""
        return f"waits for {', '.join(place.reasons)}" if place.reasons else "on its way"

    @property
    def revision(self) -> str:
        """Changes with where it stands, what it waits for, and fence and notes."""
        fence = Marks.of(self.found).fence
        return revision_of(repr(self.place), str(fence), self.noted, str(self.held))
