"""The demo says where to look, and needs no page to go on."""

from __future__ import annotations

import sys

import httpx
import pytest

from streams.demo.broker import RunningBroker
from streams.demo.dashboard import NAME, start_dashboard, tell_address
from streams.demo.processes import Part, Parts
from streams.demo.scene import DAVY, check_parts, write_config
from streams.errors import PartError
from streams.settings import load_settings
from streams.topics import create_topics


class TestAddress:
    @pytest.mark.flow
    def test_is_told_and_answers(self, tansu: str, parts: Parts) -> None:
        """With the demo's own settings."""
        parts.folder.mkdir(parents=True, exist_ok=True)
        nobody = parts.start("broker", [sys.executable, "-c", "input()"])
        broker = RunningBroker(name="tansu", bootstrap=tansu, transactional=False, part=nobody)
        config = write_config(parts.folder, broker)
        create_topics(load_settings(config))
        said: list[str] = []
        part = start_dashboard(parts, DAVY, {"DAVY_CONFIG": str(config)})
        url = tell_address(part, said.append)
        assert said == [f"dashboard: {url}"]
        assert httpx.get(f"{url}/api/v1/session").json()["may_command"] is True

    def test_of_one_that_ends_is_why(self, parts: Parts) -> None:
        said: list[str] = []
        broken = (sys.executable, "-c", "import sys; sys.exit('no such topic')")
        assert tell_address(start_dashboard(parts, broken, {}), said.append) == ""
        assert said[0].startswith("no dashboard: dashboard ended with code 1")
        assert "no such topic" in said[0]


class TestNeed:
    @pytest.mark.parametrize(("name", "needed"), [(NAME, False), ("worker", True)])
    def test_of_parts_that_have_ended(self, parts: Parts, name: str, *, needed: bool) -> None:
        part: Part = parts.start(name, [sys.executable, "-c", ""])
        part.wait(deadline_s=20)
        if needed:
            with pytest.raises(PartError, match="worker ended with code 0"):
                check_parts(parts)
        else:
            check_parts(parts)
