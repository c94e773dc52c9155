"""What is Envoy's alone: the file is changed with care, and refusals are noticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, Proof, Router
from streams.actuator.routers import open_router
from streams.demo.processes import Parts, wait_until
from streams.demo.proxy import ROUTE, Proxy, routes, start_envoy
from streams.errors import TargetDenied, TargetNotFound, TargetRejected, TargetTransient
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, CLUSTERS, split

FENCE = Fence(rollout="r1", seq=3)
Change = Callable[[dict[str, Any]], None]


def open_file(path: Path, **more: Any) -> Router:
    """A router on a file alone."""
    options = {"rds": str(path), "route": ROUTE, "clusters": CLUSTERS} | more
    return open_router(Target(router="envoy", options=options), ARMS)


def put(router: Router, candidate_bp: int) -> None:
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=None, fence=FENCE)


@pytest.fixture
def rds(tmp_path: Path) -> Path:
    """A route file that nobody watches."""
    path = tmp_path / "routes.json"
    path.write_text(json.dumps(routes({"v1": 100, "v2": 0})))
    return path


def changed(path: Path, change: Change) -> dict[str, Any]:
    """Change the file's document in place and return it."""
    document: dict[str, Any] = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return document


def route_of(document: dict[str, Any]) -> dict[str, Any]:
    route: dict[str, Any] = document["resources"][0]["virtual_hosts"][0]["routes"][0]
    return route


class TestFile:
    def test_only_weights_and_version_change(self, rds: Path) -> None:
        """Everything else in the file stays, in its order, and so does the file's mode."""

        def enrich(document: dict[str, Any]) -> None:
            document["nonce"] = "kept"
            route_of(document)["request_headers_to_add"] = [{"header": {"key": "a", "value": "b"}}]
            route_of(document)["route"]["weighted_clusters"]["total_weight"] = 100
            host = document["resources"][0]["virtual_hosts"][0]
            host["routes"].append({"name": "other", "match": {"prefix": "/x"}})

        before = changed(rds, enrich)
        rds.chmod(0o640)
        put(open_file(rds), 2500)
        after = json.loads(rds.read_text())
        split_before = route_of(before)["route"].pop("weighted_clusters")
        split_after = route_of(after)["route"].pop("weighted_clusters")
        assert (before.pop("version_info"), after.pop("version_info")) == ("0", "davy:3:r1")
        assert json.dumps(after) == json.dumps(before)
        assert [c["weight"] for c in split_after["clusters"]] == [7500, 2500]
        assert (split_before["total_weight"], split_after["total_weight"]) == (100, 10_000)
        assert rds.stat().st_mode & 0o777 == 0o640
        assert sorted(p.name for p in rds.parent.iterdir() if "draft" in p.name) == []

    def test_every_route_of_the_name(self, rds: Path) -> None:
        """Two virtual hosts with a route of that name move together; the higher share is told."""

        def double(document: dict[str, Any]) -> None:
            hosts = document["resources"][0]["virtual_hosts"]
            second = json.loads(json.dumps(hosts[0])) | {"name": "second", "domains": ["b"]}
            clusters = second["routes"][0]["route"]["weighted_clusters"]["clusters"]
            clusters[0]["weight"], clusters[1]["weight"] = 50, 50
            hosts.append(second)

        changed(rds, double)
        router = open_file(rds)
        assert router.observe().weights_bp == split(5000)
        put(router, 100)
        assert router.observe().weights_bp == split(100)

    def test_without_admin_it_says_so(self, rds: Path) -> None:
        """The proof names what was looked at."""
        router = open_file(rds)
        put(router, 100)
        found = router.verify(Desired(weights_bp=split(100)))
        assert found.proof is Proof.HOLDS
        assert "Envoy was not asked" in found.how

    def test_unvalidated_clusters_are_not_raised(self, rds: Path) -> None:
        """Without validate_clusters a raise is refused, a rollback is not."""
        changed(rds, lambda document: document["resources"][0].pop("validate_clusters"))
        router = open_file(rds)
        with pytest.raises(TargetRejected, match="validate_clusters"):
            put(router, 100)
        put(router, 0)
        assert router.observe().fence == FENCE

    @pytest.mark.parametrize(
        ("change", "error", "says"),
        [
            (lambda d: route_of(d).update(name="x"), TargetNotFound, "named `digits`"),
            (lambda d: route_of(d).update(route={"cluster": "v1"}), TargetRejected, "weighted_c"),
            (
                lambda d: route_of(d)["route"]["weighted_clusters"]["clusters"].append(
                    {"name": "v3", "weight": 1}
                ),
                TargetRejected,
                "v3",
            ),
            (
                lambda d: route_of(d)["route"]["weighted_clusters"].update(runtime_key_prefix="x"),
                TargetRejected,
                "runtime_key_prefix",
            ),
            (lambda d: d.pop("resources"), TargetRejected, "no discovery response"),
        ],
    )
    def test_a_file_that_cannot_be_steered(
        self, rds: Path, change: Change, error: type[Exception], says: str
    ) -> None:
        """Each is an error that says what to change, and the file stays as it is."""
        changed(rds, change)
        text = rds.read_text()
        router = open_file(rds)
        for attempt in (router.observe, lambda: put(router, 0)):
            with pytest.raises(error, match=says):
                attempt()
        assert rds.read_text() == text

    def test_missing_and_malformed_files(self, rds: Path) -> None:
        """No file, and no JSON."""
        router = open_file(rds)
        rds.write_text("{not json")
        with pytest.raises(TargetRejected, match="restore the file"):
            router.observe()
        rds.unlink()
        with pytest.raises(TargetNotFound, match="is not there"):
            router.observe()

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"rds": "/x/routes.yaml"}, "JSON"),
            ({"rds": None}, "target.options.rds"),
            ({"clusters": {"baseline": "v1"}}, "clusters"),
            ({"clusters": {"baseline": "v1", "candidate": "v1"}}, "share one name"),
            ({"admin": "127.0.0.1:9901"}, "http://"),
            ({"colour": "blue"}, "does not know colour"),
        ],
    )
    def test_options_that_make_no_sense(
        self, rds: Path, options: dict[str, Any], says: str
    ) -> None:
        """Refused when the router is opened, with what to write instead."""
        with pytest.raises(TargetRejected, match=says):
            open_file(rds, **options)


