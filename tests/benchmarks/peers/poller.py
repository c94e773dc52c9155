"""The peer: a poller in the manner of Kayenta, with pandas. It reads what is new, then compares.

Each turn becomes a data frame, is grouped by pane and arm, and the series of both arms are compared
by Mann and Whitney's test, metric by metric, over all panes so far.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import fastavro
import pandas as pd
from confluent_kafka import Consumer, Producer
from scipy.stats import mannwhitneyu

from tests.benchmarks.peers.counting import ARMS, SCHEMA

MOST = 10_000
QUANTILES = (0.5, 0.95, 0.99)


class Poller:
    """Frames of what was read, and the series of each arm."""

    def __init__(self) -> None:
        self._series: list[pd.DataFrame] = []
        self.totals = {arm: Counter[str]() for arm in ARMS.values()}
        self.seen = 0

    def take(self, values: list[bytes]) -> None:
        """Add what is new, one row for each pane and arm."""
        frame = pd.DataFrame.from_records(list(map(_row, values)))
        self.seen += len(values)
        frame = frame[frame["arm"].notna()]
        groups = frame.groupby(["pane", "arm"])
        rows = groups["failed"].agg(["size", "sum"])
        quantiles = groups["latency_ms"].quantile(list(QUANTILES)).unstack()  # noqa: PD010 - a pivot would compute it again
        classes = groups["label"].value_counts().unstack(fill_value=0)  # noqa: PD010
        self._series.append(rows.join(quantiles).join(classes, rsuffix="class"))
        for arm, sums in rows.groupby("arm").sum().iterrows():
            self.totals[str(arm)]["exposures"] += int(sums["size"])
            self.totals[str(arm)]["errors"] += int(sums["sum"])

    def verdict(self) -> bytes:
        """The p-value of each metric, as JSON."""
        whole = pd.concat(self._series)
        whole["errors"] = whole["sum"] / whole["size"]
        told = {}
        for metric in ("errors", *QUANTILES):
            arms = [whole.xs(arm, level="arm")[metric].to_numpy() for arm in ARMS.values()]
            told[str(metric)] = float(mannwhitneyu(*arms).pvalue)
        return json.dumps(told).encode()


def _row(value: bytes) -> dict[str, Any]:
    event: dict[str, Any] = fastavro.schemaless_reader(
        io.BytesIO(value[5:]), SCHEMA, None, return_record_name=False
    )
    return {
        "pane": int(event["completed_at"].timestamp()),
        "arm": ARMS.get(event["model_version"]),
        "failed": event["status"] != "OK",
        "latency_ms": event["latency_ms"],
        "label": event["predicted_class"],
    }


def main() -> None:
    """Poll until killed; a verdict each second."""
    bootstrap = {"bootstrap.servers": os.environ["PEER_BOOTSTRAP"]}
    group = {"group.id": os.environ["PEER_GROUP"], "auto.offset.reset": "earliest"}
    consumer, producer = Consumer(bootstrap | group), Producer(bootstrap)
    consumer.subscribe([os.environ["PEER_TOPIC"]])
    poller, told_at = Poller(), time.monotonic()
    while True:
        values = [message.value() for message in consumer.consume(MOST, 0.2)]
        if values:
            poller.take(values)
        if poller.seen and time.monotonic() - told_at >= 1.0:
            told_at = time.monotonic()
            producer.produce(os.environ["PEER_VERDICTS"], poller.verdict())
            producer.flush()
            consumer.commit(asynchronous=True)
        if poller.seen == int(os.environ["PEER_EVENTS"]):
            consumer.commit(asynchronous=False)
            Path(os.environ["PEER_OUT"]).write_text(json.dumps(poller.totals))


if __name__ == "__main__":
    main()
