"""How does a real HAProxy run here, with a runtime socket that may change weights?

The Debian package's program, in the foreground, on loopback; one backend, one server per arm.
"""

import shutil
import socket as sockets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.rigs.cache import need
from streams.demo.processes import HOST, Part, Parts, free_port

CONFIG = """\
global
    stats socket {socket} mode 600 level {level}
    stats timeout 30s
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend in
    bind {host}:{port}
    default_backend {backend}
backend {backend}
    balance {balance}
{servers}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHaproxy:
    """A running HAProxy: where it serves, and its runtime socket."""

    part: Part
    url: str
    socket: Path
    backend: str


def start(
    parts: Parts,
    folder: Path,
    servers: Mapping[str, int],
    *,
    first: str,
    backend: str = "digits",
    balance: str = "random",
    level: str = "admin",
) -> RunningHaproxy:
    """Start HAProxy in front of `servers` (name -> loopback port); `first` gets all traffic.

    Raises:
        Absent: there is no `haproxy` program.
        PartError: it did not get ready; with the end of its log.
    """
    need("haproxy")
    port, socket = free_port(), folder / "run.sock"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"    server {name} {HOST}:{at} weight {256 if name == first else 0}"
        for name, at in servers.items()
    ]
    config = folder / "haproxy.cfg"
    config.write_text(
        CONFIG.format(
            socket=socket,
            level=level,
            host=HOST,
            port=port,
            backend=backend,
            balance=balance,
            servers="\n".join(lines),
        )
    )
    part = parts.start("haproxy", [shutil.which("haproxy") or "haproxy", "-db", "-f", config])
    part.wait_for_port(port)
    part.wait_until(lambda: _answers(socket), what="its runtime socket answers", deadline_s=10.0)
    return RunningHaproxy(part=part, url=f"http://{HOST}:{port}", socket=socket, backend=backend)


def _answers(path: Path) -> bool:
    """Whether somebody listens on the socket, not only whether its file is there."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0
