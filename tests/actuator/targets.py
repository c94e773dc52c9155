"""The targets that the contract is tested on: how to open a router, interfere, and count."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import flags as flags_rig
from infra.rigs import haproxy as haproxy_rig
from infra.rigs import nginx as nginx_rig
from infra.rigs import traefik_file as traefik_rig
from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.contract import ARMS, Rig, split
from streams.actuator.ports import Router, Segments
from streams.actuator.routers import BUILT_IN, open_router
from streams.actuator.routers.memory import MemoryRouter, MemoryTarget
from streams.actuator.weights import units
from streams.demo.processes import HOST, Parts, free_port, wait_until
from streams.demo.proxy import ROUTE, start_envoy
from streams.spec.model import Target
from tests.actuator import traffic
from tests.actuator.aws.rigs import AWS_RIGS
from tests.actuator.kube import targets as on_kube

__all__ = [
    "ARMS",
    "CLUSTERS",
    "RIGS",
    "TRAFFIC_ALONE",
    "WITH_TRAFFIC",
    "Rig",
    "chosen",
    "command",
    "split",
]
CLUSTERS = {"baseline": "v1", "candidate": "v2"}


@contextmanager
def memory(_parts: Parts, _folder: Path) -> Iterator[Rig]:
    """A few numbers."""
    yield _memory(10_000)


@contextmanager
def memory_coarse(_parts: Parts, _folder: Path) -> Iterator[Rig]:
    """A few small numbers."""
    yield _memory(256)


@contextmanager
def memory_percent(_parts: Parts, _folder: Path) -> Iterator[Rig]:
    """Whole percent that must add up to 100."""
    yield _memory(100, 100)


def _memory(largest: int, total: int | None = None) -> Rig:
    target = MemoryTarget()

    def open_for(audience: Audience) -> Router:
        return MemoryRouter(target, ARMS, audience, largest_weight=largest, total=total)

    return Rig(
        open=lambda: open_for(EVERYBODY),
        open_for=open_for,
        interfere=target.set,
        unlock=lambda: target.set_rules(()),
    )


@contextmanager
def envoy(parts: Parts, folder: Path, *, admin: bool = True) -> Iterator[Rig]:
    """A real Envoy, asked through its admin interface."""
    seen: list[str] = []
    with traffic.servers(["v1", "v2"], lambda name, _: seen.append(name)) as ports:
        proxy = start_envoy(parts, folder, ports, {"v1": 100, "v2": 0})
        options = {"rds": str(proxy.rds), "route": ROUTE, "clusters": CLUSTERS}
        if admin:
            options["admin"] = proxy.admin

        def change(touch: Callable[[dict[str, Any]], None]) -> None:
            document = json.loads(proxy.rds.read_text())
            touch(document["resources"][0]["virtual_hosts"][0])
            draft = proxy.rds.with_suffix(".draft")
            draft.write_text(json.dumps(document | {"version_info": "a stranger"}))
            draft.rename(proxy.rds)

        def interfere(weights: Segments) -> None:
            def touch(host: dict[str, Any]) -> None:
                for entry in host["routes"][-1]["route"]["weighted_clusters"]["clusters"]:
                    arm = next(arm for arm, name in CLUSTERS.items() if name == entry["name"])
                    entry["weight"] = weights["all"][arm]

            change(touch)

        def open_for(audience: Audience) -> Router:
            return open_router(Target(router="envoy", options=options), ARMS, audience)

        yield Rig(
            open=lambda: open_for(EVERYBODY),
            open_for=open_for,
            interfere=interfere,
            unlock=lambda: change(lambda host: host["routes"].pop(0)),
            count=lambda requests, headers=None: _by_arm(
                traffic.count(proxy.url, requests, headers)
            ),
            copies=lambda: seen.count("v2"),
        )


@contextmanager
def envoy_file(parts: Parts, folder: Path) -> Iterator[Rig]:
    """A real Envoy, known by its file alone."""
    with envoy(parts, folder, admin=False) as rig:
        yield replace(rig, unasked=True)


@contextmanager
def haproxy(parts: Parts, folder: Path) -> Iterator[Rig]:
    """A real HAProxy."""
    with traffic.servers(["v1", "v2"]) as ports:
        proxy = haproxy_rig.start(parts, folder, ports, first="v1")
        options = {"socket": str(proxy.socket), "backend": proxy.backend, "servers": CLUSTERS}

        def interfere(weights: Segments) -> None:
            for arm, weight in units(weights["all"], 256).items():
                command(proxy.socket, f"set server digits/{CLUSTERS[arm]} weight {weight}")

        def open_for(audience: Audience) -> Router:
            return open_router(Target(router="haproxy", options=options), ARMS, audience)

        yield Rig(
            open=lambda: open_for(EVERYBODY),
            open_for=open_for,
            interfere=interfere,
            count=lambda requests, headers=None: _by_arm(
                traffic.count(proxy.url, requests, headers)
            ),
        )


@contextmanager
def nginx(parts: Parts, folder: Path, *, probe: bool = True) -> Iterator[Rig]:
    """A real nginx that hashes users, asked through a location."""
    with traffic.servers(["v1", "v2"]) as ports:
        proxy = nginx_rig.start(parts, folder, ports, first="v1")
        options = nginx_options(proxy, probe=probe)

        def interfere(weights: Segments) -> None:
            share = weights["all"]["candidate"] / 100
            text = re.sub(
                r"    (?:[0-9.]+% v2;\n    )?\* v1;",
                f"    {share}% v2;\n    * v1;",
                proxy.include.read_text(),
            )
            proxy.include.write_text(text)
            where = ["-p", proxy.config.parent, "-c", proxy.config]
            subprocess.run([proxy.program, *where, "-s", "reload"], check=True)

        def open_for(audience: Audience) -> Router:
            return open_router(Target(router="nginx", options=options), ARMS, audience)

        yield Rig(
            open=lambda: open_for(EVERYBODY),
            open_for=open_for,
            interfere=interfere,
            count=lambda requests, headers=None: _by_arm(
                traffic.count(proxy.url, requests, headers, each=traffic.user)
            ),
        )


def nginx_options(proxy: nginx_rig.RunningNginx, *, probe: bool = True) -> dict[str, Any]:
    """What a spec says of that nginx."""
    options = {
        "include": str(proxy.include),
        "variable": nginx_rig.VARIABLE,
        "key": nginx_rig.KEY,
        "upstreams": CLUSTERS,
        "nginx": str(proxy.program),
        "config": str(proxy.config),
        "prefix": str(proxy.config.parent),
    }
    return options | ({"probe": proxy.probe} if probe else {})


@contextmanager
def nginx_file(parts: Parts, folder: Path) -> Iterator[Rig]:
    """A real nginx, known by its file alone."""
    with nginx(parts, folder, probe=False) as rig:
        yield rig


@contextmanager
def traefik(parts: Parts, folder: Path, *, api: bool = True) -> Iterator[Rig]:
    """A real Traefik that watches a file, asked through its API."""
    with traffic.servers(["v1", "v2"]) as ports:
        proxy = traefik_rig.start(parts, folder, ports, first="v1")
        options = {"file": str(proxy.dynamic), "service": "digits", "services": CLUSTERS}
        if api:
            options["api"] = proxy.api

        def interfere(weights: Segments) -> None:
            text = proxy.dynamic.read_text()
            for arm, name in CLUSTERS.items():
                text = re.sub(rf"(name: {name}, weight: )\d+", rf"\g<1>{weights['all'][arm]}", text)
            put_file(proxy.dynamic, text)

        def open_for(audience: Audience) -> Router:
            return open_router(Target(router="traefik", options=options), ARMS, audience)

        wait_until(lambda: traffic.count(proxy.url, 1) == {"v1": 1}, what="a route", deadline_s=10)
        yield Rig(
            open=lambda: open_for(EVERYBODY),
            open_for=open_for,
            interfere=interfere,
            count=lambda requests, headers=None: _by_arm(
                traffic.count(proxy.url, requests, headers)
            ),
        )


@contextmanager
def traefik_file(parts: Parts, folder: Path) -> Iterator[Rig]:
    """A real Traefik, known by its file alone."""
    with traefik(parts, folder, api=False) as rig:
        yield replace(rig, unasked=True)


@contextmanager
def flagd(_parts: Parts, folder: Path) -> Iterator[Rig]:
    """A file of flags, read by a real provider of OpenFeature in this process."""
    path = folder / "flags.json"
    path.write_text(json.dumps(flags()))
    options = {"file": str(path), "flag": "digits", "variants": CLUSTERS}

    def interfere(weights: Segments) -> None:
        document = json.loads(path.read_text())
        rule = document["flags"]["digits"]["targeting"]
        rule["fractional"][-2:] = [
            ["v2", weights["all"]["candidate"]],
            ["v1", weights["all"]["baseline"]],
        ]
        put_file(path, json.dumps(document))

    def open_for(audience: Audience) -> Router:
        return open_router(Target(router="flagd", options=options), ARMS, audience)

    with flags_rig.provider(path) as evaluate:
        yield Rig(
            open=lambda: open_for(EVERYBODY),
            open_for=open_for,
            interfere=interfere,
            count=lambda requests: _by_arm(Counter(evaluate(f"user-{n}") for n in range(requests))),
            unasked=True,
        )


OWN = Path(__file__).parents[2] / "infra" / "examples" / "own_target"


@contextmanager
def own_program(_parts: Parts, folder: Path) -> Iterator[Rig]:
    """A program of the examples that keeps weights in a file."""
    state = folder / "state.json"
    command_line = [sys.executable, str(OWN / "move_traffic.py"), str(state)]
    yield _own("exec", {"command": command_line, "name": "digits"}, state)


@contextmanager
def own_service(parts: Parts, folder: Path) -> Iterator[Rig]:
    """The same over HTTP."""
    state, secret, port = folder / "state.json", folder / "secret", free_port()
    secret.write_text("whsec_" + base64.b64encode(b"s" * 32).decode())
    secret.chmod(0o600)
    service = OWN / "traffic_service.py"
    part = parts.start("service", [sys.executable, service, str(port), state, secret])
    part.wait_for_port(port)
    url = f"http://{HOST}:{port}/"
    yield _own("webhook", {"url": url, "name": "digits", "secret_file": str(secret)}, state)


def _own(router: str, options: dict[str, Any], state: Path) -> Rig:
    def interfere(weights: Segments) -> None:
        known = {"fence": None, "revision": 0}
        known |= json.loads(state.read_text()) if state.exists() else {}
        known |= {"weights_bp": weights, "revision": known["revision"] + 1}
        put_file(state, json.dumps(known))

    def open_for(audience: Audience) -> Router:
        return open_router(Target(router=router, options=options), ARMS, audience)

    return Rig(open=lambda: open_for(EVERYBODY), open_for=open_for, interfere=interfere)


def put_file(path: Path, text: str) -> None:
    """Replace a file that others watch, as careful people do."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def flags() -> dict[str, Any]:
    """A file of one flag that gives everybody the baseline."""
    flag = {
        "state": "ENABLED",
        "variants": {"v1": "v1", "v2": "v2"},
        "defaultVariant": "v1",
        "targeting": {"fractional": [["v2", 0], ["v1", 100]]},
    }
    return {"flags": {"digits": flag}}


