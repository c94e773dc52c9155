"""`davy hooks`: who is told, and does it arrive?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli.main import run
from tests.notify.receiver import Receiver

SETTINGS = """\
notify:
  hooks:
    ops: {kind: slack, url: env:SLACK, least: warning}
    retrain: {kind: trigger, url: %s, transitions: [rolled_back]}
    gone: {kind: slack, url: env:NOWHERE}
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`call("list")` -> (exit code, stdout, stderr); the receiver is in `call.to`."""
    with Receiver().running() as to:
        file = tmp_path / "davy.yaml"
        file.write_text(SETTINGS % to.url)
        monkeypatch.setenv("SLACK", f"{to.url}/T0/hush")
        monkeypatch.setenv("NOWHERE", "http://127.0.0.1:9/T0/hush")
        monkeypatch.setenv("COLUMNS", "200")

        def called(*arguments: str) -> tuple[int, str, str]:
            with pytest.raises(SystemExit) as end:
                run(["hooks", *arguments, "--config", str(file)])
            captured = capsys.readouterr()
            return int(end.value.code or 0), captured.out, captured.err

        called.to = to
        yield called


def test_list_says_who_is_told_of_what(call):
    code, out, _ = call("list")
    assert code == 0
    [line] = [line for line in out.splitlines() if line.strip().startswith("retrain")]
    assert line.split() == ["retrain", "trigger", "info", "rolled_back"]


def test_test_tells_a_promotion_that_never_was(call):
    code, out, _ = call("test", "ops")
    assert (code, "told" in out) == (0, True)
    assert "davy-test" in call.to.calls[0].body["text"]


def test_what_does_not_arrive_is_said(call):
    """With the host and without the secret; the others are tried all the same."""
    code, out, _ = call("test", "--yes")
    assert code == 1
    assert "127.0.0.1:9: ConnectError" in out
    assert "hush" not in out
    assert len(call.to.calls) == 2


def test_what_acts_on_a_notice_is_said_first(call):
    """A pipeline would start; where nobody can be asked it needs a flag."""
    code, out, err = call("test", "retrain")
    assert (code, out, call.to.calls) == (2, "", [])
    assert "retrain: posts a promotion of `davy-test`" in err
    assert "say --yes, or name another hook" in err
    code, _, err = call("test", "retrain", "--yes")
    assert (code, len(call.to.calls)) == (0, 1)
    assert "retrain: posts a promotion of `davy-test`" in err


def test_for_programs(call):
    rows = [json.loads(line) for line in call("list", "--json")[1].splitlines()]
    assert rows[1]["hook"] == "retrain"
    assert rows[1]["told_of"] == ["rolled_back"]
    rows = [json.loads(line) for line in call("test", "ops", "--json")[1].splitlines()]
    assert rows == [{"hook": "ops", "problem": None}]


def test_an_unknown_hook_gets_the_nearest_name(call):
    code, _, err = call("test", "retrian")
    assert code == 2
    assert "there is no hook `retrian`; did you mean `retrain`?" in err
