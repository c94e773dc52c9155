"""The real Flagger initialises a canary, asks its webhooks, and moves weights when they agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import flagger
from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Api, Object, load
from infra.rigs.replicas import Replicas
from streams.demo.processes import HOST, Parts, wait_until

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: digits}
spec:
  selector: {matchLabels: {app: digits}}
  template:
    metadata: {labels: {app: digits}}
    spec: {containers: [{name: model, image: "digits:v1"}]}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: digits}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: digits}
  service: {port: 80}
  analysis:
    interval: 1s
    threshold: 2
    maxWeight: 50
    stepWeight: 25
    webhooks:
      - {name: gate, type: confirm-traffic-increase, url: "URL/gate"}
"""
CANARY: Object = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "digits"},
}
DEPLOYMENT: Object = {**CANARY, "apiVersion": "apps/v1", "kind": "Deployment"}
WAIT_S = 60.0


@pytest.mark.slow  # Flagger takes no step within ten seconds of the last one
class TestFlagger:
    def test_raises_only_when_the_gate_opens(
        self, kube: Api, parts: Parts, namespace: str, tmp_path: Path
    ) -> None:
        """A gate that says no holds the weight at 0; once it says yes, the weight rises."""
        with FaultProxy(f"http://{HOST}") as gate:
            gate.answer(403, body=b"not yet")
            kube.apply(*load(OBJECTS.replace("URL", gate.url)))
            with flagger.running(parts, tmp_path, kube.access), Replicas(kube.access):
                reached(kube, phase="Initialized")
                image = "/spec/template/spec/containers/0/image"
                kube.patch(DEPLOYMENT, [{"op": "replace", "path": image, "value": "digits:v2"}])
                wait_until(lambda: bool(gate.asked), what="the gate is asked", deadline_s=WAIT_S)
                assert kube.read(CANARY)["status"].get("canaryWeight", 0) == 0
                asked = json.loads(gate.asked[0].body)
                assert (asked["name"], asked["namespace"]) == ("digits", namespace)
                gate.heal()
                gate.answer(200, body=b"go on")
                reached(kube, phase="Progressing", canaryWeight=25)


def reached(kube: Api, **wanted: Any) -> None:
    wait_until(
        lambda: wanted.items() <= kube.read(CANARY).get("status", {}).items(),
        what=f"the canary is {wanted}",
        deadline_s=WAIT_S,
    )
