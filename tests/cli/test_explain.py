"""What a person reads who asks why, and what a program gets."""

import json
import re
from pathlib import Path

import pytest

from streams import figures
from streams.judge.record import decision_to_record
from streams.replay.files import Format, write_trail
from streams.settings import Settings
from streams.spec.model import FULL_BP, Stage
from tests.judge.world import World, make_spec
from tests.replay.trails import decisions_of, trail, trail_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings():
    """No broker: everything is read from files."""
    return Settings(bootstrap="127.0.0.1:1", prefix="none-")


@pytest.fixture(params=["errors", "good"])
def exported(request, tmp_path):
    """The folder of an export, and its trail: one rolled back, one promoted."""
    found = trail(request.param, 90)
    write_trail(found, tmp_path / "export", Format.JSONL)
    return tmp_path / "export", found


class TestFromFiles:
    def test_every_decision(self, davy, exported):
        folder, found = exported
        for recorded in found.decisions:
            name = f"digits-2#{recorded.decision.seq}"
            code, told, _ = davy("explain", name, "--from-files", str(folder))
            assert code == 0
            assert recorded.decision.decision_id in told
            assert "errors of candidate: " in told
            assert "judged again from the panes" in told
            assert "note     " not in told

    def test_figures_stand_as_recorded(self, davy, exported):
        folder, found = exported
        _, told, _ = davy("explain", "digits-2", "--from-files", str(folder))
        verdict = decisions_of(found)[-1].verdicts[0]
        logs = f"(log {verdict.log_e_harm:.4f} of {verdict.log_e_harm_threshold:.4f})"
        assert logs in told
        counts = f"candidate {verdict.events['candidate']} events in "
        assert f"{counts}{verdict.exposures['candidate']} requests" in told

    def test_figures_are_written_as_in_every_other_table(self, davy, exported):
        folder, found = exported
        _, told, _ = davy("explain", "digits-2", "--from-files", str(folder))
        for v in decisions_of(found)[-1].verdicts:
            assert f"interval  {figures.interval(v.low, v.high, v.unit)} [" in told
            assert f"limit     {figures.amount(v.margin, v.unit)} [" in told
            against = figures.against(v.log_e_harm, v.log_e_harm_threshold)
            shown = "shown" if v.log_e_harm >= v.log_e_harm_threshold else "not shown"
            assert f"e harm    {against}, {shown}" in told

    def test_every_figure_has_a_mark_and_every_mark_a_formula(self, davy, exported):
        """From a figure to its formula is one step, from there to its source another."""
        folder, _ = exported
        _, told, _ = davy("explain", "digits-2", "--from-files", str(folder))
        above, _, below = told.partition("each formula in full")
        rows = re.findall(
            r"^(?:  \w.*|health .*|weights .*|.* would say of .*)$", above, re.MULTILINE
        )
        assert len(rows) > 20
        assert [row for row in rows if not re.search(r"(\[\d+\])+$", row)] == []
        marks = re.findall(
            r"^ *\[(\d+)\] .+: streams/\S+\.py:\d+  \S+\.md#\S+$", below, re.MULTILINE
        )
        assert set(re.findall(r"\[(\d+)\]", above)) == set(marks)
        assert marks == [str(number) for number in range(1, len(marks) + 1)]

    def test_by_decision_id(self, davy, exported):
        folder, found = exported
        wanted = decisions_of(found)[1]
        _, told, _ = davy("explain", wanted.decision_id, "--from-files", str(folder))
        assert f"digits-2#{wanted.seq}\n" in told

    def test_every_link_leads_somewhere(self, davy, exported):
        folder, _ = exported
        _, told, _ = davy("explain", "digits-2", "--from-files", str(folder))
        links = set(re.findall(r"(streams/\S+\.md)#(\S+)", told))
        assert len(links) > 5
        for page, anchor in links:
            titles = re.findall(r"^##? (.+)$", (ROOT / page).read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
            assert anchor in anchors

    def test_json(self, davy, exported):
        folder, found = exported
        _, told, _ = davy("explain", "digits-2", "--json", "--from-files", str(folder))
        answer = json.loads(told)
        assert answer["decision"] == found.decisions[-1].record
        first = answer["verdicts"][0]
        assert first["otherwise"]["basis"] == "rejudged"
        assert isinstance(first["otherwise"]["harm"]["events"], int)
        assert first["formulas"]["test"]["link"].endswith("#rate-ratio-grid-e-process")
        assert first["figures"]["events"]["link"].endswith("#counts")
        assert first["figures"]["low"]["place"].startswith("streams/evidence/rates.py:")
        assert answer["health"]["sample_ratio"]["link"].endswith("#sample-ratio")


class TestFromDecisionsAlone:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "decisions.jsonl"
        records = [decision_to_record(decision) for decision in decisions_of(trail())]
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
        return path

    def test_says_that_it_is_an_approximation(self, davy, file):
        code, told, _ = davy("explain", "digits-2#5", "--file", str(file))
        assert code == 0
        assert "approximation on pooled counts" in told
        assert "judged again" not in told
        assert re.search(r"with \d+ fewer events? of the candidate harm would not have", told)

    def test_no_such_decision(self, davy, file):
        code, _, told = davy("explain", "digits-2#77", "--file", str(file))
        assert code == 2
        assert "there is no decision `digits-2#77`; there are: digits-2#1 to #5" in told

    def test_garbage_is_named_by_its_line(self, davy, file):
        file.write_text(file.read_text() + '{"rollout": "digits-2"}\n')
        code, _, told = davy("explain", "digits-2", "--file", str(file))
        assert code == 2
        assert f"{file}:6: no decision: KeyError" in told

    def test_not_both(self, davy, file):
        code, _, told = davy(
            "explain", "digits-2", "--file", str(file), "--from-files", str(file.parent)
        )
        assert code == 2
        assert "not both" in told


class TestNoBroker:
    def test_an_unknown_id_in_files(self, davy, exported):
        folder, _ = exported
        code, _, told = davy("explain", "0" * 32, "--from-files", str(folder))
        assert code == 2
        assert "there is no decision `00000000" in told

    def test_unknown_rollout_in_files(self, davy, exported):
        folder, _ = exported
        code, _, told = davy("explain", "digits-9", "--from-files", str(folder))
        assert code == 2
        assert "there is no decision of rollout `digits-9`" in told


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """An export of a rollout whose world moved, and the decision that tells it."""
    folder = tmp_path_factory.mktemp("moved") / "export"
    long = (Stage(weight_bp=500, min_time_s=200), Stage(weight_bp=FULL_BP))
    world = World(spec=make_spec(stages=long), pace=lambda second: 3.0 if second >= 60 else 1.0)
    found = trail_in(world, 110)
    write_trail(found, folder, Format.JSONL)
    (told,) = [decision for decision in decisions_of(found) if decision.news]
    return folder, told


class TestDrift:
    """The world moved: it is told beside the verdicts, with its formula."""

    def test_to_a_person(self, davy, moved):
        folder, decision = moved
        code, told, _ = davy("explain", f"digits-2#{decision.seq}", "--from-files", str(folder))
        seen = f"seen in pane {decision.cut.pane}: latency went up from 2"
        assert code == 0
        assert f"world    the baseline itself has changed, {seen}" in told
        assert "drift of the baseline: streams/judge/drift/course.py:" in told
        assert "judged again from the panes" in told

    def test_to_a_program(self, davy, moved):
        folder, decision = moved
        _, told, _ = davy(
            "explain", f"digits-2#{decision.seq}", "--from-files", str(folder), "--json"
        )
        explained = json.loads(told)
        (drift,) = explained["decision"]["drifts"]
        assert (drift["metric"], drift["direction"]) == ("latency", "up")
        assert explained["drift_formula"]["link"].endswith("#drift-of-the-baseline")

    def test_judged_again_it_is_the_same(self, davy, moved):
        folder, _ = moved
        code, told, _ = davy("replay", "digits-2", "--from-files", str(folder))
        assert code == 0, told
