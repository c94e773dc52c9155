"""Objects on a real API server as targets of the contract; davy comes with the shipped rights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.rigs import gateway, istiod
from infra.rigs.objects import Api
from infra.rigs.users import user_with
from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.contract.rig import ARMS, Rig
from streams.actuator.ports import Router, Segments
from streams.actuator.routers import open_router
from streams.demo.processes import Parts, free_ports, wait_until
from streams.spec.model import Target
from tests.actuator import traffic

RBAC = Path("infra/kubernetes/rbac")
VERSIONS = {"baseline": "v1", "candidate": "v2"}
SETTLES_S = 20.0
GATEWAY_API = "gateway.networking.k8s.io/v1"
Json = dict[str, Any]


def davy(kube: Api, folder: Path, *kinds: str) -> str:
    """A kubeconfig of davy's, with the rights that are shipped for these."""
    files = [RBAC / f"{kind}.yaml" for kind in ("account", *kinds)]
    access = user_with(kube, kube.access.namespace, *files)
    return str(access.kubeconfig(folder / "kubeconfig"))


def target(kube: Api, folder: Path, router: str, **options: object) -> Target:
    """The object `digits` in the test's namespace."""
    place = {"namespace": kube.access.namespace, "name": "digits"}
    known = {"kubeconfig": davy(kube, folder, router)}
    return Target(router=router, options={**place, **known, **options})


DESTINATIONS = {"baseline": "digits-v1.example", "candidate": "digits-v2.example"}
BACKENDS = {"baseline": "digits-v1", "candidate": "digits-v2"}


def virtual_service(
    gateway: str = "gateway", destinations: Mapping[str, str] = DESTINATIONS
) -> Json:
    """A VirtualService with a route of a stranger's behind the rollout's."""
    weights = {"baseline": 100, "candidate": 0}
    routes = [
        {"destination": {"host": host}, "weight": weights[arm]}
        for arm, host in destinations.items()
    ]
    match = [{"uri": {"prefix": "/"}}]
    other = {"name": "other", "route": [{"destination": {"host": "shop.example"}}]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "digits"},
        "spec": {
            "hosts": ["*"],
            "gateways": [gateway],
            "http": [{"name": "primary", "match": match, "route": routes}, other],
        },
    }


def route(kind: str, parent: Json, ports: Mapping[str, int]) -> Json:
    """A route with a rule of a stranger's before the rollout's; `ports`: Service -> its port."""
    weights = {"digits-v1": 100, "digits-v2": 0}
    refs = [{"name": name, "port": ports[name], "weight": weights[name]} for name in weights]
    match = (
        {"path": {"type": "PathPrefix", "value": "/shop"}}
        if kind == "HTTPRoute"
        else {"method": {"service": "shop.Shop"}}
    )
    other = {"name": "other", "matches": [match], "backendRefs": refs[:1]}
    return {
        "apiVersion": GATEWAY_API,
        "kind": kind,
        "metadata": {"name": "digits"},
        "spec": {
            "parentRefs": [parent],
            "rules": [other, {"name": "primary", "backendRefs": refs}],
        },
    }


def _rig(kube: Api, made: Json, spec: Target, field: str, **more: Any) -> Rig:
    """A rig on an object that was laid in."""

    def change(touch: Callable[[Json], None]) -> None:
        found = kube.read(made)
        touch(next(rule for rule in found["spec"][field] if rule.get("name") == "primary"))
        kube.merge(made, {"spec": {field: found["spec"][field]}})

    def weigh(weights: Segments) -> Callable[[Json], None]:
        def touch(rule: Json) -> None:
            for arm, each in zip(ARMS, rule.get("backendRefs") or rule["route"], strict=True):
                each["weight"] = weights["all"][arm]

        return touch

    def open_for(audience: Audience) -> Router:
        return open_router(spec, ARMS, audience)

    return Rig(
        open=lambda: open_for(EVERYBODY),
        open_for=open_for,
        interfere=lambda weights: change(weigh(weights)),
        unlock=lambda: change(weigh({"all": {"baseline": 7500, "candidate": 2500}})),
        **more,
    )


