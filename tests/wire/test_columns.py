"""Batches become columns, and no record's outcome depends on its neighbours or on its reader."""

import json
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import RegistryError
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.framing import frame
from streams.wire.reasons import MAX_EVENT_MS, MAX_LATENCY_MS, Reason
from streams.wire.store import LocalSchemaStore
from tests.wire.outcomes import FastavroOnly, counted, outcomes, reference
from tests.wire.samples import BARE, PREDICTION
from tests.wire.writers import foreign, mutations, value

NAN, INF = float("nan"), float("inf")


class TestAccepted:
    def test_columns_hold_what_was_written(self, codec):
        """Times and weights as numbers, names as codes, absent values as NaN and -1."""
        columns = decode_predictions(
            [value(codec), codec.encode("predictions", BARE), value(codec, status="ERROR")], codec
        )
        assert columns.row.tolist() == [0, 1, 2]
        assert columns.event_ms.tolist() == [PREDICTION["completed_at"]] * 3
        assert columns.latency_ms.tolist() == [12.5] * 3
        assert columns.status.tolist() == [0, 2, 1]
        assert [columns.score[0], columns.score[2]] == [0.75] * 2
        assert np.isnan(columns.score[1])
        assert (columns.service.names, columns.version.names) == (("digits",), ("v2",))
        assert columns.predicted_class.names == ("7",)
        assert columns.predicted_class.codes.tolist() == [0, -1, 0]
        assert columns.rejected == ()

    def test_types_are_those_of_the_sketches(self, codec):
        """No conversion on the way to the sketches."""
        columns = decode_predictions([value(codec)], codec)
        assert (columns.row.dtype, columns.event_ms.dtype) == (np.int64, np.int64)
        assert (columns.latency_ms.dtype, columns.score.dtype) == (np.float64, np.float64)
        assert (columns.status.dtype, columns.service.codes.dtype) == (np.int8, np.int32)
        assert columns.request_hash.dtype == np.uint64

    def test_empty_batch(self, codec):
        """A poll may bring nothing."""
        columns = decode_predictions([], codec)
        assert (columns.row.size, columns.rejected, columns.request_hash.size) == (0, (), 0)

    @pytest.mark.parametrize("share", [NAN, -0.1, 1.1, INF])
    @pytest.mark.parametrize("name", ["score", "confidence"])
    def test_invalid_shares_are_counted_and_left_out(self, codec, name, share):
        """The request still counts for latency and errors."""
        columns = decode_predictions([value(codec, **{name: share}), value(codec)], codec)
        assert (columns.row.tolist(), columns.invalid_scores) == ([0, 1], 1)
        assert np.isnan(getattr(columns, name)[0])

    def test_confidence_is_read(self, codec):
        columns = decode_predictions([value(codec, confidence=0.25), value(codec)], codec)
        assert columns.confidence[0] == 0.25

    def test_fast_path_takes_the_usual_and_the_evolved(self, codec):
        """Only the exotic schema needs fastavro; else the figures would not hold."""
        layouts = {n: codec.reader("predictions", n).layout is not None for n in (1, 12, 13, 14)}
        assert layouts == {1: True, 12: True, 13: True, 14: False}
        for good in foreign(codec)[:8]:
            layout = codec.reader("predictions", good[4]).layout
            assert layout.decode([good])[1].tolist() == [True]

    def test_unusual_forms_are_legal(self, codec):
        """A long varint and a map in sized blocks: rare writers, good events."""
        good = value(codec, segments={"country": "SG"})
        long = good.replace(b"\x0cdigits", b"\x8c\x00digits")
        entry = b"\x0ecountry\x04SG"
        blocks = good.replace(b"\x02" + entry, b"\x01" + bytes([2 * len(entry)]) + entry)
        assert len({good, long, blocks}) == 3
        first, *others = outcomes(decode_predictions([good, long, blocks], codec), 3)
        assert others == [first, first]


