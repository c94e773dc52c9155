"""A secret is in no line that davy writes: whatever goes wrong, and however talkative it is."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.demo.processes import HOST, free_port
from streams.errors import SettingsError
from streams.publisher.options import Options
from streams.secret_files import secret, without_credentials
from streams.settings import load_settings

MARK = "hush-6f1d"
"""Stands in every secret of this file."""
SASL = {
    "DAVY_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "DAVY_KAFKA__SASL_MECHANISM": "PLAIN",
    "DAVY_KAFKA__SASL_USERNAME": "davy",
    "DAVY_KAFKA__SASL_PASSWORD": f"{MARK}-password",
    "DAVY_REGISTRY__URL": "http://127.0.0.1:9",
    "DAVY_REGISTRY__BASIC_AUTH": f"davy:{MARK}-registry",
    "DAVY_USER_KEY": f"{MARK}-key of all users",
}
TALKATIVE = {"DAVY_KAFKA__DEBUG": "all", "DAVY_KAFKA__LOG_LEVEL": "7"}
LOG_ALL = "import logging; logging.basicConfig(level=logging.DEBUG)\n"
PUBLISH = """
from streams.publisher import Publisher
with Publisher.from_env(service="s", model_version="v", close_s=1.5) as publisher:
    publisher.prediction(request_id="r", latency_ms=1.0, unit="u")
