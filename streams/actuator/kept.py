"""What is known of the target that an actor holds? Whoever takes its place takes this up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from streams.actuator.lines import say
from streams.actuator.standing import Standing
from streams.spec.model import RolloutSpec


@dataclass(slots=True, kw_only=True)
class Kept:
    """One rollout and its target, shared by an actor's parts. One thread at a time."""

    rollout: str
    standing: Standing
    released: str = ""
    """Why the target was let go; empty while it is held."""
    ended_at: float | None = None
    """When the last weights of an ended rollout were seen in force, monotonic seconds."""
    decided_at: float | None = None
    """When the decision came whose weights are not in force yet, monotonic seconds."""
    overwrites: bool = False
    """A write may be under way that nobody waits for: one under a newer revision stops it."""

    @classmethod
    def of(cls, spec: RolloutSpec) -> Self:
        """Nothing is known yet."""
        standing = Standing(arms=spec.arms, spec_hash=spec.spec_hash)
        return cls(rollout=spec.rollout, standing=standing)

    def take_up(self, other: Kept) -> None:
        """Go on where somebody stands who does not go on."""
        self.standing, self.ended_at = other.standing, other.ended_at
        self.decided_at = other.decided_at
        self.overwrites = other.standing.intent is not None

    def say(self, level: int, event: str, **facts: object) -> None:
        """Tell operators of it."""
        known = {"rollout": self.rollout, "fence": self.standing.fence}
        say(level, f"actuator.{event}", known | facts)
