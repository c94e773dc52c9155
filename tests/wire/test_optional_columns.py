"""What only some predictions carry: their unit, segments, and what generative models add."""

import numpy as np
import pyarrow as pa
import pytest

from streams.wire.columns import decode_predictions
from streams.wire.framing import frame
from streams.wire.request_hash import request_hashes
from tests.wire import evolved
from tests.wire.outcomes import LLM, names_of
from tests.wire.samples import BARE
from tests.wire.writers import LLM_PART, NEWER, NOT_THERE, value

NAN, INF = float("nan"), float("inf")


class TestUnits:
    def test_a_request_without_unit_is_its_own(self, either):
        """Null and empty name no unit."""
        batch = [value(either, unit=unit) for unit in ("user-7", None, "", "r-1", "user-7")]
        columns = decode_predictions(batch, either)
        assert columns.unit_given.tolist() == [True, False, False, True, True]
        known = request_hashes(pa.array(["user-7", "r-1"])).tolist()
        assert columns.unit_hash.tolist() == [known[i] for i in (0, 1, 1, 1, 0)]

    def test_writers_without_units(self, codec):
        """Every request of an old writer is its own unit."""
        columns = decode_predictions([frame(13, evolved.body(evolved.older(), BARE))], codec)
        assert columns.unit_given.tolist() == [False]
        assert columns.unit_hash.tolist() == columns.request_hash.tolist()
        assert columns.unit_hash.dtype == np.uint64


class TestSegments:
    def test_a_dimension_at_a_time(self, either):
        """Each event says its own value of each dimension, or none."""
        maps = ({"country": "SG", "tier": "free"}, {}, {"tier": "paid"}, {"country": "DE"})
        columns = decode_predictions([value(either, segments=one) for one in maps], either)
        assert names_of(columns.segment("country")) == ["SG", None, None, "DE"]
        assert names_of(columns.segment("tier")) == ["free", None, "paid", None]
        assert names_of(columns.segment("nobody")) == [None] * 4
        assert columns.segment("country").codes.dtype == np.int32

    def test_the_last_of_equal_names_wins(self, either):
        """Avro's maps may name a key twice."""
        twice = value(either, segments={"a": "1", "b": "2", "c": "3"})
        twice = twice.replace(b"\x02b\x022\x02c", b"\x02a\x022\x02a")
        columns = decode_predictions([twice, value(either, segments={"a": "4"})], either)
        assert names_of(columns.segment("a")) == ["3", "4"]

    def test_refused_neighbours(self, either):
        """Segments stay with their events."""
        batch = [value(either, segments={"n": str(i)}, latency_ms=i - 0.5) for i in range(4)]
        batch[2] = frame(13, evolved.body(evolved.older(), BARE))
        columns = decode_predictions(batch, either)
        assert (columns.row.tolist(), names_of(columns.segment("n"))) == (
            [1, 2, 3],
            ["1", None, "3"],
        )


class TestLlm:
    def test_values_and_gaps(self, either):
        """Numbers as they were written, NaN and -1 for what was not."""
        batch = [
            value(either),
            value(either, llm=None),
            value(either, llm=NOT_THERE | {"refused": True, "tpot_ms": 9.5, "tokens_out": 0}),
        ]
        llm = decode_predictions(batch, either).llm
        assert llm.refused.tolist() == [0, -1, 1]
        assert llm.refused.dtype == np.int8
        assert llm.given.tolist() == [True, False, True]
        for name, expected in {
            "ttft_ms": [80.0, NAN, NAN],
            "tpot_ms": [NAN, NAN, 9.5],
            "tokens_in": [120.0, NAN, NAN],
            "tokens_out": [NAN, NAN, 0.0],
            "judge_score": [0.25, NAN, NAN],
        }.items():
            np.testing.assert_array_equal(getattr(llm, name), expected)

    def test_nothing_where_nobody_has_it(self, either):
        """Classifiers pay for no columns."""
        batch = [value(either, llm=None), frame(13, evolved.body(evolved.older(), BARE))]
        columns = decode_predictions(batch, either)
        assert (columns.llm, columns.invalid_scores) == (None, 0)

    @pytest.mark.parametrize(
        ("name", "bad"),
        [
            *((name, bad) for name in ("ttft_ms", "tpot_ms") for bad in (-0.1, NAN, INF, 1.1e7)),
            *((name, bad) for name in ("tokens_in", "tokens_out") for bad in (-1, 10**8 + 1)),
            *(("judge_score", bad) for bad in (-0.01, 1.01, NAN, -INF)),
        ],
    )
    def test_values_without_sense_are_counted_and_left_out(self, either, name, bad):
        """The prediction and its other values count."""
        batch = [value(either, llm=LLM_PART | {name: bad}), value(either)]
        columns = decode_predictions(batch, either)
        assert (columns.row.tolist(), columns.invalid_shares, columns.invalid_scores) == (
            [0, 1],
            0,
            1,
        )
        assert np.isnan(getattr(columns.llm, name)[0])
        assert columns.llm.refused.tolist() == [0, 0]

    @pytest.mark.parametrize("name", LLM[:-2])
    def test_limits_are_inside(self, either, name):
        """The least and the most that make sense."""
        most = {"judge_score": 1, "tokens_in": 10**8, "tokens_out": 10**8}.get(name, 1e7)
        batch = [value(either, llm=NOT_THERE | {name: edge}) for edge in (0, most)]
        columns = decode_predictions(batch, either)
        assert (getattr(columns.llm, name).tolist(), columns.invalid_scores) == ([0, most], 0)

    def test_fields_are_found_by_name(self, codec):
        """A writer with another order, one field more and one less."""
        record = NEWER | {"gateway": None, "llm": LLM_PART | {"cost": 0.5}}
        columns = decode_predictions([frame(12, evolved.body(evolved.newer(), record))], codec)
        llm = columns.llm
        assert (llm.ttft_ms[0], llm.tokens_in[0], llm.judge_score[0]) == (80.0, 120.0, 0.25)
        assert (np.isnan(llm.tpot_ms[0]), llm.refused[0]) == (True, 0)
