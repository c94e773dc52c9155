"""A container's own probe: asks over loopback, with the password, and says what is wrong."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from streams.actuator.service import PORT as ACTUATOR
from streams.agents.worker import PORT as WORKER
from streams.dashboard.service import PORT as DASHBOARD
from streams.demo.processes import free_port, listens, wait_until
from streams.http_settings import HttpSettings
from streams.notify.service import PORT as NOTIFY
from streams.serving import probe
from streams.serving.probe import main
from streams.serving.server import Answer, StatusServer, listen
from streams.verdicts.service import PORT as VERDICTS
from streams.verdicts.service import serving
from tests.verdicts.client import make_app
from tests.verdicts.world import EverythingRead, World, spec

Process = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """`process(dead=..., password=...)`: one that is alive, or not; yields its port."""
    monkeypatch.delenv(probe.PORT, raising=False)

    @contextmanager
    def served(*, dead: str = "", password: str = "") -> Iterator[int]:
        port = free_port()
        known = tmp_path / "passwords"
        known.write_text(f"probe:{password}\n")
        http = HttpSettings(port=port, basic_auth_file=known if password else None)
        status = HTTPStatus.SERVICE_UNAVAILABLE if dead else HTTPStatus.OK
        page = {"/healthz": lambda: Answer(status=status, body=(dead or "ok").encode())}
        with StatusServer(http, page, usual_port=port):
            yield port

    return served


class TestProbe:
    def test_well(self, process: Process, capsys: pytest.CaptureFixture[str]) -> None:
        with process() as port:
            assert main(["--port", str(port)]) == 0
        assert capsys.readouterr() == ("", "")

    def test_not_well(self, process: Process, capsys: pytest.CaptureFixture[str]) -> None:
        """The process's own reason is told."""
        with process(dead="partition 3 stands still") as port:
            assert main(["--port", str(port)]) == 1
        assert f"port {port}: 503 partition 3 stands still" in capsys.readouterr().err

    def test_another_page(self, process: Process, capsys: pytest.CaptureFixture[str]) -> None:
        """What the process does not serve is no sign of life."""
        with process() as port:
            assert main(["--port", str(port), "/readyz"]) == 1
        assert "404" in capsys.readouterr().err

    def test_nobody(self, process: Process, capsys: pytest.CaptureFixture[str]) -> None:
        with process() as port:
            pass
        assert main(["--port", str(port)]) == 1
        assert f"nobody listens at 127.0.0.1, port {port}" in capsys.readouterr().err

    def test_password(self, process: Process, tmp_path: Path) -> None:
        """Read from a file; without it, and with another one, the answer is no."""
        good, bad = tmp_path / "good", tmp_path / "bad"
        for path, password in ((good, "mine"), (bad, "yours")):
            token = base64.b64encode(f"probe:{password}".encode()).decode()
            path.write_text(f"Basic {token}\n")
        with process(password="mine") as port:
            asked = ["--port", str(port), "--authorization"]
            codes = [main([*asked, str(path)]) for path in (good, bad)] + [main(asked[:2])]
        assert codes == [0, 1, 1]

    def test_a_missing_file_is_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--authorization", str(tmp_path / "gone")]) == 1
        assert str(tmp_path / "gone") in capsys.readouterr().err


def test_web_apps_answer_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Verdict server and dashboard are served by another server, and by several threads."""
    port = free_port()
    world = World(spec())
    app = make_app(world.board, EverythingRead())
    with serving(app, listen(HttpSettings(port=port), port)):
        wait_until(lambda: listens(port), what="it listens", deadline_s=30)
        assert main(["--port", str(port)]) == 0
        assert main(["--port", str(port), "/nothing"]) == 1
    assert "404" in capsys.readouterr().err


class TestPorts:
    def test_are_those_of_the_processes(self) -> None:
        """Whoever names no port is asked at the usual one."""
        assert {WORKER, ACTUATOR, VERDICTS, DASHBOARD, NOTIFY} <= {*probe.USUAL_PORTS}

    def test_the_setting_is_heeded(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        with process() as port:
            monkeypatch.setenv(probe.PORT, str(port))
            assert main([]) == 0

    @pytest.mark.parametrize("told", ["0", "many"])
    def test_any_port_cannot_be_asked(
        self, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(probe.PORT, told)
        assert main([]) == 1
        assert "set it, or --port" in capsys.readouterr().err

    def test_only_who_listens_counts(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the usual ports one is in use in a container."""
        with process() as gone:
            pass
        with process() as port:
            monkeypatch.setattr(probe, "USUAL_PORTS", (gone, port))
            assert main([]) == 0


def test_starts_without_the_libraries_of_davy() -> None:
    """It runs every few seconds beside the process, so it imports next to nothing."""
    words = "import sys, streams.serving.probe; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True
    )
    assert {"numpy", "pydantic", "yaml", "confluent_kafka"} & {*done.stdout.split()} == set()
