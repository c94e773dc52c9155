"""Entries in front of Envoy's route: what is written, and what strangers do to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.actuator.audience import Audience
from streams.actuator.ports import Desired, Fence, Outcome, Router, Segments
from streams.actuator.routers import open_router
from streams.actuator.weights import home, share_of
from streams.demo.processes import Parts, wait_until
from streams.demo.proxy import ROUTE, routes, start_envoy
from streams.errors import TargetRejected
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.targets import ARMS, CLUSTERS, split
from tests.actuator.test_contract_audience import BOTH, COUNTRIES, NAMED, STAFF, user_at

AUDIENCE = Audience(rules=NAMED.rules, shown=COUNTRIES)
SG = {"country=SG": split(0)["all"]}
LEFT_OUT = home(ARMS, ("untargeted",))
WEIGHTS = {**split(2500), **SG, **LEFT_OUT}
Routes = list[dict[str, Any]]


@pytest.fixture
def rds(tmp_path: Path) -> Path:
    """A route file that nobody watches, with a stranger's route before ours."""
    path = tmp_path / "routes.json"
    document = routes({"v1": 100, "v2": 0})
    host = document["resources"][0]["virtual_hosts"][0]
    host["routes"].insert(0, {"name": "health", "match": {"path": "/health"}, "route": {}})
    path.write_text(json.dumps(document))
    return path


def open_file(path: Path, audience: Audience = AUDIENCE, **more: Any) -> Router:
    options = {"rds": str(path), "route": ROUTE, "clusters": CLUSTERS} | more
    return open_router(Target(router="envoy", options=options), ARMS, audience)


def put(router: Router, weights: Segments, seq: int = 1) -> None:
    router.apply(Desired(weights_bp=weights), expect=None, fence=Fence(rollout="r1", seq=seq))


def read(path: Path) -> Routes:
    found: Routes = json.loads(path.read_text())["resources"][0]["virtual_hosts"][0]["routes"]
    return found


def change(path: Path, touch: Callable[[Routes], object]) -> None:
    document = json.loads(path.read_text())
    touch(document["resources"][0]["virtual_hosts"][0]["routes"])
    path.write_text(json.dumps(document))


def shares(router: Router) -> dict[str, int]:
    weights = router.observe().weights_bp
    return {name: share_of(weights, name, "candidate") for name in ("all", *SG, "untargeted")}


class TestWritten:
    def test_entries_are_copies_in_front_of_the_route(self, rds: Path) -> None:
        """Their names tell what they are for; whatever else the route says they say too."""
        before = read(rds)
        put(open_file(rds), WEIGHTS)
        names = [route["name"] for route in read(rds)]
        ours = ["untargeted", "country=SG", "all"]
        assert names == ["health", *(f"{ROUTE}/davy {label}" for label in ours), ROUTE]
        assert {route["route"]["timeout"] for route in read(rds)[1:]} == {"5s"}
        put(open_file(rds, Audience()), split(0), 2)
        assert read(rds)[0] == before[0]
        assert [route["name"] for route in read(rds)] == ["health", ROUTE]

    def test_a_sticky_route_has_sticky_entries(self, rds: Path) -> None:
        """A route that draws by the hash of users does so in its copies, ranges or not."""

        def stick(found: Routes) -> None:
            found[-1]["route"]["hash_policy"] = [{"header": {"header_name": "x-user-id"}}]
            found[-1]["route"]["weighted_clusters"]["use_hash_policy"] = True

        change(rds, stick)
        for seq, audience in enumerate((AUDIENCE, Audience(rules=BOTH.rules, shown=COUNTRIES)), 1):
            router = open_file(rds, audience)
            put(router, WEIGHTS, seq)
            assert tuple(shares(router).values()) == (2500, 0, 0)
            splits = [r["route"]["weighted_clusters"] for r in read(rds)[1:]]
            assert all(split["use_hash_policy"] for split in splits)
        change(rds, lambda r: r[2]["route"]["weighted_clusters"].pop("use_hash_policy"))
        assert shares(router)["untargeted"] > 0

    def test_a_strangers_copies_stay(self, rds: Path) -> None:
        """A mirror of somebody else is neither davy's to count nor to remove."""
        audit = {"cluster": "audit"}
        change(rds, lambda r: r[-1]["route"].update(request_mirror_policies=[audit]))
        router = open_file(rds)
        assert "mirror" not in router.observe().weights_bp
        put(router, {**split(0), "mirror": split(100)["all"], **LEFT_OUT})
        put(router, {**split(0), **LEFT_OUT}, 2)
        assert all(r["route"]["request_mirror_policies"] == [audit] for r in read(rds)[1:])

    def test_a_segment_that_nobody_can_see_is_refused(self, rds: Path) -> None:
        """Without a header there is no telling who is of it."""
        text = rds.read_text()
        with pytest.raises(TargetRejected, match="no header tells who is of it"):
            put(open_file(rds), {**split(2500), "city=SG": split(0)["all"]})
        assert rds.read_text() == text

    def test_tidied_up_after_a_rollback_alone(self, rds: Path) -> None:
        """A promotion keeps the entries: they say who may not have it."""
        router = open_file(rds)
        put(router, {**split(10_000), **LEFT_OUT})
        router.finalize(Outcome.PROMOTED)
        assert len(read(rds)) == 4
        router.finalize(Outcome.ROLLED_BACK)  # with a candidate that still has traffic
        assert len(read(rds)) == 4
        put(router, {**split(0), **LEFT_OUT}, 2)
        router.finalize(Outcome.ROLLED_BACK)
        assert [route["name"] for route in read(rds)] == ["health", ROUTE]
        assert router.observe().fence == Fence(rollout="r1", seq=2)

    def test_what_another_rollout_has_taken_over_stays(self, rds: Path) -> None:
        """Its entries say who may have its candidate, also while that has nothing yet."""
        router, other = open_file(rds), open_file(rds)
        put(router, {**split(0), **LEFT_OUT})
        router.observe()
        weights = Desired(weights_bp={**split(0), **LEFT_OUT})
        other.apply(weights, expect=None, fence=Fence(rollout="r2", seq=1))
        before = rds.read_text()
        router.finalize(Outcome.ROLLED_BACK)
        assert rds.read_text() == before
        other.finalize(Outcome.ROLLED_BACK)
        assert [route["name"] for route in read(rds)] == ["health", ROUTE]


