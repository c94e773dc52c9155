"""How does a real Kubernetes API server run here, with RBAC, without a cluster behind it?

It keeps objects, checks them against their schemas, and asks RBAC who may do what; no controller
and no kubelet acts on them. Users are service accounts with tokens of their own (`users.py`).
"""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.rigs import crds, golang
from infra.rigs.objects import Access, Api, Object
from infra.rigs.programs import APISERVER
from infra.rigs.shared import Started
from streams.demo.processes import HOST, Part, free_port, wait_until

START_S = 180.0
SERVICES = "127.1.0.0/16"
"""Addresses of Services: on loopback, so that a test's server can listen where its Service is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A running API server, as its administrator knows it."""

    folder: Path
    """With its certificate and key (`apiserver.crt`, `apiserver.key`) and its log."""
    access: Access
    """The administrator's: no right is missing."""

    @classmethod
    def at(cls, address: str) -> ApiServer:
        """The running one whose folder this is."""
        folder = Path(address)
        said = json.loads((folder / "said.json").read_text())
        access = Access(url=said["url"], authority=folder / "apiserver.crt", token=said["token"])
        return cls(folder=folder, access=access)

    def administrator(self, namespace: str) -> Access:
        """The administrator, at work in this namespace."""
        return replace(self.access, namespace=namespace)


def start(folder: Path, etcd: str) -> Started:
    """Start the server, wait until it is ready and knows all kinds; its address is its folder.

    Raises:
        Absent: there is no Go to build it with.
        PartError: it did not get ready; with the end of its log.
    """
    program, kinds = golang.build(APISERVER), crds.definitions()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    port, token = free_port(), secrets.token_hex(16)
    _write_secrets(folder, token)
    (folder / "said.json").write_text(json.dumps({"url": f"https://{HOST}:{port}", "token": token}))
    part = Part("apiserver", [program, *_options(folder, port, etcd)], log=folder / "apiserver.log")
    try:
        _prepare(part, folder, kinds)
    except Exception:
        part.kill()
        raise
    return Started(address=str(folder), part=part)


def _prepare(part: Part, folder: Path, kinds: list[Object]) -> None:
    last = folder / "apiserver.key"  # written after the certificate
    part.wait_until(last.exists, what="it has a certificate", deadline_s=START_S)
    with Api(ApiServer.at(str(folder)).access) as api:
        part.wait_until(lambda: _ready(api), what="it is ready", deadline_s=START_S)
        add_kinds(api, kinds)
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})


def add_kinds(api: Api, kinds: list[Object]) -> None:
    """Let the server know these kinds, and wait until it serves them."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(api.apply, kinds))
    wait_until(
        lambda: all(_served(api.read(kind)) for kind in kinds),
        what="all kinds are served",
        deadline_s=START_S,
    )


def _options(folder: Path, port: int, etcd: str) -> list[str]:
    options = {
        "etcd-servers": etcd,
        "secure-port": str(port),
        "bind-address": HOST,
        "cert-dir": str(folder),
        "token-auth-file": str(folder / "tokens.csv"),
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-signing-key-file": str(folder / "accounts.key"),
        "service-account-key-file": str(folder / "accounts.key"),
        "service-cluster-ip-range": SERVICES,
        "endpoint-reconciler-type": "none",  # it refuses to tell a loopback address
        "disable-admission-plugins": "ServiceAccount",  # nobody makes default accounts here
        "profiling": "false",
    }
    return [f"--{name}={value}" for name, value in options.items()]


def _write_secrets(folder: Path, token: str) -> None:
    (folder / "tokens.csv").write_text(f'{token},admin,1,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    (folder / "accounts.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _ready(api: Api) -> bool:
    return api.answers("/readyz")


def _served(kind: Object) -> bool:
    # Some are published with an empty status, `conditions: null` in it.
    conditions = kind.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
