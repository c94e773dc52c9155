"""Schemas are complete, documented, and fixed by their ids."""

import json

import pytest

from streams.errors import WireError
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, topic_plans
from streams.wire.catalogue import COMMAND, main, readme
from streams.wire.schemas import (
    SUBJECTS,
    Compatibility,
    load_schema,
    schema_folder,
    schema_text,
    subject_of,
    without,
)
from streams.wire.store import LocalSchemaStore


def undocumented(schema, where="") -> list[str]:
    """Paths of types and fields without documentation."""
    match schema:
        case list():
            return [path for branch in schema for path in undocumented(branch, where)]
        case {"type": "record", "name": name, "fields": fields}:
            own = [] if schema.get("doc") else [f"{where}.{name}"]
            for field in fields:
                path = f"{where}.{name}.{field['name']}"
                own += [] if field.get("doc") else [path]
                own += undocumented(field["type"], path)
            return own
        case {"type": "enum", "name": name}:
            return [] if schema.get("doc") else [f"{where}.{name}"]
        case dict():
            inner = [schema[key] for key in ("type", "items", "values") if key in schema]
            return [path for one in inner for path in undocumented(one, where)]
        case _:
            return []


class TestSchemas:
    @pytest.mark.parametrize("path", sorted(schema_folder().glob("*.avsc")), ids=lambda p: p.stem)
    def test_every_field_is_documented(self, path):
        """Types and fields say what they are, units included."""
        assert undocumented(json.loads(path.read_text(encoding="utf-8"))) == []

    def test_every_file_has_a_topic_and_every_topic_a_file(self):
        """Nothing lies in the folder that no topic carries."""
        files = {path.stem for path in schema_folder().glob("*.avsc")}
        assert {subject.schema for subject in SUBJECTS.values()} == files

    def test_topics_agree_with_the_plans(self):
        """The topics that are created carry these schemas."""
        plans = {plan.name: plan.schema for plan in topic_plans(Settings())}
        assert plans.pop(DEAD_LETTERS) is None
        assert plans == {subject.topic: subject.schema for subject in SUBJECTS.values()}

    def test_decisions_and_routing_are_full_transitive(self):
        """Others read these two, so both directions hold; events owe the past only."""
        full = {s.topic for s in SUBJECTS.values() if s.compatibility == "FULL_TRANSITIVE"}
        assert full == {"decisions", "routing"}
        assert subject_of("predictions").compatibility is Compatibility.BACKWARD_TRANSITIVE

    def test_subject_carries_the_prefix(self):
        """Confluent's topic name strategy, on the full topic name."""
        assert subject_of("judge-state").name("team-") == "team-judge-state-value"

    def test_unknown_names_are_told(self):
        """A mistyped topic or schema says what there is."""
        with pytest.raises(WireError, match="predictions"):
            subject_of("prediction")
        with pytest.raises(WireError, match=r"schemas/README\.md"):
            load_schema("nothing")


class TestCatalogue:
    def test_readme_is_up_to_date(self):
        """`python -m streams.wire.catalogue` was run after the last change."""
        assert (schema_folder() / "README.md").read_text(encoding="utf-8") == readme(), COMMAND

    @pytest.mark.parametrize("subject", SUBJECTS.values(), ids=lambda s: s.topic)
    def test_newest_id_is_the_schema(self, subject):
        """`python -m streams.wire.catalogue` was run after the last change."""
        shipped = json.loads((schema_folder() / "ids.json").read_text(encoding="utf-8"))["schemas"]
        newest = [entry for entry in shipped if entry["subject"] == subject.name()][-1]
        assert without(newest["schema"], "doc") == without(load_schema(subject.schema), "doc"), (
            COMMAND
        )
        ours = LocalSchemaStore().id_of(subject.name("any."), schema_text(subject.schema))
        assert ours == newest["id"], COMMAND

    def test_refuses_unknown_options(self):
        """The command has one option."""
        with pytest.raises(WireError, match="--anew"):
            main(["--new"])
