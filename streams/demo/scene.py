"""Which processes does the demo consist of, and when do they all run?

Broker, three model servers, Envoy, load generator, worker and actuator: each a child of this
process with a log of its own in the demo's folder; all on loopback, on free ports.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from streams.demo import dashboard
from streams.demo.broker import RunningBroker, start_kafka, start_tansu
from streams.demo.counts import CountsFile
from streams.demo.faults import VERSIONS, Fault
from streams.demo.fronts import Front, start_envoy_front
from streams.demo.mesh import start_istio
from streams.demo.processes import HOST, Part, Parts, free_ports, serves
from streams.errors import PartError
from streams.settings import Settings, load_settings
from streams.topics import create_topics

RATE = 250.0
LOAD = "load"
FRONTS: Mapping[str, Callable[[Parts, Mapping[str, int]], Front]] = {
    "envoy": start_envoy_front,
    "istio": start_istio,
}
DAVY = (sys.executable, "-m", "streams.cli")
# Panes and waits that suit seconds; a real installation keeps the defaults.
FAST: dict[str, int | float] = {
    "pane_ms": 500,
    "lateness_ms": 500,
    "idle_ms": 2000,
    "flush_ms": 100,
    "session_timeout_s": 6.0,
    "heartbeat_s": 2.0,
    "reconcile_s": 0.5,
}
QUIET = {"log_level": "3"}  # librdkafka tells of errors only
# One thread each: a dozen processes share the cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that runs."""

    parts: Parts
    folder: Path
    settings: Settings
    front: Front
    counts: CountsFile
    env: dict[str, str]
    page: str
    """Address of the dashboard; empty where there is none."""

    def check(self) -> None:
        """Raise PartError if a part has ended that the demo needs."""
        check_parts(self.parts)

    def end_traffic(self) -> None:
        """Ask for nothing more: a page may stay for hours, and the broker's memory is bounded."""
        for part in self.parts:
            if part.name == LOAD:
                part.stop()


def check_parts(parts: Parts) -> None:
    """Raise PartError if one of them but the dashboard has ended."""
    for part in parts:
        if not part.running and part.name != dashboard.NAME:
            raise PartError(
                f"{part.name} ended with code {part.exit_code}; the end of {part.log}:\n"
                f"{part.tail()}"
            )


def forget_environment() -> None:
    """Drop `DAVY_*`: a demo must not write to the Kafka that they may name."""
    for name in [name for name in os.environ if name.startswith("DAVY_")]:
        del os.environ[name]


def set_up(
    parts: Parts,
    *,
    broker: str,
    router: str,
    fault: Fault,
    say: Callable[[str], None],
    looked_at: bool = False,
) -> Scene:
    """Start all parts, slow starters side by side, and wait until traffic flows.

    `looked_at`: with a dashboard, whose address is said.

    Raises:
        PartError: one did not start; with the end of its log.
    """
    folder = parts.folder
    fresh(folder)
    say(f"starting; logs in {folder}")
    running = _broker(parts, broker)
    config = write_config(folder, running)
    env = {"DAVY_CONFIG": str(config), **ONE_THREAD}
    servers = _servers(parts, running, fault, env)
    settings = load_settings(config)
    create_topics(settings)
    parts.start("worker", [*DAVY, "worker"], env=env)
    parts.start("actuator", [*DAVY, "actuator"], env=env)
    page = dashboard.start_dashboard(parts, DAVY, env) if looked_at else None
    for part, port in servers.values():
        health = partial(serves, f"http://{HOST}:{port}/health")
        part.wait_until(health, what="it is healthy", deadline_s=120.0)
    ports = {version: port for version, (_, port) in servers.items()}
    front = FRONTS[router](parts, ports)
    front.deploy(baseline=VERSIONS[0], candidate=VERSIONS[1])
    counts = _load(parts, folder, front.url, running, env)
    return Scene(
        parts=parts,
        folder=folder,
        settings=settings,
        front=front,
        counts=counts,
        env=env,
        page="" if page is None else dashboard.tell_address(page, say),
    )


def fresh(folder: Path) -> None:
    """An empty folder; what an earlier demo left is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def write_config(folder: Path, broker: RunningBroker) -> Path:
    """The settings file that worker, actuator and commands of the demo share."""
    config = folder / "davy.yaml"
    settings = {"bootstrap": broker.bootstrap, "kafka": QUIET, **FAST}
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    return config


def _broker(parts: Parts, name: str) -> RunningBroker:
    start = start_kafka if name == "kafka" else start_tansu
    running = start(parts.folder)
    parts.keep(running.part)
    return running


def _servers(
    parts: Parts, broker: RunningBroker, fault: Fault, env: dict[str, str]
) -> dict[str, tuple[Part, int]]:
    started: dict[str, tuple[Part, int]] = {}
    for version, port in zip(VERSIONS, free_ports(len(VERSIONS)), strict=True):
        command = [sys.executable, "-m", "streams.demo.server", "--version", version]
        command += ["--port", str(port), "--bootstrap", broker.bootstrap]
        command += ["--fault", fault if version == VERSIONS[-1] else Fault.NONE]
        started[version] = parts.start(f"server-{version}", command, env=env), port
    return started


def _load(
    parts: Parts, folder: Path, url: str, broker: RunningBroker, env: dict[str, str]
) -> CountsFile:
    path = folder / "answers.jsonl"
    command = [sys.executable, "-m", "streams.demo.load", "--url", f"{url}/predict"]
    command += ["--bootstrap", broker.bootstrap, "--rate", f"{RATE:g}"]
    part = parts.start(LOAD, [*command, "--counts", path], env=env)
    counts = CountsFile(path)

    def flows() -> bool:
        counts.refresh()
        return bool(counts.latest.answered.get(VERSIONS[0]))

    part.wait_until(flows, what="answers come through the proxy", deadline_s=30.0)
    return counts
