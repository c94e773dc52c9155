"""Outcomes become columns as predictions do: no record's fate depends on neighbours or readers."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.wire.framing import frame
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.reasons import MAX_EVENT_MS, Reason
from streams.wire.request_hash import request_hashes
from streams.wire.schemas import load_schema
from tests.wire import evolved
from tests.wire.outcomes import FastavroOnly, names_of
from tests.wire.samples import AT_MS
from tests.wire.writers import mutations

NAN, INF = float("nan"), float("inf")
LABEL = {
    "outcome_id": "o-1",
    "request_id": "r-1",
    "unit": "user-7",
    "service": "digits",
    "occurred_at": AT_MS,
    "metric": "label",
    "label": "7",
    "value": None,
}
REVENUE = LABEL | {"metric": "revenue", "unit": None, "label": None, "value": 12.5}


def value(codec, **change):
    return codec.encode("outcomes", LABEL | change)


def foreign_schemas():
    """A writer of before units and values, with a float of its own; and one of unions."""
    older = load_schema("outcome")
    older["fields"] = [
        {"name": "source", "type": "string"},
        *(field for field in older["fields"] if field["name"] not in {"unit", "value"}),
    ]
    exotic = load_schema("outcome")
    exotic["fields"][-1]["type"] = ["null", "long", "double"]
    return older, exotic


@pytest.fixture(scope="module")
def ids(store):
    return [
        store.register(f"outcomes-{number}", json.dumps(schema), "BACKWARD_TRANSITIVE")
        for number, schema in enumerate(foreign_schemas())
    ]


def foreign(codec, ids):
    """Good values of every known schema, the fast path's and others."""
    older, exotic = foreign_schemas()
    return [
        value(codec),
        codec.encode("outcomes", REVENUE),
        value(codec, request_id="ü" * 40, unit="", value=-1.0),
        frame(ids[0], evolved.body(older, LABEL | {"source": "lab"})),
        frame(ids[1], evolved.body(exotic, LABEL | {"value": 3})),
        frame(ids[1], evolved.body(exotic, REVENUE)),
    ]


def fates(columns, count):
    """Per record: its values, or its reason and detail. Fails unless each row comes once."""
    found = {refused.row: (refused.reason, refused.detail) for refused in columns.rejected}
    assert not set(columns.row.tolist()) & set(found)
    told = (
        *(columns.occurred_ms, columns.value, columns.value_given),
        *(columns.request_hash, columns.outcome_hash, columns.unit_hash, columns.unit_given),
    )
    names = [names_of(column) for column in (columns.service, columns.metric, columns.label)]
    for i, row in enumerate(columns.row.tolist()):
        found[row] = (*(repr(c[i].item()) for c in told), *(column[i] for column in names))
    assert columns.row.tolist() == sorted(columns.row.tolist())
    return [found.pop(row) for row in range(count)]


def reference(values, store):
    """Each record alone, by fastavro."""
    codec = FastavroOnly(store)
    return [fates(decode_outcomes([one], codec), 1)[0] for one in values]


class TestAccepted:
    def test_columns_hold_what_was_written(self, either):
        """Labels and values side by side, each with its ids as hashes."""
        columns = decode_outcomes([value(either), either.encode("outcomes", REVENUE)], either)
        assert columns.row.tolist() == [0, 1]
        assert columns.occurred_ms.tolist() == [AT_MS] * 2
        assert names_of(columns.metric) == ["label", "revenue"]
        assert names_of(columns.label) == ["7", None]
        assert columns.value_given.tolist() == [False, True]
        np.testing.assert_array_equal(columns.value, [NAN, 12.5])
        user, request, outcome = request_hashes(pa.array(["user-7", "r-1", "o-1"])).tolist()
        assert columns.request_hash.tolist() == [request] * 2
        assert columns.outcome_hash.tolist() == [outcome] * 2
        assert columns.unit_hash.tolist() == [user, request]
        assert columns.rejected == ()

    def test_empty_batch(self, codec):
        """A poll may bring nothing."""
        columns = decode_outcomes([], codec)
        assert (columns.row.size, columns.rejected, columns.outcome_hash.size) == (0, (), 0)

    def test_fast_path_takes_the_usual_and_the_older(self, codec, ids):
        """Only the exotic schema needs fastavro."""
        layouts = [codec.reader("outcomes", n).layout is not None for n in (2, *ids)]
        assert layouts == [True, True, False]

    def test_mixed_writers_come_back_in_the_order_of_the_log(self, codec, ids):
        batch = foreign(codec, ids) * 30
        assert decode_outcomes(batch, codec).row.tolist() == list(range(len(batch)))


