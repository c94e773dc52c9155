"""Bytes that were once written stay readable, and today's writer writes today's bytes.

After a change of a schema: `python -m streams.wire.catalogue`, then `python -m
tests.wire.samples`; before the first release remove the old files.
"""

import json

import pytest

from streams.wire.codec import Codec
from streams.wire.schemas import SUBJECTS, schema_text
from streams.wire.store import LocalSchemaStore
from tests.wire.samples import GOLDEN, RECORDS

FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=lambda s: s.topic)
def test_today(subject):
    """The bytes of the current schema, exactly; the file names the schema and its id."""
    store = LocalSchemaStore()
    schema_id = store.id_of(subject.name(), schema_text(subject.schema))
    golden = FILES[f"{subject.schema}-{schema_id}"]
    values = [Codec(store).encode(subject.topic, record) for record in RECORDS[subject.topic]]
    assert [value.hex() for value in values] == golden["values"]


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_version_is_still_read(name):
    """Old values mean what they meant; fields they did not have take their default."""
    golden = FILES[name]
    codec = Codec(LocalSchemaStore())
    records = [codec.decode(golden["topic"], bytes.fromhex(v)) for v in golden["values"]]
    assert records == list(RECORDS[golden["topic"]])
