"""`davy rollout init`: a spec that `apply --dry-run` takes, from flags or from answers."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from streams.cli.main import run
from streams.spec.draft import FAST
from streams.spec.library import example, example_names
from streams.spec.load import load_spec, parse_spec
from streams.spec.model import Mode, RolloutSpec

FACTS = ("--service", "chat", "--baseline", "1.10", "--candidate", "1.20")
NOWHERE = ("--router", "memory")
ENVOY = (
    *("--router", "envoy", "--option", "rds=/run/envoy/rds.json", "--option", "route=chat"),
    *("--option", "clusters={baseline: v1, candidate: v2}"),
)
Davy = Callable[..., tuple[int, str, str]]


@pytest.fixture
def davy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Davy:
    """`davy("init", ...)` -> (exit code, stdout, stderr), in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            run(["rollout", *arguments])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


def made(path: str = "rollout.yaml") -> RolloutSpec:
    return load_spec(Path(path)).spec


class TestFromFlags:
    def test_is_taken_by_apply(self, davy: Davy) -> None:
        """Versions stay text; what is commented out are all the defaults, and they are the same."""
        code, told, _ = davy("init", *FACTS, *NOWHERE)
        assert (code, told) == (
            0,
            "rollout.yaml is written; next: davy rollout apply rollout.yaml --dry-run\n",
        )
        assert davy("apply", "rollout.yaml", "--dry-run")[0] == 0
        spec = made()
        assert (spec.service, spec.baseline, spec.candidates[0].version) == ("chat", "1.10", "1.20")
        head, commented = Path("rollout.yaml").read_text().split("# guardrails:\n")
        lines = [line.removeprefix("# ") for line in ("# guardrails:\n" + commented).splitlines()]
        assert parse_spec(head + "\n".join(lines)).spec == spec

    def test_router_and_stages(self, davy: Davy) -> None:
        code, _, _ = davy("init", *FACTS, *ENVOY, "--stages", "2% for 1h, {weight: 20%}, 100%")
        assert code == 0
        spec = made()
        assert spec.target.router == "envoy"
        assert spec.target.options["clusters"] == {"baseline": "v1", "candidate": "v2"}
        assert [stage.weight_bp for stage in spec.stages] == [200, 2000, 10_000]

    def test_never_overwrites_unasked(self, davy: Davy) -> None:
        Path("rollout.yaml").write_text("precious")
        code, _, told = davy("init", *FACTS, *NOWHERE)
        assert code == 2
        assert "rollout.yaml: is there already; name another file, or overwrite" in told
        assert Path("rollout.yaml").read_text() == "precious"
        assert davy("init", *FACTS, *NOWHERE, "--force")[0] == 0
        assert made().service == "chat"

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            (("--service", "chat"), "say --baseline, --candidate, --router too"),
            ((*FACTS, "--router", "istio"), "did you mean `virtualservice`?"),
            ((*FACTS, *ENVOY[:4]), "--option route: envoy needs it, as text"),
            ((*FACTS, *NOWHERE, "--option", "names=x"), "--option names: "),
            ((*FACTS, *NOWHERE, "--option", "name"), "`name` is no NAME=VALUE"),
            ((*FACTS, *NOWHERE, "--stages", "1% for ever, 100%"), "`ever` is no time"),
            ((*FACTS[:4], "--candidate", "1.10", *NOWHERE), "--candidate: `1.10` is the version"),
            ((*FACTS, *NOWHERE, "--from", "rankings"), "--from: there is no example `rankings`"),
            ((*FACTS, *NOWHERE, "--from", "rankings"), "did you mean `ranking`?"),
        ],
    )
    def test_what_cannot_be_is_told_and_nothing_written(
        self, davy: Davy, flags: tuple[str, ...], said: str
    ) -> None:
        code, out, told = davy("init", *flags)
        assert (code, out) == (2, "")
        assert said in told
        assert not Path("rollout.yaml").exists()

    def test_an_example_that_the_router_cannot_do(self, davy: Davy) -> None:
        """HAProxy's server weights hold for every request, and copy none."""
        haproxy = ("--router", "haproxy", "--option", "socket=/run/h.sock", "--option", "backend=b")
        servers = ("--option", "servers={baseline: s1, candidate: s2}")
        code, _, told = davy("init", *FACTS, *haproxy, *servers, "--from", "shadow")
        assert code == 2
        assert "mode: router haproxy cannot copy" in told
        assert "nothing is written" in told

    def test_a_folder_that_is_missing(self, davy: Davy) -> None:
        code, _, told = davy("init", "nowhere/a.yaml", *FACTS, *NOWHERE)
        assert code == 2
        assert "nowhere/a.yaml: cannot be written: No such file or directory" in told


