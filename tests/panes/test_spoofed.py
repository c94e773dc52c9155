"""An event cannot choose its arm: that follows from its model version through the spec alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.panes.facts import cells_to_states
from streams.replay.partition import LogRecord, RecordedActivation, replay_partition
from streams.wire.codec import Codec
from streams.wire.framing import frame
from streams.wire.schemas import load_schema
from streams.wire.store import LocalSchemaStore, SchemaStore
from tests.agents.pipeline import START_MS, Traffic, spec
from tests.replay.test_partition import CLOCK

EVENTS = [*Traffic(seconds=4, rate=50).events(START_MS)]
OTHER = {"v1": "candidate", "v2": "baseline"}
"""Model version -> the arm that is not its own."""


def panes(values: list[bytes], store: SchemaStore) -> list[tuple[Any, ...]]:
    """Closed panes of a partition that holds these values."""
    log = [
        LogRecord(offset=number, append_ms=START_MS, value=value)
        for number, value in enumerate(values)
    ]
    activation = RecordedActivation(spec=spec(), first_offset=0)
    closed = replay_partition(log, [activation], CLOCK, Codec(store), batch_size=100)
    return [(pane.pane, cells_to_states(pane.cells)) for pane in closed]


def honest() -> list[tuple[Any, ...]]:
    store = LocalSchemaStore()
    found = panes([Codec(store).encode("predictions", event) for event in EVENTS], store)
    assert {cell["arm"] for _, cells in found for cell in cells} == {"baseline", "candidate"}
    return found


class TestSpoofed:
    @pytest.mark.parametrize("name", ["arm", "candidate", "davy.arm"])
    def test_by_a_segment(self, name: str) -> None:
        """Whatever it says in `segments`."""
        store = LocalSchemaStore()
        codec = Codec(store)
        values = [
            codec.encode("predictions", event | {"segments": {name: OTHER[event["model_version"]]}})
            for event in EVENTS
        ]
        assert panes(values, store) == honest()

    def test_by_a_field_of_its_own(self, tmp_path: Path) -> None:
        """A registered schema with a field `arm`, filled with the other one."""
        schema = load_schema("prediction")
        schema["fields"] = [
            {"name": "arm", "type": ["null", "string"], "default": None},
            *schema["fields"],
        ]
        ids = tmp_path / "ids.json"
        ids.write_text(LocalSchemaStore().path.read_text())
        store = LocalSchemaStore(ids)
        known = store.register("predictions-value", json.dumps(schema), "BACKWARD_TRANSITIVE")
        parsed = fastavro.parse_schema(schema)
        values = []
        for event in EVENTS:
            body = io.BytesIO()
            fastavro.schemaless_writer(body, parsed, event | {"arm": OTHER[event["model_version"]]})
            values.append(frame(known, body.getvalue()))
        assert panes(values, store) == honest()

    def test_by_a_version_of_another_arm_it_becomes_that_arm(self) -> None:
        """What remains: who may write the topic may say `v2`, and is counted as v2."""
        store = LocalSchemaStore()
        codec = Codec(store)
        lies = [codec.encode("predictions", event | {"model_version": "v2"}) for event in EVENTS]
        arms = {cell["arm"] for _, cells in panes(lies, store) for cell in cells}
        assert arms == {"candidate"}
