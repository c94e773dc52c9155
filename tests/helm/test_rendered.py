"""What the chart renders is what davy needs: its commands, ports, settings, rights and topics."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from infra.docs.chart_values import RIGHTS
from infra.rigs.objects import Object, load
from streams import acls
from streams.actuator.service import PORT as ACTUATOR
from streams.agents.worker import PORT as WORKER
from streams.cli import main as cli
from streams.dashboard.service import PORT as DASHBOARD
from streams.notify.service import PORT as NOTIFY
from streams.settings import Settings, load_settings
from streams.topics import topic_plans
from streams.verdicts.service import PORT as VERDICTS
from tests.helm.cases import (
    ALL,
    ASKED,
    CASES,
    HTTP,
    PLACED,
    STRIMZI,
    Render,
    Values,
    containers,
    joined,
    of_kind,
    pods,
    target,
)

RBAC = Path(__file__).parents[2] / "infra" / "kubernetes" / "rbac"
PORTS = {
    "worker": WORKER,
    "actuator": ACTUATOR,
    "verdicts": VERDICTS,
    "notify": NOTIFY,
    "dashboard": DASHBOARD,
}


@pytest.mark.parametrize("case", CASES)
class TestEveryCase:
    def test_names_are_unique(self, render: Render, case: str) -> None:
        """No object takes the place of another."""
        kept = Counter(
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in render(CASES[case])
        )
        assert [name for name, count in kept.items() if count > 1] == []

    def test_secrets_are_named_and_not_made(self, render: Render, case: str) -> None:
        """Nothing that is rendered is a secret, or holds the value of one."""
        objects = render(CASES[case])
        assert of_kind(objects, "Secret") == {}
        for one in of_kind(objects, "ConfigMap").values():
            kafka = yaml.safe_load(one["data"]["davy.yaml"]).get("kafka", {})
            assert kafka.get("sasl.password", "file:").startswith("file:")

    def test_pods_may_do_little(self, render: Render, case: str) -> None:
        """No root, no writing but to /tmp, no token but where a cluster is spoken to."""
        for name, pod in pods(render(CASES[case])).items():
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            speaks = name == "davy-actuator" and "targets" in CASES[case].get("actuator", {})
            assert pod["automountServiceAccountToken"] is speaks, name
            for container in containers(pod):
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                }
                assert {"requests", "limits"} <= container["resources"].keys()
                assert ":" in container["image"]

    def test_commands_are_those_of_davy(self, render: Render, case: str) -> None:
        """With options that they know."""
        for pod in pods(render(CASES[case])).values():
            for container in containers(pod):
                command: Any = typer.main.get_command(cli.app)
                words = [*container["args"]]
                while hasattr(command, "commands"):
                    command = command.commands[words.pop(0)]
                assert command.make_context("davy", words).params.get("config") is None

    def test_mounts_have_volumes(self, render: Render, case: str) -> None:
        for pod in pods(render(CASES[case])).values():
            there = {volume["name"] for volume in pod["volumes"]}
            for container in containers(pod):
                assert {mount["name"] for mount in container["volumeMounts"]} == there


class TestProcesses:
    def test_ports_are_those_of_davy(self, render: Render) -> None:
        """In the container, at the Service, in the environment and for the probes."""
        objects = render(ALL)
        services = of_kind(objects, "Service")
        for name, port in PORTS.items():
            (container,) = pods(objects)[f"davy-{name}"]["containers"]
            assert container["ports"] == [{"name": "http", "containerPort": port}]
            assert services[f"davy-{name}"]["spec"]["ports"][0]["port"] == port
            env = {one["name"]: one.get("value") for one in container["env"]}
            assert env["DAVY_HTTP__PORT"] == str(port)
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert f"--port={port}" in container[probe]["exec"]["command"]
            assert container["livenessProbe"]["exec"]["command"][-1] == "/healthz"
            assert container["readinessProbe"]["exec"]["command"][-1] == "/readyz"

    def test_who_may_not_be_asked_has_no_service(self, render: Render) -> None:
        """Without passwords davy listens on loopback alone, where the probes still reach it."""
        objects = render({})
        assert of_kind(objects, "Service") == {}
        for pod in of_kind(objects, "Deployment").values():
            (container,) = pod["spec"]["template"]["spec"]["containers"]
            told = container["livenessProbe"]["exec"]["command"]
            assert not any(word.startswith("--authorization") for word in told)

    def test_services_and_budgets_find_their_pods(self, render: Render) -> None:
        objects = render(joined(HTTP, ASKED))
        for name, deployment in of_kind(objects, "Deployment").items():
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            selectors = [
                of_kind(objects, "Service")[name]["spec"]["selector"],
                of_kind(objects, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
                of_kind(objects, "NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"],
                deployment["spec"]["selector"]["matchLabels"],
            ]
            assert all(selector.items() <= labels.items() for selector in selectors)
            others = of_kind(objects, "Deployment").keys() - {name}
            for other in others:
                strange = of_kind(objects, "Deployment")[other]["spec"]["template"]["metadata"]
                assert not selectors[0].items() <= strange["labels"].items()

    def test_the_server_of_the_verdicts_is_where_the_manifests_look(self, render: Render) -> None:
        """infra/kubernetes/verdicts asks `davy-verdicts.davy:8472`."""
        service = of_kind(render(ALL), "Service")["davy-verdicts"]
        where = service["metadata"]
        address = f"{where['name']}.{where['namespace']}:{service['spec']['ports'][0]['port']}"
        for file in ("analysis-web.yaml", "canary.yaml"):
            assert address in (RBAC.parent / "verdicts" / file).read_text()

    def test_one_server_alone_answers_controllers(self, render: Render) -> None:
        """Not two for a while at an upgrade; the others go on meanwhile."""
        recreated = {
            name
            for name, one in of_kind(render(ALL), "Deployment").items()
            if one["spec"].get("strategy") == {"type": "Recreate"}
        }
        assert recreated == {"davy-verdicts", "davy-dashboard"}

    @pytest.mark.parametrize("may_steer", [False, True])
    def test_a_dashboard_only_shows_unless_told_otherwise(
        self, render: Render, *, may_steer: bool
    ) -> None:
        """Whoever may ask a process, a probe or Flagger, is in the one file of passwords."""
        told = {"dashboard": {"readOnly": False}} if may_steer else {}
        (container,) = pods(render(joined(ALL, told)))["davy-dashboard"]["containers"]
        assert ("--read-only" in container["args"]) is not may_steer

    def test_new_settings_start_new_pods(self, render: Render) -> None:
        def checksum(values: Values) -> str:
            deployment = of_kind(render(values), "Deployment")["davy-worker"]
            annotations = deployment["spec"]["template"]["metadata"]["annotations"]
            return str(annotations["checksum/settings"])

        assert checksum({"settings": {"pane_ms": 500}}) != checksum({})


class TestNetwork:
    def test_nobody_is_let_in_unless_named(self, render: Render) -> None:
        """An empty list of peers would mean everybody."""
        policies = of_kind(render(HTTP), "NetworkPolicy").values()
        assert [one["spec"]["ingress"] for one in policies] == [[]] * len(policies)
        assert len(policies) == 2

    def test_peers_are_let_in_at_the_port_alone(self, render: Render) -> None:
        objects = render(joined(HTTP, PLACED))
        policy = of_kind(objects, "NetworkPolicy")["davy-worker"]["spec"]
        (rule,) = policy["ingress"]
        assert rule == {
            "ports": [{"protocol": "TCP", "port": WORKER}],
            "from": PLACED["networkPolicy"]["askers"],
        }
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        names, kafka = policy["egress"]
        assert {each["port"] for each in names["ports"]} == {53}
        assert kafka == PLACED["networkPolicy"]["egress"][0]


def as_davy_reads(
    objects: list[Object], pod: Object, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of the process in a pod, with files where its volumes put them."""
    here = str(folder / "etc")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for source in volumes.get("secrets", {}).get("projected", {}).get("sources", ()):
        for item in source["secret"]["items"]:
            path = folder / "etc" / "davy" / "secrets" / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(f"{source['secret']['name']}/{item['key']}")
    settings = of_kind(objects, "ConfigMap")[volumes["settings"]["configMap"]["name"]]
    file = folder / "etc" / "davy" / "davy.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(settings["data"]["davy.yaml"].replace("/etc", here))
    for one in containers(pod)[0]["env"]:
        if "value" in one:
            monkeypatch.setenv(one["name"], one["value"].replace("/etc", here))
    return load_settings()


