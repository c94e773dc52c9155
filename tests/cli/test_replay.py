"""From events through the real worker to decisions, and judged again: by topics and by files."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from streams.cli.main import run
from streams.replay.files import Format, write_trail
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.replay.trails import trail

if TYPE_CHECKING:
    from pathlib import Path

    from streams.demo.processes import Parts

ROLLOUT = "digits-v2"
GARBAGE = b"\x00\x00rubbish"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """`call("replay", ...)` -> (exit code, stdout, stderr)."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return typed


def play(pipeline: Pipeline, **traffic: Any) -> list[dict[str, Any]]:
    """A rollout from its spec to its terminal decision, through a real worker."""
    pipeline.apply(spec())
    worker = pipeline.worker()
    start = time.time_ns() // 1_000_000 - 40_000
    pipeline.eventually(
        lambda: len(pipeline.bodies("davy.Activation")) >= 2, what="activation", parts=[worker]
    )
    pipeline.routed(ROLLOUT, "observed", 0, start - 60_000, 0)
    for topic in ("routing", "commands", "rollouts"):  # the worker passes them over
        pipeline.produce(topic, ROLLOUT, GARBAGE)
    events = list(Traffic(seconds=36.0, rate=200.0, **traffic).events(start))
    pipeline.publish(events[:600])
    pipeline.eventually(lambda: bool(pipeline.decisions()), what="a decision", parts=[worker])
    pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
    pipeline.publish(events[600:])
    pipeline.eventually(
        lambda: any(d["terminal"] for d in pipeline.decisions()), what="the end", parts=[worker]
    )
    return pipeline.decisions()


@pytest.mark.flow
@pytest.mark.timeout(240)
class TestThroughTheWorker:
    @pytest.mark.parametrize(
        ("error_rates", "action"), [((0.01, 0.01), "promote"), ((0.01, 0.5), "rollback")]
    )
    def test_from_topics_and_from_an_export(
        self,
        tansu: str,
        prefix: str,
        parts: Parts,
        call: Any,
        tmp_path: Path,
        error_rates: tuple[float, float],
        action: str,
    ) -> None:
        """Every decision is the same again, and explained, garbage in the topics or not."""
        pipeline = Pipeline(tansu, prefix, parts)
        decisions = play(pipeline, error_rates=error_rates)
        assert decisions[-1]["action"] == action
        for topic in ("panes", "decisions"):
            pipeline.produce(topic, ROLLOUT, GARBAGE)
        pipeline.settle()
        where = ("--bootstrap", tansu, "--prefix", prefix)
        count = len(decisions)
        code, told, _ = call("replay", ROLLOUT, *where, "--export", tmp_path)
        assert (code, told.splitlines()[-1]) == (0, f"{ROLLOUT}: {count} ok")
        files = ("--from-files", tmp_path)
        code, told, _ = call("replay", ROLLOUT, *files)
        assert (code, told.splitlines()[-1]) == (0, f"{ROLLOUT}: {count} ok")
        for decision in decisions:
            _, from_topics, _ = call("explain", decision["decision_id"], *where)
            _, from_files, _ = call("explain", f"{ROLLOUT}#{decision['seq']}", *files)
            assert from_topics == from_files
            assert "judged again from the panes" in from_topics
            assert "note     " not in from_topics
        pages = [tmp_path / "topics.html", tmp_path / "files.html"]
        for page, source in zip(pages, (where, files), strict=True):
            _, told, _ = call("report", ROLLOUT, *source, "--html", page)
            assert told.startswith("v2 is to " if action == "promote" else "v2 did not ")
        text = pages[0].read_text()
        assert text == pages[1].read_text()
        assert all(decision["decision_id"] in text for decision in decisions)


def one_event_more(verdict: dict[str, Any]) -> None:
    verdict["events"]["candidate"] += 1


def a_millionth_more(verdict: dict[str, Any]) -> None:
    verdict["log_e_harm"] += 1e-6


class TestTampered:
    @pytest.fixture(params=Format)
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        write_trail(trail(), tmp_path, request.param)
        return tmp_path

    def test_untouched(self, call: Any, folder: Path) -> None:
        code, told, _ = call("replay", "digits-2", "--from-files", folder)
        assert (code, told.splitlines()[-1]) == (0, "digits-2: 5 ok")

    @pytest.mark.parametrize(
        ("change", "field", "gap"),
        [
            (one_event_more, "verdicts[0].events.candidate", "within"),
            (a_millionth_more, "verdicts[0].log_e_harm", "beyond"),
        ],
    )
    def test_one_figure(self, call: Any, tmp_path: Path, change: Any, field: str, gap: str) -> None:
        write_trail(trail(), tmp_path, Format.JSONL)
        path = tmp_path / "decisions.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        change(rows[2]["record"]["verdicts"][0])
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        code, told, _ = call("replay", "digits-2", "--from-files", tmp_path)
        assert code == 1
        assert field in told
        assert f"at most, {gap} 1e-9" in told
        assert told.splitlines()[-1] == "digits-2: 4 ok, 1 differs"

    def test_missing_panes(self, call: Any, tmp_path: Path) -> None:
        write_trail(trail(), tmp_path, Format.JSONL)
        path = tmp_path / "panes.jsonl"
        path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[20:]))
        code, _, told = call("replay", "digits-2", "--from-files", tmp_path)
        assert code == 2
        assert "no activation of it is left" in told
        assert "retention.ms" in told


@pytest.mark.flow
class TestUnknown:
    def test_rollout(self, davy: Any, log: Any, tmp_path: Path) -> None:  # noqa: ARG002
        """No folder is left behind by an export of nothing."""
        code, _, told = davy("replay", "digits-9", "--export", str(tmp_path / "out"))
        assert code == 2
        assert "there is no decision of rollout `digits-9`" in told
        assert not (tmp_path / "out").exists()
