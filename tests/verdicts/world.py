"""What is known of a rollout, made step by step as the log would tell it; no Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from streams.actuator.desk import SpecRead
from streams.actuator.facts import CommandRead, LeaseFact, RoutingRecord
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.spec.model import RolloutSpec, Target
from streams.verdicts.board import Board
from streams.verdicts.facts import Known, ToldDecision
from tests.actuator.log import make_spec

ARM = "candidate"
REVISION = "v2"


def weights(candidate_bp: int, **segments: int) -> dict[str, dict[str, int]]:
    """By segment; `all` first."""
    shares = {"all": candidate_bp, **segments}
    return {name: {"baseline": 10_000 - bp, ARM: bp} for name, bp in shares.items()}


def spec(rollout: str = "digits-v2", **more: Any) -> RolloutSpec:
    """A rollout to 25 % and then all."""
    return make_spec(rollout, Target(router="memory", options={"name": rollout}), **more)


class EverythingRead:
    """A log that was read to its end, or not, as the test says."""

    def __init__(self) -> None:
        self.why = ""

    def unread(self, partition: int | None = None) -> str:  # noqa: ARG002 - the port's signature
        return self.why


@dataclass(slots=True)
class World:
    """One rollout on a board, and who writes of it."""

    spec: RolloutSpec = field(default_factory=spec)
    board: Board = field(default_factory=Board)
    live: bool = True
    applied_ms: int = 0
    seq: int = 0
    prev: str = ""

    def __post_init__(self) -> None:
        begun = SpecRead(rollout=self.spec.rollout, spec=self.spec, at_ms=self.applied_ms)
        self.board.take(begun, 0, live=self.live)

    @property
    def known(self) -> Known:
        known = self.board.get(self.spec.rollout)
        assert known is not None
        return known

    def decide(
        self,
        action: Action,
        candidate_bp: int,
        reason: str = "because: it is so",
        **more: Any,
    ) -> ToldDecision:
        """The judge's next decision."""
        self.seq += 1
        rollback = action is Action.ROLLBACK
        told = ToldDecision(
            rollout=self.spec.rollout,
            decision_id=f"id-{self.seq}",
            seq=self.seq,
            spec_hash=self.spec.spec_hash,
            action=action,
            terminal=rollback or action is Action.PROMOTE,
            weights_bp=weights(candidate_bp, **more.pop("segments", {})),
            prev_hash=self.prev,
            body_hash=f"hash-{self.seq}",
            reason=reason,
            stage=-1 if rollback else 0,
            at_ms=self.seq,
            verdicts=(),
        )
        told = replace(told, **more)
        self.prev = told.body_hash
        self.board.take(told, 0, live=self.live)
        return told

    def beat(self, *, valid_s: float = 3600.0, ended: bool = False, **more: Any) -> None:
        """The judge is heard."""
        facts = {"spec_hash": self.spec.spec_hash, "valid_s": valid_s, "ended": ended} | more
        self.board.take(LeaseFact(rollout=self.spec.rollout, **facts), 0, live=self.live)

    def command(self, kind: CommandKind, at_ms: int = 0, until_ms: int | None = None) -> None:
        """A person says something."""
        said = CommandRead(
            rollout=self.spec.rollout, kind=kind, actor="ada", at_ms=at_ms, until_ms=until_ms
        )
        self.board.take(said, 0, live=self.live)

    def route(self, candidate_bp: int) -> None:
        """The target's weights are told."""
        record = RoutingRecord(
            rollout=self.spec.rollout,
            phase=RoutingPhase.OBSERVED,
            applied_bp=weights(candidate_bp),
            at=1,
            since=1,
            router="memory",
        )
        self.board.take(record, 0, live=self.live)
