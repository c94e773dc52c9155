"""What is Traefik's alone: text that stays as it is, servers that are down, files it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import traefik_file as traefik_rig
from streams.actuator.ports import Desired, Fence, Proof, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.actuator.routers.traefik_file import TraefikFile, Weighted
from streams.demo.processes import Parts, wait_until
from streams.errors import TargetNotFound, TargetRejected, TargetTransient
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, CLUSTERS, put_file, split

FENCE = Fence(rollout="r1", seq=3)
SPLIT = Weighted(file="f.yaml", service="digits", services=CLUSTERS)
TEXT = """\
http:
  # routes are ours
  services:
    digits:
      weighted:
        services:
          - {name: v2, weight: 0}   # the new one
          - weight: 100
            name: v1
    v1: {loadBalancer: {servers: [{url: "http://a"}]}}
"""


@pytest.fixture
def proxy(parts: Parts, tmp_path: Path) -> Iterator[traefik_rig.RunningTraefik]:
    """A Traefik that checks its two servers, the second of which is down."""
    with traffic.servers(["v1"]) as ports:
        servers = {**ports, "v2": 1}
        running = traefik_rig.start(parts, tmp_path / "t", servers, first="v1", health=True)
        wait_until(lambda: traffic.count(running.url, 1) == {"v1": 1}, what="it", deadline_s=10)
        yield running


def open_traefik(proxy: traefik_rig.RunningTraefik, **more: Any) -> Router:
    options = {"file": str(proxy.dynamic), "service": "digits", "services": CLUSTERS}
    return open_router(Target(router="traefik", options=options | {"api": proxy.api} | more), ARMS)


class TestApi:
    def test_a_server_that_is_down_is_unready(self, proxy: traefik_rig.RunningTraefik) -> None:
        """Traefik's own health checks say so."""
        router = open_traefik(proxy)
        wait_until(
            lambda: router.observe().unready == ("candidate",), what="a check", deadline_s=10
        )

    def test_a_file_that_it_does_not_take_is_never_proven(
        self, proxy: traefik_rig.RunningTraefik
    ) -> None:
        """It keeps what it had: that is what is told, and why."""
        router = open_traefik(proxy)
        broken = proxy.dynamic.read_text() + "    v3: {loadBalancer: {nonsense: 1}}\n"
        put_file(proxy.dynamic, broken)
        desired = Desired(weights_bp=split(2500))
        router.apply(desired, expect=None, fence=FENCE)
        end = proxy.part.log
        wait_until(lambda: "field not found" in end.read_text(), what="its log", deadline_s=10)
        found = router.verify(desired)
        assert found.proof is Proof.PENDING
        assert "{'baseline': 100, 'candidate': 0}" in found.how
        assert traffic.count(proxy.url, 50) == {"v1": 50}

    def test_a_lower_file_is_not_believed_before_traefik_has_it(
        self, proxy: traefik_rig.RunningTraefik
    ) -> None:
        """The higher share of the two is told."""
        router = open_traefik(proxy)
        desired = Desired(weights_bp=split(2500))
        router.apply(desired, expect=None, fence=FENCE)
        wait_until(lambda: router.verify(desired).proof is Proof.HOLDS, what="2500", deadline_s=10)
        text = proxy.dynamic.read_text() + "    v3: {loadBalancer: {nonsense: 1}}\n"
        put_file(proxy.dynamic, text.replace("weight: 2500", "weight: 0"))
        assert router.observe().weights_bp == split(2500)

    def test_nobody_there(self, proxy: traefik_rig.RunningTraefik) -> None:
        """No answer is no proof."""
        router = open_traefik(proxy, api="http://127.0.0.1:1")
        with pytest.raises(TargetTransient, match="is this Traefik's API"):
            router.observe()


class TestFile:
    def test_only_the_numbers_change(self) -> None:
        """Comments, order and layout stay; the first line is davy's."""
        text = TraefikFile.parse(TEXT, SPLIT).with_weights(split(2500)["all"], fence=FENCE)
        expected = TEXT.replace("weight: 0}", "weight: 2500}").replace(
            "weight: 100", "weight: 7500"
        )
        assert text == f"# davy:3:r1\n{expected}"
        later = Fence(rollout="r1", seq=4)
        assert TraefikFile.parse(text, SPLIT).with_fence(later) == f"# {later}\n{expected}"

    @pytest.mark.parametrize(
        ("old", "new", "error", "says"),
        [
            ("digits:", "other:", TargetNotFound, "there is no http.services.digits"),
            ("name: v2", "name: v3", TargetRejected, "f.yaml:7: v3 belongs to no arm"),
            ("name: v2", "name: v1", TargetRejected, "f.yaml:8: baseline stands twice"),
            (
                "weight: 0}",
                "weights: 0}",
                TargetRejected,
                "f.yaml:7: its weight is no whole number",
            ),
            ("weight: 0}", "weight: -1}", TargetRejected, "f.yaml:7: its weight is no whole"),
            ("  - {name: v2, weight: 0}", "", TargetNotFound, "add `- {name: v2, weight: 0}`"),
            ("weighted:", "weighted:\n        sticky: {cookie: {}}", TargetRejected, "remove `sti"),
            ("weighted:", "weighted: [", TargetRejected, "this is not YAML"),
            ("weighted:", "weighted: 7\n      other:", TargetRejected, "weighted is `7` — write"),
        ],
    )
    def test_what_cannot_be_used(
        self, old: str, new: str, error: type[Exception], says: str
    ) -> None:
        """Each with its line and what to do."""
        assert old in TEXT
        with pytest.raises(error, match=says):
            TraefikFile.parse(TEXT.replace(old, new, 1), SPLIT)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"file": "/etc/traefik/digits.toml"}, "let Traefik watch a .yaml file"),
            ({"api": "localhost:8080"}, "is no address — write it as http://127.0.0.1:8080"),
            ({"services": {"baseline": "v1"}}, "there is none for candidate"),
            ({"servicee": "x"}, "did you mean `service`"),
        ],
    )
    def test_options(self, options: dict[str, Any], says: str) -> None:
        """Refused where the spec is applied."""
        good = {"file": "/f.yaml", "service": "digits", "services": CLUSTERS}
        with pytest.raises(OptionError, match=says):
            open_router(Target(router="traefik", options=good | options), ARMS)
