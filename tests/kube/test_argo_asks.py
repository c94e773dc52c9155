"""The real Argo Rollouts asks our server, with the manifests that we ship, on a live stream."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import rollouts
from infra.rigs.cache import Absent
from infra.rigs.objects import Api, Object, load
from infra.rigs.replicas import Replicas
from streams.demo.processes import Parts
from tests.conftest import Absence
from tests.kube.fixtures import UserWith
from tests.kube.live import PASSWORD, READER, Live, candidate_weight, shipped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROLLOUT: Object = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "digits"},
}
VERSION = "/spec/template/spec/containers/0/env/0/value"


def templates(address: str, namespace: str) -> list[Object]:
    """The AnalysisTemplates that we ship, asked every second at this address."""
    text = shipped("analysis-web.yaml", namespace)
    text = text.replace("http://davy-verdicts.davy:8472", address)
    return load(text.replace("interval: 10s", "interval: 1s"))


def password() -> Object:
    """What an AnalysisRun sends as who it is."""
    token = base64.b64encode(f"controller:{PASSWORD}".encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "davy-verdicts"},
        "stringData": {"authorization": f"Basic {token}"},
    }


class Scene:
    """A Rollout of which v1 is stable, and a davy that looks on."""

    def __init__(self, kube: Api, live: Live) -> None:
        self.kube, self.live = kube, live

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.kube.read(ROLLOUT).get("status", {}))

    def reached(self, **wanted: Any) -> None:
        self.live.eventually(
            lambda: wanted.items() <= self.status.items(), what=f"the Rollout is {wanted}"
        )

    def release(self) -> str:
        """Change the version; the new pod hash, once Argo has asked about it in vain."""
        stable = self.status["stableRS"]
        self.kube.patch(ROLLOUT, [{"op": "replace", "path": VERSION, "value": "v2"}])
        self.live.eventually(
            lambda: self.status.get("currentPodHash") not in (None, stable), what="a new pod hash"
        )
        self.live.eventually(
            lambda: self.live.answers("verdict", "unknown_rollout") > 0,
            what="a question about a revision that nobody knows",
        )
        return str(self.status["currentPodHash"])

    def inconclusive(self) -> int:
        """Measurements that said `undecided`, of all runs."""
        runs = self.kube.every("argoproj.io/v1alpha1", "AnalysisRun")
        results = (r for run in runs for r in run.get("status", {}).get("metricResults", []))
        return sum(result.get("inconclusive", 0) for result in results)


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
    try:
        rollouts.start(parts, tmp_path, kube.access)
    except Absent as error:
        absent("kube", str(error))
    live = Live(tansu, prefix, parts, tmp_path, user_with(*READER))
    namespace = kube.access.namespace
    made = (*templates(live.address, namespace), *load(shipped("rollout.yaml", namespace)))
    kube.apply(password(), *made)
    with live, Replicas(kube.access):
        made = Scene(kube, live)
        made.reached(phase="Healthy")
        yield made


class TestArgo:
    def test_a_good_candidate_is_promoted(self, scene: Scene) -> None:
        """Nothing before davy knows the revision; then it waits while undecided, then goes on."""
        with scene.live.feeding(scene.kube, candidate_errors=0.01) as feed:
            revision = scene.release()
            assert candidate_weight(scene.kube) == 0
            scene.live.apply(revision, 2500)
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 25, what="25 %")
            before = scene.inconclusive()
            scene.live.eventually(lambda: scene.inconclusive() >= before + 2, what="two waits")
            assert candidate_weight(scene.kube) == 25
            scene.reached(phase="Healthy", stableRS=revision)
        assert feed.failures == []
        assert scene.live.last_decision()["action"] == "promote"

    def test_a_bad_candidate_is_aborted(self, scene: Scene) -> None:
        """Half of its answers are errors: the background analysis says so, and Argo goes back."""
        with scene.live.feeding(scene.kube, candidate_errors=0.5) as feed:
            revision = scene.release()
            scene.live.apply(revision, 2500)
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 25, what="25 %")
            scene.reached(phase="Degraded", abort=True)
            scene.live.eventually(lambda: candidate_weight(scene.kube) == 0, what="back at 0")
        assert feed.failures == []
        assert scene.status["stableRS"] != revision
        assert scene.live.last_decision()["action"] == "rollback"
