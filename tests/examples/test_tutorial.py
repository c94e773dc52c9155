"""The tutorial, run from top to bottom in one shell, ends as it says."""

import os
import re
import socket
import sys
from pathlib import Path

import pytest

from streams.demo.processes import Parts, free_port

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "infra" / "TUTORIAL.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- step"
ENV = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def steps(port: int, folder: Path) -> list[str]:
    """The blocks, with this port for the broker's and this folder for their own."""
    return BLOCK.findall(TUTORIAL.replace("9092", str(port)).replace("build/tutorial", str(folder)))


@pytest.mark.flow
@pytest.mark.slow
class TestTutorial:
    @pytest.mark.timeout(400)
    def test_it_runs_as_it_is_written(self, tmp_path: Path, parts: Parts) -> None:
        """Every command succeeds, and each step says what the text promises."""
        found = steps(free_port(), tmp_path)
        script = "".join(f"echo '{MARK}'\n{step}" for step in found)
        command = ["bash", "-eu", "-c", script]
        tutorial = parts.start("tutorial", command, env=ENV, cwd=ROOT)
        assert tutorial.wait(deadline_s=360) == 0, tutorial.tail()
        said = tutorial.log.read_text().split(MARK)[1:]
        assert len(said) == len(found) == 9
        topics, _, applied, _, thinks, broken, why, again, _ = said
        assert "predictions" in topics
        assert re.search(r"rollout digits-v2 \(\w+\) applied", applied)
        assert re.search(r"^undecided  digits-v2  (?!no_lease)", thinks, re.MULTILINE)
        assert "exit code 3" in thinks
        assert "fail  digits-v2" in broken
        assert "exit code 1" in broken
        assert re.search(r"^decision  #\d+ rollback", broken, re.MULTILINE)
        assert "errors" in why
        assert re.search(r"^digits-v2: \d+ ok$", again, re.MULTILINE)
        assert re.search(r"^digits-v2: \d+ decisions, whole$", again, re.MULTILINE)
        assert re.search(r"dashboard, .* at http://", (tmp_path / "dashboard.log").read_text())

    def test_no_topics_are_made_where_the_port_is_taken(self, tmp_path: Path, parts: Parts) -> None:
        """They would be somebody else's; the first step ends all the same, and tells."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            first = steps(taken.getsockname()[1], tmp_path)[0]
            command = ["bash", "-u", "-c", first]
            tutorial = parts.start("first", command, env={**ENV, "LC_ALL": "C"}, cwd=ROOT)
            assert tutorial.wait(deadline_s=60) == 0
        said = tutorial.log.read_text()
        assert "No such process" in said
        assert "predictions" not in said
