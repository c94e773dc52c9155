"""The real Argo Rollouts controller, let on, held and aborted by davy; nobody else plays a part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.rigs import rollouts
from infra.rigs.objects import Api, Object, load
from infra.rigs.replicas import Replicas
from streams.actuator.contract import ARMS, split
from streams.actuator.lease import Silence
from streams.actuator.ports import Desired, Fence, Outcome, Proof, Router
from streams.actuator.reconcile import Move, plan
from streams.actuator.routers import open_router
from streams.actuator.standing import Accepted, Standing
from streams.demo.processes import Parts, wait_until
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import FULL_BP, Target
from tests.kube.fixtures import UserWith
from tests.kube.test_argo_gate import RIGHTS

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: digits}, ports: [{port: 80}]}
"""
OBJECTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: digits}
spec:
  hosts: [digits]
  http:
    - name: main
      route:
        - {destination: {host: stable}, weight: 100}
        - {destination: {host: canary}, weight: 0}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: digits}
spec:
  replicas: 2
  selector: {matchLabels: {app: digits}}
  template:
    metadata: {labels: {app: digits}}
    spec: {containers: [{name: model, image: "digits:v1"}]}
  strategy:
    canary:
      stableService: stable
      canaryService: canary
      trafficRouting: {istio: {virtualService: {name: digits, routes: [main]}}}
      steps:
        - setWeight: 0
        - pause: {}
        - setWeight: 2
        - pause: {}
        - setWeight: 25
        - pause: {duration: 1h}
        - setWeight: 50
        - pause: {}
"""
WAIT_S = 60.0
ROLLOUT: Object = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "digits"},
}
ROUTE: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "digits"},
}


@pytest.fixture
def rolling(kube: Api, parts: Parts, tmp_path: Path) -> Iterator[Api]:
    """A Rollout whose first model serves, and whose second one waits with nothing."""
    services = [SERVICE.replace("NAME", name) for name in ("stable", "canary")]
    kube.apply(*load(*services, OBJECTS))
    rollouts.start(parts, tmp_path, kube.access)
    with Replicas(kube.access):
        wait_until(lambda: told(kube, "phase") == "Healthy", what="v1 serves", deadline_s=WAIT_S)
        deploy(kube, "digits:v2")
        yield kube


@pytest.fixture
def router(rolling: Api, user_with: UserWith, tmp_path: Path) -> Router:
    """davy's, with the rights of its manifests."""
    config = str(user_with(*RIGHTS).kubeconfig(tmp_path / "davy.kubeconfig"))
    options = {"name": "digits", "namespace": rolling.access.namespace, "kubeconfig": config}
    return open_router(Target(router="argo-rollouts", options=options), ARMS)


def deploy(kube: Api, image: str) -> None:
    """Another model, as a person brings it; returns when Argo waits with it."""
    before = told(kube, "currentPodHash")
    containers = [{"name": "model", "image": image}]
    kube.merge(ROLLOUT, {"spec": {"template": {"spec": {"containers": containers}}}})
    wait_until(
        lambda: told(kube, "currentPodHash") != before and told(kube, "phase") == "Paused",
        what=f"{image} waits at its first gate",
        deadline_s=WAIT_S,
    )


def told(kube: Api, name: str) -> object:
    return kube.read(ROLLOUT).get("status", {}).get(name)


def mesh(kube: Api) -> dict[str, int]:
    """What Argo wrote into the VirtualService."""
    routes = kube.read(ROUTE)["spec"]["http"][0]["route"]
    return {one["destination"]["host"]: one.get("weight", 0) for one in routes}


def steer(router: Router, candidate_bp: int, fence: Fence) -> list[int]:
    """Do as the planner says until nothing is left to do; every share that was seen."""
    accepted = Accepted(seq=fence.seq, weights_bp=split(candidate_bp))
    standing = Standing(arms=ARMS, spec_hash="spec", accepted=accepted)
    shares: list[int] = []

    def done() -> bool:
        seen = router.observe()
        shares.append(seen.weights_bp["all"]["candidate"])
        todo = plan(standing, seen, Silence.FRESH, router.capabilities)
        if todo.move is Move.KEEP:
            return not seen.unready or shares[-1] == FULL_BP
        try:
            router.apply(Desired(weights_bp=todo.weights_bp), expect=seen.revision, fence=fence)
        except TargetConflict:
            return False  # Argo was faster: look again
        return False

    wait_until(done, what=f"{candidate_bp} basis points at Argo", deadline_s=WAIT_S)
    return list(dict.fromkeys(shares))


class TestController:
    def test_a_good_candidate_is_promoted_through_its_steps(
        self, rolling: Api, router: Router
    ) -> None:
        """Gate by gate, never beyond what is wanted; in the end it is what Argo calls stable."""
        first = told(rolling, "stableRS")
        assert steer(router, 0, Fence(rollout="r1", seq=1)) == [0]
        assert steer(router, 1000, Fence(rollout="r1", seq=2)) == [0, 200]
        wait_until(
            lambda: mesh(rolling) == {"stable": 98, "canary": 2}, what="2 %", deadline_s=WAIT_S
        )
        assert steer(router, 2500, Fence(rollout="r1", seq=3)) == [200, 2500]
        assert rolling.read(ROLLOUT)["spec"]["paused"] is True  # it would go on in an hour
        assert steer(router, 10_000, Fence(rollout="r1", seq=4))[-1] == 10_000
        wait_until(lambda: told(rolling, "phase") == "Healthy", what="the end", deadline_s=WAIT_S)
        assert told(rolling, "stableRS") == told(rolling, "currentPodHash") != first
        router.finalize(Outcome.PROMOTED)
        assert router.observe().weights_bp == split(10_000)

    def test_a_bad_candidate_is_aborted(self, rolling: Api, router: Router) -> None:
        """Its traffic goes back at once, and it is never promoted again; the next one may be."""
        steer(router, 200, Fence(rollout="r1", seq=1))
        assert steer(router, 0, Fence(rollout="r1", seq=2)) == [200, 0]
        wait_until(
            lambda: router.verify(Desired(weights_bp=split(0))).proof is Proof.HOLDS,
            what="it is proven",
            deadline_s=WAIT_S,
        )
        assert told(rolling, "abort") is True
        wait_until(
            lambda: mesh(rolling) == {"stable": 100, "canary": 0}, what="0 %", deadline_s=WAIT_S
        )
        with pytest.raises(TargetRejected, match="never promoted"):
            router.apply(
                Desired(weights_bp=split(200)), expect=None, fence=Fence(rollout="r1", seq=3)
            )
        deploy(rolling, "digits:v3")
        following = Fence(rollout="r2", seq=1)
        router.sign(expect=None, fence=following)
        assert steer(router, 200, following) == [0, 200]

    def test_twice_is_once(self, rolling: Api, router: Router) -> None:
        """Two who let it go on at the same moment pass one gate together."""
        seen, fence = router.observe(), Fence(rollout="r1", seq=1)
        desired = Desired(weights_bp=split(200))
        router.apply(desired, expect=seen.revision, fence=fence)
        with pytest.raises(TargetConflict):
            router.apply(desired, expect=None, fence=fence)
        wait_until(lambda: router.observe().weights_bp == split(200), what="2 %", deadline_s=WAIT_S)
        wait_until(lambda: told(rolling, "phase") == "Paused", what="a gate", deadline_s=WAIT_S)
        assert told(rolling, "currentStepIndex") == 3
