"""What a person types, what is printed, and what lies in the log afterwards."""

import json
import os
import re
import subprocess
import sys

import pytest

from streams.cli import steering
from streams.cli.main import run
from streams.errors import SettingsError
from streams.extras import lacking
from streams.judge.decision_facts import Action

SPEC = """\
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
guardrails: {errors: 2x}
"""


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "digits.yaml"
    path.write_text(SPEC)
    return path


class TestTopicsAndSchemas:
    def test_create_then_check(self, davy):
        code, printed, told = davy("topics", "check")
        assert (code, printed) == (1, "")
        assert "predictions: is missing; run `davy topics create`" in told
        assert davy("topics", "create")[0] == 0
        code, told, _ = davy("topics", "check")
        assert (code, told) == (0, "all 12 topics are as they must be\n")

    def test_no_answer_is_not_a_no(self, capsys):
        with pytest.raises(SystemExit) as end:
            run(["topics", "check", "--bootstrap", "127.0.0.1:1"])
        assert end.value.code == 2
        assert "no broker answers at 127.0.0.1:1" in capsys.readouterr().err

    def test_register_tells_every_id(self, davy):
        code, told, _ = davy("schemas", "register")
        assert code == 0
        assert len(told.splitlines()) == 12


@pytest.mark.usefixtures("log")
class TestApply:
    def test_prints_the_whole_spec_with_its_sources_and_begins(self, davy, spec_file, log):
        code, told, _ = davy("rollout", "apply", str(spec_file))
        assert code == 0
        assert f"    margin: +100%                  # {spec_file}:5" in told.splitlines()
        assert "timeout: 30s                       # default" in told.splitlines()
        (entry,) = log.read("rollouts")
        assert (entry.key, entry.record["candidates"]) == ("digits-v2", {"candidate": "v2"})

    def test_a_dry_run_writes_nothing(self, davy, spec_file, log):
        assert davy("rollout", "apply", str(spec_file), "--dry-run")[0] == 0
        assert list(log.read("rollouts")) == []

    def test_a_version_that_was_rolled_back_asks_for_a_second_thought(
        self, davy, spec_file, log, decide
    ):
        davy("rollout", "apply", str(spec_file))
        decide("digits-v2", 1, Action.ROLLBACK)
        log.write("leases", "digits-v2", ended())
        spec_file.write_text("rollout: once-more\n" + SPEC)
        code, _, told = davy("rollout", "apply", str(spec_file))
        assert code == 2
        assert "`v2` was rolled back in rollout `digits-v2`" in " ".join(told.split())
        assert davy("rollout", "apply", str(spec_file), "--again")[0] == 0

    def test_twice_is_once(self, davy, spec_file, log):
        davy("rollout", "apply", str(spec_file))
        code, told, _ = davy("rollout", "apply", str(spec_file))
        assert code == 0
        assert "was applied before" in told
        assert len(list(log.read("rollouts"))) == 1

    def test_a_second_live_rollout_on_the_route_is_refused(self, davy, spec_file, log):
        davy("rollout", "apply", str(spec_file))
        spec_file.write_text(SPEC.replace("v2", "v3"))
        code, _, told = davy("rollout", "apply", str(spec_file))
        assert code == 2
        assert "has a live rollout `digits-v2`" in told
        assert [entry.key for entry in log.read("rollouts")] == ["digits-v2"]

    def test_a_spec_that_makes_no_sense_is_one_line(self, davy, spec_file):
        spec_file.write_text(SPEC.replace("2x", "-5%"))
        code, printed, told = davy("rollout", "apply", str(spec_file))
        assert (code, printed) == (2, "")
        assert told == (
            f"error: {spec_file}:5: errors: the margin -5% is negative — a margin is the rise "
            "that you tolerate: write `+10%`, or `0%` for none\n"
        )


