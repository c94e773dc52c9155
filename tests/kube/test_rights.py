"""The rights that we ship: who only looks writes nothing, and two deployments share no object."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.rigs.objects import Api, load
from infra.rigs.users import CLUSTER_WIDE
from streams.actuator.contract import ARMS, split
from streams.actuator.ports import Desired, Fence
from streams.actuator.routers import open_router
from streams.errors import TargetDenied
from streams.spec.model import Target
from tests.actuator.kube.targets import DESTINATIONS, virtual_service
from tests.kube.fixtures import UserWith

RBAC = Path(__file__).parents[2] / "infra" / "kubernetes" / "rbac"
FILES = sorted(RBAC.glob("*.yaml"))
LOOKS = (RBAC / "account.yaml", RBAC / "look-only.yaml")
SEEN = [
    ("gateway.networking.k8s.io", "httproutes", "digits"),
    ("gateway.networking.k8s.io", "grpcroutes", "digits"),
    ("networking.istio.io", "virtualservices", "digits"),
    ("serving.kserve.io", "inferenceservices", "digits"),
    ("serving.kserve.io", "llminferenceservices", "chat-v2"),
    ("argoproj.io", "rollouts", "digits"),
]
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def allowed(davy: Api, group: str, resource: str, name: str, subresource: str = "") -> set[str]:
    """What the API server lets this user do with an object."""
    place = {"group": group, "resource": resource, "name": name, "subresource": subresource}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    found = set()
    for verb in VERBS:
        asked = {**place, "verb": verb, "namespace": davy.access.namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        if davy.post(path, review)["status"]["allowed"]:
            found.add(verb)
    return found


class TestLookOnly:
    def test_reads_by_name_and_nothing_else(self, user_with: UserWith) -> None:
        """Of every kind that a router may look at; another object is not even seen."""
        with Api(user_with(*LOOKS)) as davy:
            for group, resource, name in SEEN:
                assert allowed(davy, group, resource, name) == {"get"}, resource
                assert allowed(davy, group, resource, "other") == set(), resource
            assert allowed(davy, "argoproj.io", "rollouts", "digits", "status") == set()

    def test_a_router_sees_its_object_and_cannot_move_it(
        self, kube: Api, user_with: UserWith, tmp_path: Path
    ) -> None:
        """A rollout that only looks needs no more; one that moves is told what it lacks."""
        kube.apply(virtual_service())
        config = str(user_with(*LOOKS).kubeconfig(tmp_path / "config"))
        place = {"namespace": kube.access.namespace, "name": "digits", "route": "primary"}
        options = {**place, "kubeconfig": config, "destinations": DESTINATIONS}
        router = open_router(Target(router="virtualservice", options=options), ARMS)
        assert router.observe().weights_bp == split(0)
        with pytest.raises(TargetDenied, match="infra/kubernetes/rbac"):
            router.apply(
                Desired(weights_bp=split(100)), expect=None, fence=Fence(rollout="r1", seq=1)
            )


class TestNamespaces:
    def test_all_files_are_for_one(self) -> None:
        """So that one replacement is enough."""
        objects = load(*FILES)
        told = {one["metadata"].get("namespace") for one in objects}
        told |= {to["namespace"] for one in objects for to in one.get("subjects", ())}
        assert told - {None} == {"production"}

    def test_what_has_none_has_it_in_its_name(self) -> None:
        """Another deployment's binding would otherwise take the place of this one's."""
        wide = [one for one in load(*FILES) if one["kind"] in CLUSTER_WIDE]
        assert len(wide) == 2
        for one in wide:
            assert one["metadata"]["name"].endswith("-production")
        (bound,) = (one for one in wide if one["kind"] == "ClusterRoleBinding")
        assert bound["roleRef"]["name"].endswith("-production")
