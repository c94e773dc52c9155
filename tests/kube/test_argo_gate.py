"""A Rollout on a real API server, with the rights of the manifests; its controller is played here.

What counts is what the server makes of davy's patches: that each is taken once, and not at all
where somebody was faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Access, Api, Object, RefusedError
from streams.actuator.contract import ARMS, split
from streams.actuator.ports import Desired, Fence, Outcome, Proof, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.kube.argo_turns import HELD
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import Target
from tests.kube.fixtures import UserWith

RBAC = Path(__file__).parents[2] / "infra" / "kubernetes" / "rbac"
RIGHTS = (RBAC / "account.yaml", RBAC / "argo-rollouts.yaml")
FIRST, SECOND = (Fence(rollout="r1", seq=seq) for seq in (1, 2))
PAUSE: Object = {"pause": {}}
STEPS = [{"setWeight": 0}, PAUSE, {"setWeight": 2}, PAUSE, {"setWeight": 25}, PAUSE]
TIMED = [{"setWeight": 2}, {"pause": {"duration": "1h"}}, {"setWeight": 25}, PAUSE]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A Rollout, its administrator, and davy's access to it."""

    api: Api
    access: Access
    config: str
    made: Object

    def open(self, **more: Any) -> Router:
        options = {"name": "digits", "namespace": self.access.namespace, "kubeconfig": self.config}
        return open_router(Target(router="argo-rollouts", options=options | more), ARMS)

    def stand(self, index: int, weight: int, *, waits: bool = True, **more: Any) -> None:
        """Argo comes to a step, and waits there."""
        condition = {"reason": "CanaryPauseStep", "startTime": "2026-11-29T11:00:00Z"}
        weights = {"canary": {"weight": weight}, "stable": {"weight": 100 - weight}}
        status = {
            "currentPodHash": "new",
            "stableRS": "old",
            "currentStepIndex": index,
            "observedGeneration": str(self.read()["metadata"]["generation"]),
            "canary": {"weights": weights},
            "pauseConditions": [condition] if waits else None,
            "controllerPause": waits,
        }
        self.api.set_status(self.made, status | more)

    def read(self) -> Object:
        return self.api.read(self.made)


@pytest.fixture
def gate(request: pytest.FixtureRequest, kube: Api, user_with: UserWith, tmp_path: Path) -> Gate:
    """At its first gate, or with the steps that the test names."""
    steps = getattr(request, "param", STEPS)
    canary = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {"istio": {"virtualService": {"name": "digits"}}},
        "steps": steps,
    }
    labels = {"app": "digits"}
    pod = {"containers": [{"name": "model", "image": "model:2"}]}
    spec = {
        "replicas": 2,
        "strategy": {"canary": canary},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    (made,) = kube.apply({**kind, "metadata": {"name": "digits"}, "spec": spec})
    access = user_with(*RIGHTS)
    config = str(access.kubeconfig(tmp_path / "kubeconfig"))
    started = Gate(api=kube, access=access, config=config, made=made)
    started.stand(1, int(steps[0]["setWeight"]))
    return started


def put(router: Router, candidate_bp: int, fence: Fence = FIRST) -> None:
    expect = router.observe().revision
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=expect, fence=fence)


