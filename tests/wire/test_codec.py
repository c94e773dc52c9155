"""Records become values and values become records, whatever version wrote them."""

import json

import pytest

from streams.errors import RegistryError, WireError
from streams.wire.codec import Codec
from streams.wire.framing import frame
from streams.wire.reasons import BadRecord, Reason
from streams.wire.schemas import load_schema
from streams.wire.store import LocalSchemaStore
from tests.wire import evolved
from tests.wire.samples import BARE, DECISION, PANE, PREDICTION, SOURCE


@pytest.fixture
def codec():
    return Codec(LocalSchemaStore())


def writer_of(schema, tmp_path):
    """A codec that knows a foreign schema, and the id of that."""
    path = tmp_path / "ids.json"
    store = LocalSchemaStore(path)
    Codec(store).register()
    schema_id = store.register("elsewhere-value", json.dumps(schema), "BACKWARD_TRANSITIVE")
    return Codec(store), schema_id


class TestEncode:
    def test_body_does_not_depend_on_the_order_of_a_dict(self, codec):
        """Equal records give equal bytes: decisions are hashed."""
        weights = {"all": {"candidate": 0, "baseline": 10_000}, "a": {"b": 1, "a": 2}}
        turned = {"a": {"a": 2, "b": 1}, "all": {"baseline": 10_000, "candidate": 0}}
        bodies = {
            codec.body("decisions", DECISION | {"weights_bp": order}) for order in (weights, turned)
        }
        assert len(bodies) == 1

    def test_value_is_the_body_behind_the_header(self, codec):
        """The id is the one of our schema."""
        body = codec.body("decisions", DECISION)
        assert codec.encode("decisions", DECISION) == frame(9, body)
        assert codec.framed("decisions", body) == frame(9, body)

    def test_absent_fields_take_their_default(self, codec):
        """Optional fields may be left out."""
        needed = ("request_id", "service", "model_version", "completed_at", "latency_ms", "status")
        slim = {name: BARE[name] for name in needed}
        assert codec.encode("predictions", slim) == codec.encode("predictions", BARE)

    @pytest.mark.parametrize(
        "change",
        [{"latency": 1.0}, {"latency_ms": "fast"}, {"status": "FINE"}, {"request_id": None}],
    )
    def test_refuses_what_does_not_fit(self, codec, change):
        """Unknown fields, wrong types and unknown symbols are told before they are written."""
        with pytest.raises(WireError, match="Prediction"):
            codec.encode("predictions", PREDICTION | change)

    def test_refuses_missing_fields(self, codec):
        """A field without default must be there."""
        with pytest.raises(WireError, match="request_id"):
            codec.body("predictions", {})

    def test_unregistered_schema_names_the_command(self, tmp_path):
        """Nothing is registered behind the operator's back."""
        codec = Codec(LocalSchemaStore(tmp_path / "ids.json"))
        with pytest.raises(RegistryError, match="davy schemas register"):
            codec.encode("predictions", PREDICTION)


class TestDecode:
    def test_union_of_records_names_its_member(self, codec):
        """What was written as ("davy.Pane", {...}) comes back so."""
        record = {**SOURCE, "body": ("davy.Pane", PANE)}
        assert codec.decode("panes", codec.encode("panes", record)) == record

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda _: None, Reason.EMPTY),
            (lambda _: b"", Reason.EMPTY),
            (lambda v: b"\x07" + v[1:], Reason.BAD_MAGIC),
            (lambda v: v[:3], Reason.TRUNCATED),
            (lambda v: v[:-1], Reason.TRUNCATED),
            (lambda v: v[:5], Reason.TRUNCATED),
            (lambda v: v + b"\x00", Reason.TRAILING_BYTES),
            (lambda v: v.replace(b"digits", b"dig\xffts"), Reason.INVALID_UTF8),
            (lambda v: b"\x00\x00\x00\xff\xff" + v[5:], Reason.UNKNOWN_SCHEMA),
            (lambda v: b"\x00\x00\x00\x00\x02" + v[5:], Reason.WRONG_SCHEMA),
        ],
    )
    def test_names_the_reason(self, codec, damage, reason):
        """Each kind of damage has its own reason."""
        with pytest.raises(BadRecord) as failure:
            codec.decode("predictions", damage(codec.encode("predictions", BARE)))
        assert failure.value.reason is reason

    @pytest.mark.parametrize("symbol", [b"\x01", b"\x03", b"\x06", b"\xfe\x01"])
    def test_symbols_that_do_not_exist_are_refused(self, codec, symbol):
        """Negative numbers too, which Python would count from the end."""
        value = codec.encode("predictions", BARE | {"status": "OK"})
        at = value.index(b"\x29\x40") + 2  # the end of 12.5
        with pytest.raises(BadRecord) as failure:
            codec.decode("predictions", value[:at] + symbol + value[at + 1 :])
        assert failure.value.reason is Reason.UNDECODABLE

    def test_registry_trouble_is_not_the_records_fault(self):
        """Without an answer nothing is refused."""

        class Down(LocalSchemaStore):
            def schema(self, schema_id):
                raise RegistryError(f"no answer for {schema_id}")

        codec = Codec(Down())
        with pytest.raises(RegistryError):
            codec.decode("predictions", codec.encode("predictions", BARE))


class TestEvolution:
    def test_newer_writer(self, tmp_path):
        """Fields that we do not know are passed over; an unknown status spoils its record only."""
        codec, schema_id = writer_of(evolved.newer(), tmp_path)
        record = PREDICTION | {"region": "eu", "tags": ["a"], "retries": 3, "gateway": None}
        value = frame(schema_id, evolved.body(evolved.newer(), record))
        assert codec.decode("predictions", value) == PREDICTION
        cancelled = evolved.body(evolved.newer(), record | {"status": "CANCELLED"})
        with pytest.raises(BadRecord) as failure:
            codec.decode("predictions", frame(schema_id, cancelled))
        assert failure.value.reason is Reason.UNDECODABLE

    def test_older_writer(self, tmp_path):
        """Fields that it did not have take their default."""
        codec, schema_id = writer_of(evolved.older(), tmp_path)
        slim = {f["name"]: BARE[f["name"]] for f in evolved.older()["fields"]}
        value = frame(schema_id, evolved.body(evolved.older(), slim))
        assert codec.decode("predictions", value) == BARE

    def test_missing_field_without_default_is_the_wrong_schema(self, tmp_path):
        """A writer without `service` can never be meant for us."""
        schema = load_schema("prediction")
        schema["fields"] = [f for f in schema["fields"] if f["name"] != "service"]
        codec, schema_id = writer_of(schema, tmp_path)
        with pytest.raises(BadRecord, match=r"service: missing"):
            codec.decode("predictions", frame(schema_id, b""))

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "array", "items": "null"},
            {"type": "record", "name": "Loop", "fields": [{"name": "l", "type": "Loop"}]},
            {"type": "nothing"},
        ],
    )
    def test_schemas_that_could_trap_a_reader_are_refused(self, tmp_path, schema):
        """Endless values and recursive types have no place in an event."""
        held = load_schema("prediction")
        held["fields"].append({"name": "trap", "type": schema, "default": []})
        path = tmp_path / "ids.json"
        line = {"id": 1, "subject": "x-value", "schema": held}
        path.write_text(json.dumps({"schemas": [line]}), encoding="utf-8")
        with pytest.raises(BadRecord) as failure:
            Codec(LocalSchemaStore(path)).decode("predictions", frame(1, b"\x00"))
        assert failure.value.reason is Reason.WRONG_SCHEMA