class TestStatusAndList:
    def test_before_anything_happened(self, davy, spec_file, log):  # noqa: ARG002 - topics
        davy("rollout", "apply", str(spec_file))
        code, told, _ = davy("rollout", "status", "digits-v2")
        assert code == 0
        assert "is `davy worker` running" in told
        assert "is `davy actuator` running" in told

    def test_newest_decision_and_routing(self, davy, spec_file, log, decide):
        davy("rollout", "apply", str(spec_file))
        decide("digits-v2", 1)
        decide("digits-v2", 2, Action.ADVANCE)
        log.write("routing", "digits-v2", routing())
        told = davy("rollout", "status", "digits-v2")[1]
        assert "decision  #2 advance: baseline 98%, candidate 2%" in told
        assert "routing   applied at memory: baseline 98%, candidate 2%" in told
        verdict = next(line for line in told.splitlines() if line.startswith("errors"))
        assert re.split(r" {2,}", verdict) == [
            *("errors", "candidate", "undecided", "1.02x", "0.50x .. 2.00x", "1.25x"),
            *("1.1 of 602", "1.2 of 20"),
        ]
        assert "how many times more the data speak for (no) harm" in told

    @pytest.mark.parametrize(
        ("valid_ms", "said"),
        [(60_000, "valid until"), (1, "nothing is raised: is `davy worker` running?")],
    )
    def test_whether_the_judge_is_alive(self, davy, spec_file, log, decide, valid_ms, said):
        """A decision may be old: what a dead judge decided last looks as fresh as any."""
        davy("rollout", "apply", str(spec_file))
        decide("digits-v2", 1)
        lease = {"rollout": "digits-v2", "spec_hash": "0" * 32, "pane": 9, "state": "LIVE"}
        log.write("leases", "digits-v2", lease | {"valid_ms": valid_ms})
        told = davy("rollout", "status", "digits-v2")[1]
        (line,) = [line for line in told.splitlines() if line.startswith("lease ")]
        assert said in line

    def test_json_for_programs(self, davy, spec_file, log, decide):  # noqa: ARG002 - topics
        davy("rollout", "apply", str(spec_file))
        decide("digits-v2", 1)
        told = json.loads(davy("rollout", "status", "digits-v2", "--json")[1])
        assert (told["state"], told["decision"]["seq"], told["routing"]) == ("new", 1, None)

    def test_list_tells_state_and_last_decision(self, davy, spec_file, log, decide):
        davy("rollout", "apply", str(spec_file))
        decide("digits-v2", 1)
        log.write("leases", "digits-v2", ended())
        _, row = davy("rollout", "list")[1].splitlines()
        assert row.split() == [
            *("digits-v2", "digits", "default", "v1", "v2", "ended", "hold"),
            *("baseline", "98%,", "candidate", "2%"),
        ]

    def test_an_unknown_rollout(self, davy, log):  # noqa: ARG002 - topics
        code, _, told = davy("rollout", "status", "digits-v2")
        assert (code, told) == (
            2,
            "error: there is no rollout `digits-v2`; none was applied yet\n",
        )