@pytest.fixture
def proxy(parts: Parts, tmp_path: Path) -> Iterator[Proxy]:
    """A real Envoy."""
    with traffic.servers(["v1", "v2"]) as ports:
        yield start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})


class TestAdmin:
    def test_a_rejected_update_is_noticed(self, proxy: Proxy) -> None:
        """Envoy refuses a cluster that it does not know; traffic goes on as before."""
        document = routes({"v1": 100, "nowhere": 0})
        clusters = {"baseline": "v1", "candidate": "nowhere"}
        router = open_file(proxy.rds, admin=proxy.admin, clusters=clusters)
        draft = proxy.rds.with_suffix(".draft")
        draft.write_text(json.dumps(document))
        draft.rename(proxy.rds)
        put(router, 100)
        desired = Desired(weights_bp=split(100))
        wait_until(
            lambda: router.verify(desired).proof is Proof.REJECTED, what="refusal", deadline_s=5
        )
        assert "update_rejected" in router.verify(desired).how
        assert traffic.count(proxy.url, 50) == {"v1": 50}

    def test_a_lagging_envoy_is_not_believed_down(self, proxy: Proxy) -> None:
        """While file and Envoy differ, the higher candidate share is what is observed."""
        router = open_file(proxy.rds, admin=proxy.admin)
        put(router, 2500)
        desired = Desired(weights_bp=split(2500))
        wait_until(lambda: router.verify(desired).proof is Proof.HOLDS, what="2500", deadline_s=5)
        # In place, without a rename: Envoy does not look.
        proxy.rds.write_text(proxy.rds.read_text().replace("2500", "0").replace("7500", "10000"))
        assert router.observe().weights_bp == split(2500)

    def test_a_dead_envoy(self, proxy: Proxy) -> None:
        """It cannot be looked at, but the file can still be sent home."""
        router = open_file(proxy.rds, admin=proxy.admin)
        put(router, 2500)
        proxy.part.stop()
        with pytest.raises(TargetTransient, match="no answer"):
            router.observe()
        put(router, 0)
        assert open_file(proxy.rds).observe().weights_bp == split(0)


def test_denied_is_told(rds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that davy may not write to is an error that nobody retries."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)  # root may write everywhere, tests run as root
    with pytest.raises(TargetDenied, match="let davy write"):
        put(open_file(rds), 100)
