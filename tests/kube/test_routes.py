"""Routes on a real API server: whole rollouts with others in between, faults, and rights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Api, RefusedError
from infra.rigs.users import user_with
from streams.actuator.actor import RolloutActor
from streams.actuator.contract import ARMS, Rig, split
from streams.actuator.ports import Desired, Fence, Outcome, Proof, Router
from streams.actuator.routers import open_router
from streams.actuator.runner import SystemClock
from streams.demo.processes import Parts, wait_until
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import Target
from tests.actuator.kube import targets
from tests.actuator.kube.targets import DESTINATIONS, RBAC, virtual_service
from tests.actuator.kube.test_rules import LEFT_OUT, NAMED
from tests.actuator.world import RECONCILE_S, HandTenure, World

FIRST = Fence(rollout="r1", seq=1)
SECOND = Fence(rollout="r1", seq=2)
OPTIONS = {"route": "primary", "destinations": DESTINATIONS}
Json = dict[str, Any]


class Meddled:
    """A router in whose way others come, right before its next write."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.capabilities = router.capabilities
        self.observe, self.verify = router.observe, router.verify
        self.sign, self.finalize = router.sign, router.finalize
        self.meanwhile: list[Callable[[], None]] = []

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Any:
        if self.meanwhile:
            self.meanwhile.pop()()
        return self._router.apply(desired, expect=expect, fence=fence)


class RealWorld(World):
    """A rollout whose target is real, and whose clock is this machine's."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        super().__init__()

    def _born(self) -> RolloutActor:
        self.clock = SystemClock()  # type: ignore[assignment]
        self.tenure = HandTenure()
        self.router = Meddled(self._rig.open())
        return RolloutActor(
            self.spec, self.router, self.journal, self.clock, self.tenure, RECONCILE_S
        )

    def until(self, candidate_bp: int, reason: str = "") -> None:
        """Step until the target has this share, which is proven, for this reason."""

        def there() -> bool:
            self.actor.step()
            last = self.journal.records[-1]
            same = self._rig.open().observe().weights_bp == split(candidate_bp)
            return same and last.phase != "intent" and last.reason.startswith(reason)

        wait_until(there, what=f"{candidate_bp} {reason}", deadline_s=30)


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.kube) for name in ("httproute", "virtualservice")]
)
def rig(request: pytest.FixtureRequest, kube: Api, parts: Parts, tmp_path: Path) -> Iterator[Rig]:
    with targets.RIGS[request.param](parts, tmp_path, kube) as started:
        yield started


def digits(kube: Api, rig: Rig) -> Json:
    """The object as it is."""
    kind = "VirtualService" if "virtualservice" in repr(rig.open()) else "HTTPRoute"
    version = "networking.istio.io/v1" if kind == "VirtualService" else targets.GATEWAY_API
    return kube.read({"apiVersion": version, "kind": kind, "metadata": {"name": "digits"}})


class TestRollout:
    def test_promoted_past_a_conflict_and_a_foreign_edit(self, rig: Rig, kube: Api) -> None:
        """Another write right before ours is a conflict: seen, and gone about; the rest stays."""
        before = digits(kube, rig)
        world = RealWorld(rig)
        world.actor.step()
        world.beat()
        world.decide(1, 1000)
        world.until(1000)
        note = {"metadata": {"labels": {"team": "shop"}}}
        world.router.meanwhile.append(lambda: kube.merge(digits(kube, rig), note) and None)
        world.decide(2, 2500)
        world.until(2500)
        world.router.meanwhile.append(lambda: rig.interfere(split(2000)))
        world.decide(3, 5000)
        world.until(2000, "drift_lower")  # left alone until somebody says resume
        rig.interfere(split(9000))
        world.until(5000)  # a raised one is undone
        world.ask(CommandKind.RESUME)
        world.decide(4, 10_000, Action.PROMOTE)
        world.until(10_000)
        wait_until(lambda: _ended(world), what="the end", deadline_s=30)
        after = digits(kube, rig)
        assert after["metadata"]["labels"] == {"team": "shop"}
        assert _bare(after) == _bare(before)

    def test_rolled_back_without_residue(self, rig: Rig, kube: Api) -> None:
        """What is left of a rollout is its fence, which keeps late writers out."""
        before = digits(kube, rig)
        world = RealWorld(rig)
        world.actor.step()
        world.beat()
        world.decide(1, 2500)
        world.until(2500)
        assert digits(kube, rig)["metadata"]["labels"] == {"davy.dev/canary": "in-progress"}
        world.decide(2, 0, Action.ROLLBACK)
        world.until(0)
        wait_until(lambda: _ended(world), what="the end", deadline_s=30)
        after = digits(kube, rig)
        assert set(after["metadata"]["annotations"]) == {"davy.dev/fence.primary"}
        assert not after["metadata"].get("labels")
        assert _bare(after) == _bare(before)
        with pytest.raises(TargetConflict, match="stale"):
            rig.open().apply(Desired(weights_bp=split(100)), expect=None, fence=FIRST)

    def test_what_another_rollout_has_taken_over_stays(self, kube: Api, tmp_path: Path) -> None:
        """Its rules, fence and label, although both have nothing yet."""
        kube.apply(virtual_service())
        spec = targets.target(kube, tmp_path, "virtualservice", **OPTIONS)
        router, other = open_router(spec, ARMS, NAMED), open_router(spec, ARMS, NAMED)
        desired = Desired(weights_bp={**split(0), **LEFT_OUT})
        router.apply(desired, expect=None, fence=FIRST)
        router.observe()
        other.apply(desired, expect=None, fence=Fence(rollout="r2", seq=1))
        before = kube.read(virtual_service())
        router.finalize(Outcome.ROLLED_BACK)
        assert kube.read(virtual_service()) == before
        other.finalize(Outcome.ROLLED_BACK)
        after = kube.read(virtual_service())
        assert len(after["spec"]["http"]) < len(before["spec"]["http"])


def _ended(world: RealWorld) -> bool:
    world.actor.step()
    return world.actor._kept.ended_at is not None


def _bare(found: Json) -> Json:
    """Everything that is none of davy's business."""
    spec = found["spec"]
    for rule in spec.get("rules") or spec["http"]:
        for each in rule.get("backendRefs") or rule["route"]:
            each.pop("weight", None)
    return dict(spec)


