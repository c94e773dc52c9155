"""Traefik as Gateway API controller moves real requests as the route's weights say."""

from infra.rigs import gateway
from infra.rigs.objects import Api, Object
from streams.demo.processes import Parts, free_ports, wait_until
from tests.actuator import traffic

NAMES = ("v1", "v2")


class TestGateway:
    def test_splits_by_weight(self, kube: Api, parts: Parts) -> None:
        """Weights 90 and 10 are in effect once the route is accepted, and a change of them soon."""
        ports = dict(zip(NAMES, free_ports(2), strict=True))
        at = {name: (gateway.service(kube, name, port), port) for name, port in ports.items()}
        with traffic.servers(NAMES, at=at):
            running = gateway.start(parts, kube)
            kube.apply(route(running.parent, ports, {"v1": 90, "v2": 10}))
            wait_until(
                lambda: traffic.count(running.url, 10) == {"v1": 9, "v2": 1},
                what="the route is served",
                deadline_s=30,
            )
            assert traffic.count(running.url, 100) == {"v1": 90, "v2": 10}
            (changed,) = kube.apply(route(running.parent, ports, {"v1": 0, "v2": 100}))
            wait_until(
                lambda: traffic.count(running.url, 10) == {"v2": 10},
                what="the new weights are served",
                deadline_s=30,
            )
            wait_until(
                lambda: (
                    accepted(kube.read(changed)) == {"Accepted": "True", "ResolvedRefs": "True"}
                ),
                what="the new generation is accepted",
                deadline_s=30,
            )


def route(parent: Object, ports: dict[str, int], weights: dict[str, int]) -> Object:
    backends = [
        {"name": name, "port": ports[name], "weight": weight} for name, weight in weights.items()
    ]
    return {
        "apiVersion": gateway.VERSION,
        "kind": "HTTPRoute",
        "metadata": {"name": "digits"},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}]},
    }


def accepted(one: Object) -> dict[str, str]:
    """The conditions that speak of this generation."""
    parents = one.get("status", {}).get("parents", [])
    return {
        condition["type"]: condition["status"]
        for parent in parents
        for condition in parent["conditions"]
        if condition["observedGeneration"] == one["metadata"]["generation"]
    }
