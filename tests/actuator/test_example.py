"""The example of targeting, from its file to a real Envoy that is restarted on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx

from streams.actuator.actor import RolloutActor
from streams.actuator.audience import audience_of
from streams.actuator.facts import DecisionFact, LeaseFact
from streams.actuator.routers import open_router
from streams.actuator.runner import SystemClock
from streams.cli.target import check_route
from streams.demo.processes import Parts, wait_until
from streams.demo.proxy import Proxy, restart_envoy, start_envoy
from streams.judge.decision_facts import Action
from streams.spec.load import load_spec
from streams.spec.model import RolloutSpec
from tests.actuator import traffic
from tests.actuator.targets import ARMS, split
from tests.actuator.world import HandTenure, ListJournal
from tests.actuator.xxh64 import xxh64

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "targeting.yaml"
STRANGER = next(f"u{n}" for n in range(100) if xxh64(f"u{n}") % 10**8 > 0.9 * 10**8)
CHOSEN = next(f"u{n}" for n in range(100) if xxh64(f"u{n}") % 10**8 < 0.02 * 10**8)


class Steered:
    """An actor at a real Envoy; its log is a list."""

    def __init__(self, spec: RolloutSpec, proxy: Proxy) -> None:
        options = spec.target.options | {"rds": str(proxy.rds), "admin": proxy.admin}
        target = spec.target.model_copy(update={"options": options})
        self.journal, self.spec, self.proxy = ListJournal(), spec, proxy
        router = open_router(target, ARMS, audience_of(spec))
        self.actor = RolloutActor(spec, router, self.journal, SystemClock(), HandTenure(), 0.1)
        self.actor.step()
        lease = LeaseFact(rollout=spec.rollout, spec_hash=spec.spec_hash, valid_s=60, ended=False)
        self.actor.hear(lease)

    def decide(self, seq: int, action: Action, candidate_bp: int, **segments: int) -> None:
        weights = split(candidate_bp)
        weights |= {f"country={name}": split(bp)["all"] for name, bp in segments.items()}
        decision = DecisionFact(
            rollout=self.spec.rollout,
            decision_id=f"d{seq}",
            seq=seq,
            spec_hash=self.spec.spec_hash,
            action=action,
            terminal=action is Action.ROLLBACK,
            weights_bp=weights,
            prev_hash=f"h{seq - 1}",
            body_hash=f"h{seq}",
        )
        self.actor.decide(decision)
        self.until(lambda: self.told() == (seq, "applied"), what=f"decision {seq}")

    def told(self) -> tuple[int, str]:
        record = next(r for r in reversed(self.journal.records) if r.phase.value != "observed")
        return record.fence, record.phase.value

    def until(self, holds: Callable[[], bool], *, what: str) -> None:
        def stepped() -> bool:
            self.actor.step()
            return holds()

        wait_until(stepped, what=what, deadline_s=10)

    def told_as(self, **headers: str) -> str:
        """What Envoy tells the service of such a request."""
        sent = {f"x-{name.replace('_', '-')}": value for name, value in headers.items()}
        return httpx.get(self.proxy.url, headers=sent).headers["x-told"]

    def share(self, **headers: str) -> float:
        """The candidate's share of requests with these headers."""
        sent = {f"x-{name.replace('_', '-')}": value for name, value in headers.items()}
        return traffic.count(self.proxy.url, 200, sent)["v2"] / 200


def test_the_example(parts: Parts, tmp_path: Path) -> None:
    """Whom the file names get v2, by segment; through a restart and a stranger's hand."""
    loaded = load_spec(EXAMPLE)
    check_route(loaded)
    with traffic.servers(["v1", "v2"]) as ports:
        proxy = start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})
        steered = Steered(loaded.spec, proxy)
        told = (steered.told_as(tier="free"), steered.told_as(user_id=STRANGER))
        assert told == ("yes", "no")  # before anything is decided: the judge must hear who it is
        steered.decide(1, Action.ADVANCE, 10_000, SG=0)
        expected = {
            "free": (steered.share(tier="free"), 1.0),
            "by name": (steered.share(user_id="ada"), 1.0),
            "by hash": (steered.share(user_id=CHOSEN), 1.0),
            "harmed there": (steered.share(tier="free", country="SG"), 0.0),
            "outside": (steered.share(user_id=STRANGER), 0.0),
            "nobody": (steered.share(), 0.0),
        }
        assert {who: share for who, (share, _) in expected.items()} == {
            who: share for who, (_, share) in expected.items()
        }
        restart_envoy(parts, proxy)
        assert (steered.share(tier="free"), steered.share(user_id=STRANGER)) == (1.0, 0.0)

        document = json.loads(proxy.rds.read_text())
        document["resources"][0]["virtual_hosts"][0]["routes"].pop(0)
        draft = proxy.rds.with_suffix(".draft")
        draft.write_text(json.dumps(document))
        draft.rename(proxy.rds)
        steered.until(lambda: "drift_raised" in steered.journal.records[-1].reason, what="mended")
        assert (steered.share(tier="free"), steered.share(user_id=STRANGER)) == (1.0, 0.0)

        steered.decide(2, Action.ROLLBACK, 0)
        steered.until(lambda: "/davy " not in proxy.rds.read_text(), what="tidied up")
        assert (steered.share(tier="free"), steered.share(user_id=CHOSEN)) == (0.0, 0.0)
