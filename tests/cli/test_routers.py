"""`davy routers`: a table for people, JSON for programs."""

import json

import pytest

from streams.actuator.routers import BUILT_IN
from streams.cli.main import run


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as end:
        run(["routers", *arguments])
    assert end.value.code in {0, None}
    return capsys.readouterr().out.splitlines()


class TestRouters:
    def test_a_row_for_each(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Name and what it can, in lines that a terminal holds."""
        header, *rows = told(capsys)
        assert header.split()[:3] == ["router", "finest", "share"]
        assert {row.split()[0] for row in rows} >= BUILT_IN.keys()
        assert max(map(len, rows)) <= 100
        haproxy = next(row for row in rows if row.startswith("haproxy"))
        assert "0.39 %" in haproxy
        assert haproxy.split()[-4:] == ["no", "no", "host", "only"]

    def test_all_of_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What it moves, which rules it can do, and on what that was tested; of each variant."""
        lines = told(capsys, "haproxy")
        assert lines[0].split() == ["router", "haproxy"]
        assert "tested on        HAProxy 2.6: contract, answers counted" in lines
        assert [line for line in told(capsys, "kserve") if line.startswith("router")][1:]

    def test_one_that_there_is_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        """People call it by the mesh."""
        with pytest.raises(SystemExit, match="2"):
            run(["routers", "istio"])
        assert "did you mean `virtualservice`?" in capsys.readouterr().err

    def test_for_programs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One object a line, enumerations as their words."""
        rows = {row["router"]: row for row in map(json.loads, told(capsys, "--json"))}
        envoy = rows["envoy"]
        facts = (envoy["largest_weight"], envoy["fence"], envoy["source"])
        assert facts == (10_000, "native", "davy")
        assert envoy["rules"] == ["header", "prefix", "user_hash", "users"]