class TestPromote:
    def test_once_and_not_twice(self, gate: Gate) -> None:
        """A second one comes too late: it no longer waits, and then it waits elsewhere."""
        router, late = gate.open(), gate.open()
        seen = late.observe()
        assert (seen.weights_bp, seen.reach_bp) == (split(0), (0, 200))
        put(router, 200)
        assert "pauseConditions" not in gate.read()["status"]
        assert router.verify(Desired(weights_bp=split(0))).proof is Proof.HOLDS
        with pytest.raises(TargetConflict, match="does not wait"):
            put(late, 200)
        gate.stand(3, 2)
        with pytest.raises(TargetConflict, match="changed since"):
            late.apply(Desired(weights_bp=split(200)), expect=seen.revision, fence=FIRST)
        late.apply(Desired(weights_bp=split(200)), expect=None, fence=FIRST)
        assert gate.read()["status"]["pauseConditions"]
        assert (late.observe().weights_bp, late.observe().reach_bp) == (split(200), (0, 200, 2500))

    def test_the_last_gate(self, gate: Gate) -> None:
        """Behind it comes everything, and then the candidate is what Argo calls stable."""
        router = gate.open()
        put(router, 200)
        gate.stand(5, 25)
        put(router, 10_000)
        gate.stand(6, 0, waits=False, stableRS="new")
        assert router.observe().weights_bp == split(10_000)
        router.finalize(Outcome.PROMOTED)
        with pytest.raises(TargetRejected, match="kubectl argo rollouts undo"):
            put(router, 0)

    def test_full(self, gate: Gate) -> None:
        """What is left of the steps is skipped where that was asked for."""
        put(gate.open(skip_steps=True), 10_000)
        assert gate.read()["status"]["promoteFull"] is True

    def test_less_than_a_step(self, gate: Gate) -> None:
        with pytest.raises(TargetRejected, match="its next step gives 2 %, more than 1 %"):
            put(gate.open(), 100)
        assert gate.read()["status"]["pauseConditions"]


class TestAbort:
    def test_lowering_is_aborting(self, gate: Gate) -> None:
        """Proven when Argo tells no weight any more; and never promoted again."""
        router = gate.open()
        gate.stand(5, 25)
        put(router, 0)
        assert gate.read()["status"]["abort"] is True
        assert router.verify(Desired(weights_bp=split(0))).proof is Proof.PENDING
        gate.stand(0, 0, waits=False)
        assert router.verify(Desired(weights_bp=split(0))).proof is Proof.HOLDS
        gate.stand(1, 0)
        with pytest.raises(TargetRejected, match="never promoted"):
            put(router, 200)

    def test_after_a_full_promotion(self, gate: Gate) -> None:
        """An abort takes that word back, or Argo would not heed it."""
        router = gate.open(skip_steps=True)
        gate.stand(3, 2)
        put(router, 10_000)
        put(router, 0)
        status = gate.read()["status"]
        assert (status["abort"], status["promoteFull"]) == (True, False)

    def test_in_the_end(self, gate: Gate) -> None:
        """A candidate that never got anything is aborted when the rollout is over."""
        router = gate.open()
        put(router, 0)
        assert "abort" not in gate.read()["status"]
        router.finalize(Outcome.ROLLED_BACK)
        assert gate.read()["status"]["abort"] is True

    def test_another_candidate_is_left_alone(self, gate: Gate) -> None:
        """Neither aborted nor promoted on what was found about the first."""
        router = gate.open()
        put(router, 200)
        gate.stand(3, 2, currentPodHash="newer")
        seen = router.observe()
        assert (seen.weights_bp, seen.unready) == (split(0), ("candidate",))
        put(router, 0)
        with pytest.raises(TargetConflict, match="another candidate is rolled out"):
            put(router, 2500)
        router.finalize(Outcome.ROLLED_BACK)
        status = gate.read()["status"]
        assert ("abort" in status, bool(status["pauseConditions"])) == (False, True)
        put(gate.open(), 2500, Fence(rollout="r2", seq=1))
        assert "pauseConditions" not in gate.read()["status"]


class TestEnd:
    def test_what_another_rollout_has_taken_over_stays(self, gate: Gate) -> None:
        """Also where that came between the last look and the end; its own end is its own."""
        router, other = gate.open(), gate.open()
        put(router, 0)
        router.observe()
        other.sign(expect=None, fence=Fence(rollout="r2", seq=1))
        router.finalize(Outcome.ROLLED_BACK)
        assert "abort" not in gate.read()["status"]
        other.finalize(Outcome.ROLLED_BACK)
        assert gate.read()["status"]["abort"] is True

    def test_a_process_that_has_only_looked(self, gate: Gate) -> None:
        """It goes on for the rollout whose fence it saw; without a look it touches nothing."""
        put(gate.open(), 0)
        later = gate.open()
        later.finalize(Outcome.ROLLED_BACK)
        assert "abort" not in gate.read()["status"]
        later.observe()
        later.finalize(Outcome.ROLLED_BACK)
        assert gate.read()["status"]["abort"] is True

    def test_a_write_that_came_between(
        self, gate: Gate, faults: FaultProxy, tmp_path: Path
    ) -> None:
        """Argo's status, say: davy looks anew."""
        config = gate.access.through(faults.url).kubeconfig(tmp_path / "by-the-proxy")
        router = gate.open(kubeconfig=str(config))
        put(router, 0)
        faults.answer(409, method="PATCH", times=2)
        router.finalize(Outcome.ROLLED_BACK)
        assert gate.read()["status"]["abort"] is True


