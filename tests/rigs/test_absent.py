"""A missing part is a skip with its reason, and a failure where DAVY_REQUIRE names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS = {
    "kafka": "tests/demo/test_broker.py::TestBroker::test_round_trip[kafka]",
    "kube": "tests/kube/test_apiserver.py::TestKinds::test_serves_every_kind",
}
REASONS = {
    "kafka": "not on PATH: java, mvn; install them to run this part",
    "kube": "not on PATH: etcd; install them to run this part",
}


def run_with_nothing(folder: Path, part: str, require: str) -> subprocess.CompletedProcess[str]:
    """Run one test that needs the part with nothing on PATH."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NEEDS[part]],
        cwd=ROOT,
        env={**plain, "PATH": str(folder), "DAVY_REQUIRE": require},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("part", NEEDS)
class TestAbsent:
    def test_skips_with_the_reason(self, part: str, tmp_path: Path) -> None:
        """Without its programs the test is skipped and the summary names what to install."""
        done = run_with_nothing(tmp_path, part, require="haproxy")
        assert "1 skipped" in done.stdout
        assert REASONS[part] in done.stdout
        assert done.returncode == 0

    def test_fails_where_required(self, part: str, tmp_path: Path) -> None:
        """Where DAVY_REQUIRE names the part the same is a failure with the same reason."""
        done = run_with_nothing(tmp_path, part, require=f"haproxy,{part}")
        assert f"DAVY_REQUIRE names {part}, but: {REASONS[part]}" in done.stdout
        assert done.returncode == 1
