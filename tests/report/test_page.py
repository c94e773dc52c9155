"""The page is whole, loads nothing, and shows what a hostile word says without doing it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from streams import figures
from streams.charts.look import STYLE
from streams.replay.files import Format, read_trail, write_trail
from streams.replay.records import JUDGE_STATE
from streams.report.arm_facts import Bin, Distribution
from streams.report.data import as_json, report_schema, schema_text
from streams.report.facts import MetricStory, Point, Report
from streams.report.page import page
from streams.report.plots import estimate_plot, value_range
from streams.report.tables import history
from tests.report.reader import Reader
from tests.report.worlds import recorded, told, worlds

SCHEMA = Path(__file__).parents[2] / "schemas" / "report.schema.json"


@cache
def base() -> Report:
    """Of a rollback."""
    return told(recorded("errors"))


@cache
def asked() -> Report:
    """With commands of people."""
    return told(recorded("good", 30, paused=True))


class TestPage:
    @worlds
    def test_is_whole_and_loads_nothing(self, model: str, seconds: int) -> None:
        report = told(recorded(model, seconds))
        reader = Reader(page(report))
        assert (reader.loads, "script" in reader.tags) == ([], False)
        assert report.verdict in reader.text

    @worlds
    def test_every_decision_stands_once(self, model: str, seconds: int) -> None:
        found = recorded(model, seconds)
        reader = Reader(page(told(found)))
        rows = [name for name in reader.ids if name.startswith("decision-")]
        assert rows == [f"decision-{recorded.offset}" for recorded in found.decisions]
        for decision in found.decisions:
            text = decision.decision.decision_id
            last = decision is found.decisions[-1]  # it is the record's end, too
            assert reader.text.count(text) == 1 + last

    @worlds
    def test_every_figure_is_written_as_in_every_other_table(
        self, model: str, seconds: int
    ) -> None:
        found = recorded(model, seconds)
        text = Reader(page(told(found))).text
        for verdict in found.decisions[-1].decision.verdicts:
            assert figures.interval(verdict.low, verdict.high, verdict.unit) in text
            assert figures.against(verdict.log_e_harm, verdict.log_e_harm_threshold) in text

    def test_every_drawing_has_a_table(self) -> None:
        """One of shares, two of each metric beside one table, one of each distribution."""
        report = told(recorded("good", 90))
        reader = Reader(page(report))
        metrics, spreads = len(report.metrics), len(report.distributions)
        assert reader.tags.count("svg") == 1 + 2 * metrics + spreads
        assert reader.text.count("What is drawn, as a table") == metrics + spreads - 1
        for story in report.metrics:
            rows = history(story).rows
            assert [row[1] for row in rows] == [f"#{point.seq}" for point in story.points]
            assert all(cell in reader.text for row in rows for cell in row)

    def test_the_same_log_gives_the_same_bytes(self, tmp_path: Path) -> None:
        """From memory, and from an export in either format."""
        found = recorded("good", 30, paused=True)
        wanted = page(told(found)), as_json(told(found))
        for form in Format:
            folder = tmp_path / form
            write_trail(found, folder, form)
            again = read_trail(found.rollout, folder)
            state = found.records[JUDGE_STATE]
            report = told(again, **{JUDGE_STATE: state})
            assert (page(report), as_json(report)) == wanted

    def test_gaps_stand_first(self) -> None:
        found = recorded("errors")
        records = found.records["decisions"]
        text = Reader(page(told(found, decisions=(*records[:1], *records[2:])))).text
        assert "The record of this rollout has gaps" in text.partition("Numbers")[0]

    def test_is_light_and_dark_and_fits_paper(self) -> None:
        text = page(base())
        assert "prefers-color-scheme: dark" in text
        assert "@media print" in text
        assert STYLE.splitlines()[1] in text  # not escaped


def spoilt(report: Report, word: str) -> Report:
    """The report with a stranger's word wherever people or logs have their say."""
    metrics = tuple(replace(story, metric=word, reason=word) for story in report.metrics)
    classes = Distribution(
        name=word,
        unit="",
        arms=(word, "candidate"),
        totals=(1, 1),
        bins=(Bin(label=word, low=None, high=None, shares=(0.5, 0.5)),),
        quantiles=(),
    )
    return replace(
        report,
        rollout=word,
        service=word,
        verdict=word,
        evidence=word,
        metrics=metrics,
        distributions=(*report.distributions, classes),
        timeline=tuple(replace(moment, who=word, what=word) for moment in report.timeline),
        decisions=tuple(replace(line, sentence=word, code=word) for line in report.decisions),
        health=tuple(replace(check, name=word, reason=word) for check in report.health),
        commands=tuple(replace(each, actor=word, reason=word) for each in report.commands),
        spec=replace(report.spec, yaml=word, applied_by=word),
        chain=replace(report.chain, findings=(word,), key_id=word, vouched=word),
        remarks=(word,),
    )


