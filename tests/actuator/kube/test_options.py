"""Options of routers on Kubernetes objects: what is wrong with them is said at once."""

from __future__ import annotations

from typing import Any

import pytest

from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.spec.model import Target
from tests.actuator.targets import ARMS

PLACE = {"namespace": "production", "name": "digits"}
NAMES = {"baseline": "digits-v1", "candidate": "digits-v2"}


@pytest.mark.parametrize("router", ["httproute", "grpcroute", "virtualservice"])
class TestOptions:
    def names(self, router: str) -> dict[str, Any]:
        return {"destinations" if router == "virtualservice" else "backends": NAMES}

    def test_opening_touches_nothing(self, router: str) -> None:
        """Not even a kubeconfig is read."""
        options = PLACE | self.names(router) | {"kubeconfig": "/nowhere"}
        assert open_router(Target(router=router, options=options), ARMS).capabilities.dry_run

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"name": ""}, r"options\.name: .*write `name: digits`"),
            ({"namespace": 7}, r"options\.namespace: .*got 7"),
            ({"title": "x"}, r"does not know title"),
            ({"ready": {"stranger": "x"}}, r"options\.ready: .*candidate-service"),
            ({"ready": "x"}, r"options\.ready: .*got 'x'"),
            ({"kubeconfig": 1}, r"options\.kubeconfig"),
        ],
    )
    def test_mistakes_are_named(self, router: str, more: dict[str, Any], words: str) -> None:
        options = PLACE | self.names(router) | more
        with pytest.raises(OptionError, match=words):
            open_router(Target(router=router, options=options), ARMS)


@pytest.mark.parametrize(
    ("router", "more", "words"),
    [
        ("virtualservice", {"total": 99}, "one of 100, 1000, 10000"),
        ("virtualservice", {"total": True}, "cannot take True"),
        ("httproute", {"rule": -1}, r"options\.rule: .*got -1"),
        ("httproute", {"rule": True}, r"options\.rule: .*got True"),
    ],
)
def test_numbers(router: str, more: dict[str, Any], words: str) -> None:
    names = {"destinations" if router == "virtualservice" else "backends": NAMES}
    with pytest.raises(OptionError, match=words):
        open_router(Target(router=router, options=PLACE | names | more), ARMS)