def command(path: Path, text: str) -> str:
    """Say something to HAProxy as a person would, with another program than davy's."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(f"{text}\n".encode())
        reply = b""
        while part := line.recv(65536):
            reply += part
    return reply.decode()


def _by_arm(answers: Counter[str]) -> Counter[str]:
    arm_of = {version: arm for arm, version in CLUSTERS.items()}
    return Counter({arm_of.get(name, name): number for name, number in answers.items()})


RIGS: dict[str, Callable[..., AbstractContextManager[Rig]]] = {
    "memory": memory,
    "memory_coarse": memory_coarse,
    "memory_percent": memory_percent,
    "envoy": envoy,
    "envoy_file": envoy_file,
    "haproxy": haproxy,
    **AWS_RIGS,
    "nginx": nginx,
    "nginx_file": nginx_file,
    "traefik": traefik,
    "traefik_file": traefik_file,
    "flagd": flagd,
    "exec": own_program,
    "webhook": own_service,
    **on_kube.RIGS,
}
TRAFFIC_ALONE = ("nginx_file", "traefik_file", "virtualservice_istiod")
"""Like those that are asked but for the proof: answers are counted, and no more."""
MARKS = {"haproxy": [pytest.mark.haproxy]} | {name: [pytest.mark.kube] for name in on_kube.RIGS}
WITH_TRAFFIC = (
    "httproute",
    "virtualservice_istiod",
    "envoy",
    "envoy_file",
    "haproxy",
    "nginx",
    "nginx_file",
    "traefik",
    "traefik_file",
    "flagd",
)


def router_of(rig: str) -> str:
    """The router that a rig is of: `envoy_file` is one of `envoy`."""
    return max((name for name in BUILT_IN if rig.startswith(name)), key=len)


def chosen(*names: str) -> list[object]:
    """Parameters for the fixture `rig`; each carries the marker of the program that it needs."""
    return [pytest.param(name, marks=MARKS.get(name, [])) for name in names]
