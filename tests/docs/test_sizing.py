"""The sizing page is worked out from measurements, and says which it lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.docs import sizing
from infra.docs.bounds import limits_table, obstacles, of_cells
from infra.docs.known import WORKER_MIB, Load, Measured, NotMeasuredError, measured
from infra.docs.sizing import size

KNOWN = Measured(
    events_per_s=100_000,
    few_per_s=20_000,
    two=1.8,
    indexed_per_s=1_000_000,
    outcomes_per_s=200_000,
    pending_bytes=20,
    base_mib=400,
    pane_us=250,
    cell_us=65,
    judging_ms=0,
    event_bytes=50,
)
NAMES = {
    "events_per_s": "davy",
    "few_per_s": "davy, batches of 10",
    "two": "two workers / one, the broker's CPU accounted",
    "indexed_per_s": "predictions indexed",
    "outcomes_per_s": "outcomes decoded, joined and counted in cohorts",
    "pending_bytes": "join index: a pending prediction",
    "pane_us": "a source partition's pane at the judge",
    "cell_us": "a live cell's pane, of one source partition",
    "judging_ms": "judging a pane: 12 metrics, 3 arms",
    "event_bytes": "an event on the log",
    "base_mib": "backlog of 5 million: peak memory",
}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Measurements as `make bench` and `make load` leave them."""
    rows: dict[str, list[dict[str, object]]] = {"bench.json": [], "load.json": []}
    for field, name in NAMES.items():
        file = "load.json" if field == "base_mib" else "bench.json"
        rows[file].append({"name": name, "value": getattr(KNOWN, field)})
    for file, found in rows.items():
        (tmp_path / file).write_text(json.dumps(found))
    return tmp_path


class TestSize:
    def test_a_small_load(self) -> None:
        """One worker, and the partitions that davy has by default."""
        found = size(Load(events_per_s=1000), KNOWN)
        assert (found.workers, found.partitions) == (1, 4)

    @pytest.mark.parametrize(
        ("events", "workers"), [(49_999, 1), (50_001, 2), (89_999, 2), (90_001, 3), (129_999, 3)]
    )
    def test_each_further_worker_adds_what_the_second_did(self, events: int, workers: int) -> None:
        """Half of a core is 50,000 events; another one brings 0.8 of that."""
        assert size(Load(events_per_s=events), KNOWN).workers == workers

    def test_workers_can_be_doubled(self) -> None:
        found = size(Load(events_per_s=400_000), KNOWN)
        assert found.partitions == 2 * found.workers

    def test_outcomes_cost_time_and_memory(self) -> None:
        """10 us for an event, 1 to index it, 5 to join its outcome; 20 bytes until then."""
        load = Load(events_per_s=31_249, window_s=3600)
        found = size(load, KNOWN)
        assert found.workers == 1
        assert size(replace(load, events_per_s=31_251), KNOWN).workers == 2
        without = size(replace(load, window_s=0.0), KNOWN).memory_mib
        assert found.memory_mib - without == pytest.approx(31_249 * 3600 * 20 / 2**20)

    def test_no_worker_keeps_more_than_it_has_room_for(self) -> None:
        """A day's outcomes of a million events a second are 1.6 TiB; 40 workers have the CPU."""
        found = size(Load(events_per_s=1_000_000, window_s=86_400), KNOWN)
        assert found.workers == 104
        assert found.memory_mib <= WORKER_MIB
        assert found.partitions == 208

    def test_small_batches_take_more_workers(self) -> None:
        """Half of a core is 10,000 events of them; another one brings 0.8 of that."""
        assert size(Load(events_per_s=10_001, few=True), KNOWN).workers == 2
        assert size(Load(events_per_s=10_001), KNOWN).workers == 1

    def test_repeated_requests_are_remembered(self) -> None:
        """64 bytes each, for two seconds of lateness, twice."""
        grown = size(Load(events_per_s=10_000), KNOWN).memory_mib - 400
        assert grown == pytest.approx(10_000 * 2 * 2 * 64 / 2**20)

    def test_workers_that_do_not_add_up(self) -> None:
        with pytest.raises(NotMeasuredError, match="measure again"):
            size(Load(events_per_s=1000), replace(KNOWN, two=1.0))


class TestMeasured:
    def test_is_read_by_name(self, build: Path) -> None:
        assert measured(build) == KNOWN

    @pytest.mark.parametrize("field", NAMES)
    def test_what_is_lacking_is_named(self, build: Path, field: str) -> None:
        """With the command that measures it."""
        for path in build.iterdir():
            rows = json.loads(path.read_text())
            path.write_text(json.dumps([row for row in rows if row["name"] != NAMES[field]]))
        maker = "make load" if field == "base_mib" else "make bench"
        with pytest.raises(NotMeasuredError, match=f"lacks .*: run `{maker}`") as lack:
            measured(build)
        assert len(str(lack.value).splitlines()) == 1

    def test_names_are_those_of_the_benchmarks(self) -> None:
        """A row that is called otherwise there would never be found."""
        folder = Path(__file__).parents[1]
        text = "".join(path.read_text() for path in folder.glob("benchmarks/*.py"))
        text += "".join(path.read_text() for path in folder.glob("load/*.py"))
        known = {*NAMES.values()} - {NAMES["base_mib"]} | {'f"backlog of ', '"peak memory"'}
        assert {name for name in known if name not in text} == set()


