"""What generative models add comes into cells as a plain loop over the events would count it."""

import io

import fastavro
import numpy as np
import pytest

from streams.panes.facts import cells_from_states, cells_to_states
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.wire.schemas import load_schema
from tests.panes.test_fold import event, fold_all, states

NOTHING = dict.fromkeys(("ttft_ms", "tpot_ms", "tokens_in", "tokens_out", "refused", "judge_score"))


def answers(count, seed=1):
    """Events of two versions: some without the part, some with gaps, some that timed out."""
    dice = np.random.default_rng(seed)
    for number in range(count):
        llm = {
            "ttft_ms": float(dice.lognormal(5, 0.5)),
            "tpot_ms": float(dice.lognormal(3, 0.5)),
            "tokens_in": int(dice.integers(0, 3000)),
            "tokens_out": int(dice.lognormal(5, 1)),
            "refused": bool(dice.random() < 0.1),
            "judge_score": float(dice.random()),
        }
        kept = {name: value for name, value in llm.items() if dice.random() < 0.8}
        yield event(
            number * 10,
            version="v1" if dice.random() < 0.5 else "v2",
            request_id=f"r-{number}",
            status="TIMEOUT" if dice.random() < 0.1 else "OK",
            llm=None if dice.random() < 0.2 else NOTHING | kept,
        )


def counted(events):
    """The cell that these events make, one by one."""
    cell = Cell()
    for each in events:
        llm = each["llm"]
        if llm is None:
            continue
        part = cell.generative()
        part.told += llm["refused"] is not None
        part.refused += llm["refused"] is True
        if llm["ttft_ms"] is None and each["status"] == "TIMEOUT":
            part.ttft.counts[MAPPING.size - 1] += 1
        for name, sketch in (
            ("ttft_ms", part.ttft),
            ("tpot_ms", part.tpot),
            ("tokens_in", part.tokens_in),
            ("tokens_out", part.tokens_out),
            ("judge_score", part.judged),
        ):
            if llm[name] is not None:
                sketch.update(np.array([llm[name]], np.float64))
    return cell.llm


class TestCells:
    @pytest.mark.parametrize("sizes", [[1], [7], [5000]])
    def test_hold_what_a_loop_counts(self, sizes):
        """In every pane and arm, however the log is cut."""
        events = list(answers(700))
        _, closed = fold_all(events, sizes)
        arms = {"v1": "baseline", "v2": "candidate"}
        assert len(closed) >= 4
        for pane in closed:
            for version, arm in arms.items():
                own = [
                    each
                    for each in events
                    if each["model_version"] == version
                    and each["completed_at"] // 1000 == pane.pane
                ]
                assert pane.cells["all", arm].llm == counted(own)

    def test_batches_leave_no_trace(self):
        events = list(answers(600, seed=2))
        one, seven, whole = (states(fold_all(events, [size])[1]) for size in (1, 7, 5000))
        assert one == seven == whole

    def test_large_scores_of_a_large_batch_are_summed_exactly(self):
        """A sum of floats would round from 2^53 on."""
        scores = np.random.default_rng(3).random(20_000)
        events = [
            event(0, request_id=f"r-{i}", llm=NOTHING | {"judge_score": float(score)})
            for i, score in enumerate(scores)
        ]
        fold, _ = fold_all(events, [20_000])
        [cell] = next(iter(fold.open.values())).values()
        assert cell.llm == counted(events)

    def test_classifiers_have_none(self):
        """And pay one byte a cell."""
        _, closed = fold_all([event(i * 10, request_id=f"{i}") for i in range(500)], [100])
        assert all(cell.llm is None for pane in closed for cell in pane.cells.values())

    def test_come_back_from_avro(self):
        """As the `cells` and `panes` topics keep them."""
        _, closed = fold_all(list(answers(400)), [400])
        schema = fastavro.parse_schema(load_schema("pane"))
        body = {
            "rollout": "r",
            "spec_hash": "s",
            "pane": 1,
            "cells": cells_to_states(closed[0].cells),
        }
        record = {
            "source": "predictions",
            "source_partition": 0,
            "source_partitions": 1,
            "pane_ms": 1000,
            "body": ("davy.Pane", body),
        }
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, record)
        out.seek(0)
        read = fastavro.schemaless_reader(out, schema, None)
        assert cells_from_states(read["body"]["cells"]) == closed[0].cells


class TestSenseless:
    def test_values_are_counted_beside_invalid_scores(self):
        """Their events count without them."""
        events = [
            event(10, request_id="a", llm=NOTHING | {"ttft_ms": -1.0, "tokens_out": 5}),
            event(20, request_id="b", llm=NOTHING | {"judge_score": 1.5, "tokens_in": -3}),
        ]
        fold, _ = fold_all(events, [2])
        assert (fold.marker.accepted, fold.marker.invalid_scores) == (2, 3)
        [cell] = next(iter(fold.open.values())).values()
        assert (cell.exposures, cell.llm.tokens_out.totals.sum()) == (2, 5)
        assert cell.llm.ttft.total == cell.llm.tokens_in.total == cell.llm.judged.count == 0
