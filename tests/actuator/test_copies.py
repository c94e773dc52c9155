"""The shadow example at a real Envoy: copies carry their request's id, users hear the baseline."""

from __future__ import annotations

from email.message import Message
from pathlib import Path

from streams.actuator.facts import DecisionFact
from streams.demo.processes import Parts, wait_until
from streams.demo.proxy import start_envoy
from streams.judge.decision_facts import Action
from streams.judge.shadow_policy import copied
from streams.spec.load import load_spec
from tests.actuator import traffic
from tests.actuator.test_example import Steered

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "shadow.yaml"
REQUESTS = 300


class Mirrored(Steered):
    """Steered by what the judge of a shadow rollout decides."""

    def decide_stage(self, seq: int, stage: int, action: Action) -> None:
        """Copies of a stage's share; -1 takes them away."""
        self.actor.decide(
            DecisionFact(
                rollout=self.spec.rollout,
                decision_id=f"d{seq}",
                seq=seq,
                spec_hash=self.spec.spec_hash,
                action=action,
                terminal=action is Action.ROLLBACK,
                weights_bp=copied(self.spec.weights_at(stage)),
                prev_hash=f"h{seq - 1}",
                body_hash=f"h{seq}",
            )
        )
        self.until(lambda: self.told() == (seq, "applied"), what=f"decision {seq}")


def test_the_example(parts: Parts, tmp_path: Path) -> None:
    """Stage by stage, and gone with the abort."""
    ids: dict[str, list[str]] = {"v1": [], "v2": []}

    def hear(name: str, headers: Message) -> None:
        ids[name].append(headers.get("x-request-id", ""))

    with traffic.servers(["v1", "v2"], hear) as ports:
        proxy = start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})
        steered = Mirrored(load_spec(EXAMPLE).spec, proxy)
        for seq, stage, least, most in ((1, 0, 30, 95), (2, 1, 105, 195)):
            for seen in ids.values():
                seen.clear()
            steered.decide_stage(seq, stage, Action.ADVANCE)
            assert traffic.count(proxy.url, REQUESTS) == {"v1": REQUESTS}
            wait_until(lambda low=least: len(ids["v2"]) >= low, what="copies", deadline_s=5)
            assert len(ids["v2"]) <= most
            assert len(set(ids["v1"])) == REQUESTS
            assert set(ids["v2"]) <= set(ids["v1"])
        steered.decide_stage(3, -1, Action.ROLLBACK)
        ids["v2"].clear()
        assert traffic.count(proxy.url, REQUESTS) == {"v1": REQUESTS}
        assert ids["v2"] == []
