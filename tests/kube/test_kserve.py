"""KServe's three modes on a real API server, with the rights of the manifests and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Api, Object, RefusedError
from streams.actuator.contract import ARMS, Rig, RouterContract, split, suite
from streams.actuator.ports import Desired, Fence, Outcome, Router
from streams.actuator.routers import open_router
from streams.errors import TargetConflict, TargetDenied, TargetNotFound, TargetRejected
from streams.spec.model import Target
from tests.actuator.kube import kserve_played as played
from tests.kube.fixtures import UserWith
from tests.kube.kserve_rigs import MODES

RBAC = Path(__file__).parents[2] / "infra" / "kubernetes" / "rbac"
RIGHTS = (RBAC / "account.yaml", RBAC / "kserve.yaml")
FIRST, SECOND = (Fence(rollout=rollout, seq=1) for rollout in ("r1", "r2"))
SERVICE = {"apiVersion": played.API, "kind": "InferenceService", "metadata": {"name": "digits"}}

WITH_A_CANARY = ("kserve_serverless", "kserve_standard")
"""Modes in which something is left to do in the end."""


@pytest.fixture(params=MODES)
def rig(
    request: pytest.FixtureRequest, kube: Api, user_with: UserWith, tmp_path: Path
) -> Iterator[Rig]:
    """One mode after the other."""
    with MODES[request.param](kube, user_with(*RIGHTS), tmp_path) as started:
        yield started


class TestContract(RouterContract):
    """See there; in every mode."""


def put(rig: Rig, router: Router, candidate_bp: int, fence: Fence = FIRST) -> None:
    suite.put(rig, router, candidate_bp, fence)  # KServe's controller writes when it likes


class TestPromotion:
    def test_the_candidate_becomes_the_baseline(self, rig: Rig, kube: Api) -> None:
        """What is left of the canary goes; the rollout sees its candidate with everything."""
        router = rig.open()
        put(rig, router, 2500)
        put(rig, router, 10_000)
        router.finalize(Outcome.PROMOTED)
        assert router.observe().weights_bp == split(10_000)
        router.finalize(Outcome.PROMOTED)
        assert rig.open().observe().weights_bp == split(10_000)
        for found in kube.every(played.API, "InferenceService"):
            assert "canaryTrafficPercent" not in found["spec"]["predictor"]
            assert not any(one["trafficPercent"] for one in found["spec"].get("canary", []))

    @pytest.mark.parametrize("rig", WITH_A_CANARY, indirect=True)
    def test_what_another_rollout_has_taken_over_stays(self, rig: Rig, kube: Api) -> None:
        """Although this one's candidate has everything."""
        router = rig.open()
        put(rig, router, 10_000)
        rig.open().sign(expect=None, fence=SECOND)
        before = kube.read(SERVICE)["spec"]
        router.finalize(Outcome.PROMOTED)
        assert kube.read(SERVICE)["spec"] == before

    @pytest.mark.parametrize("mode", WITH_A_CANARY)
    def test_a_write_that_came_between(
        self, mode: str, kube: Api, user_with: UserWith, faults: FaultProxy, tmp_path: Path
    ) -> None:
        """KServe's status, say: davy looks anew."""
        with MODES[mode](kube, user_with(*RIGHTS).through(faults.url), tmp_path) as rig:
            router = rig.open()
            put(rig, router, 10_000)
            before = kube.read(SERVICE)["spec"]
            faults.answer(409, method="PATCH", times=1)
            router.finalize(Outcome.PROMOTED)
            assert kube.read(SERVICE)["spec"] != before


@pytest.mark.parametrize("rig", ["kserve_serverless"], indirect=True)
class TestServerless:
    def test_the_next_rollout_begins_anew(self, rig: Rig, kube: Api) -> None:
        """What was promoted is its baseline, and it waits for a candidate of its own."""
        router = rig.open()
        put(rig, router, 10_000)
        router.finalize(Outcome.PROMOTED)
        router.apply(Desired(weights_bp=split(100)), expect=None, fence=SECOND)
        seen = router.observe()
        assert (seen.weights_bp, seen.unready) == (split(0), ("candidate",))
        assert "canaryTrafficPercent: 0" in seen.note
        assert "canaryTrafficPercent" not in kube.read(SERVICE)["spec"]["predictor"]
        third = played.predictor("c", canaryTrafficPercent=0)
        kube.apply(played.service("digits", "Knative", predictor=third))
        rig.wait(lambda: not router.observe().unready, "the next candidate")
        put(rig, router, 100, SECOND)
        assert router.observe().weights_bp == split(100)

    def test_another_candidate_is_not_raised(self, rig: Rig, kube: Api) -> None:
        """Evidence for one revision moves no other; lowering is always allowed."""
        router = rig.open()
        put(rig, router, 1000)
        third = played.predictor("c", canaryTrafficPercent=10)
        kube.apply(played.service("digits", "Knative", predictor=third))
        rig.wait(lambda: bool(router.observe().unready), "the change is noticed")
        with pytest.raises(TargetConflict, match="another candidate"):
            router.apply(Desired(weights_bp=split(2500)), expect=None, fence=FIRST)
        put(rig, router, 0)
        assert router.observe().weights_bp == split(0)


