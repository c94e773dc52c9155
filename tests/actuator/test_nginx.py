"""What is nginx's alone: users who stay, files that it refuses, and reloads that were missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.rigs import nginx as nginx_rig
from streams.actuator.ports import Desired, Fence, Proof, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.nginx_file import NginxFile, Split
from streams.actuator.routers.options import OptionError
from streams.demo.processes import Parts, wait_until
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, CLUSTERS, nginx_options, split

FENCE = Fence(rollout="r1", seq=3)
LATER = Fence(rollout="r1", seq=4)
USERS = 400
SPLIT = Split(where="f", variable="$davy_digits", upstreams=CLUSTERS, key="$http_x_user_id")
Start = Callable[[], nginx_rig.RunningNginx]


@pytest.fixture
def proxy(parts: Parts, tmp_path: Path) -> Iterator[nginx_rig.RunningNginx]:
    """An nginx in front of two servers."""
    with traffic.servers(["v1", "v2"]) as ports:
        yield nginx_rig.start(parts, tmp_path / "nginx", ports, first="v1")


def open_nginx(proxy: nginx_rig.RunningNginx, **more: Any) -> Router:
    return open_router(Target(router="nginx", options=nginx_options(proxy) | more), ARMS)


def put(router: Router, candidate_bp: int, fence: Fence = FENCE) -> None:
    desired = Desired(weights_bp=split(candidate_bp))
    router.apply(desired, expect=None, fence=fence)
    wait_until(
        lambda: router.verify(desired).proof is Proof.HOLDS, what=f"{candidate_bp}", deadline_s=10
    )


class TestUsers:
    def test_who_has_the_candidate_keeps_it(self, proxy: nginx_rig.RunningNginx) -> None:
        """A larger share takes more users and sends none back; the same share is the same users."""
        router = open_nginx(proxy)
        had = frozenset[int]()
        for candidate_bp in (500, 2000, 5000):
            put(router, candidate_bp)
            now = traffic.users_of(proxy.url, "v2", USERS)
            assert had < now
            assert traffic.users_of(proxy.url, "v2", USERS) == now
            had = now

    def test_another_rollout_has_other_users_first(self, proxy: nginx_rig.RunningNginx) -> None:
        """The salt is the rollout's id."""
        router = open_nginx(proxy)
        put(router, 2000)
        first = traffic.users_of(proxy.url, "v2", USERS)
        put(router, 2000, Fence(rollout="r2", seq=1))
        second = traffic.users_of(proxy.url, "v2", USERS)
        assert len(first & second) < min(len(first), len(second)) / 2

    def test_signing_moves_no_user(self, proxy: nginx_rig.RunningNginx) -> None:
        """A new rollout that only leaves its fence changes no salt."""
        router = open_nginx(proxy)
        put(router, 2000)
        before = traffic.users_of(proxy.url, "v2", USERS)
        router.sign(expect=None, fence=Fence(rollout="r2", seq=1))
        holds = Desired(weights_bp=split(2000))
        wait_until(lambda: router.verify(holds).proof is Proof.HOLDS, what="2000", deadline_s=10)
        assert traffic.users_of(proxy.url, "v2", USERS) == before


class TestCheck:
    def test_a_configuration_that_nginx_refuses_is_not_loaded(
        self, proxy: nginx_rig.RunningNginx
    ) -> None:
        """Somebody's mistake elsewhere is told in nginx's words; the file is as it was."""
        router = open_nginx(proxy)
        put(router, 2500)
        before = proxy.include.read_text()
        proxy.config.write_text(proxy.config.read_text().replace("access_log off", "acces_log off"))
        with pytest.raises(TargetRejected, match=r'unknown directive "acces_log"'):
            router.apply(Desired(weights_bp=split(5000)), expect=None, fence=FENCE)
        assert proxy.include.read_text() == before
        assert router.observe().weights_bp == split(2500)

    def test_an_upstream_that_is_not_there(self, proxy: nginx_rig.RunningNginx) -> None:
        """nginx would look its name up for each request; it is seen in the file and refused."""
        router = open_nginx(proxy, upstreams={"baseline": "v1", "candidate": "v9"})
        put_text(proxy, "    50% v2;\n    * v1;")
        with pytest.raises(TargetRejected, match="`50% v2` is no share of one of v1, v9"):
            router.observe()

    @pytest.mark.parametrize(
        ("options", "error", "says"),
        [
            ({"nginx": "/nowhere/nginx"}, TargetNotFound, "name it as target.options.nginx"),
            ({"config": "/nowhere/nginx.conf"}, TargetRejected, "/nowhere/nginx.conf"),
            ({"include": "/nowhere/digits.conf"}, TargetNotFound, "is not there"),
        ],
    )
    def test_not_there(
        self, proxy: nginx_rig.RunningNginx, options: Any, error: type[Exception], says: str
    ) -> None:
        """Program, configuration, file: each is named, and nothing is touched."""
        before = proxy.include.read_text()
        with pytest.raises(error, match=says):
            open_nginx(proxy, **options).apply(
                Desired(weights_bp=split(100)), expect=None, fence=FENCE
            )
        assert proxy.include.read_text() == before

    def test_a_lowering_that_nginx_refuses(self, proxy: nginx_rig.RunningNginx) -> None:
        """It stays in the file, for an nginx that begins anew; until then the old share counts."""
        router = open_nginx(proxy, probe=None)
        put(router, 2500)
        good = proxy.config.read_text()
        proxy.config.write_text(good.replace("access_log off", "acces_log off"))
        with pytest.raises(TargetRejected, match=r'unknown directive "acces_log"'):
            router.apply(Desired(weights_bp=split(0)), expect=None, fence=LATER)
        file = NginxFile.parse(proxy.include.read_text(), SPLIT)
        assert (file.weights, file.fence) == (split(0)["all"], LATER)
        assert router.observe().weights_bp == split(2500)
        proxy.config.write_text(good)
        put(router, 0, LATER)
        assert router.observe().weights_bp == split(0)
        assert traffic.count(proxy.url, 200, each=traffic.user) == {"v1": 200}


