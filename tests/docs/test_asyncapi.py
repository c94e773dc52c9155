"""The AsyncAPI document is valid, whole, and says of topics, keys and headers what is so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from infra.docs import asyncapi
from infra.docs.topics import ROOT
from streams import acls
from streams.settings import Settings
from streams.topics import topic_plans
from streams.wire.envelope import headers_of
from streams.wire.schemas import SUBJECTS, load_schema

PUBLISHED = ROOT / "infra" / "docs" / "asyncapi-3.0.0.schema.json"
PLANS = topic_plans(Settings())
DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.FILE.read_text(encoding="utf-8"))
MESSAGES = DOCUMENT["components"]["messages"]


@cache
def validator() -> Draft7Validator:
    """By AsyncAPI's own JSON Schema, whose parts name each other by their ids."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    whole = Resource.from_contents(published, default_specification=DRAFT7)
    return Draft7Validator(published, registry=(whole @ Registry()).crawl())


def errors(document: dict[str, Any]) -> list[str]:
    return [error.message[:500] for error in validator().iter_errors(document)]


def bundled(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the Avro schemas in the place of their references."""
    whole = copy.deepcopy(document)
    for message in whole["components"]["messages"].values():
        match message["payload"]:
            case {"schema": {"$ref": file}}:
                message["payload"]["schema"] = json.loads(
                    (asyncapi.FILE.parent / file).read_text(encoding="utf-8")
                )
    return whole


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in it."""
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def at(reference: str) -> Any:
    """What a reference within the document leads to."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


class TestValid:
    def test_by_the_published_schema(self) -> None:
        """AsyncAPI 3.0.0's own."""
        assert errors(DOCUMENT) == []

    def test_with_the_avro_schemas_in_it(self) -> None:
        """AsyncAPI's schema knows Avro too."""
        assert errors(bundled(DOCUMENT)) == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda d: d.pop("info"),
            lambda d: d["operations"]["worker-sends-panes"].update(action="publish"),
            lambda d: d["channels"]["panes"].update(topic="panes"),
            lambda d: d["channels"]["panes"]["bindings"]["kafka"].update(partitions="four"),
            lambda d: d["components"]["messages"]["Lease"]["payload"]["schema"].pop("name"),
        ],
    )
    def test_damage_is_seen(self, damage: Callable[[dict[str, Any]], object]) -> None:
        """So the two above say something."""
        document = bundled(DOCUMENT)
        damage(document)
        assert errors(document) != []

    def test_every_reference_leads_somewhere(self) -> None:
        """Within the document, or to a schema beside it."""
        found = set(references(DOCUMENT))
        files = {reference for reference in found if not reference.startswith("#/")}
        assert {f"./{subject.schema}.avsc" for subject in SUBJECTS.values()} == files
        assert all((asyncapi.FILE.parent / file).is_file() for file in files)
        assert all(at(reference) for reference in found - files)


class TestWhole:
    def test_a_channel_for_each_topic(self) -> None:
        """With its partitions and how long it keeps what."""
        channels = DOCUMENT["channels"]
        assert [c["address"] for c in channels.values()] == [f"{{prefix}}{p.name}" for p in PLANS]
        for plan in PLANS:
            told = channels[plan.name]["bindings"]["kafka"]
            assert told["partitions"] == plan.partitions
            for name, value in told["topicConfiguration"].items():
                assert str(value).strip("[]'") == plan.config[name]

    @pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
    def test_the_message_is_the_topics(self, plan: Any) -> None:
        """Payload, key and headers."""
        (reference,) = references(DOCUMENT["channels"][plan.name]["messages"])
        message = at(reference)
        binding = message["bindings"]["kafka"]
        if plan.schema is None:
            assert message["contentType"] == "application/octet-stream"
            assert "schemaIdLocation" not in binding
        else:
            assert message["name"] == load_schema(plan.schema)["name"]
            assert message["payload"]["schema"] == {"$ref": f"./{plan.schema}.avsc"}
            assert binding["schemaIdLocation"] == "payload"
            assert binding["key"]["description"] == SUBJECTS[plan.name].key
        headers = headers_of(plan.name)
        assert list(message["headers"]["properties"]) == [header.name for header in headers]
        always = [header.name for header in headers if not header.only]
        assert message["headers"].get("required", []) == always

    def test_operations_are_the_rights_of_the_roles(self) -> None:
        """Who sends may write, who receives may read, and nobody is left out."""
        told = {
            (operation["tags"][0]["name"], operation["action"], channel)
            for operation in DOCUMENT["operations"].values()
            for channel in [operation["channel"]["$ref"].removeprefix("#/channels/")]
        }
        words = {acls.Operation.WRITE: "send", acls.Operation.READ: "receive"}
        rights = {
            (role.name, words[operation], grant.name)
            for role in (acls.role(name, Settings()) for name in acls.role_names())
            for grant in role.grants
            for operation in grant.operations
            if grant.kind is acls.Kind.TOPIC and operation in words
        }
        assert told == rights
