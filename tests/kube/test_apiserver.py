"""The API server of the tests keeps objects, checks them, and lets people do what they may."""

import json
from pathlib import Path

import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.resources.core_v1 import ConfigMap

from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Api, RefusedError
from streams.errors import PartError
from tests.kube.fixtures import UserWith

RIGHTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: somebody, namespace: elsewhere}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: somebody, namespace: elsewhere}
rules:
  - apiGroups: [gateway.networking.k8s.io]
    resources: [httproutes]
    resourceNames: [mine]
    verbs: [get, patch]
  - {apiGroups: [""], resources: [configmaps], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: somebody, namespace: elsewhere}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: somebody}
subjects: [{kind: ServiceAccount, name: somebody, namespace: elsewhere}]
"""
ROUTES = "gateway.networking.k8s.io/v1"


def route(name: str = "mine", weight: int = 10) -> dict[str, object]:
    backends = [{"name": "candidate", "port": 80, "weight": weight}]
    return {
        "apiVersion": ROUTES,
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"rules": [{"name": "main", "backendRefs": backends}]},
    }


class TestKinds:
    def test_serves_every_kind(self, kube: Api) -> None:
        """What davy touches is there, in the versions in which it is touched."""
        wanted = {
            "gateway.networking.k8s.io/v1": {"Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute"},
            "networking.istio.io/v1": {"VirtualService", "DestinationRule", "Gateway"},
            "argoproj.io/v1alpha1": {"Rollout", "AnalysisRun", "AnalysisTemplate"},
            "flagger.app/v1beta1": {"Canary", "MetricTemplate"},
            "serving.kserve.io/v1beta1": {"InferenceService"},
            "serving.kserve.io/v1alpha2": {"LLMInferenceService"},
        }
        served = {
            version: {one["kind"] for one in kube.call("GET", f"/apis/{version}")["resources"]}
            for version in wanted
        }
        assert {version: wanted[version] - served[version] for version in wanted} == {
            version: set() for version in wanted
        }

    def test_checks_what_comes(self, kube: Api) -> None:
        """A weight above the published schema's limit is refused by the field's name."""
        kube.apply(route())
        with pytest.raises(RefusedError, match=r"backendRefs\[0\]\.weight") as refused:
            kube.apply(route(weight=1_000_001))
        assert refused.value.code == 422

    def test_status_is_a_resource_of_its_own(self, kube: Api) -> None:
        """What a controller says in the status changes no spec and no generation."""
        (made,) = kube.apply(route())
        accepted = {
            "type": "Accepted",
            "status": "True",
            "reason": "Accepted",
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        parent = {"parentRef": {"name": "gw"}, "controllerName": "example.com/test"}
        kube.set_status(made, {"parents": [{**parent, "conditions": [accepted]}]})
        seen = kube.read(made)
        assert seen["metadata"]["generation"] == made["metadata"]["generation"]
        assert seen["status"]["parents"][0]["conditions"] == [accepted]


class TestKserve:
    @pytest.mark.parametrize(
        ("canary", "words"),
        [
            ([60, 41], "sum of canary trafficPercent values must be <= 100"),
            ([101], r"trafficPercent"),
        ],
    )
    def test_refuses_as_kserve_does(self, kube: Api, canary: list[int], words: str) -> None:
        """The sum of all canaries is at most 100."""
        entries = [
            {"trafficPercent": percent, "predictor": {"name": f"c{number}", "model": {}}}
            for number, percent in enumerate(canary)
        ]
        service = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": "digits"},
            "spec": {"predictor": {"name": "stable", "model": {}}, "canary": entries},
        }
        with pytest.raises(RefusedError, match=words):
            kube.apply(service)


class TestRights:
    def test_exactly_those_of_the_manifests(
        self, kube: Api, user_with: UserWith, tmp_path: Path
    ) -> None:
        """One route by name may be read and patched; nothing else, nowhere else."""
        file = tmp_path / "rights.yaml"
        file.write_text(RIGHTS)
        kube.apply(route(), route("other"))
        with Api(user_with(file)) as somebody:
            somebody.merge(route(), {"metadata": {"annotations": {"seen": "yes"}}})
            assert somebody.read(route())["metadata"]["annotations"] == {"seen": "yes"}
            for denied in (
                lambda: somebody.read(route("other")),
                lambda: somebody.set_status(route(), {}),
                lambda: somebody.delete(route()),
                lambda: somebody.every(ROUTES, "HTTPRoute"),
                lambda: somebody.read(route(), "default") and somebody.call("GET", "/api/v1/nodes"),
            ):
                with pytest.raises(RefusedError) as refused:
                    denied()
                assert refused.value.code == 403

    def test_a_kubeconfig_for_clients(
        self, kube: Api, user_with: UserWith, namespace: str, tmp_path: Path
    ) -> None:
        """Lightkube comes in by the file, as the same user, in the same namespace."""
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
        kube.apply({**settings, "data": {"colour": "blue"}})
        config = KubeConfig.from_file(user_with(RIGHTS).kubeconfig(tmp_path / "kubeconfig"))
        with lightkube.Client(config=config) as client:
            assert client.namespace == namespace
            assert client.get(ConfigMap, "settings").data == {"colour": "blue"}

    def test_says_what_is_missing(self, user_with: UserWith) -> None:
        """Without an account there is nobody to come in as."""
        with pytest.raises(PartError, match="name one ServiceAccount, not 0"):
            user_with({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})


class TestFaults:
    def test_the_same_user_through_the_proxy(
        self, kube: Api, user_with: UserWith, faults: FaultProxy
    ) -> None:
        """A conflict comes once, over TLS, in the server's words; then the server answers."""
        kube.apply(route())
        faults.answer(409, method="PATCH", path="/httproutes/mine", times=1)
        change = {"metadata": {"annotations": {"seen": "yes"}}}
        with Api(user_with(RIGHTS).through(faults.url)) as somebody:
            with pytest.raises(RefusedError) as refused:
                somebody.merge(route(), change)
            assert (refused.value.code, refused.value.reason) == (409, "Conflict")
            somebody.merge(route(), change)
        patches = [one for one in faults.asked if one.method == "PATCH"]
        assert [json.loads(one.body) for one in patches] == [change, change]
