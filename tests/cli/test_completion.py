"""`davy --install-completion`, in a shell as people use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
davy --install-completion || exit 1
source ~/.bash_completions/davy.sh
complete -p davy
completed() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _davy_completion davy
    echo "${COMPREPLY[@]}"
}
completed davy ro
completed davy rollout a
completed davy rollout init --from la
completed davy rollout init --fo
"""


def test_completes_in_bash(tmp_path: Path) -> None:
    """Commands, commands of commands, flags, and names of examples."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "--norc", "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0] == f"bash completion installed in {tmp_path}/.bash_completions/davy.sh"
    assert told[2:] == [
        "complete -o default -F _davy_completion davy",
        "rollout routers",
        "apply approve abort",
        "labels latency-only",
        "--force",
    ]
