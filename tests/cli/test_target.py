"""A route that cannot work is refused at its line, before anything is written."""

import pytest

from streams.cli.main import run
from streams.cli.target import check_route
from streams.errors import SpecError
from streams.spec.load import parse_spec

FACTS = "service: digits\nbaseline: v1\ncandidate: v2\n"
ENVOY = """\
route:
  envoy:
    rds: /run/envoy/rds.json
    route: digits
    clusters: {baseline: v1, candidate: v2}
    admin: http://127.0.0.1:9901
"""
HAPROXY = """\
route:
  haproxy:
    socket: /run/haproxy.sock
    backend: digits
    servers: {baseline: s1, candidate: s2}
    sticky: true
"""
REFUSED = [
    ("route: {apache: {name: x}}", 4, "route: there is no router `apache` here — write one of: "),
    ("route: {envoi: {}}", 4, "did you mean `envoy`?"),
    ("route: memori", 4, "did you mean `memory`?"),
    ("route: {istio: {name: digits}}", 4, "did you mean `virtualservice`?"),
    ("route: {envoy: {}, haproxy: {}}", 4, "route names 2 routers: envoy, haproxy — keep one"),
    ("route: {name: eu}", 4, "route names no router — name one"),
    ("route:\n  memory:\n    names: x", 6, "route.memory: memory does not know names — did you"),
    ("route:\n  memory:\n    name: [x]", 6, "route.memory.name: memory needs it, as text; got"),
    ("route: envoy", 4, "route.envoy.rds: envoy needs it, as text — write `rds: "),
    (ENVOY.replace("    route: digits\n", ""), 5, "write `route: digits`"),
    (ENVOY.replace("rds.json", "rds.yaml"), 6, "let Envoy watch a .json file"),
    (ENVOY.replace("admin: http://", "admin: "), 9, "write it as http://127.0.0.1:9901"),
    (ENVOY.replace(", candidate: v2", ""), 8, "there is none for candidate — write e.g. `clust"),
    (ENVOY.replace("candidate: v2}", "candidate: v1}"), 8, "two arms share one name"),
    (ENVOY.replace("candidate: v2}", "canary: v2, candidate: v3}"), 8, "there is no arm canary"),
    (ENVOY.replace("clusters:", "cluster:"), 8, "did you mean `clusters`?"),
    (HAPROXY.replace("    socket: /run/haproxy.sock\n", ""), 5, "write `socket: /run/haproxy.s"),
    (HAPROXY.replace("sticky: true", "sticky: maybe"), 9, "write `true` or `false`"),
]


def load(route):
    return parse_spec(FACTS + route, name="spec.yaml")


class TestRoute:
    @pytest.mark.parametrize(("route", "line", "instead"), REFUSED)
    def test_that_cannot_work_is_refused_with_line_and_remedy(self, route, line, instead):
        with pytest.raises(SpecError) as failure:
            check_route(load(route))
        assert str(failure.value).startswith(f"spec.yaml:{line}: route")
        assert instead in str(failure.value)

    @pytest.mark.parametrize(
        "route", [ENVOY, HAPROXY, "route: memory", "route: {memory: {name: digits}}"]
    )
    def test_that_can_work_is_taken_without_touching_its_target(self, route):
        check_route(load(route))

    def test_every_candidate_needs_its_cluster(self):
        text = FACTS.replace("candidate: v2", "candidates: {fast: v2, small: v3}") + ENVOY
        with pytest.raises(SpecError, match=r"spec\.yaml:8: .*there is none for fast, small"):
            check_route(parse_spec(text, name="spec.yaml"))


class TestKubeconfig:
    ROUTE = "route:\n  virtualservice:\n    namespace: d\n    name: d\n"
    ARMS = "    destinations: {baseline: v1, candidate: v2}\n"

    @pytest.mark.parametrize(
        ("text", "trouble"),
        [("", "is empty"), ("a: [", "is no YAML"), ("kind: Config\n", "names no clusters")],
    )
    def test_that_leads_nowhere_is_told_at_its_line(self, tmp_path, text, trouble):
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        with pytest.raises(SpecError) as failure:
            check_route(load(f"{self.ROUTE}    kubeconfig: {path}\n{self.ARMS}"))
        said = f"spec.yaml:8: route.virtualservice.kubeconfig: {path} {trouble}"
        assert str(failure.value).startswith(said)

    def test_that_lies_elsewhere_is_left_to_the_actuator(self, tmp_path):
        check_route(load(f"{self.ROUTE}    kubeconfig: {tmp_path}/none\n{self.ARMS}"))


