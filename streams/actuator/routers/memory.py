"""How does a target behave that is a few numbers in this process?

For tests, and for a dry run beside a live target: the whole actuator works, nothing is moved.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Observed,
    Outcome,
    Proof,
    Segments,
    Sticky,
    Verification,
)
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.weights import complaint, higher_of, home, matches, settled
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import FULL_BP, MIRROR, UNTARGETED
from streams.spec.targeting import Rule, RuleKind

CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.PROCESS,
    survives_restart=False,
    segments=True,
    reads_headers=False,
    rules=frozenset(RuleKind),
    mirror=True,
    sticky=Sticky.AS_SET_UP,  # whoever asks it may keep users
)


class MemoryTarget:
    """Weights that several routers may share; `set` is what a stranger does to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.weights_bp: Segments | None = None
        self.rules: tuple[Rule, ...] = ()
        """Whom the target lets have a candidate; without rules everybody."""
        self.fence: Fence | None = None
        self.unready: tuple[str, ...] = ()
        self.revision = 0
        self.writes = 0
        """Writes by routers."""
        self.outcome: Outcome | None = None

    def set(self, weights_bp: Segments) -> None:
        """Change the weights behind the routers' back."""
        with self.lock:
            self.weights_bp = weights_bp
            self.revision += 1

    def set_rules(self, rules: tuple[Rule, ...]) -> None:
        """Change the rules behind the routers' back."""
        with self.lock:
            self.rules = rules
            self.revision += 1


@functools.cache
def shared_target(name: str) -> MemoryTarget:  # noqa: ARG001 - the cache's key
    """The target of that name in this process."""
    return MemoryTarget()


class MemoryRouter:
    """See Router; `largest_weight` and `total` give it the resolution of another target."""

    def __init__(
        self,
        target: MemoryTarget,
        arms: Sequence[str],
        audience: Audience = EVERYBODY,
        *,
        largest_weight: int = FULL_BP,
        total: int | None = None,
    ) -> None:
        self._target, self._arms, self._audience = target, tuple(arms), audience
        self._capabilities = replace(CAN, largest_weight=largest_weight, total=total)

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return self._capabilities

    def observe(self) -> Observed:
        """See Router; a fresh target gives everything to the baseline."""
        with self._target.lock:
            return Observed(
                weights_bp=self._seen(),
                revision=str(self._target.revision),
                fence=self._target.fence,
                unready=self._target.unready,
                note="memory",
            )

    def _seen(self) -> Segments:
        """The weights; other rules than ours leave nobody out of whom we know."""
        weights = self._target.weights_bp or home(self._arms)
        if not self._audience.rules or self._target.rules == self._audience.rules:
            return weights
        live: list[Segments] = [{UNTARGETED: w} for name, w in weights.items() if name != MIRROR]
        most: Segments = functools.reduce(higher_of, live, {})
        return {**weights, **most}

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router."""
        if problem := complaint(desired.weights_bp, self._arms):
            raise TargetRejected(problem)
        can = self._capabilities
        weights = settled(desired.weights_bp, can.largest_weight, can.total)
        with self._target.lock:
            self._guard(expect, fence)
            self._target.weights_bp = weights
            self._target.fence = fence.after(self._target.fence)
            self._target.rules = self._audience.rules
            self._target.revision += 1
            self._target.writes += 1
            return Applied(revision=str(self._target.revision), weights_bp=weights)

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router."""
        with self._target.lock:
            self._guard(expect, fence)
            self._target.fence = fence.after(self._target.fence)
            self._target.revision += 1
            return str(self._target.revision)

    def _guard(self, expect: str | None, fence: Fence) -> None:
        there = self._target.fence
        if there is not None and there.forbids(fence):
            raise TargetConflict(f"stale: the target carries {there}, this write is {fence}")
        if expect is not None and expect != str(self._target.revision):
            raise TargetConflict(f"revision {self._target.revision}, expected {expect}")

    def verify(self, desired: Desired) -> Verification:
        """See Router."""
        have, can = self.observe().weights_bp, self._capabilities
        holds = matches(have, desired.weights_bp, can.largest_weight, can.total)
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how="memory")

    def finalize(self, outcome: Outcome) -> None:
        """See Router; the outcome is kept for whoever looks."""
        self._target.outcome = outcome


@declared(
    About(
        target="numbers in this process, no traffic",
        can=CAN,
        counterpart="itself",
        checks=(Check.CONTRACT, Check.AUDIENCE),
    )
)
def open_memory(
    options: Mapping[str, Any], arms: Sequence[str], audience: Audience
) -> MemoryRouter:
    """`name`: targets of one name are one target within a process."""
    read.check_names(options, known=("name",), router="memory")
    name = read.optional_text(options, "name", router="memory", example="digits")
    return MemoryRouter(shared_target(name or "default"), arms, audience)
