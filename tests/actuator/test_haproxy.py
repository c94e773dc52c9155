"""What is HAProxy's alone: replies in words, coarse weights, sessions that stick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.rigs import haproxy as haproxy_rig
from streams.actuator.ports import Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.actuator.weights import in_order
from streams.demo.processes import Parts
from streams.errors import TargetDenied, TargetNotFound, TargetRejected, TargetTransient
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, CLUSTERS, command, split

FENCE = Fence(rollout="r1", seq=3)
Start = Callable[..., haproxy_rig.RunningHaproxy]


@pytest.fixture
def start(haproxy_program: None, parts: Parts, tmp_path: Path) -> Iterator[Start]:  # noqa: ARG001
    """Starts HAProxy in front of two servers and one more."""
    with traffic.servers(["v1", "v2", "v3"]) as ports:

        def begin(servers: tuple[str, ...] = ("v1", "v2"), **more: Any) -> Any:
            behind = {name: ports[name] for name in servers}
            return haproxy_rig.start(parts, tmp_path / "haproxy", behind, first="v1", **more)

        yield begin


def open_socket(proxy: haproxy_rig.RunningHaproxy, **more: Any) -> Router:
    options = {"socket": str(proxy.socket), "backend": proxy.backend, "servers": CLUSTERS} | more
    return open_router(Target(router="haproxy", options=options), ARMS)


def put(router: Router, candidate_bp: int) -> None:
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=None, fence=FENCE)


@pytest.mark.haproxy
class TestReplies:
    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"backend": "nothing"}, "Can't find backend"),
            ({"servers": {"baseline": "v1", "candidate": "v9"}}, "no server v9"),
            ({"socket": "/nowhere/run.sock", "fence_file": "/tmp/unused"}, "does HAProxy run"),
        ],
    )
    def test_not_there(self, start: Start, options: dict[str, Any], says: str) -> None:
        """Backend, server, socket: each is named."""
        with pytest.raises(TargetNotFound, match=says):
            open_socket(start(), **options).observe()

    def test_a_socket_that_may_only_look(self, start: Start) -> None:
        """Level `user` shows, but changes nothing."""
        router = open_socket(start(level="user"))
        assert router.observe().weights_bp == split(0)
        with pytest.raises(TargetDenied, match="level admin"):
            put(router, 100)

    def test_a_balance_that_takes_no_weights(self, start: Start) -> None:
        """static-rr refuses, and the advice names what to use."""
        router = open_socket(start(balance="static-rr"))
        with pytest.raises(TargetRejected, match="balance roundrobin"):
            put(router, 2500)

    def test_a_stopped_haproxy(self, start: Start) -> None:
        """The socket's file is there, but nobody listens."""
        proxy = start()
        proxy.part.kill()
        with pytest.raises((TargetTransient, TargetNotFound)):
            open_socket(proxy).observe()

    def test_a_stranger_in_the_backend(self, start: Start) -> None:
        """A server of no arm that takes traffic makes every share wrong: refused."""
        proxy = start(servers=("v1", "v2", "v3"))
        router = open_socket(proxy)
        assert router.observe().weights_bp == split(0)
        command(proxy.socket, "set server digits/v3 weight 10")
        with pytest.raises(TargetRejected, match="v3 takes traffic but belongs to no arm"):
            router.observe()


@pytest.mark.haproxy
class TestSticky:
    def test_nothing_means_maintenance(self, start: Start) -> None:
        """Pinned sessions would stay at weight 0: the server is parked, and taken out again."""
        proxy = start()
        router = open_socket(proxy, sticky=True)
        put(router, 2500)
        put(router, 0)
        assert admin_state(proxy, "v2") == 1
        assert (router.observe().weights_bp, router.observe().unready) == (split(0), ())
        put(router, 2500)
        assert admin_state(proxy, "v2") == 0
        assert traffic.count(proxy.url, 100)["v2"] > 0

    def test_somebody_elses_maintenance_is_respected(self, start: Start) -> None:
        """A server that a person took out is not ready, and davy does not put it back."""
        proxy = start()
        router = open_socket(proxy, sticky=True)
        command(proxy.socket, "set server digits/v2 state maint")
        assert router.observe().unready == ("candidate",)
        put(router, 2500)
        assert admin_state(proxy, "v2") == 1

    def test_a_parked_baseline_shows(self, start: Start) -> None:
        """With the baseline out of service the candidate has everything, whatever the weights."""
        proxy = start()
        router = open_socket(proxy)
        put(router, 100)
        command(proxy.socket, "set server digits/v1 state maint")
        assert router.observe().weights_bp == split(10_000)


def admin_state(proxy: haproxy_rig.RunningHaproxy, server: str) -> int:
    lines = command(proxy.socket, "show servers state digits").splitlines()
    return next(int(line.split()[6]) for line in lines if line.split()[3:4] == [server])


@pytest.mark.property
class TestOrder:
    WEIGHTS = st.tuples(st.integers(0, 256), st.integers(0, 256)).filter(any)

    @given(WEIGHTS, WEIGHTS)
    def test_no_share_above_before_and_after(
        self, have: tuple[int, int], want: tuple[int, int]
    ) -> None:
        """Weights are set one by one; between them the candidate has no more than at the ends."""
        now, end = dict(zip(ARMS, have, strict=True)), dict(zip(ARMS, want, strict=True))
        most = max(share(now), share(end))
        for arm in in_order(now, end):
            now[arm] = end[arm]
            assert share(now) <= most + 1e-12
        assert now == end


def share(weights: dict[str, int]) -> float:
    total = sum(weights.values())
    return weights["candidate"] / total if total else 0.0
