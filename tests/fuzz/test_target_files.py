"""What stands in a target's file, or comes from its program: weights that can be, or a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.actuator.ports import Capabilities, Fence, FenceKind
from streams.actuator.routers.flag_file import Flag, FlagFile
from streams.actuator.routers.nginx_control import _weights
from streams.actuator.routers.nginx_file import NginxFile, Split
from streams.actuator.routers.remote import RemoteRouter
from streams.actuator.routers.traefik_api import TraefikApi
from streams.actuator.routers.traefik_file import TraefikFile, Weighted
from streams.actuator.routers.watched_file import Document
from streams.actuator.weights import measured
from streams.errors import RouterError
from streams.spec.model import FULL_BP
from tests.fuzz.damage import damaged_json, damaged_texts

pytestmark = pytest.mark.property

ARMS = ("baseline", "candidate")
NAMES = {"baseline": "v1", "candidate": "v2"}
FENCE = Fence(rollout="r1", seq=3)
SPLIT = Split(where="f", variable="$davy_digits", upstreams=NAMES, key="$http_x_user_id")
WEIGHTED = Weighted(file="f.yaml", service="digits", services=NAMES)
FLAG = Flag(where="f.json", name="digits", variants=NAMES, key="targetingKey")
NGINX = """\
# davy:3:r1
split_clients "r1:$http_x_user_id" $davy_digits {
    12.50% v2;
    * v1;
}
map "" $davy_digits_state { default "davy:3:r1 baseline=8750 candidate=1250"; }
"""
TRAEFIK = """\
# davy:3:r1
http:
  services:
    digits:
      weighted:
        services:
          - {name: v1, weight: 90}
          - {name: v2, weight: 10}
    v1: {loadBalancer: {servers: [{url: "http://a"}]}}
"""
FLAGS = {
    "flags": {
        "digits": {
            "state": "ENABLED",
            "variants": {"v1": "v1", "v2": "v2"},
            "defaultVariant": "v1",
            "targeting": {"fractional": [{"cat": ["r1:", {"var": "k"}]}, ["v2", 10], ["v1", 90]]},
            "metadata": {"davy": "davy:3:r1"},
        }
    }
}
ANSWER = {
    "weights_bp": {"all": {"baseline": 9000, "candidate": 1000}},
    "revision": "42",
    "fence": {"rollout": "r1", "seq": 3, "claim": 7},
    "unready": ["candidate"],
    "note": "so",
}
SERVICE = {
    "weighted": {"services": [{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]},
    "status": "enabled",
    "serverStatus": {"http://a": "UP"},
}


def look(parse: Callable[[], Document]) -> None:
    """What is read can be told and written again."""
    try:
        document = parse()
    except RouterError:
        return
    assert set(document.weights) == set(ARMS)
    assert sum(measured(document.weights).values()) == FULL_BP
    assert document.revision
    _ = document.with_fence(FENCE)


class TestFiles:
    @settings(max_examples=150)
    @given(damaged_texts([NGINX]))
    def test_shares_of_nginx(self, text: str) -> None:
        look(lambda: NginxFile.parse(text, SPLIT))

    @settings(max_examples=150)
    @given(damaged_texts([TRAEFIK]))
    def test_services_of_traefik(self, text: str) -> None:
        """And with other weights it is read back as them."""
        look(lambda: TraefikFile.parse(text, WEIGHTED))
        try:
            file = TraefikFile.parse(text, WEIGHTED)
        except RouterError:
            return
        weights = {"baseline": 7500, "candidate": 2500}
        assert (
            TraefikFile.parse(file.with_weights(weights, fence=FENCE), WEIGHTED).weights == weights
        )

    @settings(max_examples=150)
    @given(damaged_json([FLAGS]).map(json.dumps) | damaged_texts([json.dumps(FLAGS, indent=1)]))
    def test_flags(self, text: str) -> None:
        look(lambda: FlagFile.parse(text, FLAG))


class TestAnswers:
    @settings(max_examples=150)
    @given(damaged_json([ANSWER, {"error": "conflict", "message": "late"}]))
    def test_of_a_program(self, answer: Any) -> None:
        """One that is no object is refused before."""
        can = Capabilities(largest_weight=FULL_BP, fence=FenceKind.NATIVE, survives_restart=True)
        told = answer if isinstance(answer, dict) else {}
        router = RemoteRouter("program", "digits", ARMS, lambda _: told, can)
        try:
            seen = router.observe()
        except RouterError:
            return
        assert sum(seen.weights_bp["all"].values()) == FULL_BP
        assert set(seen.unready) <= set(ARMS)
        assert seen.fence is None or Fence.parse(str(seen.fence)) == seen.fence

    @settings(max_examples=100)
    @given(damaged_texts(["davy:3:r1 baseline=8750 candidate=1250"]) | st.text())
    def test_of_nginx(self, text: str) -> None:
        try:
            weights = _weights(text.strip(), ARMS, "http://probe")
        except RouterError:
            return
        assert weights is None or set(weights) == set(ARMS)

    @settings(max_examples=100)
    @given(damaged_json([SERVICE]))
    def test_of_traefik(self, answer: Any) -> None:
        api = TraefikApi("http://api", WEIGHTED)
        api._service = lambda _: answer
        try:
            served = api.served()
        except RouterError:
            return
        assert served.weights is None or sum(measured(served.weights).values()) == FULL_BP
        assert set(served.unready) <= set(ARMS)
