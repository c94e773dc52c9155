"""Answers to one request find each other: the same pairs in any batch and across restarts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.facts import Body, ClosedPane, cells_to_states
from streams.panes.fold import PartitionFold
from streams.panes.merge import PaneMerge
from streams.sketches.pairs import ONE, PairCounts
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, Candidate, Mode, RolloutSpec
from streams.wire.columns import decode_predictions
from tests.agents.pipeline import spec
from tests.panes.test_fold import BASE_MS, CLOCK, CODEC, event, fold_all, states

WITHIN_MS = 2000
REPEATING = replace(CLOCK, dedupe=False)
"""Where repeated ids count, chains of answers are common."""


def shadow(**changes: Any) -> RolloutSpec:
    """A shadow rollout with two candidates; a pair may take two seconds."""
    candidates = (Candidate(name="a", version="v2"), Candidate(name="b", version="v3"))
    facts = {
        "mode": Mode.SHADOW,
        "candidates": candidates,
        "pair_within_s": WITHIN_MS / 1000,
        "metrics": (Metric(name="errors", kind=MetricKind.PAIRED_ERRORS),),
    }
    return spec(**facts | changes)


def answer(request: str, at_ms: int, version: str = "v1", **changes: Any) -> dict[str, Any]:
    return event(at_ms, version, request_id=request, **changes)


def pairs_in(panes: Sequence[ClosedPane], arm: str = "a") -> dict[int, PairCounts]:
    """Counts by pane, from pane 0 of the test's clock."""
    found = {p.pane - BASE_MS // 1000: p.cells.get((ALL_SEGMENT, arm)) for p in panes}
    return {pane: cell.pairs for pane, cell in found.items() if cell is not None and cell.pairs}


def folded(*log: dict[str, Any], sizes: Sequence[int] = (100,)) -> dict[int, PairCounts]:
    """Pairs of candidate a after the log and one late event that closes everything."""
    end = max(e["completed_at"] for e in log) - BASE_MS + 60_000
    _, closed = fold_all([*log, answer("end", end)], list(sizes), shadow())
    return pairs_in(closed)


class TestPair:
    """What counts, and where."""

    def test_in_the_pane_of_the_baseline(self) -> None:
        """The copy answered a second later: the pair is the baseline's, the copy is matched."""
        found = folded(answer("r", 900), answer("r", 1800, "v2"))
        assert {pane: (c.pairs, c.matched) for pane, c in found.items()} == {0: (1, 0), 1: (0, 1)}

    def test_the_copy_may_come_first(self) -> None:
        """Order in the log does not matter, nor does that of the times."""
        found = folded(answer("r", 900, "v2"), answer("r", 1200))
        assert {pane: (c.pairs, c.matched) for pane, c in found.items()} == {0: (0, 1), 1: (1, 0)}

    @pytest.mark.parametrize(("apart_ms", "pairs"), [(WITHIN_MS, 1), (WITHIN_MS + 1, 0)])
    def test_within_the_declared_time(self, apart_ms: int, pairs: int) -> None:
        """`pair_within` is the last millisecond that counts, either way."""
        for log in (
            (answer("r", 500), answer("r", 500 + apart_ms, "v2")),
            (answer("r", 500, "v2"), answer("r", 500 + apart_ms)),
        ):
            assert sum(c.pairs for c in folded(*log).values()) == pairs

    def test_another_request_is_no_pair(self) -> None:
        """Ids must be equal; a version that no arm has pairs with nobody."""
        assert folded(answer("r", 1), answer("s", 2, "v2"), answer("r", 3, "v9")) == {}

    def test_each_candidate_has_its_own(self) -> None:
        """One answer of the baseline pairs with a copy at each candidate."""
        log = [answer("r", 1), answer("r", 2, "v2"), answer("r", 3, "v3"), answer("e", 60_000)]
        _, closed = fold_all(log, [10], shadow())
        assert [pairs_in(closed, arm)[0].pairs for arm in ("a", "b")] == [1, 1]

    def test_a_live_rollout_has_none(self) -> None:
        """Only shadow mode looks for pairs; a live rollout's panes close without waiting."""
        log = [answer("r", 1), answer("r", 2, "v2"), answer("e", 3000)]
        _, closed = fold_all(log, [10], spec())
        assert [cell.pairs for p in closed for cell in p.cells.values()] == [None, None]

    @pytest.mark.parametrize("sizes", [(1,), (2,), (3,), (100,)])
    def test_a_chain(self, sizes: tuple[int, ...]) -> None:
        """An id that is used again makes new pairs; no answer is in two of them."""
        slow = 1600  # beyond the duplicates' horizon
        log = [answer("r", 0), answer("r", slow, "v2"), answer("r", 2 * slow),
               answer("r", 3 * slow, "v2"), answer("r", 4 * slow)]  # fmt: skip
        assert sum(c.pairs for c in folded(*log, sizes=sizes).values()) == 2


class TestCounts:
    """What is told of a pair."""

    @pytest.mark.parametrize(
        ("statuses", "counts"),
        [
            (("OK", "ERROR"), (1, 0, 0, 0, 0, 0)),
            (("ERROR", "OK"), (0, 1, 0, 0, 0, 0)),
            (("ERROR", "ERROR"), (0, 0, 1, 0, 0, 0)),
            (("OK", "TIMEOUT"), (1, 0, 0, 1, 0, 0)),
            (("TIMEOUT", "ERROR"), (0, 0, 1, 0, 1, 0)),
            (("TIMEOUT", "TIMEOUT"), (0, 0, 1, 0, 0, 1)),
            (("OK", "OK"), (0, 0, 0, 0, 0, 0)),
        ],
    )
    def test_failures(self, statuses: tuple[str, str], counts: tuple[int, ...]) -> None:
        """Only the candidate, only the baseline, both; a timeout is an error too."""
        found = folded(answer("r", 1, status=statuses[0]), answer("r", 2, "v2", status=statuses[1]))
        c = found[0]
        errors = (c.errors_candidate, c.errors_baseline, c.errors_both)
        assert (*errors, c.timeouts_candidate, c.timeouts_baseline, c.timeouts_both) == counts

    @pytest.mark.parametrize(
        ("classes", "same", "different"),
        [(("cat", "cat"), 1, 0), (("cat", "dog"), 0, 1), (("cat", None), 0, 0)],
    )
    def test_classes(self, classes: tuple[str, str | None], same: int, different: int) -> None:
        """Compared where both name one, in whatever batches they come."""
        log = (answer("r", 1, predicted_class=classes[0]),
               answer("q", 1, predicted_class="bird"),
               answer("r", 2, "v2", predicted_class=classes[1]))  # fmt: skip
        for sizes in ((1,), (3,)):
            found = folded(*log, sizes=sizes)[0]
            assert (found.classes_same, found.classes_different) == (same, different)

    @pytest.mark.parametrize(
        ("latencies", "statuses", "bucket"),
        [
            ((10.0, 10.0), ("OK", "OK"), ONE),
            ((10.0, 10.3), ("OK", "OK"), ONE + 2),
            ((10.0, 1.0), ("OK", "OK"), ONE - 115),
            ((0.0, 0.0), ("OK", "OK"), ONE),
            ((10.0, 10.0), ("OK", "TIMEOUT"), 692),
            ((10.0, 10.0), ("TIMEOUT", "OK"), 0),
            ((10.0, 99.0), ("TIMEOUT", "TIMEOUT"), ONE),
        ],
    )
    def test_ratio(
        self, latencies: tuple[float, float], statuses: tuple[str, str], bucket: int
    ) -> None:
        """Candidate's over baseline's latency; a timeout took longer than any answer."""
        found = folded(
            answer("r", 1, latency_ms=latencies[0], status=statuses[0]),
            answer("r", 2, "v2", latency_ms=latencies[1], status=statuses[1]),
        )
        assert found[0].ratio.to_state() == {"index": [bucket], "count": [1]}


class TestClosing:
    """Panes of pairs close later."""

    def test_waits_for_pairs(self) -> None:
        """Pane 0 ends at 1 s, lateness is 1.5 s, a pair may take 2 s: it closes at 4.5 s."""
        for at_ms, count in ((4499, 0), (4500, 1)):
            _, closed = fold_all([answer("r", 1), answer("e", at_ms)], [10], shadow())
            assert len(closed) == count

    def test_the_judge_waits_as_long(self) -> None:
        """Progress tells how far requests are; pairs are two panes behind."""
        merge = PaneMerge(hold_ms=WITHIN_MS)
        merge.activation(0, 1, 1000, 5)
        merge.progress(0, 6, idle=False)
        assert merge.take_due() is None
        merge.progress(0, 7, idle=False)
        assert PaneMerge.from_state(merge.to_state()).hold_ms == WITHIN_MS
        due = merge.take_due()
        assert due is not None
        assert due.pane == 5


logs = st.lists(
    st.builds(
        answer,
        st.sampled_from([f"r{n}" for n in range(6)]),
        st.integers(0, 9000),
        st.sampled_from(["v1", "v2", "v3", "v9"]),
        status=st.sampled_from(["OK", "ERROR", "TIMEOUT"]),
        latency_ms=st.floats(0, 1e5),
        predicted_class=st.sampled_from([None, "cat", "dog"]),
    ),
    max_size=60,
)


def in_one(fold: PartitionFold, log: Sequence[dict[str, Any]], start: int) -> list[ClosedPane]:
    """Fold a part of a log that begins at an offset."""
    columns = decode_predictions([CODEC.encode("predictions", item) for item in log], CODEC)
    append_ms = np.array([item["completed_at"] for item in log], np.int64)
    offsets = np.arange(start, start + len(log))
    return fold.fold(columns, append_ms, offsets, end_offset=start + len(log))[0]


def restarted(fold: PartitionFold, stored: dict[str, Body]) -> PartitionFold:
    """What a new owner makes of `cells` after a flush; `stored` are the parts by key."""
    parts = fold.changed_parts()
    for key in parts.gone:
        del stored[key]
    stored |= parts.written
    new = PartitionFold(fold.clock, fold.marker)
    new.open = fold.open
    for rollout in fold.live.values():
        new.restore(rollout)
    new.restore_parts(stored, again=False)
    return new


class TestLog:
    """A pure function of the partition's log."""

    @pytest.mark.property
    @given(logs, st.lists(st.integers(1, 25), min_size=1, max_size=5))
    def test_batches_leave_no_trace(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        """One batch, single events or any cut: the same pairs."""
        whole, at_once = fold_all(log, [len(log) or 1], shadow())
        cut, in_parts = fold_all(log, sizes, shadow())
        assert states(in_parts) == states(at_once)
        assert opened(cut) == opened(whole)

    @pytest.mark.property
    @given(logs, st.integers(1, 8))
    def test_restarts_leave_no_trace(self, log: list[dict[str, Any]], every: int) -> None:
        """A new owner after every few events gives the same pairs as one that stays."""
        steady, renewed = (PartitionFold(REPEATING) for _ in "ab")
        panes: tuple[list[ClosedPane], list[ClosedPane]] = ([], [])
        stored: dict[str, Body] = {}
        for fold in (steady, renewed):
            fold.activate(shadow())
        for start in range(0, len(log), every):
            panes[0].extend(in_one(steady, log[start : start + every], start))
            panes[1].extend(in_one(renewed, log[start : start + every], start))
            renewed = restarted(renewed, stored)
        assert states(panes[1]) == states(panes[0])
        assert opened(renewed) == opened(steady)

    @pytest.mark.property
    @given(st.lists(st.tuples(*[st.integers(0, 9000)] * 2, st.booleans()), max_size=40))
    def test_counted_one_by_one(self, requests: list[tuple[int, int, bool]]) -> None:
        """With ids that are used once, pairs are those that a loop over the log finds."""
        log = [answer(f"r{n}", at) for n, (at, _, _) in enumerate(requests)]
        log += [answer(f"r{n}", at, "v2") for n, (_, at, sent) in enumerate(requests) if sent]
        log.sort(key=lambda item: (item["completed_at"], item["request_id"], item["model_version"]))
        expected = dict(sorted(_counted(requests).items()))
        found = {pane: c.pairs for pane, c in folded(*log, answer("x", 0)).items() if c.pairs}
        assert found == expected


def opened(fold: PartitionFold) -> dict[tuple[str, int], Any]:
    """Open panes as they would be stored."""
    return {key: cells_to_states(cells) for key, cells in fold.open.items()}


def _counted(requests: list[tuple[int, int, bool]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for at, copied_at, sent in requests:
        if sent and abs(at - copied_at) <= WITHIN_MS:
            pane = math.floor(at / 1000)
            found[pane] = found.get(pane, 0) + 1
    return found