@pytest.mark.parametrize("mode", MODES)
class TestWritesOfOthers:
    def test_a_status_is_no_conflict(
        self, mode: str, kube: Api, user_with: UserWith, faults: FaultProxy, tmp_path: Path
    ) -> None:
        """The first patch of a group has controllers write the status of the others."""
        with MODES[mode](kube, user_with(*RIGHTS).through(faults.url), tmp_path) as rig:
            router = rig.open()
            faults.answer(409, method="PATCH", path="/(digits|chat-v1)[?]", times=1)
            put(rig, router, 2500)
            assert router.observe().weights_bp == split(2500)

    def test_a_conflict_that_stays(
        self, mode: str, kube: Api, user_with: UserWith, faults: FaultProxy, tmp_path: Path
    ) -> None:
        """It is told, and nothing is written."""
        with MODES[mode](kube, user_with(*RIGHTS).through(faults.url), tmp_path) as rig:
            router = rig.open()
            faults.answer(409, method="PATCH")
            with pytest.raises(TargetConflict):
                router.apply(Desired(weights_bp=split(2500)), expect=None, fence=FIRST)
            faults.heal()
            assert router.observe().weights_bp == split(0)


@pytest.mark.parametrize("rig", WITH_A_CANARY, indirect=True)
def test_a_change_between_look_and_patch(rig: Rig, kube: Api) -> None:
    """Somebody's annotation or model is a conflict at the second look too."""
    router = rig.open()
    found = router._read()  # type: ignore[attr-defined]
    kube.merge(SERVICE, {"metadata": {"annotations": {"davy.dev/fence": str(SECOND)}}})
    with pytest.raises(TargetConflict, match="changed since it was looked at"):
        router._patched("digits", found["digits"], [])  # type: ignore[attr-defined]


class TestRights:
    def test_what_is_needed_and_nothing_else(self, kube: Api, user_with: UserWith) -> None:
        """Two kinds by their names, to be read and patched: no status, no list, no others."""
        kube.apply(played.service("digits", "Knative", predictor=played.predictor("a")))
        kube.apply(played.service("other", "Knative", predictor=played.predictor("a")))
        kube.apply(played.member("chat-v1", 1))
        other = {**SERVICE, "metadata": {"name": "other"}}
        note: Object = {"metadata": {"annotations": {"seen": "yes"}}}
        with Api(user_with(*RIGHTS)) as davy:
            davy.merge(SERVICE, note)
            davy.merge(played.member("chat-v1", 1), note)
            denied: list[Callable[[], Any]] = [
                lambda: davy.read(other),
                lambda: davy.merge(other, note),
                lambda: davy.every(played.API, "InferenceService"),
                lambda: davy.set_status(SERVICE, {}),
                lambda: davy.delete(SERVICE),
                lambda: davy.read(played.member("chat-v3", 1)),
            ]
            for call in denied:
                with pytest.raises(RefusedError) as refused:
                    call()
                assert refused.value.code == 403

    def test_a_missing_right_is_told(self, kube: Api, user_with: UserWith, tmp_path: Path) -> None:
        """With what was asked, and where rights are described."""
        kube.apply(played.service("other", "Knative", predictor=played.predictor("a")))
        config = str(user_with(*RIGHTS).kubeconfig(tmp_path / "kubeconfig"))
        options = {"mode": "serverless", "name": "other", "kubeconfig": config}
        options["namespace"] = kube.access.namespace
        router = open_router(Target(router="kserve", options=options), ARMS)
        with pytest.raises(TargetDenied, match=r"get InferenceService .*/other: 403 .*rbac"):
            router.observe()


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({}, "mode: kserve needs it"),
            ({"mode": "raw", "name": "digits"}, "knows no mode raw"),
            ({"mode": "serverless"}, "name: kserve needs it"),
            ({"mode": "serverless", "name": "d", "members": {}}, "is for mode llm, not for"),
            ({"mode": "standard", "name": "d"}, "one name for each of candidate"),
            ({"mode": "llm", "members": {"baseline": "a"}}, "there is none for candidate"),
            ({"mode": "llm", "members": {"baseline": "a", "candidate": "a"}}, "share one name"),
            ({"mode": "serverless", "name": "d", "nmespace": "x"}, "did you mean"),
        ],
    )
    def test_what_makes_no_sense_is_told(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises(TargetRejected, match=words):
            open_router(Target(router="kserve", options=options), ARMS)

    def test_serverless_has_room_for_one(self) -> None:
        target = Target(router="kserve", options={"mode": "serverless", "name": "d"})
        with pytest.raises(TargetRejected, match="take `mode: standard`"):
            open_router(target, ("baseline", "b", "c"))


def test_a_service_that_is_not_there(kube: Api, user_with: UserWith, tmp_path: Path) -> None:
    """Told as such; nothing is made."""
    config = str(user_with(*RIGHTS).kubeconfig(tmp_path / "kubeconfig"))
    options = {"mode": "serverless", "name": "digits", "kubeconfig": config}
    options["namespace"] = kube.access.namespace
    router = open_router(Target(router="kserve", options=options), ARMS)
    with pytest.raises(TargetNotFound, match="is it there"):
        router.observe()
