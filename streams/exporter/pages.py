"""What does a page in Prometheus' text format tell of pods? Counters and gauges, not shares yet.

cAdvisor (the kubelet's /metrics/cadvisor) and DCGM name the pod in a label; `process_*` metrics are
those of the one process that answers. Source: kubernetes.io "Metrics for Kubernetes system
components"; github.com/google/cadvisor docs/storage/prometheus.md; NVIDIA dcgm-exporter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from streams.errors import WireError

SANDBOX = frozenset({"", "POD"})
"""Containers of cAdvisor that are the pod's own group or its pause process."""
POD_LABELS = ("pod", "exported_pod", "pod_name")
NAMESPACE_LABELS = ("namespace", "exported_namespace", "pod_namespace")
PROCESS = ""
"""Stands for the pod of a page that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one page told of one pod; None where it did not."""

    cpu_s: float | None = None
    """Seconds of CPU since the start, a counter."""
    cpu_limit: float | None = None
    """Cores that it may use."""
    memory: float | None = None
    """Bytes in use."""
    memory_limit: float | None = None
    gpu: float | None = None
    """Share of its GPUs' time, mean over them."""

    @property
    def unlimited(self) -> tuple[str, ...]:
        """What is used without a limit: of that there is no share to tell."""
        used = {"cpu": (self.cpu_s, self.cpu_limit), "memory": (self.memory, self.memory_limit)}
        return tuple(n for n, (use, limit) in used.items() if use is not None and not limit)


@dataclass(slots=True)
class _Told:
    """Values of one pod by metric and container."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, metric: str, container: str, value: float) -> None:
        of = self.values.setdefault(metric, {})
        of[container] = of.get(container, 0.0) + value

    def total(self, metric: str) -> float | None:
        """Over the containers; the pod's own group only where no container is named."""
        of = self.values.get(metric, {})
        named = {name: value for name, value in of.items() if name not in SANDBOX}
        chosen = named or of
        return math.fsum(chosen.values()) if chosen else None

    def limit(self, metric: str, used: str) -> float | None:
        """As `total`, where every container that uses any has a limit above 0."""
        limits, users = self.values.get(metric, {}), self.values.get(used, {})
        wanted = [name for name in users if name not in SANDBOX] or list(users)
        found = [limits.get(name, 0.0) for name in wanted]
        return math.fsum(found) if found and min(found) > 0 else None


CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
QUOTA, PERIOD = "container_spec_cpu_quota", "container_spec_cpu_period"
MEMORY_LIMIT = "container_spec_memory_limit_bytes"
GPU, GPUS, CORES = "DCGM_FI_DEV_GPU_UTIL", "gpus", "cores"
OF_PROCESS = {"process_cpu_seconds_total": CPU, "process_resident_memory_bytes": MEMORY}
WANTED = frozenset({CPU, MEMORY, QUOTA, PERIOD, MEMORY_LIMIT, GPU, *OF_PROCESS})
LARGEST_LIMIT = 2.0**62
"""cAdvisor tells a limit of about 2^63 bytes where there is none."""


def read_page(text: str) -> dict[str, Reading]:
    """Pod -> what the page tells of it; `PROCESS` for a page of one process.

    Pods of one name in two namespaces are two: where a page tells it, a pod is `namespace/pod`.

    Raises:
        WireError: it is no page of Prometheus' text format, or tells of no use at all.
    """
    pods: dict[str, _Told] = {}
    for name, labels, value in _samples(text):
        pod = _pod(labels)
        if name in OF_PROCESS:
            pods.setdefault(PROCESS, _Told()).add(OF_PROCESS[name], "process", value)
        elif pod is not None:
            told = pods.setdefault(pod, _Told())
            told.add(name, labels.get("container", ""), value)
            if name == GPU:
                told.add(GPUS, labels.get("container", ""), 1.0)
    if len(pods) > 1:
        pods.pop(PROCESS, None)  # the exporter's own process
    if not pods:
        raise WireError(f"tells none of {', '.join(sorted(WANTED))} of any pod")
    return {pod: _reading(told) for pod, told in pods.items()}


def _pod(labels: Mapping[str, str]) -> str | None:
    pod = _first(labels, POD_LABELS)
    namespace = _first(labels, NAMESPACE_LABELS)
    return f"{namespace}/{pod}" if pod and namespace else pod


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Finite samples of the metrics that are wanted."""
    try:
        for family in text_string_to_metric_families(text):
            yield from _wanted(family.samples)
    except (ValueError, KeyError, IndexError, TypeError) as problem:
        raise WireError(f"is no page of Prometheus metrics: {problem}") from problem


def _wanted(samples: Iterable[object]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for sample in samples:
        name, labels, value = sample[:3]  # type: ignore[index]  # a named tuple of the library
        per_cpu = name == CPU and labels.get("cpu", "total") != "total"
        if name in WANTED and math.isfinite(value) and value >= 0 and not per_cpu:
            yield name, labels, float(value)


def _reading(told: _Told) -> Reading:
    for container, quota in told.values.get(QUOTA, {}).items():
        period = told.values.get(PERIOD, {}).get(container, 0.0)
        if period > 0:
            told.add(CORES, container, quota / period)
    memory_limit = told.limit(MEMORY_LIMIT, MEMORY)
    gpu, gpus = told.total(GPU), told.total(GPUS)
    return Reading(
        cpu_s=told.total(CPU),
        cpu_limit=told.limit(CORES, CPU),
        memory=told.total(MEMORY),
        memory_limit=memory_limit if memory_limit and memory_limit < LARGEST_LIMIT else None,
        gpu=gpu / gpus / 100 if gpu is not None and gpus else None,
    )