class TestRejected:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"latency_ms": NAN}, Reason.BAD_LATENCY),
            ({"latency_ms": INF}, Reason.BAD_LATENCY),
            ({"latency_ms": -0.001}, Reason.BAD_LATENCY),
            ({"latency_ms": 1e308}, Reason.BAD_LATENCY),
            ({"latency_ms": np.nextafter(MAX_LATENCY_MS, INF)}, Reason.BAD_LATENCY),
            ({"completed_at": 0}, Reason.BAD_TIME),
            ({"completed_at": -(2**63)}, Reason.BAD_TIME),
            ({"completed_at": 2**63 - 1}, Reason.BAD_TIME),
            ({"completed_at": MAX_EVENT_MS}, Reason.BAD_TIME),
            ({"service": ""}, Reason.NO_SERVICE),
            ({"model_version": ""}, Reason.NO_VERSION),
            ({"request_id": ""}, Reason.NO_REQUEST_ID),
            ({"service": "", "latency_ms": NAN}, Reason.NO_SERVICE),
            ({"request_id": "x" * 2000}, Reason.TOO_BIG),
        ],
    )
    def test_values_without_sense(self, codec, change, reason):
        """One reason each, and the neighbour is not touched."""
        batch = [value(codec, **change), value(codec)]
        columns = decode_predictions(batch, codec, max_event_bytes=1000)
        assert [(r.row, r.reason) for r in columns.rejected] == [(0, reason)]
        assert columns.row.tolist() == [1]

    @pytest.mark.parametrize(
        "change",
        [
            {"latency_ms": 0.0},
            {"latency_ms": MAX_LATENCY_MS},
            {"completed_at": 1},
            {"completed_at": MAX_EVENT_MS - 1},
        ],
    )
    def test_limits_are_inside(self, codec, change):
        """The last good values are good."""
        assert decode_predictions([value(codec, **change)], codec).rejected == ()

    def test_bytes_without_sense(self, codec):
        """All kinds of damage in one batch, each with its reason, all others accepted."""
        good = value(codec)
        damaged = {
            None: Reason.EMPTY,
            b"": Reason.EMPTY,
            b"{}": Reason.BAD_MAGIC,
            b"\x00\x00": Reason.TRUNCATED,
            good[:5]: Reason.TRUNCATED,
            good[:-1]: Reason.TRUNCATED,
            good + b"!": Reason.TRAILING_BYTES,
            good.replace(b"digits", b"dig\xffts"): Reason.INVALID_UTF8,
            good.replace(b"country", b"c\xffuntry"): Reason.INVALID_UTF8,
            b"\x00\x7f\x00\x00\x00" + good[5:]: Reason.UNKNOWN_SCHEMA,
            b"\x00\x00\x00\x00\x02" + good[5:]: Reason.WRONG_SCHEMA,
            b"\x00\x00\x00\x00\x01" + b"\xff" * 40: Reason.UNDECODABLE,
        }
        batch = [v for bad in damaged for v in (good, bad)]
        columns = decode_predictions(batch, codec)
        assert [r.reason for r in columns.rejected] == list(damaged.values())
        assert columns.row.tolist() == list(range(0, len(batch), 2))

    def test_registry_trouble_refuses_nothing(self, store):
        """The batch is tried again as a whole."""

        class Down(LocalSchemaStore):
            def schema(self, schema_id):
                raise RegistryError(f"no answer for {schema_id}")

        batch = [value(Codec(store)), b""]
        with pytest.raises(RegistryError):
            decode_predictions(batch, Codec(Down(store.path)))

    def test_a_panic_in_the_decoder_is_survived(self, codec, capfd):
        """A Rust panic is no Exception; the rows go to fastavro instead."""
        good = value(codec)
        layout = codec.reader("predictions", 1).layout
        fixed = [{"name": "f", "type": {"type": "fixed", "name": "F", "size": 1}}]
        schema = json.dumps({"type": "record", "name": "P", "fields": fixed})
        object.__setattr__(layout, "pyruhvro_json", schema)
        try:
            columns = decode_predictions([good], codec)
        finally:
            del codec.reader("predictions", 1).__dict__["layout"]
        assert "panicked" in capfd.readouterr().err
        assert columns.row.tolist() == [0]