class TestRejected:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"service": ""}, Reason.NO_SERVICE),
            ({"metric": ""}, Reason.NO_METRIC),
            ({"request_id": ""}, Reason.NO_REQUEST_ID),
            ({"outcome_id": ""}, Reason.NO_OUTCOME_ID),
            ({"occurred_at": 0}, Reason.BAD_TIME),
            ({"occurred_at": MAX_EVENT_MS}, Reason.BAD_TIME),
            ({"value": NAN}, Reason.BAD_VALUE),
            ({"value": INF}, Reason.BAD_VALUE),
            ({"value": -INF, "label": None}, Reason.BAD_VALUE),
            ({"label": None}, Reason.NO_CONTENT),
            ({"label": None, "metric": ""}, Reason.NO_METRIC),
            ({"request_id": "x" * 2000}, Reason.TOO_BIG),
        ],
    )
    def test_values_without_sense(self, either, change, reason):
        """One reason each with advice, and the neighbour is not touched."""
        batch = [value(either, **change), value(either)]
        columns = decode_outcomes(batch, either, max_event_bytes=1000)
        assert [(r.row, r.reason) for r in columns.rejected] == [(0, reason)]
        assert columns.row.tolist() == [1]
        assert reason.advice

    def test_a_prediction_is_no_outcome(self, codec):
        """Another topic's schema is refused by name."""
        [refused] = decode_outcomes([b"\x00\x00\x00\x00\x01" + b"x" * 30], codec).rejected
        assert (refused.reason, "Prediction" in refused.detail) == (Reason.WRONG_SCHEMA, True)

    def test_poison_among_thousands(self, codec):
        """Halving finds every damaged record, and none besides."""
        good = [value(codec, outcome_id=f"o-{i}", value=float(i)) for i in range(3000)]
        poison = {17: good[17][:-2], 18: good[18] + b"x", 2000: good[2000].replace(b"di", b"d\xff")}
        columns = decode_outcomes([poison.get(i, v) for i, v in enumerate(good)], codec)
        assert [r.row for r in columns.rejected] == sorted(poison)
        kept = [i for i in range(3000) if i not in poison]
        assert columns.value.tolist() == [float(i) for i in kept]


@pytest.mark.property
class TestLaws:
    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_fast_path_is_the_slow_path(self, store, codec, ids, data):
        """Whatever the bytes: a batch's fates are those of fastavro, record by record."""
        values = data.draw(mutations(foreign(codec, ids)))
        assert fates(decode_outcomes(values, codec), len(values)) == reference(values, store)

    @settings(max_examples=100)
    @given(data=st.data(), size=st.sampled_from([1, 7, 5000]))
    def test_batches_leave_no_trace(self, codec, ids, data, size):
        """Cut the log anywhere, every record's fate is the same."""
        values = data.draw(mutations(foreign(codec, ids)))
        whole = fates(decode_outcomes(values, codec), len(values))
        pieces = [values[at : at + size] for at in range(0, len(values), size)]
        cut = [fates(decode_outcomes(piece, codec), len(piece)) for piece in pieces]
        assert [one for piece in cut for one in piece] == whole
