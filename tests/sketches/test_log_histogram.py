"""Latency histogram: exact edges, bounded error, byte-equal merging."""

import json
import time

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.sketches.packing import packed

ACCURACY = 0.01
QUANTILES = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
SIZES = (1, 10, 1_000, 100_000)

latencies = st.lists(st.floats(0, 1e7, allow_nan=False), max_size=60)


def uniform(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.uniform(1, 1_000, size)


def lognormal(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.lognormal(3, 1, size)


def pareto(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.minimum(5 * (1 + rng.pareto(1.5, size)), 1e7)


def bimodal(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.where(rng.random(size) < 0.9, rng.normal(20, 2, size), rng.normal(5_000, 100, size))


def sketched(values: np.ndarray) -> LogHistogram:
    histogram = LogHistogram()
    histogram.update(values)
    return histogram


class TestMapping:
    def test_every_edge_belongs_to_its_bucket(self):
        """An edge is the largest value of its bucket; one ulp more is the next bucket."""
        index = np.arange(MAPPING.size)
        assert np.array_equal(MAPPING.index(MAPPING.edges), index)
        above = np.nextafter(MAPPING.edges[:-1], np.inf)
        assert np.array_equal(MAPPING.index(above), index[1:])

    def test_agrees_with_a_binary_search(self):
        """The proposal from the leading bits, once corrected, is the table's answer."""
        values = 10 ** np.random.default_rng(1).uniform(-4, 8, 200_000)
        clamped = np.clip(values, MAPPING.edges[0], MAPPING.edges[-1])
        assert np.array_equal(MAPPING.index(values), np.searchsorted(MAPPING.edges, clamped))

    def test_clamps_what_is_out_of_range(self):
        values = np.array([0.0, -0.0, 5e-324, 1e-3, 1e7, 1e8, 1e308])
        last = MAPPING.size - 1
        assert MAPPING.index(values).tolist() == [0, 0, 0, 0, last, last, last]

    def test_edges_grow_by_gamma(self):
        assert MAPPING.edges[1:] / MAPPING.edges[:-1] == pytest.approx(MAPPING.gamma, rel=1e-14)

    def test_covers_a_microsecond_to_hours(self):
        assert (MAPPING.edges[0], MAPPING.size) == (1e-3, 1153)
        assert MAPPING.edges[-2] < 1e7 <= MAPPING.edges[-1]


class TestQuantile:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("draw", [uniform, lognormal, pareto, bimodal])
    def test_error_is_within_the_accuracy(self, draw, size):
        """At every quantile the answer is within 1 % of the value of that rank."""
        values = draw(np.random.default_rng(size), size)
        histogram = sketched(values)
        for q in QUANTILES:
            expected = np.quantile(values, q, method="inverted_cdf")
            assert histogram.quantile(q) == pytest.approx(expected, rel=ACCURACY * (1 + 1e-9))

    def test_is_none_while_empty(self):
        assert LogHistogram().quantile(0.5) is None

    def test_a_single_value_answers_every_quantile(self):
        histogram = sketched(np.array([42.0]))
        assert {round(histogram.quantile(q)) for q in (0.0, 0.5, 1.0)} == {42}


class TestCounts:
    @pytest.mark.property
    @given(latencies, st.integers(-1, MAPPING.size - 1))
    def test_counts_above_an_edge_are_exact(self, values, edge_index):
        values = np.array(values)
        edge = MAPPING.edges[edge_index] if edge_index >= 0 else -1.0
        expected = 0 if edge_index == MAPPING.size - 1 else int((values > edge).sum())
        assert sketched(values).count_above(edge_index) == expected


class TestLaws:
    @pytest.mark.property
    @given(latencies, st.randoms(use_true_random=False), st.integers(1, 7))
    def test_any_partition_and_order_merge_to_the_same_bytes(self, values, random, parts):
        """Shuffle, cut into batches, merge in any order: the stored bytes are the same."""
        whole = json.dumps(sketched(np.array(values)).to_state())
        shuffled = values.copy()
        random.shuffle(shuffled)
        merged = LogHistogram()
        pieces = [sketched(np.array(shuffled[part::parts])) for part in range(parts)]
        random.shuffle(pieces)
        for piece in pieces:
            merged.merge(piece)
        assert json.dumps(merged.to_state()) == whole

    @pytest.mark.property
    @given(latencies, latencies)
    def test_a_restored_state_continues_as_if_never_stored(self, first, second):
        kept = sketched(np.array(first))
        restored = LogHistogram.from_state(json.loads(json.dumps(kept.to_state())))
        kept.update(np.array(second))
        restored.update(np.array(second))
        assert restored.to_state() == kept.to_state()

    @pytest.mark.property
    @given(latencies)
    def test_a_span_holds_all_that_was_counted(self, values):
        kept = sketched(np.array(values))
        span = json.loads(json.dumps(kept.to_span()))
        assert LogHistogram.from_span(span) == kept
        assert LogHistogram.from_span(span).to_span() == kept.to_span()

    @pytest.mark.parametrize(
        ("first", "counts"), [(-1, [1]), (MAPPING.size, [1]), (MAPPING.size - 1, [1, 1]), (5, [-1])]
    )
    def test_a_span_of_no_such_buckets(self, first, counts):
        with pytest.raises(ValueError, match=r".+"):
            LogHistogram.from_span([first, packed(np.array(counts))])

    @pytest.mark.property
    @given(latencies, latencies, latencies)
    def test_what_was_read_is_added_like_what_was_counted(self, first, second, third):
        """No table of all buckets is made for it; a copy stays what it was."""
        counted = sketched(np.array(first))
        read = LogHistogram.from_state(counted.to_state())
        others = [sketched(np.array(values)) for values in (second, third)]
        copied = read.copy()
        for other in others:
            read.merge(LogHistogram.from_state(other.to_state()))
            counted.merge(other)
        assert read == counted
        assert copied == sketched(np.array(first))
        assert np.array_equal(read.counts, counted.counts)

    def test_nothing_read_makes_no_table(self):
        """Of a cell's three histograms two are often empty."""
        empty = LogHistogram.from_state({"index": [], "count": []})
        read = LogHistogram.from_state({"index": [3], "count": [7]})
        empty.merge(LogHistogram())
        read.copy().merge(empty)
        assert (empty._table, read._table) == (None, None)
        assert empty.total == 0

    @pytest.mark.parametrize(
        ("index", "count"),
        [([0, 1], [1]), ([0], [0]), ([-1], [1]), ([1153], [1])],
        ids=["too few counts", "a count of 0", "a bucket below 0", "a bucket beyond the last"],
    )
    def test_what_no_histogram_can_have_written_is_refused(self, index, count):
        with pytest.raises(ValueError, match="bucket"):
            LogHistogram.from_state({"index": index, "count": count})


class TestSize:
    @pytest.mark.parametrize("draw", [uniform, lognormal, pareto, bimodal])
    def test_is_stored_in_five_kilobytes(self, draw, tmp_path):
        """A pane of a million requests takes at most 5 kB as Avro."""
        schema = {
            "type": "record",
            "name": "Bins",
            "fields": [
                {"name": "index", "type": {"type": "array", "items": "int"}},
                {"name": "count", "type": {"type": "array", "items": "long"}},
            ],
        }
        path = tmp_path / "bins"
        with path.open("wb") as file:
            state = sketched(draw(np.random.default_rng(3), 1_000_000)).to_state()
            fastavro.schemaless_writer(file, schema, state)
        assert path.stat().st_size <= 5_000


class TestSpeed:
    def test_takes_ten_million_values_a_second(self):
        """Batched updates cost less than 100 ns of processor time a value; best of three."""
        values = np.random.default_rng(4).lognormal(3, 1, 1_000_000)
        histogram, best = LogHistogram(), float("inf")
        for _ in range(3):
            started = time.process_time()
            histogram.update(values)
            best = min(best, time.process_time() - started)
        assert values.size / best >= 1e7
