"""What the chart takes from the code is as the code has it; `make chart` writes it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from infra.docs.chart import CHART, PLAIN, manifests, written
from infra.docs.chart_files import rights
from infra.docs.chart_values import RIGHTS, Values
from infra.rigs.objects import load
from streams.settings import Settings
from tests.helm.cases import of_kind

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_no_file_is_stale() -> None:
    """Values, schema, table and files: nothing would change."""
    stale = [str(path) for path, text in written().items() if path.read_text() != text]
    assert stale == []


def test_manifests_are_the_chart_rendered(helm: Path) -> None:
    """For those without Helm."""
    assert (PLAIN / "davy.yaml").read_text() == manifests(helm)


def test_the_manifests_let_in_who_asks() -> None:
    """Prometheus, and the controllers for which the verdict server is there."""
    objects = load((PLAIN / "davy.yaml").read_text())
    let_in = {
        name: {
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in policy["spec"]["ingress"]
            for peer in rule["from"]
        }
        for name, policy in of_kind(objects, "NetworkPolicy").items()
    }
    assert let_in == {
        "davy-worker": {"monitoring"},
        "davy-actuator": {"monitoring"},
        "davy-verdicts": {"monitoring", "argo-rollouts", "flagger-system"},
    }
    page = (PLAIN / "README.md").read_text()
    assert all(f"`{name}`" in page for names in let_in.values() for name in names)


def test_versions_are_those_of_davy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (project["version"],) * 2


def test_every_router_with_rights_can_be_a_target() -> None:
    assert tuple(rights()) == RIGHTS


class TestValues:
    def test_the_defaults_are_valid(self) -> None:
        """And are those of the model."""
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        assert values == Values().model_dump(by_alias=True)
        assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)] == []

    def test_every_setting_has_its_place(self) -> None:
        """Under `settings`, or as a value that it follows from."""
        told = set(SCHEMA["properties"]["settings"]["properties"])
        elsewhere = {"config", "bootstrap", "kafka", "registry", "signing", "http", "instance_id"}
        assert told | elsewhere == set(Settings.model_fields)
        assert told & elsewhere == set()

    def test_no_part_takes_what_it_does_not_know(self) -> None:
        """Strict all the way down, but for what Kubernetes itself checks."""
        parts = {"values": SCHEMA, **SCHEMA["$defs"]}
        loose = {
            name
            for name, part in parts.items()
            if "properties" in part and part.get("additionalProperties") is not False
        }
        assert loose == set()


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"kafka": {"bootstrapp": "a:1"}}, "bootstrapp"),
        ({"settings": {"bootstrap": "a:1"}}, "bootstrap"),
        ({"settings": {"source_partition": 4}}, "source_partition"),
        ({"settings": {"pane_ms": 0}}, "0 is less than"),
        ({"kafka": {"properties": {"sasl.password": "open"}}}, "sasl.password"),
        ({"kafka": {"properties": {"ssl_key_password": "open"}}}, "ssl_key_password"),
        ({"worker": {"env": [{"name": "DAVY_X_PASSWORD", "value": "open"}]}}, "valueFrom"),
        ({"http": {"secret": "Davy_Http"}}, "Davy_Http"),
        ({"actuator": {"targets": [{"router": "httproute", "namespace": "shop"}]}}, "names"),
        ({"actuator": {"targets": [{"router": "f5", "namespace": "a", "names": ["b"]}]}}, "f5"),
        ({"notify": {"secretMounts": [{"secret": "a", "path": "/etc/davy/x"}]}}, "/etc/davy/x"),
        ({"strimzi": {"users": [{"name": "a", "role": "root"}]}}, "root"),
    ],
)
def test_what_makes_no_sense_is_refused(values: object, word: str) -> None:
    """By the place that is wrong; no secret can be a value."""
    found = " ".join(error.message for error in Draft7Validator(SCHEMA).iter_errors(values))
    assert word in found
