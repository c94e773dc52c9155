"""Which program is a whole Istio on this machine? etcd, API server, istiod and its Envoy.

`python -m infra.rigs.mesh --folder FOLDER v1=8001 v2=8002` runs until it is told to stop. What a
client must know is in FOLDER/mesh.json once all are ready: the gateway's URL, each version's host,
and the kubeconfigs of the administrator and of an actuator with the rights of the shipped manifest.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.rigs import apiserver, etcd, istiod
from infra.rigs.apiserver import ApiServer
from infra.rigs.cache import Absent
from infra.rigs.objects import Api
from infra.rigs.users import user_with
from streams.demo.processes import Parts
from streams.errors import PartError

STOPS = (signal.SIGINT, signal.SIGTERM)
NAMESPACE = "production"
RIGHTS = Path(__file__).parents[1] / "kubernetes" / "rbac"
MANIFESTS = ("account.yaml", "virtualservice.yaml")


def main() -> int:
    """Start, tell, wait for a signal; the exit code."""
    args = _arguments()
    for number in STOPS:
        signal.signal(number, _stop)
    folder: Path = args.folder.resolve()
    servers = {name: int(port) for name, _, port in (s.partition("=") for s in args.servers)}
    try:
        with Parts(folder) as parts:
            _run(parts, folder, servers)
            signal.pause()
    except (PartError, Absent) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _stop(*_: object) -> None:
    """Leave, whatever is waited for; a second signal must not break the cleaning up."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _run(parts: Parts, folder: Path, servers: Mapping[str, int]) -> None:
    keeper = etcd.start(folder / "etcd")
    parts.keep(keeper.part)
    started = apiserver.start(folder / "apiserver", keeper.address)
    parts.keep(started.part)
    administrator = ApiServer.at(started.address).administrator(NAMESPACE)
    with Api(administrator) as api:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        running = istiod.start(parts, folder / "istiod", api)
        hosts = {name: istiod.service_entry(api, name, port) for name, port in servers.items()}
        actuator = user_with(api, NAMESPACE, *(RIGHTS / name for name in MANIFESTS))
    said = {
        "url": running.url,
        "gateway": running.gateway,
        "namespace": NAMESPACE,
        "hosts": hosts,
        "administrator": str(administrator.kubeconfig(folder / "administrator.kubeconfig")),
        "actuator": str(actuator.kubeconfig(folder / "actuator.kubeconfig")),
    }
    draft = folder / "mesh.json.draft"
    draft.write_text(json.dumps(said, indent=2))
    draft.rename(folder / "mesh.json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.rigs.mesh", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for data, logs and mesh.json")
    parser.add_argument("servers", nargs="+", metavar="NAME=PORT", help="a server on loopback")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
