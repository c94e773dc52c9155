"""How does the Kafka Streams peer run? Libraries from Maven Central, source as it lies here.

`kafka_streams/Peer.java` is compiled by the Java that starts it.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

from infra.rigs.cache import made_once, need, run
from streams.errors import PartError

HERE = Path(__file__).with_name("kafka_streams")
HEAP = ("-Xms512m", "-Xmx1g")


def version() -> str:
    """The version of Kafka Streams that the pom names."""
    pom = ET.parse(HERE / "pom.xml")  # noqa: S314 - our own file
    found = pom.find(".//{*}dependency/{*}version")
    if found is None or not found.text:
        raise PartError(f"{HERE / 'pom.xml'} names no version of Kafka Streams")
    return found.text


def install() -> Path:
    """The folder with its jars, fetched once; Absent without Java or Maven."""
    need("java", "mvn")
    return made_once("kafka-streams", version(), _fetch)


def command() -> list[str]:
    """What becomes the peer; it is told by `PEER_*` in the environment, and reads `schemas/`."""
    return ["java", *HEAP, "-cp", f"{install()}/*", str(HERE / "Peer.java")]


def _fetch(folder: Path) -> None:
    maven = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    run([*maven, "-f", HERE / "pom.xml"])
