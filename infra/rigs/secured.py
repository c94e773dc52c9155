"""How does an Apache Kafka run here that asks who you are, and lets you do what you may?

One node: SCRAM (and PLAIN) over TLS, client certificates, and an authorizer that denies what no ACL
allows. Its plain listener is the administrator's. Users and certificates are made at the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from infra.rigs import kafka
from infra.rigs.cache import need, run
from infra.rigs.shared import Started
from streams.demo.broker import QUIET
from streams.demo.processes import HOST, Part, free_ports

START_S = 100.0
WAYS = ("scram", "mtls")
"""How a user comes in; the principal is `User:name` both ways."""
LISTENERS = r"""
listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{scram},SSL://{host}:{mtls},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{scram},SSL://{host}:{mtls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
    org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=\
    org.apache.kafka.common.security.plain.PlainLoginModule required {plain_users};
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """Where the broker listens, and how its users come in."""

    folder: Path
    ports: Mapping[str, int]

    @classmethod
    def at(cls, address: str) -> Secured:
        """The running one whose folder this is."""
        folder = Path(address)
        return cls(folder=folder, ports=json.loads((folder / "ports.json").read_text()))

    @property
    def admin(self) -> str:
        """Bootstrap servers for who may do everything."""
        return f"{HOST}:{self.ports['plain']}"

    @property
    def authority(self) -> Path:
        """The certificate that signed all others."""
        return self.folder / "ca.pem"

    def bootstrap(self, way: str) -> str:
        """Bootstrap servers for a user."""
        return f"{HOST}:{self.ports[way]}"

    def password(self, user: str) -> str:
        """The user's password, for SCRAM and PLAIN."""
        return f"hush-{user}-6f1d"

    def properties(self, way: str, user: str) -> dict[str, str]:
        """What a client writes under `kafka`; its secret lies in a file."""
        found = {"ssl.ca.location": str(self.authority)}
        if way == "mtls":
            return found | {
                "security.protocol": "SSL",
                "ssl.certificate.location": str(self.folder / f"{user}.pem"),
                "ssl.key.location": str(self.folder / f"{user}.key"),
            }
        return found | {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": f"file:{self.folder / user}.password",
        }


def start(folder: Path, users: Sequence[str]) -> Started:
    """Start the broker with these users, none of whom may do anything yet.

    Raises:
        Absent: no Java, Maven or OpenSSL.
        PartError: it did not come up; with the end of its log.
    """
    need("openssl")
    ports = dict(zip(("plain", "scram", "mtls", "controller"), free_ports(4), strict=True))
    command = kafka.prepare(folder, port=ports["plain"], controller_port=ports["controller"])
    folder = folder.resolve()
    (folder / "ports.json").write_text(json.dumps(ports))
    found = Secured(folder=folder, ports=ports)
    _certificates(folder, users)
    _passwords(found, users)
    plain = " ".join(f'user_{user}="{found.password(user)}"' for user in users)
    with (folder / "server.properties").open("a") as properties:
        properties.write(LISTENERS.format(host=HOST, folder=folder, plain_users=plain, **ports))
    part = Part("secured", command, log=folder / "kafka.log")
    try:
        for way in ("plain", *WAYS):
            part.wait_for_port(ports[way], deadline_s=START_S)
        _add_users(found, users)
    except Exception:
        part.stop()
        raise
    return Started(address=str(folder), part=part)


def _certificates(folder: Path, users: Sequence[str]) -> None:
    new: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
    ]
    run([*new, "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"])
    signed = [*new, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key"]
    for name in ("broker", *users):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        of = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{HOST}"]
        kind = ["-addext", "basicConstraints=critical,CA:FALSE"]
        run([*signed, *of, *kind, "-keyout", key, "-out", certificate])
        key.chmod(0o600)
    broker = folder / "broker.pem"
    broker.write_text((folder / "broker.key").read_text() + broker.read_text())


def _passwords(found: Secured, users: Sequence[str]) -> None:
    for user in users:
        path = found.folder / f"{user}.password"
        path.write_text(f"{found.password(user)}\n")
        path.chmod(0o600)


def _add_users(found: Secured, users: Sequence[str]) -> None:
    admin = AdminClient({"bootstrap.servers": found.admin, **QUIET})
    secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(user, secret, found.password(user).encode()) for user in users
    ]
    answers = admin.alter_user_scram_credentials(wanted, request_timeout=START_S)
    for answer in answers.values():
        answer.result(START_S)