class TestApply:
    def test_a_dry_run_asks_the_router_too(self, tmp_path, capsys):
        path = tmp_path / "digits.yaml"
        path.write_text(FACTS + "route: {apache: {name: x}}\n")
        with pytest.raises(SystemExit) as end:
            run(["rollout", "apply", str(path), "--dry-run"])
        told = capsys.readouterr()
        assert (end.value.code, told.out) == (2, "")
        assert told.err.startswith(f"error: {path}:4: route: there is no router `apache` here")


class TestTargeting:
    @pytest.mark.parametrize(
        ("rule", "says"),
        [
            ("header: {name: x-tier, values: [free]}", "cannot compile a header rule"),
            ("header: {name: x-tier, prefix: free}", "cannot compile a prefix rule"),
            ("users: {header: x-user-id, list: [u-1]}", "cannot compile a users rule"),
            ("user_hash: {header: x-user-id, to: 20%}", "cannot compile a user_hash rule"),
        ],
    )
    def test_a_rule_that_the_router_cannot_compile_is_refused_at_its_line(self, rule, says):
        """HAProxy's server weights hold for every request; Envoy can do all of them."""
        rules = f"targeting:\n  - {rule}\nunit: user\n"
        with pytest.raises(SpecError) as failure:
            check_route(load(HAPROXY + rules))
        assert str(failure.value).startswith("spec.yaml:11: targeting[0]: router haproxy")
        assert says in str(failure.value)
        assert "let another router move this traffic" in str(failure.value)
        check_route(load(ENVOY + rules))


class TestUnit:
    def test_users_need_a_router_that_keeps_them(self):
        """Traefik draws an arm for every request; nginx hashes users."""
        traefik = "route:\n  traefik: {file: /f.yaml, service: d, services: %s}\nunit: user\n"
        nginx = "route:\n  nginx: {include: /f, variable: $v, key: $k, upstreams: %s}\nunit: user\n"
        arms = "{baseline: v1, candidate: v2}"
        with pytest.raises(SpecError) as failure:
            check_route(load(traefik % arms))
        assert str(failure.value).startswith("spec.yaml:6: unit: router traefik draws an arm for")
        assert "write `unit: request`, or take a router that keeps users" in str(failure.value)
        check_route(load(traefik.replace("unit: user", "unit: request") % arms))
        check_route(load(nginx % arms))


class TestSegmentHarm:
    def test_of_one_slice_alone_needs_a_router_that_can_target_it(self):
        """HAProxy's server weights hold for every request."""
        sliced = "segments: {country: [SG]}\non_segment_harm: segment\n"
        with pytest.raises(SpecError) as failure:
            check_route(load(HAPROXY.replace("    sticky: true\n", "") + sliced))
        assert str(failure.value).startswith("spec.yaml:10: on_segment_harm: router haproxy has")
        assert "write `rollout`" in str(failure.value)
        check_route(load(HAPROXY.replace("    sticky: true\n", "") + sliced.splitlines()[0]))

    def test_of_one_slice_alone_needs_to_know_who_is_of_it(self):
        """Envoy tells slices apart by a header; where nothing is routed, none is needed."""
        sliced = "segments: {country: [SG], tier: {values: [a], header: x-tier}}\n"
        sliced += "on_segment_harm: segment\n"
        with pytest.raises(SpecError) as failure:
            check_route(load(ENVOY + sliced))
        assert str(failure.value).startswith("spec.yaml:10: segments.country: router envoy must")
        assert "write `country: {values: [SG], header: x-country}`" in str(failure.value)
        check_route(load(ENVOY + sliced.replace("[SG]", "{values: [SG], header: x-land}")))
        check_route(load("route: memory\n" + sliced))
