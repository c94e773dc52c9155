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
        """Name, target, what it can, on what it was tested."""
        header, *rows = told(capsys)
        assert header.split()[:2] == ["router", "target"]
        assert {row.split()[0] for row in rows} >= BUILT_IN.keys()
        haproxy = next(row for row in rows if row.startswith("haproxy"))
        assert "0.39 %" in haproxy
        assert "HAProxy 2.6: contract, answers counted" in haproxy

    def test_for_programs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One object a line, enumerations as their words."""
        rows = {row["router"]: row for row in map(json.loads, told(capsys, "--json"))}
        envoy = rows["envoy"]
        facts = (envoy["largest_weight"], envoy["fence"], envoy["source"])
        assert facts == (10_000, "native", "davy")
        assert envoy["rules"] == ["header", "prefix", "user_hash", "users"]