class TestSettings:
    @pytest.mark.parametrize("case", CASES)
    def test_every_process_starts_with_them(
        self, render: Render, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """davy itself reads what is rendered, with the files that are mounted and no others."""
        objects = render(CASES[case])
        assert pods(objects)
        for name, pod in pods(objects).items():
            with monkeypatch.context() as env:
                settings = as_davy_reads(objects, pod, tmp_path / name, env)
                assert settings.http.bind.is_loopback is ("http" not in CASES[case])
                for key, value in CASES[case].get("settings", {}).items():
                    if key != "notify":
                        assert getattr(settings, key) == value

    def test_each_sees_its_own_secrets(
        self, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The account that it plays; the signing key is the worker's alone."""
        objects = render(ALL)
        for name in PORTS:
            account = ALL[name]["account"]
            with monkeypatch.context() as env:
                pod = pods(objects)[f"davy-{name}"]
                settings = as_davy_reads(objects, pod, tmp_path / name, env)
            assert settings.kafka["sasl.username"] == account.get("user", account["secret"])
            assert settings.kafka["sasl.password"] == f"{account['secret']}/password"
            assert settings.registry.basic_auth == "davy-registry/basic-auth"
            assert (settings.signing.key is not None) is (name == "worker")
            assert [place.name for place in settings.signing.trusted_places] == ["trusted"]
            assert settings.http.trusted_proxy is not None
            assert {*settings.notify.hooks} == {"ops", "retrain"}

    def test_large_numbers_stay_numbers(
        self, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Helm reads numbers as floating point, and likes to write 1e+06."""
        objects = render({"settings": {"max_event_bytes": 8_000_000}})
        with monkeypatch.context() as env:
            settings = as_davy_reads(objects, pods(objects)["davy-worker"], tmp_path, env)
        assert settings.max_event_bytes == 8_000_000


def shipped(router: str) -> list[Object]:
    """The rules of the manifests, for the object `digits` alone."""
    rules = [rule for one in load(RBAC / f"{router}.yaml") for rule in one.get("rules", ())]
    return [
        {**rule, "resourceNames": ["digits"]} if "resourceNames" in rule else rule for rule in rules
    ]


def given(objects: list[Object]) -> list[Object]:
    """The rules that are rendered."""
    found = [one for one in objects if one["kind"] in ("Role", "ClusterRole")]
    return [rule for one in found for rule in one["rules"]]


def by_resource(rules: list[Object]) -> dict[str, Object]:
    """Rules by what they are about."""
    return {",".join(rule["resources"]): rule for rule in rules}


class TestRights:
    @pytest.mark.parametrize("router", RIGHTS)
    def test_are_those_of_the_manifests(self, render: Render, router: str) -> None:
        """Which the tests run davy with."""
        assert by_resource(given(render(target(router)))) == by_resource(shipped(router))

    @pytest.mark.parametrize(
        ("router", "verbs"),
        [("argo-rollouts", ["get"]), ("httproute", ["get"]), ("kserve", ["get", "get"])],
    )
    def test_who_only_looks_writes_nothing(
        self, render: Render, router: str, verbs: list[str]
    ) -> None:
        rules = given(render(target(router, lookOnly=True)))
        assert [verb for rule in rules for verb in rule["verbs"]] == verbs

    def test_only_the_kinds_that_are_used(self, render: Render) -> None:
        (rule,) = given(render(target("kserve", resources=["inferenceservices"])))
        assert rule["resources"] == ["inferenceservices"]

    def test_are_bound_to_the_actuator(self, render: Render) -> None:
        """In the targets' namespace, for the account in davy's."""
        objects = render(target("mirror"))
        wanted = [{"kind": "ServiceAccount", "name": "davy-actuator", "namespace": "davy"}]
        bound = [one for one in objects if one["kind"] in ("RoleBinding", "ClusterRoleBinding")]
        assert [one["subjects"] for one in bound] == [wanted, wanted]
        names = {*of_kind(objects, "Role"), *of_kind(objects, "ClusterRole")}
        assert {one["roleRef"]["name"] for one in bound} == names
        (role,) = of_kind(objects, "Role").values()
        assert role["metadata"]["namespace"] == "production"

    def test_two_releases_share_nothing_cluster_wide(self, render: Render) -> None:
        """Not even of one name, in two namespaces."""
        (one,) = of_kind(render(target("mirror")), "ClusterRoleBinding")
        (other,) = of_kind(
            render(target("mirror"), "--namespace", "elsewhere"), "ClusterRoleBinding"
        )
        assert one != other


class TestSetup:
    def test_comes_before_everything(self, render: Render) -> None:
        """Its settings first, then the job, which makes topics and then registers schemas."""
        objects = render(ALL)
        job, settings = (of_kind(objects, kind)["davy-setup"] for kind in ("Job", "ConfigMap"))
        for one in (job, settings):
            assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        weights = [
            int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in (settings, job)
        ]
        assert weights == sorted(weights)
        assert weights[0] < weights[1]
        assert [each["args"] for each in containers(pods(objects)["davy-setup"])] == [
            ["topics", "create"],
            ["schemas", "register"],
        ]

    def test_strimzi_makes_the_topics(self, render: Render) -> None:
        """What is left is the registry, and that needs no account at the broker."""
        assert of_kind(render(STRIMZI), "Job") == {}
        pod = pods(render(joined(STRIMZI, {"registry": {"url": "http://registry"}})))["davy-setup"]
        assert [each["args"] for each in containers(pod)] == [["schemas", "register"]]
        assert "secrets" not in {volume["name"] for volume in pod["volumes"]}


class TestStrimzi:
    @pytest.mark.parametrize(
        "settings",
        [{}, STRIMZI["settings"], {"max_event_bytes": 100, "replication": 2}],
        ids=["defaults", "own", "small"],
    )
    def test_topics_are_as_planned(self, render: Render, settings: Values) -> None:
        """Names, counts and every property, as `davy topics create` would have them."""
        values = {**STRIMZI, "settings": settings}
        found = of_kind(render(values), "KafkaTopic").values()
        made = {one["spec"]["topicName"]: one["spec"] for one in found}
        asked = Settings(**settings)
        wanted = {
            plan.name: {
                "topicName": plan.name,
                "partitions": plan.partitions,
                "replicas": asked.replication,
                "config": {**plan.config},
            }
            for plan in topic_plans(asked)
        }
        assert made == wanted

    def test_accounts_may_what_their_roles_may(self, render: Render) -> None:
        """The components' and those of others, with prefix and group filled in."""
        users = of_kind(render(STRIMZI), "KafkaUser")
        playing = {
            "davy-worker": "worker",
            "davy-actuator": "actuator",
            "digits": "publisher",
            "ann": "operator",
        }
        assert users.keys() == playing.keys()
        settings = Settings(**STRIMZI["settings"])
        for name, role in playing.items():
            wanted = {
                (grant.kind.replace("transactional-id", "transactionalId"), grant.name): (
                    "prefix" if grant.prefixed else "literal",
                    [str(operation) for operation in grant.operations],
                )
                for grant in acls.role(role, settings).grants
            }
            made = {
                (acl["resource"]["type"], acl["resource"]["name"]): (
                    acl["resource"]["patternType"],
                    acl["operations"],
                )
                for acl in users[name]["spec"]["authorization"]["acls"]
            }
            assert made == wanted

    def test_accounts_are_those_that_the_pods_use(self, render: Render) -> None:
        """Strimzi calls the Secret and the user as the KafkaUser."""
        objects = render(STRIMZI)
        (container,) = pods(objects)["davy-worker"]["containers"]
        env = {one["name"]: one.get("value") for one in container["env"]}
        assert env["DAVY_KAFKA__SASL_USERNAME"] in of_kind(objects, "KafkaUser")
