"""What came of a scenario? All topics are read, counted again and compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.settings import Settings
from streams.spec.model import RolloutSpec
from tests.soak.facts import Fault
from tests.soak.oracle.compared import (
    Found,
    compare_cohorts,
    compare_letters,
    compare_losses,
    compare_markers,
    compare_panes,
)
from tests.soak.oracle.deleted import NOTHING, Deleted
from tests.soak.oracle.fold import Folded, PartitionModel
from tests.soak.oracle.joins import JoinModel, merged, outcomes_of
from tests.soak.oracle.judged import Heard, check_decisions, commands_heard, routing_heard
from tests.soak.oracle.log import Avro, Record, read_topic
from tests.soak.oracle.merge import Merging
from tests.soak.oracle.recovered import recovered
from tests.soak.oracle.routed import check_routing
from tests.soak.oracle.rules import Activation, Rules

Decoded = tuple[Record, dict[str, Any]]
DECODED = ("panes", "cells", "decisions", "routing", "commands", "rollouts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Everything that was written."""

    raw: Mapping[str, Sequence[Record]]
    decoded: Mapping[str, Sequence[Decoded]]

    def of(self, topic: str, rollout: str) -> list[Decoded]:
        """What concerns one rollout, in the order of the log."""
        return [each for each in self.decoded[topic] if each[0].key == rollout]


def read_all(settings: Settings, avro: Avro, deleted: Deleted) -> Topics:
    """Read every topic to its end; what was deleted from it stands where it stood."""
    names = ("predictions", "outcomes", "dead-letters", *DECODED)
    raw = {name: read_topic(settings, name) for name in names}
    raw["predictions"] = deleted.whole(raw["predictions"])
    decoded = {name: [(r, avro.read(name, r.value) or {}) for r in raw[name]] for name in DECODED}
    return Topics(raw=raw, decoded=decoded)


