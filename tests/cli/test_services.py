"""Commands that run on start without what they do not need."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sklearn", "pandas", "sqlalchemy", "scipy.stats", "scipy.optimize", "river.drift", "httpx")
"""Each takes tenths of a second or more of every restart."""


class TestServices:
    """`davy worker`, `davy actuator` and `davy notify`."""

    def test_a_worker_imports_nothing_heavy(self) -> None:
        names = "streams.cli.main, streams.cli.services, streams.agents.worker"
        code = f"import sys, {names}; print(*(set({HEAVY!r}) & set(sys.modules)))"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert ran.stdout.split() == []
