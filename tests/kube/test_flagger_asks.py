"""The real Flagger asks our server, with the Canary that we ship, on a live stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import flagger
from infra.rigs.cache import Absent
from infra.rigs.objects import Api, Object, load
from infra.rigs.replicas import Replicas
from streams.demo.processes import Parts
from tests.conftest import Absence
from tests.kube.fixtures import UserWith
from tests.kube.live import PASSWORD, READER, Live, candidate_weight, shipped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

GATE = "confirm-traffic-increase"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: digits}
spec:
  selector: {matchLabels: {app: digits}}
  template:
    metadata: {labels: {app: digits}}
    spec:
      containers:
        - name: model
          image: digits:v1
          env: [{name: DAVY_MODEL_VERSION, value: v1}]
"""
CANARY: Object = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "digits"},
}
DEPLOYED: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "digits"}}
VERSION = "/spec/template/spec/containers/0/env/0/value"


def canary(address: str, namespace: str) -> list[Object]:
    """The Canary that we ship, its password filled in as `envsubst` does, at this address."""
    text = shipped("canary.yaml", namespace)
    text = text.replace("flagger:${DAVY_VERDICTS_PASSWORD}", f"controller:{PASSWORD}")
    return load(text.replace("davy-verdicts.davy:8472", address.removeprefix("http://")))


class Scene:
    """A Canary of which v1 is the primary, and a davy that looks on."""

    def __init__(self, kube: Api, live: Live) -> None:
        self.kube, self.live = kube, live

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.kube.read(CANARY).get("status", {}))

    def reached(self, **wanted: Any) -> None:
        self.live.eventually(
            lambda: wanted.items() <= self.status.items(), what=f"the Canary is {wanted}"
        )

    def release(self) -> str:
        """Change the version; the checksum with which Flagger has asked at its gate in vain."""
        self.kube.patch(DEPLOYED, [{"op": "replace", "path": VERSION, "value": "v2"}])
        found: list[str] = []

        def asked() -> bool:
            told = self.live.client.get("/v1/asked").json()
            found[:] = [each["revision"] for each in told if each["via"] == GATE]
            return bool(found)

        self.live.eventually(asked, what="the gate is asked")
        assert candidate_weight(self.kube) == 0
        return found[0]


@pytest.fixture
def scene(
    kube: Api,
    tansu: str,
    prefix: str,
    parts: Parts,
    user_with: UserWith,
    tmp_path: Path,
    absent: Absence,
) -> Iterator[Scene]:
    with ExitStack() as held:
        try:
            held.enter_context(flagger.running(parts, tmp_path, kube.access))
        except Absent as error:
            absent("kube", str(error))
        live = Live(tansu, prefix, parts, tmp_path, user_with(*READER), "digits-primary")
        held.enter_context(live)
        kube.apply(*load(DEPLOYMENT), *canary(live.address, kube.access.namespace))
        held.enter_context(Replicas(kube.access))
        made = Scene(kube, live)
        made.reached(phase="Initialized")
        yield made


class TestFlagger:
    def test_a_good_candidate_is_promoted(self, scene: Scene) -> None:
        """Waits at the gate while davy is undecided, and no check fails of it; then goes on."""
        with scene.live.feeding(scene.kube, candidate_errors=0.01) as feed:
            scene.live.apply(scene.release(), 2500, 5000, min_time_s=12.0)
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 25, what="25 %")
            scene.live.eventually(lambda: scene.live.answers(GATE, "undecided") > 0, what="a wait")
            assert scene.status["failedChecks"] == 0
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 50, what="50 %")
            scene.reached(phase="Succeeded")
        assert feed.failures == []
        assert scene.live.last_decision()["action"] == "promote"

    def test_a_bad_candidate_is_rolled_back(self, scene: Scene) -> None:
        """Half of its answers are errors: the rollback hook says yes, once there is harm."""
        with scene.live.feeding(scene.kube, candidate_errors=0.5) as feed:
            scene.live.apply(scene.release(), 2500)
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 25, what="25 %")
            scene.reached(phase="Failed")
        assert feed.failures == []
        assert candidate_weight(scene.kube) == 0
        assert scene.live.answers("rollback", "fail") > 0
        assert scene.live.last_decision()["action"] == "rollback"
