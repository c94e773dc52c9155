"""What `davy plan` prints, writes and refuses."""

import json

import pytest

from streams.cli.main import run

SPEC = """\
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
stages: [10% for 20m, 50% for 10m, 100%]
guardrails: {p50: off, p99: off}
"""


@pytest.fixture
def davy(tmp_path, capsys):
    """`davy("--rps", "200")` -> (exit code, stdout, stderr) of a plan."""
    path = tmp_path / "digits.yaml"
    path.write_text(SPEC)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            run(["plan", str(path), *arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


class TestPlan:
    def test_tells_what_is_assumed_stage_by_stage_and_what_to_change(self, davy):
        code, told, _ = davy("--rps", "200", "--effect", "3x", "--slower", "+30%")
        lines = told.splitlines()
        assert code == 0
        assert lines[0].startswith("digits-v2: 200 requests per second, 0.2% of them fail today")
        assert "Bad candidate: 3x failures (0.2% -> 0.6% of requests)" in lines
        assert "Bad candidate: latency +30%" in lines
        assert sum(line.startswith("10% for 20m ") for line in lines) == 2
        assert sum(line.startswith("50% for 10m or longer ") for line in lines) == 2
        assert any(line.startswith("errors     +25%, or up to 0.1%") for line in lines)
        assert "What to change" in lines

    def test_json_holds_the_same_and_is_the_same_again(self, davy):
        _, told, _ = davy("--rps", "200", "--json")
        plan = json.loads(told)
        first = plan["detections"][0]
        assert first["leg"]["candidate_bp"] == 1000
        assert first["quantiles_s"][9] == first["spread"]["half_s"]
        assert first["quantiles_s"] == sorted(first["quantiles_s"])
        assert {one["metric"] for one in plan["promotion"]["shown"]} == {
            *("errors", "success", "p95", "classes")
        }
        assert davy("--rps", "200", "--json")[1] == told

    def test_what_never_happens_is_null(self, davy):
        plan = json.loads(davy("--rps", "200", "--p-error", "0.01", "--json")[1])
        assert plan["promotion"]["spread"]["half_s"] is None
        assert "no candidate can pass" in plan["advice"][0]["problem"]

    def test_html(self, davy, tmp_path):
        page = tmp_path / "plan.html"
        code, told, _ = davy("--rps", "200", "--html", str(page))
        assert code == 0
        assert told.endswith(f"The curves are in {page}\n")
        assert page.read_text().startswith("<!doctype html>")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--rps", "0"], "--rps: 0 requests per second — write more than 0, e.g. 200"),
            (["--rps", "200", "--p-error", "2"], "--p-error: 2 is no share of failures"),
            (["--rps", "200", "--p-error", "few"], "--p-error: `few` is no share of requests"),
            (["--rps", "200", "--effect", "1.1x"], "inside the margin of +25% (errors) is no harm"),
            (["--rps", "200", "--effect", "-20%"], "--effect: the margin -20% is negative"),
            (["--rps", "200", "--slower", "+5%"], "--slower: an effect of 1.05x inside the margin"),
            (["--rps", "200", "--latency", "20ms"], "--latency: `20ms` is no pair of times"),
            (["--rps", "200", "--html", "/nowhere/x.html"], "--html /nowhere/x.html: cannot be"),
        ],
    )
    def test_says_what_and_where_and_what_to_write(self, davy, arguments, told):
        code, out, err = davy(*arguments)
        assert (code, out) == (2, "")
        assert told in err
