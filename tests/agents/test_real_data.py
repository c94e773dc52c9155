"""Real answers of two real models: what the topology counts is what pandas counts."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Stage
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.agents.digits import CLASSES, SERVICE, Event, World
from tests.agents.passing import (
    activations,
    await_activations,
    await_closed,
    go_on,
    last_progress,
    passing,
    send,
)
from tests.agents.pipeline import Pipeline, spec
from tests.agents.recomputed import COHORT, Awaited, Counted, Rules, counted, mature

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts
    from tests.conftest import Broker

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

OUTCOMES = (
    Outcome(name="label", kind=OutcomeKind.LABEL, window_s=12.0, delivery_s=2.0, classes=CLASSES),
    Outcome(name="revenue", kind=OutcomeKind.MEAN, window_s=10.0, delivery_s=1.0),
    Outcome(name="sale", kind=OutcomeKind.RATE, window_s=10.0),
)
ARMS = {"v1": "baseline", "v2": "candidate"}
REPEATED = ("duplicate", "agreed", "conflict")
FATES = {"joined", "late", "unmatched", "unknown_label", "wrong_kind", "out_of_range", "dead",
         *REPEATED}  # fmt: skip
HALF = (Stage(weight_bp=5000, min_time_s=3600), Stage(weight_bp=10_000))
"""No more than half: only harm ends the rollout."""
PAUSE_S = 70
"""After the last request: until all has matured, and no outcome waits for a prediction any more."""
ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=1.0, floor=0.05)
ACCURACY = Metric(name="accuracy", kind=MetricKind.MISTAKES, margin=0.05, outcome="label")


@pytest.fixture
def pipeline(broker: Broker, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(broker.bootstrap, prefix, parts)


def rules(pipeline: Pipeline) -> Rules:
    settings = pipeline.settings
    return Rules(
        service=SERVICE,
        arms=ARMS,
        awaited={
            each.name: Awaited(
                kind=each.kind.value,
                window_ms=int(each.window_s * 1000),
                delivery_ms=int(each.delivery_s * 1000),
            )
            for each in OUTCOMES
        },
        classes=CLASSES,
        pane_ms=settings.pane_ms,
        lateness_ms=settings.lateness_ms,
        future_ms=settings.future_ms,
    )


def frames(pipeline: Pipeline, topic: str) -> dict[int, pd.DataFrame]:
    """A topic read back, by partition."""
    rows = [
        record | {"partition": m.partition(), "offset": m.offset(), "append_ms": m.timestamp()[1]}
        for m, record in pipeline.read(topic)
    ]
    frame = pd.DataFrame(rows)
    if topic == "outcomes":
        frame["value_given"] = [row["value"] is not None for row in rows]
        frame["value"] = frame["value"].astype("float64")
    return {int(number): part.copy() for number, part in frame.groupby("partition")}


def recomputed(pipeline: Pipeline, begun: dict[int, Event]) -> dict[int, Counted]:
    """Both topics counted with pandas, by partition; `begun` are its activations."""
    predictions, outcomes = frames(pipeline, "predictions"), frames(pipeline, "outcomes")
    return {
        number: counted(
            rules(pipeline),
            predictions[number],
            outcomes[number],
            first_offset=body["first_offset"],
            outcomes_offset=body["outcomes_offset"],
        )
        for number, body in begun.items()
    }


def told(pipeline: Pipeline) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Mature cohorts as they stand on `panes`, by partition: counts, and classes of labels."""
    cohorts: dict[int, dict[Any, Any]] = {}
    classes: dict[int, dict[Any, Any]] = {}
    for _, record in pipeline.read("panes"):
        kind, body = record["body"]
        if kind != "davy.Cohort" or body["complete"] < 8:
            continue
        counts = cohorts.setdefault(record["source_partition"], {})
        labels = classes.setdefault(record["source_partition"], {})
        for cell in body["cells"]:
            key = (body["outcome"], body["first_pane"], cell["arm"])
            answered = sum(cell["delays"])
            counts[key] = (cell["exposures"], answered, cell["events"], cell["total_milli"])
            labels |= {(*key, c["name"]): (c["labelled"], c["hits"]) for c in cell["classes"]}
    columns = ["exposures", "answered", "events", "milli"]
    return {
        number: (
            _frame(cohorts[number], COHORT, columns),
            _frame(classes[number], [*COHORT, "label"], ["labelled", "hits"]),
        )
        for number in cohorts
    }


def _frame(counts: dict[Any, Any], index: list[str], columns: list[str]) -> pd.DataFrame:
    keys = pd.MultiIndex.from_tuples(counts, names=index)
    return pd.DataFrame(list(counts.values()), index=keys, columns=columns).sort_index()