print(publisher.options, publisher.counters())
"""
DAVY = [sys.executable, "-m", "streams.cli"]
PROGRAMS = {
    "worker": [*DAVY, "worker", "--log-level", "DEBUG"],
    "actuator": [*DAVY, "actuator", "--log-level", "DEBUG"],
    "topics": [*DAVY, "topics", "check"],
    "schemas": [*DAVY, "schemas", "register"],
    "publisher": [sys.executable, "-c", LOG_ALL + PUBLISH],
}


def run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    """All that a program writes, to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DAVY_")}
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        command,
        env=clean | {"PYTHONPATH": root} | env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each program says where nobody answers, all of them at once."""
    folder = tmp_path_factory.mktemp("away")
    env = SASL | TALKATIVE | {"DAVY_BOOTSTRAP": f"{HOST}:{free_port()}"}
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(run, cmd, folder, env) for name, cmd in PROGRAMS.items()}
        return {name: future.result() for name, future in running.items()}


class TestNobodyAnswers:
    @pytest.mark.parametrize("program", PROGRAMS)
    def test_no_secret_is_written(self, said: dict[str, str], program: str) -> None:
        """Debug logs of every client, errors, reprs: without the secrets."""
        assert said[program]
        assert MARK not in said[program]

    @pytest.mark.parametrize("program", ["worker", "topics", "publisher"])
    def test_they_were_talkative(self, said: dict[str, str], program: str) -> None:
        """The Kafka client told its settings, the user's name among them."""
        assert "sasl.username" in said[program]

    @pytest.mark.usefixtures("environment")
    def test_reprs_hide_them(self) -> None:
        """What a program prints of its settings is no secret."""
        options = Options.from_env(service="s", model_version="v")
        assert options.user_key is not None
        assert MARK not in f"{load_settings()!r} {load_settings()} {options!r}"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SASL in the environment, and no davy.yaml of this machine."""
    monkeypatch.chdir(tmp_path)
    for name, value in SASL.items():
        monkeypatch.setenv(name, value)


def refusal(make: Callable[[], object]) -> str:
    """What a program that catches nothing would print, with all causes."""
    try:
        make()
    except SettingsError as failure:
        return "".join(traceback.format_exception(failure))
    return ""


BAD = {
    "unknown property": {"DAVY_KAFKA__SASL_PASWORD": f"{MARK}-misspelt"},
    "no mechanism": {"DAVY_KAFKA__SASL_MECHANISM": ""},
    "no protocol": {"DAVY_KAFKA__SECURITY_PROTOCOL": "PLAINTEXT"},
    "no JSON": {"DAVY_KAFKA": f'{{"sasl.password": "{MARK}", }}'},
    "no mapping": {"DAVY_KAFKA": f'["{MARK}"]'},
    "no text": {"DAVY_KAFKA": f'{{"ssl.key.password": ["{MARK}"]}}'},
    "no place for it": {"DAVY_REGISTRY__URL": f"https://davy:{MARK}@registry:x"},
    "no address": {"DAVY_REGISTRY__URL": f"davy:{MARK}@registry"},
    "short key": {"DAVY_USER_KEY": MARK},
}


class TestBadSettings:
    @pytest.mark.parametrize("bad", BAD)
    @pytest.mark.usefixtures("environment")
    def test_no_secret_is_told(self, bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """By no message, and by no traceback of a program that catches nothing."""
        for name, value in BAD[bad].items():
            monkeypatch.setenv(name, value)
        refusals = (
            refusal(load_settings),
            refusal(lambda: Options.from_env(service="s", model_version="v")),
        )
        assert any(refusals)
        assert MARK not in "".join(refusals)

    @pytest.mark.parametrize(
        "text",
        [
            f"kafka: {{sasl.password: {MARK}",
            f"kafka:\n  sasl.password: {MARK}\n\tx: y",
            f"kafka: {MARK}",
            f"kafka: {{sasl.password: {{x: {MARK}}}}}",
            f"registry: {{basic_auth: [{MARK}]}}",
            f"registry: {{url: 'https://u:{MARK}@host'}}",
        ],
    )
    def test_nor_from_the_file(self, text: str, tmp_path: Path) -> None:
        """A davy.yaml that makes no sense is told of by its line."""
        path = tmp_path / "davy.yaml"
        path.write_text(text)
        told = refusal(lambda: load_settings(path))
        assert "davy.yaml:" in told
        assert MARK not in told


class TestFiles:
    def test_a_secret_may_lie_in_a_file(self, tmp_path: Path) -> None:
        """The same spelling in environment and davy.yaml; white space around it is none of it."""
        path = tmp_path / "password"
        path.write_text("right\n")
        path.chmod(0o600)
        (tmp_path / "davy.yaml").write_text(
            "kafka: {security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN,\n"
            f"        sasl.username: davy, sasl.password: 'file:{path}'}}\n"
            f"registry: {{basic_auth: 'file:{path}'}}\n"
        )
        settings = load_settings(tmp_path / "davy.yaml")
        assert (settings.kafka["sasl.password"], settings.registry.basic_auth) == ("right",) * 2
        assert settings.aiokafka()["sasl_plain_password"] == "right"

    @pytest.mark.usefixtures("environment")
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (None, "cannot be read: No such file"),
            (b" \n", "is empty; write the secret into it"),
            (b"\xff\xfe", "is not UTF-8"),
            (b"file:/etc/other", "names a file again"),
        ],
    )
    def test_a_bad_file_is_named(
        self, content: bytes | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the variable that names it."""
        path = tmp_path / "password"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setenv("DAVY_KAFKA__SASL_PASSWORD", f"file:{path}")
        where = "environment DAVY_KAFKA__SASL_PASSWORD: kafka.sasl.password: "
        with pytest.raises(SettingsError, match=f"^{where}{path} {problem}"):
            load_settings()

    @pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1)])
    def test_one_for_everybody_is_told(
        self, mode: int, warnings: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With the command that mends it."""
        path = tmp_path / "key"
        path.write_text(f"{MARK}\n")
        path.chmod(mode)
        assert secret("user_key", f"file:{path}") == MARK
        assert caplog.text.count(f"run `chmod o= {path}`") == warnings


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://u:p@host:1/path", "https://host:1/path"),
            ("u:p@host", "host"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://u:p@p@host", "https://host"),
            ("host:8081", "host:8081"),
        ],
    )
    def test_are_shown_without_credentials(self, url: str, shown: str) -> None:
        """What stands before the host is nobody's to read."""
        assert without_credentials(url) == shown
