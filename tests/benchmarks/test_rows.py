"""What the benchmark tells follows from what it measured."""

import json

import numpy as np
import pytest

from streams.errors import PartError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.benchmarks import __main__ as bench
from tests.benchmarks import (
    endurance,
    events,
    freshness,
    growth,
    serving,
    snapshots,
    stages,
    workers,
)
from tests.benchmarks import standings as standing
from tests.benchmarks.endurance import Look
from tests.benchmarks.meter import Rate
from tests.benchmarks.results import PartlyError, Row, recorded, write
from tests.load.feeder import ending

CODEC = Codec(LocalSchemaStore())


def row(name: str, value: float) -> Row:
    return Row(
        name=name,
        value=value,
        unit="ms",
        must=2.0,
        moonshot=None,
        better="lower",
        rounds=(value,),
    )


class TestWrite:
    def test_rows_of_other_parts_stay(self, tmp_path, capsys):
        """A part replaces its own rows only; each says whether its bar is met."""
        path = tmp_path / "bench.json"
        write([row("one", 1.0)], path, part="first")
        write([row("two", 3.0), row("left out", 3.0)], path, part="second")
        write([row("two", 1.5)], path, part="second")
        told = {
            each["name"]: (each["value"], each["holds"]) for each in json.loads(path.read_text())
        }
        assert told == {"one": (1.0, True), "two": (1.5, True)}
        assert "MISSED" in capsys.readouterr().out

    def test_what_was_recorded_is_found(self, tmp_path):
        path = tmp_path / "bench.json"
        write([row("one", 1.25)], path, part="all")
        assert recorded("one", path) == 1.25
        assert recorded("two", path) is None
        assert recorded("one", tmp_path / "nothing.json") is None


class TestParts:
    def test_half_of_what_the_worker_could_is_the_load(self, monkeypatch):
        asked = bench.Asked(events=1, rounds=1, wide=1, long=1, per_s=0.0, seconds=1.0)
        monkeypatch.setattr(bench, "recorded", lambda _: 90_000.0)
        assert bench._load(asked) == 45_000.0

    def test_without_a_load_it_says_what_to_run(self, monkeypatch):
        asked = bench.Asked(events=1, rounds=1, wide=1, long=1, per_s=0.0, seconds=1.0)
        monkeypatch.setattr(bench, "recorded", lambda _: None)
        with pytest.raises(PartError, match="run the part `contest` first, or give --per-s"):
            bench._load(asked)

    def test_a_part_that_breaks_off_is_told_and_writes_nothing(self, monkeypatch, capsys):
        monkeypatch.setattr(bench, "write", lambda *_, **__: pytest.fail("nothing was measured"))

        def broken() -> list[Row]:
            raise PartError("no broker")

        assert not bench._measured("contest", broken)
        assert "contest broke off: no broker" in capsys.readouterr().err

    def test_what_could_be_measured_of_a_part_is_written(self, monkeypatch, capsys):
        """And the part is not whole: a peer that miscounts must not go unnoticed."""
        kept = []
        monkeypatch.setattr(bench, "write", lambda rows, part: kept.append((part, rows)))

        def partly() -> list[Row]:
            raise PartlyError([row("davy", 1.0)], "Quix Streams is left out: it counted 3")

        assert not bench._measured("contest", partly)
        assert kept == [("contest", [row("davy", 1.0)])]
        assert "contest is not whole: Quix Streams is left out" in capsys.readouterr().err


def rate(per_cpu_s: float = 1.0, per_s: float = 1.0, per_free_s: float = 1.0) -> Rate:
    return Rate(per_cpu_s=per_cpu_s, per_s=per_s, per_free_s=per_free_s, began_s=0.0, ended_s=1.0)