class TestStrangers:
    @pytest.mark.parametrize(
        ("touch", "expected"),
        [
            pytest.param(lambda r: r.pop(1), (2500, 2500, 2500), id="rules gone"),
            pytest.param(
                lambda r: r[1]["match"]["headers"].append({"name": "x", "present_match": True}),
                (2500, 2500, 2500),
                id="rules widened",
            ),
            pytest.param(lambda r: r[1]["match"]["headers"].pop(), (0, 0, 0), id="rules narrowed"),
            pytest.param(lambda r: r.pop(2), (2500, 2500, 0), id="segment gone"),
            pytest.param(lambda r: r.append(r.pop(2)), (2500, 2500, 2500), id="segment moved"),
            pytest.param(
                lambda r: r[2]["match"].update(headers=[]), (0, 2500, 2500), id="segment widened"
            ),
            pytest.param(
                lambda r: r[1].update(route={"cluster": "v2"}),
                (2500, 10_000, 10_000),
                id="v2 to all",
            ),
            pytest.param(
                lambda r: r.insert(1, r[3] | {"name": f"{ROUTE}/davy city=X"}),
                (0, 2500, 2500),
                id="unknown",
            ),
            pytest.param(
                lambda r: r[3].update(r[3] | {"response_headers_to_add": []}),
                (2500, 0, 0),
                id="what is not davy's matter",
            ),
        ],
    )
    def test_what_they_change_is_seen(
        self, rds: Path, touch: Callable[[Routes], object], expected: tuple[int, ...]
    ) -> None:
        """Who should get less is told the most, others the least; what was meant comes back."""
        router = open_file(rds)
        put(router, WEIGHTS)
        change(rds, touch)
        assert tuple(shares(router).values()) == expected
        put(router, WEIGHTS, 2)
        assert tuple(shares(router).values()) == (2500, 0, 0)


def test_services_are_told(parts: Parts, tmp_path: Path) -> None:
    """A real Envoy tells each request's service whether it is targeted, whatever clients say."""
    with traffic.servers(["v1", "v2"]) as ports:
        proxy = start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})
        router = open_file(proxy.rds, BOTH, admin=proxy.admin)
        weights = {**split(2500), **LEFT_OUT}
        put(router, weights)
        desired = Desired(weights_bp=weights)
        wait_until(lambda: router.verify(desired).proof == "holds", what="taken", deadline_s=5)

        def told(**headers: str) -> set[str]:
            sent = {f"x-{key.replace('_', '-')}": value for key, value in headers.items()}
            with httpx.Client() as http:
                asked = [http.get(proxy.url, headers=sent) for _ in range(20)]
            return {answer.headers["x-told"] for answer in asked}

        assert told(tier="free") == told(user_id=f"{STAFF.prefix}1") == {"yes"}
        assert told(user_id=user_at(1000)) == told(tier="beta", davy_targeted="no") == {"yes"}
        assert told() == told(user_id=user_at(3000)) == told(davy_targeted="yes") == {"no"}
