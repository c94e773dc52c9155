"""What does `davy plan` say of a rollout of four facts? Its own words, for a page to show.

The same question has the same answer, but it takes seconds: so it is kept in build/, as what was
measured is, and a page holds what it said last.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from infra.docs import measured
from infra.docs.spec_sample import FACTS

OPTIONS = "--rps 200 --p-error 0.2% --effect 2x"
SHOWN = f"$ davy plan {FACTS.name} {OPTIONS}"


def said() -> str:
    """What it prints where nobody looks at a terminal."""
    command = [sys.executable, "-m", "streams.cli", "plan", str(FACTS), *shlex.split(OPTIONS)]
    env = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=env)
    return done.stdout


def write() -> None:
    """Ask, and keep the answer in build/."""
    measured.BUILD.mkdir(exist_ok=True)
    (measured.BUILD / "plan.txt").write_text(said(), encoding="utf-8")


def block() -> str | None:
    """Question and answer, if it was asked."""
    path = measured.BUILD / "plan.txt"
    if not path.exists():
        return None
    return f"```\n{SHOWN}\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"
