"""Tables of measurements name the day and the commit that their files name, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infra.docs import measured, when
from tests.benchmarks.results import Row, write
from tests.stamp import Stamp, stamp
from tests.statistics import runner
from tests.statistics.facts import Figure, Result
from tests.statistics.runner import Done

TOLD = re.compile(r"^Measured (.+)\.$", re.MULTILINE)
AT_MS = 1_790_000_000_000


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where measurements are looked for."""
    monkeypatch.setattr(measured, "BUILD", tmp_path)
    return tmp_path


def row(name: str) -> Row:
    return Row(
        name=name,
        value=1.0,
        unit="ms",
        must=2.0,
        moonshot=None,
        better="lower",
        rounds=(1.0,),
        note="two partitions",
    )


def done(name: str, of: Stamp) -> Done:
    figure = Figure(bar=name, scenario="one", value=0.1, unit="", must=0.2)
    return Done(task=name, seconds=1.0, result=Result(figures=(figure,)), stamp=of)


def told(table: str | None) -> list[str]:
    """What stands below a table."""
    assert table is not None
    return TOLD.findall(table)


class TestHeadlines:
    def test_they_come_in_their_own_order(self, build: Path) -> None:
        """Whichever part was measured last, and whatever else there is."""
        rows = [row(name) for name in ("other", *reversed(measured.HEADLINES))]
        write(rows, build / "bench.json", part="all")
        table = measured.speed_table() or ""
        lines = [line for line in table.splitlines() if line.startswith("|")][2:]
        assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == [*measured.HEADLINES]


class TestLine:
    @pytest.mark.parametrize(
        ("dates", "commits", "line"),
        [
            (["2026-01-03", "2026-01-02"], ["b", "a", "b"], "2026-01-02 to 2026-01-03, at b, a"),
            (["2026-01-02", "2026-01-02"], [], "2026-01-02"),
            (["", ""], ["a1", ""], "at a1"),
        ],
    )
    def test_names_what_is_known(self, dates: list[str], commits: list[str], line: str) -> None:
        assert told(when.line(dates, commits)) == [line]

    def test_is_not_there_where_nothing_is_known(self) -> None:
        assert when.line([""], [""]) == ""


class TestTables:
    def test_rows_of_a_benchmark_say_when_they_were_measured(
        self, build: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """As the benchmark writes them; the bar says on which side of it they must be."""
        write([row("one")], build / "bench.json", part="all")
        assert "one" in capsys.readouterr().out
        now = stamp()
        table = measured.bench_table()
        assert told(table) == [f"{now.date}, at {now.commit}" if now.commit else now.date]
        assert "| one | 1 | ms | ≤ 2 | 1 | two partitions |\n" in str(table)

    def test_rows_that_do_not_say_are_shown_without(
        self, build: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = build / "load.json"
        write([row("one")], path, part="all")
        assert "one" in capsys.readouterr().out
        (bare,) = json.loads(path.read_text())
        del bare["date"], bare["commit"]
        path.write_text(json.dumps([bare]))
        assert told(measured.load_table()) == []

    def test_figures_of_simulations_keep_the_day_of_their_own_run(self, build: Path) -> None:
        """What was kept of an earlier run is not given out for new."""
        parts = build / "parts.json"
        first, second, *_ = runner.tasks()
        runner.kept({}, [done(first.name, Stamp(date="2026-01-02", commit="a1"))], parts)
        fresh = [done(second.name, Stamp(date="2026-01-05", commit="b2"))]
        found = runner.kept(runner.read(parts), fresh, parts)
        runner.write_results(found.values(), build / "statistics.json")
        assert told(measured.statistics_table()) == ["2026-01-02 to 2026-01-05, at a1, b2"]

    def test_parts_of_before_do_not_say(self, tmp_path: Path) -> None:
        """They are read all the same."""
        parts = tmp_path / "parts.json"
        name = runner.tasks()[0].name
        runner.kept({}, [done(name, Stamp(date="2026-01-02", commit="a1"))], parts)
        (old,) = json.loads(parts.read_text())
        del old["stamp"]
        parts.write_text(json.dumps([old]))
        assert runner.read(parts) == {name: done(name, Stamp())}

    def test_a_soak_says_of_which_commit_it_is(self, build: Path) -> None:
        fault = {"at_ms": AT_MS, "recovery_s": 1.0}
        scenario = {"scenario": "killed", "ok": True, "tally": {"accepted": 1}, "faults": [fault]}
        soak = {"bars": [], "versions": {"commit": "a1"}, "scenarios": [scenario]}
        (build / "soak.json").write_text(json.dumps(soak))
        assert told(measured.soak_table()) == [f"{when.day_of(AT_MS)}, at a1"]

    def test_a_demo_tells_the_day_of_its_decisions(self, build: Path) -> None:
        rollout = {
            "outcome": "promoted",
            "seconds": 1.0,
            "seconds_from_first_faulty_response_to_share_0": 1.0,
            "final_measured_share": 0.0,
            "decisions": [{"at_ms": AT_MS}],
        }
        demo = {"fault": "errors", "rollouts": [rollout, rollout]}
        (build / "demo-errors.json").write_text(json.dumps(demo))
        assert told(measured.demo_table()) == ["2026-09-21"]
