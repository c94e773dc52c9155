"""What is said where there is nothing to say: no broker, no decision, no command."""

import json
import re
import time
from importlib.metadata import version

import pytest

from streams.cli.main import run

NOWHERE = ("--bootstrap", "127.0.0.1:1")


def call(capfd, *arguments):
    with pytest.raises(SystemExit) as end:
        run(arguments)
    told = capfd.readouterr()
    return int(end.value.code or 0), told.out, told.err


class TestNoBroker:
    @pytest.mark.parametrize("command", [("rollout", "list"), ("topics", "check")])
    def test_is_one_line_with_the_cause_and_soon(self, capfd, command):
        """None of librdkafka's own lines, which go past Python to the file descriptor."""
        began = time.monotonic()
        code, out, told = call(capfd, *command, *NOWHERE)
        assert time.monotonic() - began < 2.5
        assert (code, out, told.count("\n")) == (2, "", 1)
        assert re.match("error: .* 127.0.0.1:1.* Local: Broker transport failure", told)
        assert "Connection refused" in told

    def test_the_client_speaks_where_the_settings_ask_for_it(self, capfd, tmp_path):
        config = tmp_path / "davy.yaml"
        config.write_text("bootstrap: 127.0.0.1:1\nkafka: {log_level: 3}\n")
        assert "|FAIL|" in call(capfd, "rollout", "list", "--config", str(config))[2]


class TestVersion:
    @pytest.mark.parametrize("way", ["--version", "version"])
    def test_is_told_either_way(self, capfd, way):
        assert call(capfd, way) == (0, f"{version('davy')}\n", "")

    def test_to_a_program(self, capfd):
        code, out, _ = call(capfd, "version", "--json")
        assert (code, json.loads(out)) == (0, {"version": version("davy")})


@pytest.mark.usefixtures("log")
class TestNoDecision:
    def test_of_an_unknown_rollout_is_said_on_stderr(self, davy, decide):
        decide("digits-v2", 1)
        code, out, told = davy("decisions", "tail", "digits-v9", "--all", "--no-follow")
        assert (code, out) == (0, "")
        assert told.startswith("no decision of `digits-v9` is there; `davy rollout list` tells")

    def test_at_the_end_alone_is_told_as_that(self, davy):
        told = davy("decisions", "tail", "digits-v9", "--no-follow")[2]
        assert "among the last 10 of each partition; --all looks further back" in told

    def test_of_what_is_there_is_not_said(self, davy, decide):
        decide("digits-v2", 1)
        assert davy("decisions", "tail", "digits-v2", "--no-follow")[2] == ""
