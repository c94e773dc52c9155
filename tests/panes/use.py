"""Resource samples for tests: a log, and a fold of it in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.agents.sources import RESOURCES, minute_clock
from streams.panes.facts import ClosedPane, Marker
from streams.panes.source_fold import Refused
from streams.settings import Settings
from streams.sketches.usage import Usages
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore

CODEC = Codec(LocalSchemaStore())
CLOCK = minute_clock(Settings(future_ms=1000))
START_MS = 1_790_000_040_000
"""Begin of a minute."""


def sample(at_s: float, **changes: Any) -> dict[str, Any]:
    """A sample that ends `at_s` after START_MS."""
    return {
        "pod": "a",
        "service": "digits",
        "model_version": "v1",
        "sampled_at": START_MS + round(at_s * 1000),
        "interval_ms": 10_000,
        "cpu": 0.5,
        "memory": None,
        "gpu": None,
    } | changes


def traffic(minutes: int, pods: int = 5, seed: int = 1) -> list[dict[str, Any]]:
    """Pods of both versions that tell their use every ten seconds or so, one after the other."""
    dice = np.random.default_rng(seed)
    samples = []
    for turn in range(minutes * 6):
        for pod in range(pods):
            at_s = 10 * turn + 10 + pod * 0.7
            use = float(np.clip(dice.normal(0.5, 0.1), 0, 1))
            told = {"cpu": use, "memory": 0.3 if pod else None}
            version = "v2" if pod % 2 else "v1"
            samples.append(sample(at_s, pod=f"p{pod}", model_version=version, **told))
    return samples


def encoded(samples: Sequence[dict[str, Any]]) -> list[bytes | None]:
    """Framed values."""
    return [CODEC.encode("resources", each) for each in samples]


def fed(
    fold: Any, values: Sequence[bytes | None], size: int = 5000, first: int = 0
) -> tuple[list[ClosedPane[Usages]], list[Refused]]:
    """Fold a log from an offset on, in batches; what closed, and what was refused."""
    closed, refused = [], []
    for start in range(first, len(values), size):
        part = values[start : start + size]
        columns = RESOURCES.decode(part, CODEC, 1_000_000)
        append_ms = np.full(len(part), START_MS + 10**9)
        offsets = np.arange(start, start + len(part))
        now = fold.fold(columns, append_ms, offsets, end_offset=start + len(part))
        closed += now[0]
        refused += now[1]
    return closed, refused


def new_fold(marker: Marker | None = None) -> Any:
    """A fold without live rollouts."""
    return RESOURCES.new_fold(CLOCK, marker or Marker())
