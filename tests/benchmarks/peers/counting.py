"""What peers in Python count, event by event; needs fastavro alone, for environments of their own.

Per pane and arm: requests, errors, a log histogram of latency, class counts; and whether errors
differ, as a two-proportion z-test, whenever it is asked.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro

SCHEMA = fastavro.parse_schema(
    json.loads(
        Path("schemas/prediction.avsc").read_text(),
        object_hook=lambda node: {k: v for k, v in node.items() if k != "logicalType"},
    )
)
"""Times are plain numbers, ms: to make a `datetime` of each would only take longer."""
ARMS = {"v1": "baseline", "v2": "candidate"}
LOG_GAMMA = math.log(1.01 / 0.99)
Key = tuple[int, str]
"""(pane of one second, arm)."""


def read(value: bytes) -> dict[str, Any]:
    """A framed prediction."""
    event: dict[str, Any] = fastavro.schemaless_reader(  # type: ignore[assignment]
        io.BytesIO(value[5:]), SCHEMA, None, return_record_name=False
    )
    return event


class Counts:
    """The running counts; writes its tallies to `PEER_OUT` once `PEER_EVENTS` events are in."""

    def __init__(self) -> None:
        self.requests: Counter[Key] = Counter()
        self.errors: Counter[Key] = Counter()
        self.latency: defaultdict[Key, Counter[int]] = defaultdict(Counter)
        self.classes: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        self._seen = 0
        self._wanted = int(os.environ["PEER_EVENTS"])

    def add(self, value: bytes) -> None:
        """Count one framed prediction."""
        event = read(value)
        self._seen += 1
        arm = ARMS.get(event["model_version"])
        if arm is not None:
            self._count((event["completed_at"] // 1000, arm), event)
        if self._seen == self._wanted:
            self.write()

    def _count(self, key: Key, event: dict[str, Any]) -> None:
        self.requests[key] += 1
        if event["status"] != "OK":
            self.errors[key] += 1
        self.latency[key][math.ceil(math.log(max(event["latency_ms"], 1e-3)) / LOG_GAMMA)] += 1
        if event["predicted_class"] is not None:
            self.classes[key][event["predicted_class"]] += 1

    def totals(self) -> dict[str, dict[str, int]]:
        """Requests and errors by arm."""
        return {
            arm: {
                "exposures": sum(n for (_, a), n in self.requests.items() if a == arm),
                "errors": sum(n for (_, a), n in self.errors.items() if a == arm),
            }
            for arm in ARMS.values()
        }

    def tallies(self) -> dict[str, dict[str, Any]]:
        """All that was counted by arm, for the comparison with what was published."""
        return {
            arm: told | {"classes": _of(arm, self.classes), "latency": _of(arm, self.latency)}
            for arm, told in self.totals().items()
        }

    def verdict(self) -> bytes:
        """Whether errors differ, as JSON."""
        totals = self.totals()
        n = [totals[arm]["exposures"] for arm in ARMS.values()]
        failed = [totals[arm]["errors"] for arm in ARMS.values()]
        z = 0.0
        if min(n) and sum(failed):
            pooled = sum(failed) / sum(n)
            spread = math.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
            z = (failed[1] / n[1] - failed[0] / n[0]) / spread
        return json.dumps({"requests": n, "errors": failed, "z": z}).encode()

    def write(self) -> None:
        """Write what was counted, all at once."""
        path = Path(os.environ["PEER_OUT"])
        path.with_suffix(".new").write_text(json.dumps(self.tallies()))
        path.with_suffix(".new").rename(path)


def _of(arm: str, counts: Mapping[Key, Counter[Any]]) -> Counter[Any]:
    """The sum of an arm's counts."""
    found = Counter[Any]()
    for (_, counted), some in counts.items():
        if counted == arm:
            found += some
    return found