class TestHold:
    @pytest.mark.parametrize("gate", [TIMED], indirect=True)
    def test_what_would_go_on_is_held(self, gate: Gate) -> None:
        """Paused as a whole, and let go on by the next promotion."""
        router = gate.open()
        assert router.observe().upcoming_bp == 2500
        put(router, 200)
        held = gate.read()
        assert (held["spec"]["paused"], held["metadata"]["annotations"][HELD]) == (True, "true")
        gate.stand(1, 2)
        assert (router.observe().upcoming_bp, router.observe().unready) == (200, ())
        put(router, 2500)
        gone = gate.read()
        assert (gone["spec"]["paused"], HELD in gone["metadata"]["annotations"]) == (False, False)
        assert "pauseConditions" not in gone["status"]

    def test_a_persons_pause_is_no_gate(self, gate: Gate) -> None:
        gate.api.merge(gate.made, {"spec": {"paused": True}})
        gate.stand(1, 0)
        assert "paused by somebody else" in gate.open().observe().note
        with pytest.raises(TargetConflict):
            gate.open().apply(Desired(weights_bp=split(200)), expect=None, fence=FIRST)


class TestFence:
    def test_a_late_writer_is_refused(self, gate: Gate) -> None:
        """Under an older decision; what the newer one left stays."""
        put(gate.open(), 0, SECOND)
        with pytest.raises(TargetConflict, match="stale"):
            put(gate.open(), 200, FIRST)
        assert gate.open().observe().fence == SECOND
        assert gate.read()["status"]["pauseConditions"]

    def test_signing_moves_nothing(self, gate: Gate) -> None:
        router = gate.open()
        before = router.observe()
        fence = Fence(rollout="r1", seq=1, claim=9)
        revision = router.sign(expect=before.revision, fence=fence)
        after = router.observe()
        assert (after.weights_bp, after.fence, after.revision) == (split(0), fence, revision)
        assert gate.read()["status"]["pauseConditions"]


class TestRights:
    def test_what_is_needed_and_nothing_else(self, gate: Gate) -> None:
        """One Rollout and its status; no other, no list, no scale, nothing deleted."""
        other = {**gate.made, "metadata": {"name": "other"}}
        with Api(gate.access) as davy:
            davy.merge(gate.made, {"metadata": {"annotations": {"seen": "yes"}}})
            davy.set_status(gate.made, {"abort": True})
            denied: list[Callable[[], Any]] = [
                lambda: davy.read(other),
                lambda: davy.set_status(other, {"abort": True}),
                lambda: davy.every("argoproj.io/v1alpha1", "Rollout"),
                lambda: davy.delete(gate.made),
                lambda: davy.call("GET", f"{davy.path(gate.made)}/scale"),
            ]
            for call in denied:
                with pytest.raises(RefusedError) as refused:
                    call()
                assert refused.value.code == 403


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "arms", "words"),
        [
            ({}, ARMS, "name: argo-rollouts needs it"),
            ({"name": "d", "skip_steps": "yes"}, ARMS, "write `true` or `false`"),
            ({"name": "d", "skip": True}, ARMS, "does not know skip"),
            ({"name": "d"}, ("baseline", "b", "c"), "a Rollout has one candidate"),
        ],
    )
    def test_what_makes_no_sense_is_told(
        self, options: dict[str, Any], arms: tuple[str, ...], words: str
    ) -> None:
        with pytest.raises(TargetRejected, match=words):
            open_router(Target(router="argo-rollouts", options=options), arms)
