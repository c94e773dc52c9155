"""The real Argo Rollouts controller takes its steps, writes weights, and waits where it is told."""

from pathlib import Path
from typing import Any

from infra.rigs import rollouts
from infra.rigs.objects import Api, Object, load
from infra.rigs.replicas import Replicas
from streams.demo.processes import Parts, wait_until

OBJECTS = """
apiVersion: v1
kind: Service
metadata: {name: stable}
spec: {selector: {app: digits}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: canary}
spec: {selector: {app: digits}, ports: [{port: 80}]}
---
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
      steps: [{setWeight: 20}, {pause: {}}]
"""
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
WAIT_S = 60.0


class TestRollouts:
    def test_waits_at_a_pause(self, kube: Api, parts: Parts, tmp_path: Path) -> None:
        """A new image gets 20 % of the traffic, and then the controller waits for somebody."""
        kube.apply(*load(OBJECTS))
        rollouts.start(parts, tmp_path, kube.access)
        with Replicas(kube.access):
            reached(kube, phase="Healthy")
            image = "/spec/template/spec/containers/0/image"
            kube.patch(ROLLOUT, [{"op": "replace", "path": image, "value": "digits:v2"}])
            reached(kube, phase="Paused", currentStepIndex=1)
            assert weights(kube) == {"stable": 80, "canary": 20}


def reached(kube: Api, **wanted: Any) -> None:
    wait_until(
        lambda: wanted.items() <= kube.read(ROLLOUT).get("status", {}).items(),
        what=f"the rollout is {wanted}",
        deadline_s=WAIT_S,
    )


def weights(kube: Api) -> dict[str, int]:
    routes = kube.read(ROUTE)["spec"]["http"][0]["route"]
    return {one["destination"]["host"]: one.get("weight", 0) for one in routes}