@contextmanager
def virtualservice(_parts: Parts, folder: Path, kube: Api) -> Iterator[Rig]:
    """A VirtualService, as the API server holds it."""
    made = virtual_service()
    kube.apply(made)
    options = {"route": "primary", "destinations": DESTINATIONS}
    yield _rig(kube, made, target(kube, folder, "virtualservice", **options), "http")


@contextmanager
def virtualservice_istiod(parts: Parts, folder: Path, kube: Api) -> Iterator[Rig]:
    """A VirtualService that a real istiod makes routes of, for a real Envoy."""
    seen: list[str] = []
    with traffic.servers([*VERSIONS.values()], lambda name, _: seen.append(name)) as ports:
        hosts = {
            arm: istiod.service_entry(kube, f"{version}-{kube.access.namespace}", ports[version])
            for arm, version in VERSIONS.items()  # hosts are known in all namespaces
        }
        mesh = istiod.start(parts, folder, kube)
        made = virtual_service(mesh.gateway, hosts)
        kube.apply(made)
        wait_until(
            lambda: traffic.count(mesh.url, 1) == Counter(v1=1), what="traffic", deadline_s=60
        )
        options = {"route": "primary", "destinations": hosts}
        yield _rig(
            kube,
            made,
            target(kube, folder, "virtualservice", **options),
            "http",
            count=lambda requests, headers=None: _by_arm(
                traffic.count(mesh.url, requests, headers)
            ),
            copies=lambda: seen.count("v2"),
            unasked=True,
            settles_s=SETTLES_S,
        )


@contextmanager
def httproute(parts: Parts, folder: Path, kube: Api) -> Iterator[Rig]:
    """An HTTPRoute that a real Traefik carries out."""
    seen: list[str] = []
    ports = dict(zip(BACKENDS.values(), free_ports(2), strict=True))
    at = {
        VERSIONS[arm]: (gateway.service(kube, name, ports[name]), ports[name])
        for arm, name in BACKENDS.items()
    }
    with traffic.servers([*at], lambda name, _: seen.append(name), at=at):
        running = gateway.start(parts, kube)
        made = route("HTTPRoute", running.parent, ports)
        kube.apply(made)
        wait_until(
            lambda: accepted(kube, made) and traffic.count(running.url, 1) == Counter(v1=1),
            what="the route is served",
            deadline_s=30,
        )
        options = {"rule": "primary", "backends": BACKENDS}
        yield _rig(
            kube,
            made,
            target(kube, folder, "httproute", **options),
            "rules",
            count=lambda requests, headers=None: _by_arm(
                traffic.count(running.url, requests, headers)
            ),
            unasked=True,
            settles_s=SETTLES_S,
        )


@contextmanager
def grpcroute(parts: Parts, folder: Path, kube: Api) -> Iterator[Rig]:
    """A GRPCRoute that a real Traefik accepts."""
    ports = dict.fromkeys(BACKENDS.values(), 80)
    for name, port in ports.items():
        gateway.service(kube, name, port)
    running = gateway.start(parts, kube)
    made = route("GRPCRoute", running.parent, ports)
    kube.apply(made)
    wait_until(lambda: accepted(kube, made), what="accepted", deadline_s=30)
    options = {"rule": "primary", "backends": BACKENDS}
    spec = target(kube, folder, "grpcroute", **options)
    yield _rig(kube, made, spec, "rules", settles_s=SETTLES_S)


def accepted(kube: Api, made: Json) -> bool:
    """Whether a controller says so of the object as it is."""
    parents = kube.read(made).get("status", {}).get("parents", [])
    told = [each for parent in parents for each in parent["conditions"]]
    return any(each["type"] == "Accepted" and each["status"] == "True" for each in told)


def _by_arm(answers: Counter[str]) -> Counter[str]:
    arm_of = {version: arm for arm, version in VERSIONS.items()}
    return Counter({arm_of.get(name, name): number for name, number in answers.items()})


RIGS = {
    "virtualservice": virtualservice,
    "virtualservice_istiod": virtualservice_istiod,
    "httproute": httproute,
    "grpcroute": grpcroute,
}
