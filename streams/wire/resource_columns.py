"""How does a batch of resource samples become columns, and which are refused, and why?

A pod tells a sample every ten seconds or so, a thousandth of what requests come to: samples are
read record by record, and a record's outcome follows from its bytes and schema alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES, Coded
from streams.wire.headers import Rejected
from streams.wire.reasons import MAX_EVENT_MS, BadRecord, Reason

RESOURCES = ("cpu", "memory", "gpu")
MAX_SHARE = 2.0
"""CPU may pass its limit for a while (bursts), by no more than this: percent would lie above."""
MAX_INTERVAL_MS = 120_000
"""A sample that spans more tells nothing of a minute."""


@dataclass(frozen=True, kw_only=True)
class ResourceColumns:
    """The accepted samples of a batch in its order, and the refused ones."""

    row: NDArray[np.int64]
    """Index in the batch, ascending."""
    event_ms: NDArray[np.int64]
    """Middle of the sampled interval: what minute it speaks of."""
    sampled_ms: NDArray[np.int64]
    """Its end."""
    interval_ms: NDArray[np.int64]
    """Its length, in [1, MAX_INTERVAL_MS]."""
    shares: NDArray[np.float64]
    """float64[samples, 3] of `RESOURCES`, in [0, MAX_SHARE]; NaN where it was not told."""
    service: Coded
    version: Coded
    pod: Coded
    rejected: tuple[Rejected, ...]
    """By row."""
    invalid_scores: int = 0
    """None: a sample with a share that is no number is refused."""


def decode_resources(
    values: Sequence[bytes | None],
    codec: Codec,
    *,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> ResourceColumns:
    """Decode framed values of the `resources` topic.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    kept: list[tuple[int, Mapping[str, Any]]] = []
    rejected = []
    for row, value in enumerate(values):
        try:
            kept.append((row, _sample(value, codec, max_event_bytes)))
        except BadRecord as refusal:
            rejected.append(Rejected(row=row, reason=refusal.reason, detail=refusal.detail))
    samples = [sample for _, sample in kept]
    sampled = _longs(sample["sampled_at"] for sample in samples)
    interval = _longs(sample["interval_ms"] for sample in samples)
    shares = [
        [math.nan if sample[name] is None else sample[name] for name in RESOURCES]
        for sample in samples
    ]
    return ResourceColumns(
        row=_longs(row for row, _ in kept),
        event_ms=sampled - interval // 2,
        sampled_ms=sampled,
        interval_ms=interval,
        shares=np.array(shares, np.float64).reshape(len(samples), len(RESOURCES)),
        service=_coded([sample["service"] for sample in samples]),
        version=_coded([sample["model_version"] for sample in samples]),
        pod=_coded([sample["pod"] for sample in samples]),
        rejected=tuple(rejected),
    )


def _sample(value: bytes | None, codec: Codec, most: int) -> Mapping[str, Any]:
    """The record; BadRecord where it is none, or none that can be."""
    if value is not None and len(value) > most:
        raise BadRecord(Reason.TOO_BIG, f"{len(value)} bytes, the limit is {most}")
    sample = codec.decode("resources", value)
    for reason, detail in _faults(sample):
        raise BadRecord(reason, detail)
    return sample


def _faults(sample: Mapping[str, Any]) -> Iterator[tuple[Reason, str]]:
    pod, interval_ms, sampled_ms = sample["pod"], sample["interval_ms"], sample["sampled_at"]
    told = f"pod is {pod[:64]!r}"
    if not pod:
        yield Reason.NO_POD, f"service is {sample['service'][:64]!r}"
    if not sample["service"]:
        yield Reason.NO_SERVICE, told
    if not sample["model_version"]:
        yield Reason.NO_VERSION, told
    if not 0 < sampled_ms < MAX_EVENT_MS:
        yield Reason.BAD_TIME, f"sampled_at is {sampled_ms}, {told}"
    if not 1 <= interval_ms <= MAX_INTERVAL_MS or interval_ms >= sampled_ms:
        yield (
            Reason.BAD_INTERVAL,
            f"interval_ms is {interval_ms}, must be in [1, {MAX_INTERVAL_MS}], {told}",
        )
    shares = {name: sample[name] for name in RESOURCES if sample[name] is not None}
    if not shares:
        yield Reason.NO_USE, told
    for name, share in shares.items():
        if not 0.0 <= share <= MAX_SHARE:
            yield Reason.BAD_SHARE, f"{name} is {share}, must be in [0, {MAX_SHARE:g}], {told}"


def _longs(values: Any) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64)


def _coded(texts: Sequence[str]) -> Coded:
    names = dict.fromkeys(texts)
    codes = {name: code for code, name in enumerate(names)}
    found = np.fromiter((codes[text] for text in texts), np.int32, len(texts))
    return Coded.of(found, tuple(names))
