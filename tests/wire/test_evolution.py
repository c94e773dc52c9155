"""One version behind and one ahead read each other, and a registry lets nothing else in."""

import io
import json
import uuid

import fastavro
import pytest
from confluent_kafka.schema_registry.schema_registry_client import (
    ConfigCompatibilityLevel,
    ServerConfig,
)

from streams.access_settings import RegistrySettings
from streams.cli.main import run
from streams.errors import RegistryError
from streams.wire.avro import Reader
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.evolution import standings
from streams.wire.framing import frame
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.registry import RegistrySchemaStore
from streams.wire.resource_columns import decode_resources
from streams.wire.schemas import SUBJECTS, Compatibility, load_schema, schema_folder, schema_text
from streams.wire.store import LocalSchemaStore
from tests.wire.neighbours import ahead, behind, seen, whole
from tests.wire.samples import RECORDS

TOPICS = [pytest.param(topic, id=topic) for topic in SUBJECTS]


def body(schema, record):
    """What a writer of this schema writes; fields that it does not know stay out."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def ours_of(topic):
    return load_schema(SUBJECTS[topic].schema)


class Deployed:
    """The real registry after three deploys: the version before, today's, the one after."""

    def __init__(self, url: str) -> None:
        self.prefix = f"t{uuid.uuid4().hex}-"
        self.store = RegistrySchemaStore(RegistrySettings(url=url))
        self.codec = Codec(self.store, self.prefix)
        self.ids = {topic: self._deploy(topic) for topic in SUBJECTS}

    def _deploy(self, topic: str) -> dict[str, int]:
        subject, ours = SUBJECTS[topic], ours_of(topic)
        texts = {
            "behind": json.dumps(behind(ours)),
            "ours": schema_text(subject.schema),
            "ahead": json.dumps(ahead(ours)),
        }
        name, level = subject.name(self.prefix), subject.compatibility
        return {age: self.store.register(name, text, level) for age, text in texts.items()}

    def values(self, topic: str, age: str) -> list[bytes]:
        """The samples of a topic as a davy of that age writes them."""
        schema = json.loads(self.store.schema(self.ids[topic][age]))
        return [frame(self.ids[topic][age], body(schema, r)) for r in RECORDS[topic]]


@pytest.fixture(scope="module")
def deployed(registry):
    return Deployed(registry)


class TestBothDirections:
    @pytest.mark.parametrize("topic", TOPICS)
    @pytest.mark.parametrize("age", ["behind", "ours", "ahead"])
    def test_today_reads_every_neighbour(self, deployed, topic, age):
        """What is missing has its default, what is new is not seen."""
        written = whole(json.loads(deployed.store.schema(deployed.ids[topic][age])))
        for value, record in zip(deployed.values(topic, age), RECORDS[topic], strict=True):
            expected = seen(record, written, whole(ours_of(topic)))
            assert deployed.codec.decode(topic, value) == expected

    @pytest.mark.parametrize("topic", TOPICS)
    @pytest.mark.parametrize("reader", [behind, ahead], ids=["behind", "ahead"])
    def test_every_neighbour_reads_today(self, deployed, topic, reader):
        """A davy that was not upgraded yet, or was rolled back, goes on reading."""
        theirs, ours = reader(ours_of(topic)), ours_of(topic)
        text = deployed.store.schema(deployed.ids[topic]["ours"])
        for record in RECORDS[topic]:
            expected = seen(record, whole(ours), whole(theirs))
            assert Reader(text, theirs).read(body(ours, record)) == expected

    @pytest.mark.parametrize(
        ("topic", "decode", "useless"),
        [
            ("predictions", decode_predictions, 0),
            # A version without optional fields has neither label nor value, nor any use of a pod.
            ("outcomes", decode_outcomes, 1),
            ("resources", decode_resources, 1),
        ],
    )
    def test_batches_of_all_ages_become_columns(self, deployed, topic, decode, useless):
        """Producers are upgraded one by one: their records stand mixed in one batch."""
        ages = ("behind", "ours", "ahead")
        values = [value for age in ages for value in deployed.values(topic, age)]
        columns = decode(values, deployed.codec)
        assert [refused.row for refused in columns.rejected] == list(range(useless))
        assert columns.row.tolist() == list(range(useless, len(values)))