ANY = rate()
RATES = {
    "davy": [rate(per_cpu_s=200.0, per_s=120.0), rate(per_cpu_s=220.0, per_s=130.0)],
    standing.TRUSTING: [rate(per_cpu_s=250.0, per_s=0.0), rate(per_cpu_s=220.0, per_s=0.0)],
    standing.IDLE: [ANY, ANY],
    standing.SMALL: [ANY, ANY],
    "Kafka Streams": [rate(per_cpu_s=100.0, per_s=90.0), rate(per_cpu_s=200.0, per_s=90.0)],
}


class TestStandings:
    def test_ratios_are_those_of_the_same_round(self):
        told = {each.name: each.rounds for each in standing.told(RATES)}
        assert told["davy / Kafka Streams"] == (2.0, 1.1)
        assert told["looking for duplicates / not looking"] == (0.8, 1.0)
        assert told["davy, by the clock"] == (120.0, 130.0)

    def test_who_was_not_measured_has_no_row(self):
        names = {each.name for each in standing.told(RATES)}
        assert not [name for name in names if "Quix" in name]


class TestPeersThatFail:
    def test_the_others_are_told_and_it_is_named(self, monkeypatch, tmp_path):
        """Rows of those that counted rightly, none of the one that did not."""

        def miscounts(_):
            raise AssertionError("3 of 4 events")

        turns = dict.fromkeys(RATES, lambda _: ANY) | {"Quix Streams": miscounts}
        monkeypatch.setattr(standing, "_turns", lambda *_: turns)
        with pytest.raises(PartlyError, match="Quix Streams is left out: 3 of 4") as caught:
            standing.rows("", tmp_path, 1, 2)
        names = {each.name for each in caught.value.rows}
        assert "davy / Kafka Streams" in names
        assert not [name for name in names if "Quix" in name]


class TestWorkers:
    def test_two_are_compared_with_what_others_leave_them(self):
        """One makes 100 in a second; two make 90 of each core that the broker leaves them."""
        one = [rate(per_cpu_s=120.0, per_s=100.0)]
        two = [rate(per_cpu_s=120.0, per_s=150.0, per_free_s=90.0)]
        told = {each.name: each.value for each in workers.told(one, two)}
        assert told == {
            "one worker of davy, by the clock": 100.0,
            "two workers of davy, by the clock": 150.0,
            "two workers / one, the broker's CPU accounted": 1.8,
            "two workers / one, by CPU": 2.0,
        }


class TestFreshness:
    def test_the_events_way_is_told_by_itself(self):
        """Of panes 0, 1, ... that can be closed 30 ms after their end, decided n ms later."""
        settings = Settings()
        ends = {pane: freshness.over_ms(pane, 1000, settings.lateness_ms) for pane in range(130)}
        waits = [900.0] * freshness.WARM + [float(n) for n in range(1, 101)]
        came = [(pane, ends[pane] + 30.0 + waits[pane]) for pane in range(130)]
        closable = {pane: end + 30.0 for pane, end in ends.items()}
        told = {
            row.name: row.value for row in freshness.told(came, closable, settings, 134.0, 1000.0)
        }
        assert told == {
            "close of a pane to its decision, p50": 50.0,
            "close of a pane to its decision, p99": 99.0,
            "end of a pane to its decision, p50": 80.0,
            "end of a pane to its decision, p99": 129.0,
            "end of a pane until it can be closed, p50": 30.0,
            "end of a pane until it can be closed, p99": 30.0,
        }

    def test_too_few_decisions_are_no_measure(self):
        """Nor are those of panes of which nobody knows when they could be closed."""
        came = [(pane, 1.0) for pane in range(130)]
        closable = dict.fromkeys(range(70), 0.0)
        with pytest.raises(AssertionError, match="40 panes are too few"):
            freshness.told(came, closable, Settings(), 134.0, 1000.0)

    def test_events_end_when_they_are_due(self):
        """As many as the rate says, numbered without a hole."""
        blocks = list(ending(5, 1000.0, 0.2))
        firsts = [first for first, _ in blocks]
        sizes = [times.size for _, times in blocks]
        assert firsts == (5 + np.cumsum([0, *sizes[:-1]])).tolist()
        assert 0 < sum(sizes) <= 200


