"""istiod reads a VirtualService and feeds a real Envoy, which splits real requests by it."""

from pathlib import Path

from scipy.stats import binomtest

from infra.rigs import istiod
from infra.rigs.objects import Api, Object
from streams.demo.processes import Parts, wait_until
from tests.actuator import traffic

NAMES = ("v1", "v2")


class TestIstiod:
    def test_splits_by_weight(self, kube: Api, parts: Parts, tmp_path: Path) -> None:
        """Weights 70 and 30 are seen in the answers, and a guarded change of them soon."""
        with traffic.servers(NAMES) as ports:
            hosts = {name: istiod.service_entry(kube, name, port) for name, port in ports.items()}
            running = istiod.start(parts, tmp_path, kube)
            kube.apply(virtual_service(running.gateway, hosts, {"v1": 70, "v2": 30}))
            wait_until(
                lambda: set(traffic.count(running.url, 20)) == {"v1", "v2"},
                what="the route is served",
                deadline_s=60,
            )
            answers = traffic.count(running.url, 400)
            assert answers.total() == answers["v1"] + answers["v2"] == 400
            assert binomtest(answers["v2"], 400, 0.3).pvalue > 1e-6
            route = "/spec/http/0/route"
            kube.patch(
                virtual_service(running.gateway, hosts, {}),
                [
                    {"op": "test", "path": f"{route}/1/destination/host", "value": hosts["v2"]},
                    {"op": "replace", "path": f"{route}/0/weight", "value": 0},
                    {"op": "replace", "path": f"{route}/1/weight", "value": 100},
                ],
            )
            wait_until(
                lambda: traffic.count(running.url, 20) == {"v2": 20},
                what="the new weights are served",
                deadline_s=60,
            )
            assert traffic.count(running.url, 100) == {"v2": 100}


def virtual_service(gateway: str, hosts: dict[str, str], weights: dict[str, int]) -> Object:
    route = [
        {"destination": {"host": hosts[name], "port": {"number": 80}}, "weight": weight}
        for name, weight in weights.items()
    ]
    return {
        "apiVersion": istiod.VERSION,
        "kind": "VirtualService",
        "metadata": {"name": "digits"},
        "spec": {
            "hosts": ["*"],
            "gateways": [gateway],
            "http": [{"name": "main", "route": route}],
        },
    }