class TestFromExample:
    @pytest.mark.parametrize("name", example_names())
    def test_watches_the_same_at_the_usual_pace(self, davy: Davy, name: str) -> None:
        """What a test needs to end soon is left out; the facts are one's own."""
        assert davy("init", *FACTS, *NOWHERE, "--from", name)[0] == 0
        assert davy("apply", "rollout.yaml", "--dry-run")[0] == 0
        spec, model = made(), parse_spec(example(name)).spec
        assert (spec.rollout, spec.service, spec.target.router) == ("chat-1.20", "chat", "memory")
        facts = ("mode", "outcomes", "segments", "targeting", "unit", "on_segment_harm")
        assert {f: getattr(spec, f) for f in facts} == {f: getattr(model, f) for f in facts}
        text = Path("rollout.yaml").read_text()
        assert FAST not in text
        assert spec.timeout_s >= 30
        shadow = spec.mode is Mode.SHADOW
        assert spec.stages[0].min_time_s >= (15 * 60 if shadow else 10 * 60)

    @pytest.mark.parametrize("name", ["three-stage", "ranking", "latency-only", "labels"])
    def test_keeps_guardrails_and_comments(self, davy: Davy, name: str) -> None:
        davy("init", *FACTS, *NOWHERE, "--from", name)
        model = parse_spec(example(name)).spec
        assert made().metrics == model.metrics
        first = example(name).splitlines()[0]
        assert first in Path("rollout.yaml").read_text().splitlines()

    def test_wide_margins_of_a_demonstration_stay_behind(self, davy: Davy) -> None:
        """Also those that stand among others that are kept."""
        davy("init", *FACTS, *NOWHERE, "--from", "llm")
        limits = {metric.name: metric for metric in made().metrics}
        assert (limits["success"].floor, limits["errors"].margin) == (0.995, 0.25)
        assert limits["ttft_p50"].margin == 0.3

    def test_stages_of_ones_own_take_the_place(self, davy: Davy) -> None:
        davy("init", *FACTS, *NOWHERE, "--from", "three-stage", "--stages", "5% for 1h, 100%")
        assert [stage.weight_bp for stage in made().stages] == [500, 10_000]

    def test_examples_are_listed(self, davy: Davy) -> None:
        header, *rows = davy("examples")[1].splitlines()
        assert header.split() == ["example", "for"]
        assert [row.split()[0] for row in rows] == list(example_names())
        records = map(json.loads, davy("examples", "--json")[1].splitlines())
        told = {each["example"]: each["for"] for each in records}
        assert told["llm"] == "May a newer language model replace the one that answers now?"


class TestInterview:
    def answered(self, folder: Path, *arguments: str, answers: list[str]) -> tuple[int, str]:
        """What stands on a terminal of the person who gives these answers."""
        ours, theirs = pty.openpty()
        davy = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "rollout", "init", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how a terminal's other end says that it is closed
                break
            if not part:
                break
            shown += part
        os.close(ours)
        return davy.wait(60), shown.decode()

    def test_asks_what_no_flag_says(self, tmp_path: Path) -> None:
        """An answer that makes no sense is asked for again; an empty one takes the default."""
        answers = ["chat", "v1", "v1", "v2", "envoi", "envoy", "/run/rds.yaml", "/run/rds.json"]
        answers += ["chat", "{baseline: v1, candidate: v2}", ""]
        code, shown = self.answered(tmp_path, answers=answers)
        assert code == 0, shown
        assert "`v1` is the version that serves now" in shown
        assert "did you mean `envoy`?" in shown
        assert "let Envoy watch a .json file" in shown
        spec = load_spec(tmp_path / "rollout.yaml").spec
        assert spec.target.options == {
            "rds": "/run/rds.json",
            "route": "chat",
            "clusters": {"baseline": "v1", "candidate": "v2"},
        }
        assert [stage.weight_bp for stage in spec.stages] == [100, 1000, 10_000]

    def test_asks_nothing_where_flags_say_all(self, tmp_path: Path) -> None:
        code, shown = self.answered(tmp_path, *FACTS, *NOWHERE, answers=[])
        assert code == 0, shown
        assert "is written" in shown
        assert yaml.safe_load((tmp_path / "rollout.yaml").read_text())["service"] == "chat"