class TestReload:
    def test_an_nginx_that_does_not_run_begins_with_less(
        self, proxy: nginx_rig.RunningNginx, parts: Parts
    ) -> None:
        """There is nobody to reload: tried again later, and an nginx that begins anew has it."""
        router = open_nginx(proxy)
        put(router, 5000)
        proxy.part.stop()
        with pytest.raises(TargetTransient, match="does nginx run"):
            router.apply(Desired(weights_bp=split(0)), expect=None, fence=LATER)
        again = parts.start(
            "nginx-again", [proxy.program, "-p", proxy.config.parent, "-c", proxy.config]
        )
        again.wait_for_port(urlsplit(proxy.url).port or 0)
        assert traffic.count(proxy.url, 200, each=traffic.user) == {"v1": 200}

    def test_one_that_may_have_been_heard(
        self, proxy: nginx_rig.RunningNginx, tmp_path: Path
    ) -> None:
        """Nobody knows whether nginx has the new file: share and fence stay, for it may."""
        program = tmp_path / "nginx-that-fails"
        reload_and_fail = f'case "$*" in *reload*) {proxy.program} "$@"; exit 1;; esac'
        program.write_text(f'#!/bin/sh\n{reload_and_fail}\nexec {proxy.program} "$@"\n')
        program.chmod(0o755)
        router = open_nginx(proxy, nginx=str(program))
        with pytest.raises(RouterError):
            router.apply(Desired(weights_bp=split(2500)), expect=None, fence=LATER)
        seen = router.observe()
        assert (seen.weights_bp, seen.fence) == (split(2500), LATER)
        with pytest.raises(TargetConflict, match="stale"):
            router.apply(Desired(weights_bp=split(5000)), expect=None, fence=FENCE)
        other, wanted = open_nginx(proxy), Desired(weights_bp=split(2500))
        wait_until(lambda: other.verify(wanted).proof is Proof.HOLDS, what="2500", deadline_s=10)


class TestMissedReload:
    def test_a_file_that_nobody_loaded_is_loaded(self, proxy: nginx_rig.RunningNginx) -> None:
        """A process that died between write and reload: whoever takes over makes up for it."""
        loaded = open_nginx(proxy)
        put(loaded, 2500)
        file = NginxFile.parse(proxy.include.read_text(), SPLIT)
        proxy.include.write_text(file.with_weights(split(0)["all"], fence=FENCE))
        later, home = open_nginx(proxy), Desired(weights_bp=split(0))
        assert later.observe().weights_bp == split(2500), "what is served counts"
        wait_until(lambda: later.verify(home).proof is Proof.HOLDS, what="0", deadline_s=10)
        assert traffic.count(proxy.url, 200, each=traffic.user) == {"v1": 200}


def put_text(proxy: nginx_rig.RunningNginx, entries: str) -> None:
    proxy.include.write_text(proxy.include.read_text().replace("    * v1;", entries))


class TestFile:
    def test_what_others_write_is_understood(self) -> None:
        """Other order, comments and quotes: shares are what nginx makes of them."""
        text = """# Mine
        split_clients "${http_x_user_id}" $davy_digits { 12.5% v1; # most
          * v2; }"""
        file = NginxFile.parse(text, SPLIT)
        assert (file.weights, file.fence) == ({"baseline": 1250, "candidate": 8750}, None)

    def test_nothing_is_no_line(self) -> None:
        """nginx takes no 0 %."""
        file = NginxFile.parse("split_clients $a $davy_digits { 5% v2; * v1; }", SPLIT)
        text = file.with_weights({"baseline": 10_000, "candidate": 0}, fence=FENCE)
        assert "%" not in text
        assert NginxFile.parse(text, SPLIT).weights == {"baseline": 10_000, "candidate": 0}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "0 split_clients for \\$davy_digits, one is needed"),
            ("split_clients a $davy_digits { * v1;", "a block has no end"),
            ("split_clients a $davy_digits { * v1; } }", "`}` where none can stand"),
            ("split_clients a $davy_digits { 70% v2; 40% v1; }", "more than 100 %"),
            ("split_clients a $davy_digits { * v3; }", r"`\* v3` is no share of one of v1, v2"),
            ("split_clients a $davy_digits { 0.001% v2; * v1; }", "is no share"),
            ("upstream v1 { server a; }", "`upstream v1` is none of davy's — move it"),
            ("split_clients a $other { * v1; }", "is none of davy's"),
        ],
    )
    def test_what_cannot_be_used(self, text: str, says: str) -> None:
        """Each with what to do."""
        with pytest.raises(TargetRejected, match=says):
            NginxFile.parse(text, SPLIT)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"variable": "davy"}, r"write it like \$davy_digits"),
            ({"key": "x_user_id"}, r"write it like \$http_x_user_id"),
            ({"key": '$a"; return 500'}, r"nginx cannot take"),
            ({"probe": "localhost"}, "is no address — write it as http://127.0.0.1:8080/davy"),
            ({"includes": "x"}, "did you mean `include`"),
        ],
    )
    def test_options(self, options: dict[str, str], says: str) -> None:
        """Refused where the spec is applied."""
        good = {"include": "/f", "variable": "$v", "key": "$k", "upstreams": CLUSTERS}
        with pytest.raises(OptionError, match=says):
            open_router(Target(router="nginx", options=good | options), ARMS)