@pytest.fixture
def broken(kube: Api, faults: FaultProxy, tmp_path: Path) -> Router:
    """A VirtualService that davy reaches by a door that fails on request."""
    kube.apply(virtual_service())
    files = [RBAC / f"{kind}.yaml" for kind in ("account", "virtualservice")]
    access = user_with(kube, kube.access.namespace, *files).through(faults.url)
    place = {"namespace": kube.access.namespace, "name": "digits"}
    config = {"kubeconfig": str(access.kubeconfig(tmp_path / "config"))}
    return open_router(Target(router="virtualservice", options=place | config | OPTIONS), ARMS)


def write(router: Router, candidate_bp: int = 2500, fence: Fence = FIRST) -> None:
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=None, fence=fence)


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (401, TargetDenied),
            (403, TargetDenied),
            (404, TargetNotFound),
            (409, TargetConflict),
            (422, TargetConflict),
            (429, TargetTransient),
            (500, TargetTransient),
            (503, TargetTransient),
        ],
    )
    def test_statuses(
        self, broken: Router, faults: FaultProxy, status: int, kind: type[RouterError]
    ) -> None:
        """Each has its meaning, nothing is written, and it works again afterwards."""
        faults.answer(status, method="PATCH", headers={"retry-after": "7"})
        with pytest.raises(kind) as caught:
            write(broken)
        if isinstance(caught.value, TargetTransient):
            assert caught.value.retry_after_s == 7.0
        faults.heal()
        assert broken.observe().weights_bp == split(0)
        write(broken)
        assert broken.verify(Desired(weights_bp=split(2500))).proof is Proof.HOLDS

    def test_a_conflict_that_is_none_of_ours_is_gone_about(
        self, broken: Router, faults: FaultProxy
    ) -> None:
        """Two in a row may be the status's or another rule's."""
        faults.answer(409, method="PATCH", times=2)
        write(broken)
        assert broken.observe().weights_bp == split(2500)

    def test_cut_before(self, broken: Router, faults: FaultProxy) -> None:
        """Nobody heard of it."""
        faults.cut(method="PATCH")
        with pytest.raises(TargetTransient):
            write(broken)
        faults.heal()
        assert broken.observe().weights_bp == split(0)

    def test_cut_after(self, broken: Router, faults: FaultProxy) -> None:
        """It was done, which a look shows; a second write of the same changes nothing."""
        write(broken, 100)
        faults.lose_answer(method="PATCH", times=1)
        with pytest.raises(TargetTransient):
            write(broken, 0, SECOND)
        seen = broken.observe()
        assert (seen.weights_bp, seen.fence) == (split(0), SECOND)
        write(broken, 0, SECOND)
        assert broken.observe().revision == seen.revision

    def test_silence(
        self, broken: Router, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that says nothing is given up in time."""
        monkeypatch.setattr("streams.actuator.routers.kube.access.ANSWER_S", 0.3)
        faults.hang(method="GET")
        began = time.monotonic()
        with pytest.raises(TargetTransient):
            broken.observe()
        assert time.monotonic() - began < 3
        faults.heal()

    def test_every_write_is_guarded_and_bounded(self, broken: Router, faults: FaultProxy) -> None:
        """Version first; and the server drops what takes longer than davy waits."""
        write(broken)
        patches = [asked for asked in faults.asked if asked.method == "PATCH"]
        dry, real = patches
        assert ("dryRun=All" in dry.path, "dryRun" in real.path) == (True, False)
        for asked in patches:
            assert b"/metadata/resourceVersion" in asked.body[:80]
            assert "timeout=5s" in asked.path


class TestAdmission:
    def test_a_dry_run_changes_nothing(self, kube: Api, broken: Router) -> None:
        """Whom the API server refuses, it refuses before anything is in force."""
        kube.merge(virtual_service(), {"spec": {"http": None}})
        with pytest.raises(TargetNotFound, match="it has none"):
            write(broken)

    def test_what_the_schema_does_not_take(self, kube: Api, tmp_path: Path) -> None:
        """The field is named."""
        made = virtual_service()
        kube.apply(made)
        spec = targets.target(kube, tmp_path, "virtualservice", **OPTIONS)
        router = open_router(spec, ARMS)
        client, address = router.client, router.address  # type: ignore[attr-defined]
        bad = {"op": "add", "path": "/spec/http/0/route/0/weight", "value": "many"}
        with pytest.raises(TargetRejected, match=r"spec\.http\[0\]\.route\[0\]\.weight"):
            client.patch(address, [bad])
        stale = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
        with pytest.raises(TargetConflict):
            client.patch(address, [stale])


KINDS = {
    "httproute": ("gateway.networking.k8s.io", "httproutes"),
    "grpcroute": ("gateway.networking.k8s.io", "grpcroutes"),
    "virtualservice": ("networking.istio.io", "virtualservices"),
    "ready": ("discovery.k8s.io", "endpointslices"),
    "mirror": ("gateway.networking.k8s.io", "gateways"),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
NAMES = ("digits", "gateway", "other", "")
MAY = {
    "httproute": {("get", "digits"), ("patch", "digits")},
    "grpcroute": {("get", "digits"), ("patch", "digits")},
    "virtualservice": {("get", "digits"), ("patch", "digits")},
    "ready": {("list", name) for name in NAMES},
    "mirror": {("get", "gateway")},
}


class TestRights:
    @pytest.mark.parametrize("kind", MAY)
    def test_exactly_what_is_needed(self, kube: Api, kind: str) -> None:
        """Of all verbs and names, those that the router calls; the API server itself says so."""
        files = [RBAC / f"{name}.yaml" for name in ("account", kind)]
        with Api(user_with(kube, kube.access.namespace, *files)) as davy:
            allowed = {
                (verb, name)
                for verb in VERBS
                for name in NAMES
                if self.may(davy, KINDS[kind], verb, name)
            }
            elsewhere = [
                self.may(davy, place, verb, "digits")
                for place in (("", "secrets"), ("", "pods"), ("apps", "deployments"))
                for verb in VERBS
            ]
        assert allowed == MAY[kind]
        assert not any(elsewhere)

    def may(self, davy: Api, place: tuple[str, str], verb: str, name: str) -> bool:
        group, resource = place
        asked = {
            "namespace": davy.access.namespace,
            "verb": verb,
            "group": group,
            "resource": resource,
            "name": name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(davy.post(path, review)["status"]["allowed"])

    def test_another_object_is_denied(self, kube: Api, tmp_path: Path) -> None:
        """By name: the one next to it cannot even be read."""
        other = virtual_service()
        other["metadata"]["name"] = "other"
        kube.apply(virtual_service(), other)
        spec = targets.target(kube, tmp_path, "virtualservice", **OPTIONS)
        router = open_router(replace_name(spec, "other"), ARMS)
        with pytest.raises(TargetDenied, match="infra/kubernetes/rbac"):
            router.observe()
        nobody = user_with(kube, kube.access.namespace, RBAC / "account.yaml")
        with Api(nobody) as davy, pytest.raises(RefusedError):
            davy.call("GET", "/api/v1/secrets")


def replace_name(spec: Target, name: str) -> Target:
    return spec.model_copy(update={"options": {**spec.options, "name": name}})


class TestReady:
    def test_an_arm_without_endpoints_is_not_ready(self, kube: Api, tmp_path: Path) -> None:
        """As long as no endpoint of its Service is."""
        kube.apply(virtual_service())
        access = targets.davy(kube, tmp_path, "virtualservice", "ready")
        place = {"namespace": kube.access.namespace, "name": "digits", "kubeconfig": access}
        options = place | OPTIONS | {"ready": {"candidate": "digits-v2"}}
        router = open_router(Target(router="virtualservice", options=options), ARMS)
        assert router.observe().unready == ("candidate",)
        kube.apply(slices(ready=False))
        assert router.observe().unready == ("candidate",)
        kube.apply(slices(ready=True))
        assert router.observe().unready == ()


def slices(*, ready: bool) -> Json:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "digits-v2-x", "labels": {"kubernetes.io/service-name": "digits-v2"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": ready}}],
        "ports": [{"name": "http", "port": 80}],
    }


class TestCopies:
    CLASS = "gateway.networking.k8s.io/v1"

    def test_only_where_the_class_says_so(self, kube: Api, tmp_path: Path) -> None:
        """A controller that does not know the filter may answer 500 to everybody."""
        name = kube.access.namespace
        own = {
            "apiVersion": self.CLASS,
            "kind": "GatewayClass",
            "metadata": {"name": name},
            "spec": {"controllerName": "example.com/test"},
        }
        listener = {"name": "web", "protocol": "HTTP", "port": 80}
        gateway = {
            "apiVersion": self.CLASS,
            "kind": "Gateway",
            "metadata": {"name": "gateway"},
            "spec": {"gatewayClassName": name, "listeners": [listener]},
        }
        ports = dict.fromkeys(targets.BACKENDS.values(), 80)
        kube.apply(own, gateway, targets.route("HTTPRoute", {"name": "gateway"}, ports))
        config = targets.davy(kube, tmp_path, "httproute", "mirror")
        place = {"namespace": name, "name": "digits", "kubeconfig": config}
        options = place | {"rule": "primary", "backends": targets.BACKENDS}
        router = open_router(Target(router="httproute", options=options), ARMS)
        mirror = {"mirror": {"baseline": 7500, "candidate": 2500}}
        desired = Desired(weights_bp={**split(0), **mirror})
        with pytest.raises(TargetRejected, match="does not say that it supports HTTPRouteRequest"):
            router.apply(desired, expect=None, fence=FIRST)
        told = ["HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"]
        kube.set_status(own, {"conditions": [], "supportedFeatures": [{"name": n} for n in told]})
        router.apply(desired, expect=None, fence=FIRST)
        assert router.observe().weights_bp == desired.weights_bp
        router.apply(Desired(weights_bp=split(0)), expect=None, fence=SECOND)
        router.finalize(Outcome.ROLLED_BACK)
        assert router.observe().weights_bp == split(0)
