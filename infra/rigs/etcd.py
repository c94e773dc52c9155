"""How does an etcd run here, for a Kubernetes API server to keep its objects in?

The Debian package's program (`etcd-server`), one member on loopback, its data in the folder given.
"""

import shutil
from pathlib import Path

from infra.rigs.cache import need
from infra.rigs.shared import Started
from streams.demo.processes import HOST, Part, free_ports, serves
from streams.errors import PartError

START_S = 60.0


def start(folder: Path) -> Started:
    """Start one member and wait until it is healthy; its address is the client URL.

    Raises:
        Absent: there is no `etcd` program.
        PartError: it did not get healthy; with the end of its log.
    """
    need("etcd")
    client, peer = (f"http://{HOST}:{port}" for port in free_ports(2))
    part = Part("etcd", _command(folder, client, peer), log=folder / "etcd.log")
    try:
        part.wait_until(lambda: serves(f"{client}/health"), what="healthy", deadline_s=START_S)
    except PartError:
        part.kill()
        raise
    return Started(address=client, part=part)


def _command(folder: Path, client: str, peer: str) -> list[str]:
    options = {
        "data-dir": str(folder / "data"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        # Longer than a slow disk holds it up: a member alone has nobody to lose an election to.
        "heartbeat-interval": "500",
        "election-timeout": "5000",
        "logger": "zap",
        "log-level": "warn",
    }
    program = shutil.which("etcd") or "etcd"
    return [program, *(f"--{name}={value}" for name, value in options.items())]
