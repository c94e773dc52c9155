"""The peer: a poller in the manner of Kayenta, with pandas. It reads what is new, then compares.

What was read becomes a data frame; closed panes are grouped by pane and arm, each group a point of
its arm's series, and the series of both arms are compared by Mann and Whitney's test.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
from confluent_kafka import Consumer, Producer
from scipy.stats import mannwhitneyu

from tests.benchmarks.peers.counting import ARMS, read

MOST = 10_000
LATENESS = 2
"""Panes that stay open behind the newest."""
QUANTILES = (0.5, 0.95, 0.99)


class Poller:
    """What was read of open panes, and the series of each arm."""

    def __init__(self) -> None:
        self._open: list[pd.DataFrame] = []
        self._series: list[pd.DataFrame] = []
        self.seen = 0

    def take(self, values: list[bytes]) -> None:
        """Add what is new."""
        frame = pd.DataFrame.from_records(list(map(_row, values)))
        self.seen += len(values)
        self._open.append(frame[frame["arm"].notna()])

    def close(self, lateness: int = LATENESS) -> None:
        """Make points of the panes that are closed; of all, with a lateness of -1."""
        if not self._open:
            return
        whole = pd.concat(self._open)
        closed = whole["pane"] < whole["pane"].max() - lateness
        self._open = [whole[~closed]]
        groups = whole[closed].groupby(["pane", "arm"])
        rows = groups["failed"].agg(["size", "sum"])
        quantiles = groups["latency_ms"].quantile(list(QUANTILES)).unstack()  # noqa: PD010 - a pivot would compute it again
        classes = groups["label"].value_counts().unstack(fill_value=0)  # noqa: PD010 - the same
        self._series.append(rows.join(quantiles).join(classes, rsuffix="class"))

    def verdict(self) -> bytes:
        """The p-value of each metric, as JSON."""
        whole = pd.concat(self._series)
        whole["errors"] = whole["sum"] / whole["size"]
        told = {}
        for metric in ("errors", *QUANTILES):
            arms = [whole.xs(arm, level="arm")[metric].to_numpy() for arm in ARMS.values()]
            told[str(metric)] = float(mannwhitneyu(*arms).pvalue)
        return json.dumps(told).encode()

    def tallies(self) -> dict[str, dict[str, Any]]:
        """By arm, for the comparison with what was published; of latencies it keeps quantiles."""
        self.close(lateness=-1)
        sums = pd.concat(self._series).groupby("arm").sum()
        labels = [name for name in sums if name not in ("size", "sum", "errors", *QUANTILES)]
        return {
            str(arm): {
                "exposures": int(row["size"]),
                "errors": int(row["sum"]),
                "classes": {str(label): int(row[label]) for label in labels},
            }
            for arm, row in sums.iterrows()
        }


def _row(value: bytes) -> dict[str, Any]:
    event = read(value)
    return {
        "pane": event["completed_at"] // 1000,
        "arm": ARMS.get(event["model_version"]),
        "failed": event["status"] != "OK",
        "latency_ms": event["latency_ms"],
        "label": event["predicted_class"],
    }


def main() -> None:
    """Poll until killed; a verdict each second."""
    bootstrap = {"bootstrap.servers": os.environ["PEER_BOOTSTRAP"]}
    group = {
        "group.id": os.environ["PEER_GROUP"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 10,
    }
    consumer, producer = Consumer(bootstrap | group), Producer(bootstrap)
    consumer.subscribe([os.environ["PEER_TOPIC"]])
    poller, told_at, wanted = Poller(), time.monotonic(), int(os.environ["PEER_EVENTS"])
    while True:
        values = [message.value() or b"" for message in consumer.consume(MOST, 0.2)]
        if not values:
            continue
        poller.take(values)
        done = poller.seen == wanted
        if done:
            Path(os.environ["PEER_OUT"]).write_text(json.dumps(poller.tallies()))
        if done or time.monotonic() - told_at >= 1.0:
            told_at = time.monotonic()
            poller.close()
            producer.produce(os.environ["PEER_VERDICTS"], poller.verdict())
            producer.flush()
            consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
