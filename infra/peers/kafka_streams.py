"""How does the Kafka Streams peer run? Libraries from Maven Central, source as it lies here.

`kafka_streams/Peer.java` is compiled by the Java that starts it.
"""

from pathlib import Path

from infra.rigs import maven

HERE = Path(__file__).with_name("kafka_streams")
OPTIONS = ("-Xms1g", "-Xmx1g", "-XX:+UseSerialGC")
"""The collector that costs the least CPU; the brokers of the rigs have it too."""


def install() -> Path:
    """The folder with its jars, fetched once; Absent without a JDK or Maven."""
    return maven.jars("kafka-streams", HERE / "pom.xml", "javac")


def command() -> list[str]:
    """What becomes the peer; it is told by `PEER_*` in the environment, and reads `schemas/`."""
    return ["java", *OPTIONS, "-cp", f"{install()}/*", str(HERE / "Peer.java")]