class TestPage:
    def test_says_what_must_be_measured(self, build: Path) -> None:
        (build / "load.json").unlink()
        text = sizing.written(sizing.PAGE.read_text(), build)
        assert text.count("run `make bench`") == 0
        assert text.count("lacks `backlog of .*: peak memory`: run `make load`") == 1

    def test_stays_where_nothing_was_measured(self, tmp_path: Path) -> None:
        """What a former version measured is not thrown away by a clone without measurements."""
        page = sizing.PAGE.read_text()
        assert sizing.written(page, tmp_path) == page

    def test_has_a_row_for_each_load(self, build: Path) -> None:
        """No figure is typed: all of them follow from the measurements."""
        text = sizing.written(sizing.PAGE.read_text(), build)
        table = text.partition("<!-- sizing -->\n")[2].partition("<!-- /sizing -->")[0]
        assert len(table.splitlines()) == 2 + len(sizing.RATES)
        assert "| 1,000 | 4 | 1 | 448 MiB | 4 | 1 | " in table

    def test_limits_come_in_their_order(self, build: Path) -> None:
        """Half of the judge's second is 2000 panes: partitions of 1000 workers."""
        text = sizing.written(sizing.PAGE.read_text(), build)
        table = text.partition("<!-- limits -->\n")[2].partition("<!-- /limits -->")[0]
        cells = [
            [cell.strip() for cell in line.split("|")[1:3]]
            for line in table.splitlines()
            if line.startswith("|")
        ]
        rates = ["9,700", "10,000", "50,000", "230,000", "4,200,000", "40,000,000"]
        assert [rate for _, rate in cells[2:]] == rates
        assert cells[-1][0] == "the judge of one rollout"
        assert "panes of 2,000 source partitions, 2 for each worker" in table

    def test_the_judge_comes_last_however_slow_it_is(self) -> None:
        """It is the only one of which there cannot be more."""
        lines = limits_table(replace(KNOWN, pane_us=200_000.0)).splitlines()
        assert lines[-1].startswith("| the judge of one rollout | 50,000 |")

    def test_says_how_many_cells_a_core_bears(self) -> None:
        """Half of a second is 1,923 times 65 us in each of 4 partitions."""
        assert "65 us" in of_cells(KNOWN)
        assert "core bears 1,900 of them" in of_cells(KNOWN)

    def test_says_what_cannot_be_got_over(self) -> None:
        """1000 workers: a further one does .8 of the first, or as much as it has room for."""
        told = obstacles(KNOWN, 10_000_000)
        assert "at 40,000,000 events/s; 25,000,000 with outcomes within 1 h, 9,700,000" in told
        assert "lowest is below the 10,000,000" in told
        assert "lowest is above the 9,000,000" in obstacles(KNOWN, 9_000_000)
        assert "need 3 brokers" in told

    def test_a_cell_that_costs_nothing_bears_no_division(self) -> None:
        assert "too little" in of_cells(replace(KNOWN, cell_us=-1.0))

    def test_judging_takes_its_part_of_the_judge(self) -> None:
        """A quarter of a second leaves half as much for panes."""
        half = limits_table(replace(KNOWN, judging_ms=250.0)).splitlines()[-1]
        assert "panes of 1,000 source partitions" in half

    def test_two_workers_count_for_no_more_than_two(self) -> None:
        load = Load(events_per_s=400_000)
        assert size(load, replace(KNOWN, two=2.4)) == size(load, replace(KNOWN, two=2.0))

    def test_answers_for_one_load(self, build: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert sizing.main(["--events", "80000", "--build", str(build)]) == 0
        assert capsys.readouterr().out == "source_partitions: 4\nworkers: 2, each with 448 MiB\n"

    def test_answers_for_small_batches(
        self, build: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sizing.main(["--events", "80000", "--few", "--build", str(build)]) == 0
        assert capsys.readouterr().out.startswith("source_partitions: 20\nworkers: 10, ")

    def test_says_when_its_figures_were_measured(self, build: Path) -> None:
        """Of the rows that it is worked out from; others do not matter."""
        path = build / "bench.json"
        of = {"date": "2026-01-02", "commit": "a1"}
        rows = [row | of for row in json.loads(path.read_text())]
        other = {"name": "other", "value": 1.0, "date": "2026-01-09", "commit": "b2"}
        path.write_text(json.dumps([*rows, other]))
        text = sizing.written(sizing.PAGE.read_text(), build)
        assert "\nMeasured 2026-01-02, at a1.\n<!-- /sizing -->" in text

    @pytest.mark.parametrize(
        ("words", "told"),
        [(["--window", "long"], "long"), (["--build", "nowhere"], "nowhere/bench.json lacks")],
    )
    def test_says_why_it_cannot(
        self, build: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sizing.main(["--events", "1000", "--build", str(build), *words]) == 1
        assert told in capsys.readouterr().err
