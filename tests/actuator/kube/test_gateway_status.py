"""A controller's word counts for the generation that it has seen, at parents that are named now."""

from __future__ import annotations

import pytest

from streams.actuator.ports import Proof
from streams.actuator.routers.kube.endpoints import is_ready
from streams.actuator.routers.kube.gateway_features import needed, supported
from streams.actuator.routers.kube.gateway_status import proof, unresolved
from tests.actuator.kube.objects import Json, http_route


def parent(
    name: str = "gw", *, seen: int = 3, accepted: str = "True", resolved: str = "True"
) -> Json:
    conditions = [
        {"type": kind, "status": status, "observedGeneration": seen, "reason": "Because"}
        for kind, status in (("Accepted", accepted), ("ResolvedRefs", resolved))
    ]
    ref = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}
    return {"parentRef": ref, "controllerName": "x/y", "conditions": conditions}


def told(*parents: Json) -> Json:
    found = http_route()
    found["metadata"]["generation"] = 3
    return found | {"status": {"parents": [*parents]}}


class TestProof:
    @pytest.mark.parametrize(
        ("parents", "expected"),
        [
            ([parent()], Proof.HOLDS),
            ([], Proof.PENDING),
            ([parent(seen=2)], Proof.PENDING),
            ([parent(accepted="False")], Proof.REJECTED),
            ([parent(accepted="False", seen=2)], Proof.PENDING),
            ([parent(accepted="Unknown")], Proof.REJECTED),
            ([parent("gone")], Proof.PENDING),
            ([parent(), parent("gone", accepted="False", seen=1)], Proof.HOLDS),
            ([{"parentRef": {"name": "gw"}, "controllerName": "x/y"}], Proof.PENDING),
        ],
    )
    def test_table(self, parents: list[Json], expected: Proof) -> None:
        assert proof(told(*parents)).proof is expected

    def test_one_of_two_controllers_is_slow(self) -> None:
        """Both have traffic, so both are waited for."""
        slow = parent(seen=2) | {"controllerName": "slow/one"}
        found = proof(told(parent(), slow))
        assert (found.proof, found.how) == (Proof.PENDING, "not seen yet by slow/one at gw")

    @pytest.mark.parametrize(
        ("parents", "expected", "how"),
        [
            ([parent(), parent("gw2")], Proof.HOLDS, "accepted by x/y at gw, x/y at gw2"),
            ([parent()], Proof.PENDING, "no controller says anything of it at gw2; mend it"),
            ([], Proof.PENDING, "no controller says anything of it; is a Gateway"),
            (
                [parent(), parent("gw2", accepted="False")],
                Proof.REJECTED,
                "x/y at gw2 does not accept it: Because: ; mend it there",
            ),
        ],
    )
    def test_two_gateways(self, parents: list[Json], expected: Proof, how: str) -> None:
        """One that does not take it may go on with the shares that it had."""
        found = told(*parents)
        (first,) = found["spec"]["parentRefs"]
        found["spec"]["parentRefs"] = [first, first | {"name": "gw2"}]
        proven = proof(found)
        assert proven.proof is expected
        assert proven.how.startswith(how)


class TestUnresolved:
    def test_says_who_and_why(self) -> None:
        """A backend that is not there."""
        assert unresolved(told(parent())) == ""
        assert "x/y at gw: Because" in unresolved(told(parent(resolved="False")))


class TestFeatures:
    @pytest.mark.parametrize(
        ("copied", "features"),
        [
            ({"a": 10_000}, {"HTTPRouteRequestMirror"}),
            ({"a": 100}, {"HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"}),
            (
                {"a": 10_000, "b": 10_000},
                {"HTTPRouteRequestMirror", "HTTPRouteRequestMultipleMirrors"},
            ),
        ],
    )
    def test_needed(self, copied: dict[str, int], features: set[str]) -> None:
        assert needed(copied) == features

    def test_a_class_that_says_nothing_can_nothing(self) -> None:
        assert supported({}) == set()
        assert supported({"status": {"supportedFeatures": [{"name": "x"}]}}) == {"x"}


class TestReady:
    @pytest.mark.parametrize(
        ("slices", "ready"),
        [
            ([], False),
            ([{"endpoints": None}], False),
            ([{"endpoints": [{"conditions": {"ready": False}}]}], False),
            ([{"endpoints": [{"conditions": {"ready": False}}, {"conditions": {}}]}], True),
            ([{"endpoints": []}, {"endpoints": [{}]}], True),
        ],
    )
    def test_one_endpoint_is_enough(self, slices: list[Json], ready: bool) -> None:  # noqa: FBT001
        """A condition that is not given means ready."""
        assert is_ready(slices) is ready