@cache
def plain_tags() -> list[str]:
    """Of the same page with a harmless word."""
    return Reader(page(spoilt(asked(), "word"))).tags


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style><script>alert(1)</script>",
        "{{ 7 * 7 }}{% include 'x' %}",
        "' onmouseover='alert(1)",
        "</pre></main><iframe src=//x>",
        "]]><!-- -->",
    ]
)


class TestHostileWords:
    @given(word=HOSTILE | st.text(min_size=1))
    @examples(max_examples=40)
    def test_are_shown_and_change_nothing(self, word: str) -> None:
        """Not a tag more or less than with a harmless word; and the word itself is read."""
        reader = Reader(page(spoilt(asked(), word)))
        assert reader.tags == plain_tags()
        assert reader.loads == []
        assert reader.text.count(word) >= len(asked().decisions)


class TestData:
    def test_the_stored_schema_is_fresh(self) -> None:
        """Refresh with `python -m streams.report > schemas/report.schema.json`."""
        assert SCHEMA.read_text() == schema_text()

    def test_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(report_schema())

    @worlds
    def test_holds_for_every_report(self, model: str, seconds: int) -> None:
        found = recorded(model, seconds)
        plain = json.loads(as_json(told(found)))
        errors = list(jsonschema.Draft202012Validator(report_schema()).iter_errors(plain))
        assert errors == []
        ids = [line["decision_id"] for line in plain["decisions"]]
        assert ids == [recorded.decision.decision_id for recorded in found.decisions]

    def test_refuses_what_is_no_report(self) -> None:
        plain = json.loads(as_json(base()))
        plain["state"] = "unknown"
        del plain["verdict"]
        errors = jsonschema.Draft202012Validator(report_schema()).iter_errors(plain)
        assert {error.validator for error in errors} == {"enum", "required"}


def story_with(*points: Point) -> MetricStory:
    return replace(base().metrics[0], points=points)


class TestPlots:
    def test_a_limit_is_a_line_across(self) -> None:
        """Two dashed or whole lines of the estimate's drawing: the estimate, the limit."""
        drawn = estimate_plot(base().metrics[0], base())
        assert drawn.count("<path") == 2
        assert drawn.count("stroke-dasharray") == 1
        assert drawn.count("<polygon") == 1

    def test_a_metric_without_any_number_is_drawn_empty(self) -> None:
        point = replace(
            base().metrics[0].points[0],
            **dict.fromkeys(("estimate", "low", "high", "limit", "log_e_harm", "log_e_safe")),
        )
        drawn = estimate_plot(story_with(point), base())
        assert "<path" not in drawn

    @given(
        values=st.lists(st.tuples(*[st.none() | st.floats(0, 1e9)] * 4), min_size=1, max_size=9),
        unit=st.sampled_from(["ratio", "share", "nats", "ms"]),
    )
    def test_a_range_is_never_empty(
        self, values: list[tuple[float | None, ...]], unit: str
    ) -> None:
        first = base().metrics[0].points[0]
        points = [
            replace(first, estimate=middle, limit=limit, low=low, high=high)
            for middle, limit, low, high in values
        ]
        low, high = value_range(points, unit)
        assert 0.0 <= low < high

    def test_late_estimates_and_limits_are_within_it(self) -> None:
        for story in base().metrics:
            low, high = value_range(story.points, story.unit)
            late = story.points[len(story.points) // 2 :]
            for value in (v for p in late for v in (p.estimate, p.limit) if v is not None):
                assert low <= value <= high


def test_lines_of_page_and_terminal_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """What the module prints is what is stored."""
    from runpy import run_module  # noqa: PLC0415 - it prints when it is run

    run_module("streams.report", run_name="__main__")
    assert capsys.readouterr().out == schema_text()
