"""A missing part is a skip with its reason, and a failure where DAVY_REQUIRE names it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDS_KAFKA = "tests/demo/test_broker.py::TestBroker::test_round_trip[kafka]"


def run_without_java(folder: Path, require: str) -> subprocess.CompletedProcess[str]:
    """Run one test that needs Apache Kafka with nothing on PATH."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NEEDS_KAFKA],
        cwd=ROOT,
        env={**plain, "PATH": str(folder), "DAVY_REQUIRE": require},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestAbsent:
    def test_skips_with_the_reason(self, tmp_path: Path) -> None:
        """Without Java the test is skipped and the summary names what to install."""
        done = run_without_java(tmp_path, require="haproxy")
        assert "1 skipped" in done.stdout
        assert "not on PATH: java, mvn; install them to run this part" in done.stdout
        assert done.returncode == 0

    def test_fails_where_required(self, tmp_path: Path) -> None:
        """With DAVY_REQUIRE=kafka the same is a failure with the same reason."""
        done = run_without_java(tmp_path, require="haproxy,kafka")
        assert "DAVY_REQUIRE names kafka, but: not on PATH: java, mvn" in done.stdout
        assert done.returncode == 1
