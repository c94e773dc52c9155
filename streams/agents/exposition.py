"""How are a worker's facts told to Prometheus? Names by its conventions; no state here.

Labels are bounded: partitions and rollouts that this worker holds now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from streams.agents.analysis import analysis
from streams.agents.batch import Partition
from streams.agents.progress import FoldFacts, JudgedFacts, PartitionFacts, Standing, WorkerFacts
from streams.serving.families import counter, gauge

WHERE = ("topic", "partition")
FOLDED = {
    "accepted": "Events that were folded.",
    "late": "Events that came after their pane had closed; they are not folded.",
    "duplicates": "Events that repeated one before them; they are not folded.",
    "unknown": "Folded events of services or versions that no live rollout names.",
    "invalid_scores": "Scores and values that were no numbers of their kind.",
}
"""Fields of the marker that count: by them a counter goes on where another worker left it."""


def families(facts: WorkerFacts) -> Iterator[Metric]:
    """All metrics that are facts."""
    yield from _worker(facts)
    yield from _partitions(facts.partitions)
    yield from _folds([f for f in facts.partitions if isinstance(f.owner, FoldFacts)])
    judged = [one for f in facts.partitions if isinstance(f.owner, tuple) for one in f.owner]
    yield from _judged(judged)
    yield from analysis(judged)
    waits = [((rollout,), waited_s) for rollout, waited_s in sorted(facts.waits_s.items())]
    text = "Since the judge's last pane of a live rollout."
    yield gauge("davy_judge_wait_seconds", text, ("rollout",), waits)


def _worker(facts: WorkerFacts) -> Iterator[Metric]:
    text = "Since the broker answered last."
    yield gauge("davy_worker_broker_silent_seconds", text, (), [((), facts.broker_silent_s)])
    stand = [((how.value,), float(_count(facts.partitions, how))) for how in Standing]
    stand.append((("loading",), float(len(facts.unowned))))
    text = "Partitions of this worker, by how they stand."
    yield gauge("davy_worker_partitions", text, ("state",), stand)
    text = "Times that the schema registry did not answer, or not with what is needed."
    failures = float(facts.registry_failures)
    yield counter("davy_worker_registry_failures", text, (), [((), failures)])
    lost = [(_where(partition), float(count)) for partition, count in sorted(facts.lost.items())]
    text = "Offsets that the broker's retention deleted before they were read."
    yield counter("davy_worker_lost_offsets", text, WHERE, lost)
    skipped = [(what, float(count)) for what, count in sorted(facts.skipped.items())]
    text = "Records on davy's own topics that davy did not write."
    yield counter("davy_worker_skipped_records", text, ("topic", "reason"), skipped)


def _count(partitions: Iterable[PartitionFacts], how: Standing) -> int:
    return sum(found.standing is how for found in partitions)


def _partitions(partitions: Iterable[PartitionFacts]) -> Iterator[Metric]:
    rows = [(_where(found.partition), found) for found in partitions]
    prefix = "davy_worker_partition"
    text = "First offset that was not folded yet."
    yield gauge(f"{prefix}_next_offset", text, WHERE, [(at, f.next_offset) for at, f in rows])
    text = "Records between there and the end of the log."
    yield gauge(f"{prefix}_lag_records", text, WHERE, [(at, f.lag) for at, f in rows])
    text = "Since the offset moved, while records waited and broker and registry answered."
    yield gauge(f"{prefix}_unmoved_seconds", text, WHERE, [(at, f.unmoved_s) for at, f in rows])
    text = "1 where a record waits for a person (see the log)."
    halted = [(at, float(f.standing is Standing.HALTED)) for at, f in rows]
    yield gauge(f"{prefix}_halted", text, WHERE, halted)


def _folds(partitions: Iterable[PartitionFacts]) -> Iterator[Metric]:
    rows = [(_where(f.partition), f.owner) for f in partitions if isinstance(f.owner, FoldFacts)]
    for field, text in FOLDED.items():
        values = [(at, float(getattr(fold.marker, field))) for at, fold in rows]
        yield counter(f"davy_worker_{field}_events", text, WHERE, values)
    outcomes = [
        ((at[1], what), float(count)) for at, f in rows for what, count in f.outcomes.items()
    ]
    text = "Outcomes, by what became of them; `pending` wait for more."
    yield gauge("davy_worker_outcomes", text, ("partition", "fate"), outcomes)
    text = "Since everything folded was durable; 0 where nothing waits."
    yield gauge("davy_worker_flush_age_seconds", text, WHERE, [(a, f.unsaved_s) for a, f in rows])
    text = "How many owners this partition has had."
    yield gauge("davy_worker_epoch", text, WHERE, [(at, float(fold.epoch)) for at, fold in rows])


def _judged(judged: list[JudgedFacts]) -> Iterator[Metric]:
    text = "Since the judge renewed its lease of a live rollout."
    leases = [((one.rollout,), one.lease_s) for one in judged]
    yield gauge("davy_judge_lease_age_seconds", text, ("rollout",), leases)
    text = "Number of the last decision of a live rollout; 0 where this worker made none."
    seqs = [((one.rollout,), float(one.seq)) for one in judged]
    yield gauge("davy_judge_last_decision_seq", text, ("rollout",), seqs)
    text = "1 for health checks that a live rollout's last decision found failed."
    failed = [((one.rollout, check), 1.0) for one in judged for check in one.failed]
    yield gauge("davy_judge_health_failed", text, ("rollout", "check"), failed)


def _where(partition: Partition) -> tuple[str, str]:
    return partition.topic, str(partition.partition)