class Examination:
    """One scenario's topics under the oracle's eyes."""

    def __init__(self, settings: Settings, deleted: Deleted = NOTHING) -> None:
        self.settings = settings
        self.avro = Avro(settings.registry.url)
        self._deleted = deleted
        self.topics = read_all(settings, self.avro, deleted)
        self.found = Found()
        self.rules = Rules(
            pane_ms=settings.pane_ms,
            lateness_ms=settings.lateness_ms,
            future_ms=settings.future_ms,
            largest=settings.max_event_bytes,
        )
        self.specs = self._specs()
        self._activated = self._activations()
        self.folded = self._fold()
        self._dead: dict[int, set[int]] = {}
        self.joins = self._join()

    def compare(self) -> Found:
        """Compare all that was written with what the oracle counts."""
        self._count()
        panes = self.topics.decoded["panes"]
        compare_panes(self.found, panes, self.folded, self.avro)
        dead = {partition: each.dead for partition, each in self.folded.items()}
        compare_letters(self.found, self.topics.raw["dead-letters"], "predictions", dead)
        if any(spec.outcomes for spec in self.specs.values()):
            cohorts = {place: join.told for place, join in self.joins.items()}
            compare_cohorts(self.found, panes, cohorts, self.avro)
            compare_letters(self.found, self.topics.raw["dead-letters"], "outcomes", self._dead)
        compare_markers(self.found, self.topics.decoded["cells"], self.folded)
        for rollout in self.specs:
            self._compare_rollout(rollout)
        return self.found

    def recovered(self, faults: Sequence[Fault], rollout: str) -> tuple[Fault, ...]:
        """Each fault with its recovery time."""
        return tuple(
            recovered(
                fault,
                pane_ms=self.settings.pane_ms,
                partitions=self.settings.source_partitions,
                panes=self.topics.decoded["panes"],
                decisions=self.topics.of("decisions", rollout),
                routing=self.topics.of("routing", rollout),
            )
            for fault in faults
        )

    def not_in_log(
        self,
        accepted: Mapping[tuple[str, int, int], str],
        somewhere: Sequence[tuple[str, int, str]],
    ) -> int:
        """Records that the broker acknowledged, at an offset or somewhere, and does not have."""
        topic = self.settings.topic
        there = {
            (topic(name), record.partition, record.offset): record.key
            for name in ("predictions", "outcomes")
            for record in self.topics.raw[name]
        }
        rest = Counter((name, number, key) for (name, number, _), key in there.items())
        rest.subtract((name, number, key) for (name, number, _), key in accepted.items())
        missing = Counter(somewhere) - rest
        return sum(there.get(place) != key for place, key in accepted.items()) + missing.total()

    def _specs(self) -> dict[str, RolloutSpec]:
        found: dict[str, RolloutSpec] = {}
        for _, body in self.topics.decoded["rollouts"]:
            spec = RolloutSpec.from_json(body["spec"])
            found.setdefault(spec.rollout, spec)
        return found

    def _fold(self) -> dict[int, Folded]:
        logs = by_partition(self._deleted.read(self.topics.raw["predictions"]))
        return {
            number: PartitionModel(self.rules, self.specs, self._activated[number], self.avro).run(
                logs[number]
            )
            for number in range(self.settings.source_partitions)
        }

    def _join(self) -> dict[tuple[int, str], JoinModel]:
        """The joins of all rollouts with outcomes, by partition and rollout."""
        logs = by_partition(self.topics.raw["outcomes"])
        found = {}
        for number, folded in self.folded.items():
            read, dead = outcomes_of(logs[number], self.avro, self.rules.largest)
            for each in self._activated[number]:
                spec = self.specs[each.rollout]
                if not spec.outcomes:
                    continue
                mine = [(at, body) for offset, at, body in read if offset >= each.outcomes_offset]
                self._dead[number] = {o for o in dead if o >= each.outcomes_offset}
                closed = folded.closed_at.get(each.rollout, -1)
                exposures = folded.exposures.get(each.rollout, ())
                join = JoinModel(spec, self.rules.pane_ms, exposures, closed)
                clock = folded.clock[folded.begun_at.get(each.rollout, 0) :]
                join.run(merged(clock, mine, closed))
                found[number, each.rollout] = join
        return found

    def _activations(self) -> dict[int, list[Activation]]:
        """From where to where each rollout counts, as the owners say; once for each partition."""
        said: dict[tuple[int, str], dict[str, Any]] = {}
        for record, body in self.topics.decoded["panes"]:
            name, told = body["body"]
            if name != "davy.Activation" or body["source"] != "predictions":
                continue
            key = body["source_partition"], told["rollout"]
            if key in said and told["until_offset"] is None:
                self.found.say(f"{record}: {key} is activated twice", double=1)
            said.setdefault(key, told)
            if told["until_offset"] is not None:
                said[key] = told
        found: dict[int, list[Activation]] = defaultdict(list)
        for (partition, _), told in said.items():
            found[partition].append(Activation(**told))
        return found

    def _count(self) -> None:
        tally = self.found.tally
        tally.accepted = len(self.topics.raw["predictions"]) + len(self.topics.raw["outcomes"])
        for each in self.folded.values():
            tally.counted += each.counters.accepted
            tally.late += each.counters.late
            tally.dead += each.counters.dead
            tally.duplicates_seen += each.counters.duplicates

    def _compare_rollout(self, rollout: str) -> None:
        compare_losses(self.found, self.topics.decoded["panes"], self._deleted, rollout)
        spec, tally = self.specs[rollout], self.found.tally
        decisions = self.topics.of("decisions", rollout)
        routing = self.topics.of("routing", rollout)
        records = self._panes_of(rollout)
        merging = Merging(
            spec, self.settings.pane_ms, self._cells_at(rollout), self._cohort_at(rollout)
        )
        heard = Heard(
            routing=routing_heard(routing),
            commands=commands_heard(self.topics.of("commands", rollout)),
        )
        panes = merging.run(records)
        judged = check_decisions(spec, self.settings.pane_ms, panes, heard, decisions)
        tally.decisions += judged.compared
        tally.wrong += judged.wrong
        tally.decisions_duplicated += judged.duplicated
        tally.reordered += judged.reordered
        routed = check_routing(routing, decisions)
        tally.applied += routed.applied
        tally.applied_twice += routed.twice
        tally.applied_out_of_order += routed.out_of_order
        self.found.findings += [*judged.findings, *routed.findings]

    def _panes_of(self, rollout: str) -> list[Decoded]:
        """The partition of `panes` on which a rollout lies, in the order of the log."""
        panes = self.topics.decoded["panes"]
        mine = {record.partition for record, _ in panes if record.key == rollout}
        return [each for each in panes if each[0].partition in mine]

    def _cells_at(self, rollout: str) -> Any:
        return lambda partition, pane: self.folded[partition].closed.get((rollout, pane))

    def _cohort_at(self, rollout: str) -> Any:
        return lambda partition, key: self.joins[partition, rollout].told.get(key)


def by_partition(records: Sequence[Record]) -> dict[int, list[Record]]:
    """A topic's records by their partition, each in the order of its log."""
    found: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        found[record.partition].append(record)
    return found
