"""The demo as people start it: it ends as it must, and however it ends nothing keeps running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.demo.processes import Parts, wait_until
from tests.demo.whole import DEMO, RUN_S, check_report, marked, start


@pytest.mark.flow
@pytest.mark.alone
@pytest.mark.timeout(RUN_S + 30)
class TestDemo:
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param("slow", marks=pytest.mark.slow),
            pytest.param("drift", marks=pytest.mark.slow),
            pytest.param("accuracy", marks=pytest.mark.slow),
            pytest.param("conversion", marks=pytest.mark.slow),
        ],
    )
    def test_whole(self, parts: Parts, tmp_path: Path, mark: str, fault: str) -> None:
        """Promotes the good candidate, rolls back the bad one, reports, leaves nothing behind.

        `errors` is looked at in a browser: test_looked_at.py.
        """
        demo = start(parts, tmp_path, mark, "--fault", fault)
        assert demo.wait(deadline_s=RUN_S) == 0, demo.tail(200)
        check_report(tmp_path, fault)
        assert marked(mark) == set()


class TestEndDuringImports:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_says_so_without_a_traceback(self, tmp_path: Path, number: signal.Signals) -> None:
        """Python tells on stderr what it has imported; this module comes early."""
        command = [sys.executable, "-X", "importtime", *DEMO[1:], "--build", str(tmp_path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as demo:
            assert demo.stderr is not None
            assert any("streams.demo.processes" in line for line in demo.stderr)
            demo.send_signal(number)
            said, complaint = demo.communicate(timeout=60)
        assert demo.returncode == 128 + number
        assert said == f"stopped by {number.name}\n"
        assert "Traceback" not in complaint
        assert list(tmp_path.iterdir()) == []


@pytest.mark.flow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
class TestEnd:
    @pytest.mark.parametrize(
        ("number", "moment"),
        [
            (signal.SIGINT, "servers start"),
            (signal.SIGINT, "traffic flows"),
            (signal.SIGTERM, "traffic flows"),
            (signal.SIGKILL, "traffic flows"),
        ],
    )
    def test_no_process_is_left(
        self, parts: Parts, tmp_path: Path, mark: str, number: signal.Signals, moment: str
    ) -> None:
        """Whether it was asked to end or killed, in its set-up or later."""
        demo = start(parts, tmp_path, mark)
        log = tmp_path / "demo" / ("server-v3.log" if moment == "servers start" else "envoy.log")
        demo.wait_until(log.exists, what=moment, deadline_s=60)
        before = marked(mark)
        assert len(before) > 3
        os.kill(demo.pid, number)
        code = demo.wait(deadline_s=60)
        assert code == (-number if number is signal.SIGKILL else 128 + number)
        wait_until(lambda: not marked(mark), what="the end of all processes", deadline_s=10)
