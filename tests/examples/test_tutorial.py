"""The tutorial, run from top to bottom in one shell, ends as it says."""

import os
import re
import sys
from pathlib import Path

import pytest

from streams.demo.processes import Parts, free_port

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "infra" / "TUTORIAL.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- step"


@pytest.mark.flow
@pytest.mark.slow
class TestTutorial:
    @pytest.mark.timeout(400)
    def test_it_runs_as_it_is_written(self, tmp_path: Path, parts: Parts) -> None:
        """Every command succeeds, and each step says what the text promises."""
        text = TUTORIAL.replace("9092", str(free_port())).replace("build/tutorial", str(tmp_path))
        steps = BLOCK.findall(text)
        script = "".join(f"echo '{MARK}'\n{step}" for step in steps)
        env = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = ["bash", "-eu", "-c", script]
        tutorial = parts.start("tutorial", command, env=env, cwd=ROOT)
        assert tutorial.wait(deadline_s=360) == 0, tutorial.tail()
        said = tutorial.log.read_text().split(MARK)[1:]
        assert len(said) == len(steps) == 9
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