@pytest.mark.property
class TestLaws:
    @settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_fast_path_is_the_slow_path(self, store, codec, data):
        """Whatever the bytes: a batch's outcomes are those of fastavro, record by record."""
        values = data.draw(mutations(foreign(codec)))
        columns = decode_predictions(values, codec)
        assert outcomes(columns, len(values)) == reference(values, store)
        alone = [counted(decode_predictions([one], FastavroOnly(store))) for one in values]
        assert counted(columns) == tuple(np.array([(0, 0), *alone]).sum(axis=0))

    @settings(max_examples=100)
    @given(data=st.data(), size=st.sampled_from([1, 7, 5000]))
    def test_batches_leave_no_trace(self, codec, data, size):
        """Cut the log anywhere, every record's outcome is the same."""
        values = data.draw(mutations(foreign(codec)))
        whole = outcomes(decode_predictions(values, codec), len(values))
        pieces = [values[at : at + size] for at in range(0, len(values), size)]
        cut = [outcomes(decode_predictions(piece, codec), len(piece)) for piece in pieces]
        assert [one for piece in cut for one in piece] == whole

    @settings(max_examples=300)
    @given(raw=st.binary(max_size=120), schema_id=st.sampled_from([1, 12, 13, 14]))
    def test_noise_behind_a_good_header(self, store, codec, raw, schema_id):
        """Random bodies, too, mean the same on both paths."""
        values = [frame(schema_id, raw), value(codec)]
        assert outcomes(decode_predictions(values, codec), 2) == reference(values, store)

    @pytest.mark.parametrize("field", ["completed_at", "latency_ms", "status"])
    @pytest.mark.parametrize("extra", [b"", b"\x80", b"\x80" * 9, b"\xff" * 9 + b"\x7f"])
    def test_numbers_at_the_edge(self, store, codec, field, extra):
        """Overlong and overflowing numbers in front of a field."""
        good = value(codec)
        at = {
            "completed_at": good.index(b"\x04v2") + 3,
            "latency_ms": good.index(struct.pack("<d", 12.5)),
            "status": good.index(struct.pack("<d", 12.5)) + 8,
        }[field]
        values = [good[:at] + extra + good[at:], good]
        assert outcomes(decode_predictions(values, codec), 2) == reference(values, store)


class TestManyRows:
    def test_poison_among_thousands(self, codec):
        """Halving finds every damaged record, and none besides."""
        good = [value(codec, request_id=f"r-{i}", latency_ms=float(i)) for i in range(5000)]
        poison = {17: good[17][:-2], 18: good[18] + b"x", 4000: good[4000].replace(b"SG", b"S\xff")}
        batch = [poison.get(i, v) for i, v in enumerate(good)]
        columns = decode_predictions(batch, codec)
        assert [r.row for r in columns.rejected] == sorted(poison)
        kept = [i for i in range(5000) if i not in poison]
        assert columns.row.tolist() == kept
        assert columns.latency_ms.tolist() == [float(i) for i in kept]
        assert columns.request_ids.to_pylist() == [f"r-{i}" for i in kept]

    def test_mixed_writers(self, codec):
        """Rows of several schemas come back in the order of the log."""
        batch = foreign(codec) * 50
        columns = decode_predictions(batch, codec)
        assert columns.row.tolist() == list(range(len(batch)))
        assert set(columns.request_ids.to_pylist()) == {"r-1", "ü" * 40}
        assert isinstance(columns.request_ids, pa.StringArray)