def broken(topic):
    """Changes that leave readers behind: (what, the schema)."""
    ours = ours_of(topic)
    first, *others = ours["fields"]
    strange = {"name": "davy_must", "type": "string"}
    yield "required", ours | {"fields": [*ours["fields"], strange]}
    other = {"type": "fixed", "name": "davy_fixed", "size": 3}
    yield "retyped", ours | {"fields": [first | {"type": other}, *others]}
    yield "renamed", ours | {"fields": [first | {"name": "davy_renamed"}, *others]}
    if SUBJECTS[topic].compatibility is Compatibility.FULL_TRANSITIVE:
        yield "dropped", ours | {"fields": others}


BROKEN = [
    pytest.param(topic, schema, id=f"{topic}-{what}")
    for topic in SUBJECTS
    for what, schema in broken(topic)
]


class TestIncompatible:
    @pytest.mark.parametrize(("topic", "schema"), BROKEN)
    def test_is_refused_by_the_registry(self, deployed, topic, schema):
        """At the level that davy states for the subject."""
        subject = SUBJECTS[topic]
        with pytest.raises(RegistryError, match="compatib"):
            deployed.store.register(
                subject.name(deployed.prefix), json.dumps(schema), subject.compatibility
            )

    @pytest.mark.parametrize(("topic", "schema"), BROKEN)
    def test_is_refused_before_it_is_registered(self, deployed, topic, schema, tmp_path):
        """The check says the same as the registry, names the topic, and writes nothing."""
        for path in schema_folder().glob("*.avsc"):
            (tmp_path / path.name).write_text(path.read_text())
        (tmp_path / f"{SUBJECTS[topic].schema}.avsc").write_text(json.dumps(schema))
        found = standings(deployed.store, deployed.prefix, tmp_path)
        assert [one.topic for one in found if one.refusal] == [topic]
        assert [one.versions for one in found] == [3] * len(SUBJECTS)

    def test_the_same_in_a_checkout(self, tmp_path):
        """Without a registry the versions in ids.json are what must not be broken."""
        (tmp_path / "decision.avsc").write_text(json.dumps(dict(broken("decisions"))["renamed"]))
        for path in schema_folder().glob("*.avsc"):
            if path.name != "decision.avsc":
                (tmp_path / path.name).write_text(path.read_text())
        found = standings(LocalSchemaStore(), folder=tmp_path)
        assert [one.topic for one in found if one.refusal] == ["decisions"]


class TestCommand:
    def call(self, prefix, *arguments):
        with pytest.raises(SystemExit) as end:
            run(["schemas", "check", "--prefix", prefix, *arguments])
        return int(end.value.code or 0)

    def test_before_after_and_broken(self, registry, monkeypatch, capsys, tmp_path):
        """New, then registered, then refused with exit code 1; a foreign level is told."""
        monkeypatch.setenv("DAVY_REGISTRY__URL", registry)
        prefix = f"t{uuid.uuid4().hex}-"
        store = RegistrySchemaStore(RegistrySettings(url=registry))
        assert self.call(prefix) == 0
        assert capsys.readouterr().out.count("new: may be registered") == len(SUBJECTS)
        Codec(store, prefix).register()
        anything = ServerConfig(compatibility=ConfigCompatibilityLevel.NONE)
        store._client.set_config(f"{prefix}leases-value", anything)
        assert self.call(prefix) == 0
        told = capsys.readouterr().out
        assert told.count("registered as") == len(SUBJECTS)
        assert "the registry says NONE" in told
        for path in schema_folder().glob("*.avsc"):
            (tmp_path / path.name).write_text(path.read_text())
        lease = dict(broken("leases"))["required"]
        (tmp_path / "lease.avsc").write_text(json.dumps(lease))
        assert self.call(prefix, "--folder", str(tmp_path)) == 1
        assert "REFUSED" in (told := capsys.readouterr().out)
        assert "davy_must: missing, and has no default" in told

    def test_a_folder_without_schemas(self, registry, monkeypatch, capsys, tmp_path):
        monkeypatch.setenv("DAVY_REGISTRY__URL", registry)
        assert self.call("", "--folder", str(tmp_path)) == 2
        assert "prediction.avsc: cannot be read" in capsys.readouterr().err
