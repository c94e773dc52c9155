"""istiod feeds a real Envoy what a VirtualService says, and davy's router moves real requests."""

from collections.abc import Callable
from pathlib import Path

from scipy.stats import binomtest

from infra.rigs import istiod
from infra.rigs.mesh import MANIFESTS, RIGHTS
from infra.rigs.objects import Access, Api
from streams.actuator.audience import EVERYBODY
from streams.actuator.ports import Desired, Fence
from streams.actuator.routers import open_router
from streams.demo.mesh import virtual_service
from streams.demo.processes import Parts, wait_until
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, split

NAMES = ("v1", "v2")
REQUESTS = 400
BY_CHANCE = 1e-6
"""Of a split that is right; smaller than of any other failure here."""


class TestMesh:
    def test_shares_are_those_of_the_virtual_service(
        self, kube: Api, parts: Parts, tmp_path: Path, user_with: Callable[..., Access]
    ) -> None:
        """By the rights of the shipped manifest; every answer is counted, whatever its status."""
        with traffic.servers(NAMES) as ports:
            running = istiod.start(parts, tmp_path / "istiod", kube)
            hosts = [istiod.service_entry(kube, name, ports[name]) for name in NAMES]
            arms = dict(zip(ARMS, hosts, strict=True))
            kube.apply(virtual_service(running.gateway, arms))
            account = user_with(*(RIGHTS / name for name in MANIFESTS))
            options = {
                "namespace": account.namespace,
                "name": "digits",
                "destinations": arms,
                "kubeconfig": str(account.kubeconfig(tmp_path / "davy.kubeconfig")),
            }
            router = open_router(Target(router="virtualservice", options=options), ARMS, EVERYBODY)
            wait_until(
                lambda: traffic.count(running.url, 10) == {"v1": 10},
                what="the baseline answers",
                deadline_s=60,
            )
            for seq, share_bp in enumerate((2500, 10_000, 0), start=1):
                seen = router.observe()
                fence = Fence(rollout="r1", seq=seq, claim=seq)
                router.apply(Desired(weights_bp=split(share_bp)), expect=seen.revision, fence=fence)
                wait_until(
                    lambda share_bp=share_bp: likely(
                        traffic.count(running.url, REQUESTS), share_bp
                    ),
                    what=f"{share_bp / 100:g} % are served",
                    deadline_s=30,
                )
                assert router.observe().weights_bp == split(share_bp)


def likely(answers: dict[str, int], share_bp: int) -> bool:
    """Whether these are all answers, split as a fair die would."""
    assert sum(answers.values()) == REQUESTS
    if answers.keys() - set(NAMES):
        return False
    return binomtest(answers.get("v2", 0), REQUESTS, share_bp / 10_000).pvalue > BY_CHANCE