class TestSteering:
    @pytest.mark.parametrize("command", ["pause", "resume", "promote", "abort"])
    def test_asks_with_actor_and_reason(self, davy, spec_file, log, command):
        davy("rollout", "apply", str(spec_file))
        assert davy("rollout", command, "digits-v2", "--reason", "lunch")[0] == 0
        (entry,) = log.read("commands")
        assert entry.key == "digits-v2"
        assert entry.record["command"] == command.upper()
        assert entry.record["reason"] == "lunch"
        assert entry.record["actor"]

    def test_a_user_without_a_name_can_still_abort(self, davy, spec_file, log, monkeypatch):
        """In a container with a number for a user nothing else says who it is."""
        davy("rollout", "apply", str(spec_file))
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
        assert davy("rollout", "abort", "digits-v2")[0] == 0
        (entry,) = log.read("commands")
        assert entry.record["actor"] == f"uid-{os.getuid()}"

    def test_a_pause_may_end_by_itself(self, davy, spec_file, log):
        davy("rollout", "apply", str(spec_file))
        assert davy("rollout", "pause", "digits-v2", "--for", "30m")[0] == 0
        (entry,) = log.read("commands")
        lasts = entry.record["until"] - entry.record["at"]
        assert abs(lasts - 30 * 60 * 1000) < 1000

    @pytest.mark.parametrize(("words", "lasts_ms"), [((), None), (("--for", "10m"), 600_000)])
    def test_how_long_a_promotion_counts(self, davy, spec_file, log, words, lasts_ms):
        """Where nobody says, the judge knows."""
        davy("rollout", "apply", str(spec_file))
        assert davy("rollout", "promote", "digits-v2", "--reason", "seen", *words)[0] == 0
        (entry,) = log.read("commands")
        until, at = entry.record["until"], entry.record["at"]
        assert until is None if lasts_ms is None else abs(until - at - lasts_ms) < 1000

    def test_a_length_that_is_none(self, davy, spec_file, log):  # noqa: ARG002 - topics
        davy("rollout", "apply", str(spec_file))
        code, _, told = davy("rollout", "pause", "digits-v2", "--for", "soon")
        assert (code, "--for: `soon` is no time" in " ".join(told.split())) == (2, True)

    @pytest.mark.parametrize("command", [steering.pause, steering.approve])
    def test_a_length_that_is_none_is_told_without_a_broker(self, command):
        """It is a mistake of the flag's, and nothing has to be asked to see it."""
        with pytest.raises(SettingsError, match="--for: `soon` is no time"):
            command("digits-v2", bootstrap="127.0.0.1:9", lasts="soon")

    @pytest.mark.parametrize("command", [steering.promote, steering.approve, steering.resume])
    @pytest.mark.parametrize("reason", ["", "  "])
    def test_more_traffic_needs_a_reason(self, command, reason):
        """Told without a broker; going down needs none."""
        with pytest.raises(
            SettingsError, match=r"--reason: .* may give the candidate more traffic"
        ):
            command("digits-v2", bootstrap="127.0.0.1:9", reason=reason)

    def test_approve_names_the_stage_that_waits(self, davy, spec_file, log, decide):
        spec_file.write_text(
            spec_file.read_text() + "stages: [2%, {weight: 25%, approval: true}, 100%]\n"
        )
        davy("rollout", "apply", str(spec_file))
        code, _, told = davy("rollout", "approve", "digits-v2", "--reason", "seen")
        assert code == 2
        assert "stages that do: 1" in " ".join(told.split())
        decide("digits-v2", 1)
        assert davy("rollout", "approve", "digits-v2", "--reason", "seen")[0] == 0
        (entry,) = log.read("commands")
        assert (entry.record["command"], entry.record["stage"]) == ("APPROVE", 1)

    def test_a_promotion_that_goes_step_by_step_can_be_stopped(self, davy, spec_file, log):
        """Nobody judges it any more, so a person must be able to; nothing else begins meanwhile."""
        spec_file.write_text(SPEC.replace("route: {", "route: {max_step: 20%, "))
        davy("rollout", "apply", str(spec_file))
        log.write("leases", "digits-v2", ended())
        assert davy("rollout", "pause", "digits-v2")[0] == 0
        spec_file.write_text(SPEC.replace("candidate: v2", "candidate: v5"))
        code, _, told = davy("rollout", "apply", str(spec_file))
        assert code == 2
        assert "still raises its candidate step by step" in " ".join(told.split())
        assert davy("rollout", "abort", "digits-v2")[0] == 0

    def test_an_ended_rollout_takes_no_command(self, davy, spec_file, log):
        davy("rollout", "apply", str(spec_file))
        log.write("leases", "digits-v2", ended())
        code, _, told = davy("rollout", "abort", "digits-v2")
        assert code == 2
        assert "has ended" in told