def replay(pipeline: Pipeline, *metrics: Metric) -> tuple[Part, World]:
    """The rollout begins when a part of the world has gone by already."""
    rollout = spec(metrics=metrics, outcomes=OUTCOMES, service=SERVICE, stages=HALF)
    world = World(start_ms=time.time_ns() // 1_000_000 - 240_000, seconds=45.0)
    events = [(topic, event) for _, topic, event in world.log()]
    begun = len(events) // 6
    worker = pipeline.worker()
    send(pipeline, events[:begun])
    partitions = range(pipeline.settings.source_partitions)
    seen = dict.fromkeys(partitions, world.start_ms // 1000 + 3)
    await_closed(pipeline, "predictions", seen, worker)
    pipeline.apply(rollout)
    await_activations(pipeline, 1, worker)
    pipeline.routed(rollout.rollout, "observed", 5000, world.start_ms - 60_000, 0)
    send(pipeline, events[begun:])
    send(pipeline, passing(world.end_ms, PAUSE_S))
    return worker, world


def figures(decision: Event) -> dict[tuple[str, str], tuple[float, int]]:
    """Accuracy, rate and mean as a decision shows them: value and what it rests on."""
    return {
        (each["outcome"], each["arm"]): (each["value"], each["count"])
        for each in decision["figures"]
        if each["name"] in ("accuracy", "rate", "mean")
    }


def expected_figures(pipeline: Pipeline, decision: Event, every: list[pd.DataFrame]) -> Any:
    """The same from what pandas counted of cohorts that were mature by then."""
    through = decision["cut"]["joined_through"]
    sums = mature(rules(pipeline), pd.concat(every), through).groupby(["outcome", "arm"]).sum()
    found = {}
    for (outcome, arm), row in sums.iterrows():
        exposures, answered = int(row["exposures"]), int(row["answered"])
        found[outcome, arm] = {
            "label": (1.0 - row["events"] / answered, answered),
            "sale": (row["events"] / exposures, exposures),
            "revenue": (row["milli"] / 1000 / exposures, exposures),
        }[outcome]
    return found


class TestRealData:
    def test_the_topology_counts_what_pandas_counts(self, pipeline: Pipeline) -> None:
        """Accuracy, classes, sales and revenue of every mature cohort, and what became of all."""
        worker, world = replay(pipeline, ERRORS)
        begun = dict(activations(pipeline))
        assert min(body["first_offset"] for body in begun.values()) > 0
        expected = recomputed(pipeline, begun)
        ends = {number: each.closed_through for number, each in expected.items()}
        progress = await_closed(pipeline, "outcomes", ends, worker)
        found = told(pipeline)
        requests = last_progress(pipeline, "predictions")
        assert found.keys() == expected.keys()
        for number, each in expected.items():
            cohorts, classes = found[number]
            pd.testing.assert_frame_equal(cohorts, each.cohorts)
            pd.testing.assert_frame_equal(classes, each.classes)
            assert each.late == requests[number]["late"] > 0
            assert each.repeated == requests[number]["duplicates"] > 0
            counts = Counter({c["name"]: c["count"] for c in progress[number]["outcomes"]})
            same_fates(counts, Counter(each.fates.to_dict()))
        through = min(ends.values())

        def joined(last: dict[str, Event]) -> bool:
            return all(each["cut"]["joined_through"] >= through for each in last.values())

        (last,) = go_on(pipeline, world.end_ms + PAUSE_S * 1000, joined, worker).values()
        assert figures(last) == expected_figures(
            pipeline, last, [each.cohorts for each in expected.values()]
        )

    def test_the_weaker_model_goes_back(self, pipeline: Pipeline) -> None:
        """Nothing but its accuracy is worse."""
        worker, world = replay(pipeline, ERRORS, ACCURACY)

        def ended(last: dict[str, Event]) -> bool:
            return any(each["terminal"] for each in last.values())

        (last,) = go_on(pipeline, world.end_ms + PAUSE_S * 1000, ended, worker).values()
        assert last["action"] == "rollback"
        assert [v["metric"] for v in last["verdicts"] if v["finding"] == "harm"] == ["accuracy"]


def same_fates(told: Counter[str], expected: Counter[str]) -> None:
    """All equal; which of the repeated ones agree is told by eight bits, so a few may be taken
    for more alike than they are.
    """
    assert {name for name, count in expected.items() if count} == FATES
    repeated = sum(expected[name] for name in REPEATED)
    assert sum(told[name] for name in REPEATED) == repeated
    for name, most in (("conflict", 0), ("duplicate", 4)):
        assert most - 4 <= told[name] - expected[name] <= most
    plain = FATES - set(REPEATED)
    assert {name: told[name] for name in plain} == {name: expected[name] for name in plain}
    assert not told.keys() - FATES - {"pending"}
    assert told["pending"] == expected["pending"] == 0