class TestEndurance:
    def looks(self, kb_per_million: float) -> list[Look]:
        noise = np.random.default_rng(1).exponential(5e3, 5000).tolist()
        return [
            Look(events=n * 20_000, rss_kb=400_000 + n * kb_per_million / 50 + kb)
            for n, kb in enumerate(noise, 1)
        ]

    def test_memory_that_does_not_grow_is_flat(self):
        """Whatever is under way comes on top: a hundred million events, megabytes of noise."""
        assert abs(endurance.memory(self.looks(0.0)).value) < 2

    def test_memory_that_grows_is_seen(self):
        """A kibibyte for a thousand events."""
        assert endurance.memory(self.looks(1000.0)).value == pytest.approx(1024, rel=0.05)

    def test_starts_are_compared_one_by_one(self):
        told = endurance.starts([6.0, 5.0, 9.0], [5.0, 5.0, 5.0], 10)
        assert (told.value, told.rounds) == (1.2, (1.2, 1.0, 1.8))


class TestGrowth:
    def test_a_load_is_dealt_out_as_expected(self):
        """What is compared with the panes is what was published."""
        shape, found = (3, 2), {}
        for record in events.make(CODEC, 100, services=3, tiers=2).records:
            event = CODEC.decode("predictions", record["value"])
            rollout = f"r{event['service'][1:]}"
            for segment in ("all", f"tier={event['segments']['tier']}"):
                found[rollout, segment] = found.get((rollout, segment), 0) + 1
        assert found == growth.expected(shape, 100)

    def test_costs_are_those_of_the_same_round(self):
        told = growth.costs((10, 4), [200.0, 180.0, 100.0], [100.0, 180.0, 80.0], 1000.0)
        assert (told.value, told.rounds) == (1.25, (2.0, 1.0, 1.25))
        assert told.holds

    def test_a_cell_costs_what_events_take_longer(self):
        """999 ns more for an event, 2000 of them in a pane, 998 cells more in 4 partitions."""
        told = growth.of_a_cell((50, 9), [1e9], [1e6], 2000.0)
        assert told.value == pytest.approx(2000 * 0.999 / 998 / 4)


class TestSnapshots:
    def test_only_what_changed_is_written(self):
        """The pane of one rollout among fifty costs what it costs alone."""
        assert snapshots.touched(snapshots.AMONG) == snapshots.touched(snapshots.ALONE)

    def test_each_flush_of_the_same_load_is_about_as_long(self):
        sizes = snapshots.flushes(snapshots.ALONE, 40_000)
        assert len(sizes) == 8
        assert max(sizes) < 2 * min(sizes)


@pytest.fixture(scope="module")
def spent():
    return stages.stages(stages.batches(events.make(CODEC, 12_000)), CODEC)


class TestStages:
    def test_every_stage_is_measured(self, spent):
        assert set(spent) == {"frame", "decode", "route", "fold", "snapshot", "look for duplicates"}
        assert min(spent[each] for each in ("frame", "decode", "route", "snapshot")) > 0

    def test_the_rest_is_what_a_worker_takes_besides(self, spent):
        whole = sum(spent.values())
        rest = stages.rest([spent], 1e9 / (whole + 50.0))
        assert rest == pytest.approx([50.0])


class TestServing:
    def test_ratios_are_of_the_same_round(self):
        davy = [serving.Cost(p50_ms=1.05, cpu_ms=2.0), serving.Cost(p50_ms=1.0, cpu_ms=3.0)]
        bare = [serving.Cost(p50_ms=1.0, cpu_ms=2.0), serving.Cost(p50_ms=1.0, cpu_ms=2.0)]
        told = {each.name: each.rounds for each in serving.told("SDK", davy, bare)}
        assert told == {
            "SDK: p50 with / without": (1.05, 1.0),
            "SDK: CPU with / without": (1.0, 1.5),
        }