class TestForPrograms:
    def test_what_was_applied_and_what_there_is(self, davy, spec_file, log, decide):  # noqa: ARG002
        code, told, _ = davy("rollout", "apply", str(spec_file), "--json")
        applied = json.loads(told)
        assert (code, applied["rollout"], applied["begun"]) == (0, "digits-v2", True)
        assert applied["spec"]["candidates"] == [{"name": "candidate", "version": "v2"}]
        assert json.loads(davy("rollout", "apply", str(spec_file), "--json")[1])["begun"] is False
        decide("digits-v2", 1)
        (row,) = map(json.loads, davy("rollout", "list", "--json")[1].splitlines())
        assert (row["rollout"], row["state"], row["action"]) == ("digits-v2", "new", "hold")
        assert row["weights_bp"] == {"all": {"baseline": 9800, "candidate": 200}}
        asked = json.loads(davy("rollout", "pause", "digits-v2", "--json")[1])
        assert (asked["command"], asked["rollout"]) == ("PAUSE", "digits-v2")

    def test_topics_that_are_not_as_they_must_be(self, davy):
        code, told, _ = davy("topics", "check", "--json")
        lacking = {each["topic"]: each["problems"] for each in map(json.loads, told.splitlines())}
        assert (code, len(lacking)) == (1, 12)
        assert all("is missing" in problem for (problem,) in lacking.values())

    def test_topics_and_schemas(self, davy):
        made = [json.loads(line) for line in davy("topics", "create", "--json")[1].splitlines()]
        assert {each["created"] for each in made} == {True}
        checked = [json.loads(line) for line in davy("topics", "check", "--json")[1].splitlines()]
        assert [each["topic"] for each in checked] == [each["topic"] for each in made]
        assert [each["problems"] for each in checked] == [[]] * len(made)
        ids = [json.loads(line) for line in davy("schemas", "register", "--json")[1].splitlines()]
        assert all(isinstance(each["schema_id"], int) for each in ids)
        told = [json.loads(line) for line in davy("schemas", "check", "--json")[1].splitlines()]
        assert {each["refusal"] for each in told} == {None}


class TestDecisionsTail:
    def test_prints_one_a_line(self, davy, decide):
        for seq in (1, 2, 3):
            decide("digits-v2", seq)
        decide("other", 1)
        told = davy("decisions", "tail", "digits-v2", "-n", "2", "--no-follow")[1].splitlines()
        assert [line.split("  ")[1:4] for line in told] == [
            ["digits-v2", "#2", "hold"],
            ["digits-v2", "#3", "hold"],
        ]

    def test_json_a_line(self, davy, decide):
        decide("digits-v2", 1)
        code, told, complaint = davy("decisions", "tail", "--all", "--json", "--no-follow")
        assert (code, complaint) == (0, "")
        assert [json.loads(line)["seq"] for line in told.splitlines()] == [1]


class TestWithoutTheServerExtra:
    @pytest.mark.parametrize(
        ("missing", "said"), [("typer", "davy"), ("pydantic_settings", "error"), ("yaml", "error")]
    )
    def test_the_answer_is_the_install_line(self, missing, said):
        """What every command needs is missed at once, the rest by the command that needs it."""
        code = f"import sys; sys.modules['{missing}'] = None; from streams.cli import app; app()"
        done = subprocess.run(
            [sys.executable, "-c", code, "rollout", "list"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr == f"{said}: {lacking(missing, 'server')}\n"


def routing():
    weights = {"all": {"baseline": 9800, "candidate": 200}}
    return {
        "rollout": "digits-v2",
        "phase": "applied",
        "decision_id": "0" * 32,
        "fence": 1,
        "desired_bp": weights,
        "applied_bp": weights,
        "at": 1_700_000_000_000,
        "since": 1_700_000_000_000,
        "confirmed_until": 1_700_000_000_000,
        "router": "memory",
        "revision": "",
        "terminal": False,
        "reason": "",
    }


def ended():
    return {
        "rollout": "digits-v2",
        "spec_hash": "0" * 32,
        "pane": 9,
        "valid_ms": 30_000,
        "state": "ENDED",
    }
