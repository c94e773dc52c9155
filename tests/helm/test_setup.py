"""The setup job's own commands, on a broker that asks who comes and a registry, before all else.

No kubelet is there to run its pod, so its containers are processes, with the files that its volumes
bring and the environment that it gives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infra.rigs.objects import Object
from infra.rigs.secured import Secured
from streams import acls
from streams.settings import Settings
from streams.topics import topic_plans, topic_problems
from streams.wire.evolution import standings
from streams.wire.store import open_store
from tests.helm.cases import Render, Values, containers, of_kind, pods

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
NAME, MOUNTED = "davy-setup", "/etc/davy"
COUNTS = {"source_partitions": 3, "rollout_partitions": 2}


def values(secured: Secured, registry: str, prefix: str) -> Values:
    """As a deployment on such a broker has them; the setup job is the broker's user `operator`."""
    account = {"account": {"secret": "davy-operator", "user": "operator"}}
    return {
        "kafka": {
            "bootstrap": secured.bootstrap("scram"),
            "protocol": "SASL_SSL",
            "ca": {"secret": "kafka-ca"},
        },
        "registry": {"url": registry},
        "settings": {"prefix": prefix, **COUNTS},
        **dict.fromkeys(("setup", "worker", "actuator"), account),
    }


class Job:
    """The job's pod on this machine, below a folder."""

    def __init__(
        self, objects: list[Object], secrets: Mapping[str, Mapping[str, str]], folder: Path
    ) -> None:
        self._pod, self._here = pods(objects)[NAME], folder / "etc" / "davy"
        self._here.mkdir(parents=True)
        settings = of_kind(objects, "ConfigMap")[NAME]["data"]["davy.yaml"]
        (self._here / "davy.yaml").write_text(self._placed(settings))
        for path, text in self._files(secrets):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(text)

    def run(self) -> list[subprocess.CompletedProcess[str]]:
        """Its containers one after the other, as far as they end well."""
        done = []
        for container in containers(self._pod):
            done.append(self._process(container))
            if done[-1].returncode:
                break
        return done

    def _process(self, container: Object) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DAVY_")}
        given = {one["name"]: self._placed(one["value"]) for one in container["env"]}
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *container["args"]],
            env=plain | given | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _files(self, secrets: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Path, str]]:
        volumes = {volume["name"]: volume for volume in self._pod["volumes"]}
        for source in volumes["secrets"]["projected"]["sources"]:
            for item in source["secret"]["items"]:
                text = secrets[source["secret"]["name"]][item["key"]]
                yield self._here / "secrets" / item["path"], text

    def _placed(self, text: str) -> str:
        return text.replace(MOUNTED, str(self._here))


@pytest.fixture
def job(secured: Secured, registry: str, prefix: str, render: Render, tmp_path: Path) -> Job:
    """The job as the chart renders it for these parts, with its Secrets."""
    secrets = {
        "davy-operator": {"password": secured.password("operator")},
        "kafka-ca": {"ca.crt": secured.authority.read_text()},
    }
    return Job(render(values(secured, registry, prefix)), secrets, tmp_path)


@pytest.fixture
def admin(secured: Secured, registry: str, prefix: str) -> Settings:
    """Settings of who may do everything at the broker."""
    return Settings(bootstrap=secured.admin, prefix=prefix, registry={"url": registry}, **COUNTS)


def test_it_makes_topics_and_registers_schemas_once(job: Job, admin: Settings) -> None:
    """With the rights of the role `operator` and no others; a second run changes nothing."""
    acls.apply(acls.role("operator", admin), ["User:operator"], admin)
    topics, schemas = job.run()
    assert (topics.returncode, schemas.returncode) == (0, 0), topics.stderr + schemas.stderr
    names = {plan.name for plan in topic_plans(admin)}
    assert {line.split()[0] for line in topics.stdout.splitlines() if "created" in line} == names
    assert topic_problems(admin) == {}
    found = standings(open_store(admin), admin.prefix)
    assert len(found) == len(names) - 1  # dead letters are raw bytes
    assert all(one.schema_id and one.versions == 1 for one in found)
    assert [one.topic for one in found if one.level is not None] == []
    again, registered = job.run()
    assert again.stdout.count("was there") == len(names)
    assert registered.stdout == schemas.stdout
    assert standings(open_store(admin), admin.prefix) == found


def test_without_the_role_it_fails_and_says_why(job: Job, admin: Settings) -> None:
    """So that the install stops there, before a process starts that needs a topic."""
    (topics,) = job.run()
    assert topics.returncode == 2
    assert "cannot be created" in topics.stderr
    assert all("is missing" in problem for (problem,) in topic_problems(admin).values())
